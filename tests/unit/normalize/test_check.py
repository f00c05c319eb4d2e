"""Faults of the `normalize:` section are told all at once, each with its line and column."""

import pytest

from enricher.config.loading import load_text

FAULTY = """\
normalize:
  content: {policy: keep, truncate_bytes: 100}
  dialects:
    - name: acme
      detect: ['span:(', 'a=b=c', 'scope:fn(x)', 'k=']
      attributes: {tenant: x.y}
    - name: acme
      attributes: {input_tokens: x.y}
      only_here: [q.z]
      everywhere: [bare]
    - name: acme
      detect: [{all: ['span:^a$', 'resource:x=y=z']}]
"""


def told(text: str) -> dict[tuple[int, int], str]:
    return {(one.line, one.column): f"{one.path}: {one.message}" for one in load_text(text, environ={}).problems}


def test_faults_of_several_dialects_are_told_together() -> None:
    assert {place: text.partition(": ")[0] for place, text in told(FAULTY).items()} == {
        (2, 43): "normalize.content.truncate_bytes",
        (5, 16): "normalize.dialects[0].detect[0]",
        (5, 26): "normalize.dialects[0].detect[1]",
        (5, 50): "normalize.dialects[0].detect[3]",
        (6, 20): "normalize.dialects[0].attributes.tenant",
        (7, 7): "normalize.dialects[1]",
        (7, 13): "normalize.dialects[1].name",
        (9, 19): "normalize.dialects[1].only_here[0]",
        (10, 20): "normalize.dialects[1].everywhere[0]",
        (11, 13): "normalize.dialects[2].name",
        (12, 23): "normalize.dialects[2].detect[0].all[0]",
        (12, 35): "normalize.dialects[2].detect[0].all[1]",
    }


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("span:(", "is no regular expression"),
        ("span:^chat", "is no regular expression"),
        ("scope:a|b", "is no regular expression"),
        ("span:a]", "is no regular expression"),
        ("span:(]", "is no regular expression"),
        (r"model=gpt-\d", "is no regular expression"),
        ("a=b=c", "is no test of one key"),
        ("resource:a=b=c", "is no test of one key"),
        ("a=", "is no test of one key"),
    ],
)
def test_a_test_that_can_never_hold_is_a_fault(test: str, says: str) -> None:
    (problem,) = told(f"normalize: {{dialects: [{{name: d, detect: ['{test}']}}]}}").values()
    assert says in problem


@pytest.mark.parametrize("test", ["span:fn(x)", "span:a[0]*", "scope:acme.*", "key=v*", "k.v=a{b}"])
def test_text_that_may_stand_on_a_span_is_none(test: str) -> None:
    assert told(f"normalize: {{dialects: [{{name: d, detect: ['{test}']}}]}}") == {}


@pytest.mark.parametrize("text", ["normalize: 7", "normalize: {dialects: 7}", "normalize: {dialects: [7, {name: 7}]}"])
def test_any_shape_is_checked(text: str) -> None:
    assert told(text)


@pytest.mark.parametrize(
    ("dialect", "says"),
    [
        ("detect: ['scop:acme']", "detect[0]: there is no `scop:`"),
        ("detect: [a.b.c], attributes: {input_tokens: 'evnt:foo/bar'}", "there is no `evnt:`"),
        ("detect: [a.b.c], attributes: {input_tokens: 'reource:x'}", "there is no `reource:`"),
        ("detect: [a.b.c], attributes: {input_tokens: 'a.b | iso'}", "converts a time, and input_tokens is none"),
        ("detect: [a.b.c], attributes: {request_model: 'a.b | ms'}", "converts a time, and request_model is none"),
        ("detect: [a.b.c], attributes: {cost_total: 'a.b | inclusive'}", "cost_total is neither of input_tokens and"),
        ("detect: [a.b.c], attributes: {input_token: a.b}", "there is no concept `input_token`"),
        ("detect: [a.b.c], roles: [{when: [a.b]}]", "roles[0]: the rule gives its spans neither"),
        ("detect: [a.b.c], roles: [{when: ['usage:yes', 'usage:no'], role: never}]", "never hold together"),
        ("detect: [a.b.c], roles: [{when: ['a.b=c', '!a.b=c'], role: never}]", "never hold together"),
        ("detect: [a.b.c], roles: [{when: ['operation:chatt'], role: never}]", "no operation `chatt`"),
        ("detect: [a.b.c], operations: {LLM: chat, llm: embeddings}", "the same word"),
        ("detect: [a.b.c], attributes: {user_id: [x.y, x.y]}", "attributes.user_id[1]: `x.y` stands in the list"),
        ("detect: [gen_ai.request.model]", "detect[0]: spans of every dialect have `gen_ai.request.model`"),
        ("detect: [{all: [gen_ai.system, gen_ai.request.model]}]", "`gen_ai.system` and `gen_ai.request.model`"),
    ],
)
def test_what_does_nothing_is_a_fault(dialect: str, says: str) -> None:
    (problem,) = told(f"normalize: {{dialects: [{{name: d, {dialect}}}]}}").values()
    assert says in problem


@pytest.mark.parametrize(
    "dialect",
    [
        "detect: ['aws:bedrock']",
        "detect: [gen_ai.system=acme, {all: [gen_ai.request.model, 'scope:acme']}]",
        "detect: [a.b.c], roles: [{when: ['operation:my_own', 'usage:yes'], role: never}]",
        "detect: [a.b.c], operations: {LLM: chat, llm: chat}",
        "detect: [a.b.c], attributes: {ttft: 'a.b | ms', input_tokens: 'a.c | exclusive'}",
    ],
)
def test_what_does_something_is_none(dialect: str) -> None:
    assert told(f"normalize: {{dialects: [{{name: d, {dialect}}}]}}") == {}


def test_users_keys_that_stand_twice_are_told() -> None:
    (problem,) = load_text("normalize: {attributes: {tenant_id: [acme.org, acme.org]}}", environ={}).problems
    assert (problem.severity, problem.path) == ("warning", "normalize.attributes.tenant_id[1]")
