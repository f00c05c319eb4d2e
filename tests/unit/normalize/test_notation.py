"""The notation of sources and tests."""

from typing import Any

import pytest

from enricher.normalize.notation import NotationError, parse_source, parse_test


def test_a_source_is_kind_key_path_and_transforms() -> None:
    source = parse_source("event:gen_ai.*/usage#a.b[].c | ms | list | exclusive", frozenset())
    assert (source.kind, source.event, source.key, source.path) == ("event", "gen_ai.*", "usage", "a.b[].c")
    assert (source.transforms, source.readings) == (("ms", "list"), ("exclusive",))
    assert parse_source("resource:service.name").kind == "resource"
    assert parse_source("log:x/y").kind == "log"
    assert parse_source("genkit:output#usage.x").key == "genkit:output"
    assert parse_source("a.b | map:m", frozenset({"m"})).transforms == ("map:m",)
    assert [parse_source(f"a.b#{path}").path for path in ("*", "*~", "x[].*", "**.x.*~")] == [
        "*",
        "*~",
        "x[].*",
        "**.x.*~",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no attribute"),
        ("event:name", "names no attribute"),
        ("event:/key", "names no attribute"),
        ("metric:x/y", "metrics cannot be read"),
        ("a.b | sec", "unknown transform `sec`"),
        ("a.b | modality:smell", "no modality `smell`"),
        ("a.{b} | key:one", "`key:one` names no segment of the key"),
        ("a.b | sum:", "names no members"),
        ("a.b | sum:input*_x", "names no members"),
        ("a.b | sum:input!", "names no members"),
        ("a.b | map:nowhere", "no value map `nowhere`"),
        ("a.b#x..y", "is not a path"),
        ("a.b#*.x", "is not a path"),
        ("a.b#x*", "is not a path"),
        ("a.b#*~~", "is not a path"),
        ("a.b#", "has no path"),
        ("a.b | ns | ms", "converts twice, by ns and ms"),
        ("a.b#[x]", "is not a path"),
        ("ab.*", "too wide"),
        ("{n}.x", "too wide"),
        ("abcd*.x", "`*` inside"),
    ],
)
def test_bad_sources_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(NotationError, match=says.replace("*", r"\*")):
        parse_source(text)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("gen_ai.system", {"attr": {"key": "gen_ai.system"}}),
        ("gen_ai.system=auto*", {"attr": {"key": "gen_ai.system", "value": "auto*"}}),
        ("genkit:*", {"attr": {"key": "genkit:*"}}),
        ("scope:a.*", {"scope": "a.*"}),
        ("span:chat *", {"span": "chat *"}),
        ("resource:service.name=x", {"resource": {"key": "service.name", "value": "x"}}),
    ],
)
def test_tests_become_conditions(text: str, condition: dict[str, Any]) -> None:
    assert parse_test(text) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("operation:Chat", {"operation": ["chat"]}),
        ("span_kind:LLM", {"span_kind": ["llm"]}),
        ("kind:server", {"kind": ["server"]}),
        ("usage:yes", {"usage": True}),
        ("model:no", {"model": False}),
        ("!usage:yes", {"not": {"usage": True}}),
    ],
)
def test_roles_have_tests_of_their_own(text: str, condition: dict[str, Any]) -> None:
    assert parse_test(text, roles=True) == condition
    with pytest.raises(NotationError):
        parse_test(text)


@pytest.mark.parametrize("text", ["kind:sideways", "usage:maybe", "scope:", "a.b=x*y", "!resource:a", "resource:a"])
def test_bad_role_tests_are_refused(text: str) -> None:
    with pytest.raises(NotationError):
        parse_test(text, roles=True)
