"""Every code of the catalogue has a case here: what is written, and where and how it is reported."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from enricher.config import load
from enricher.config.codes import CODES
from enricher.config.document import MAX_DEPTH, MAX_TEXT
from enricher.errors import Problem

MARK = "§"


@dataclass(frozen=True)
class Case:
    """`text` must give one problem with `code` at the place marked § and at `path`, saying `says` and hinting `hint`.
    Without a mark the problem concerns the whole file."""

    code: str
    text: str
    path: str
    says: str
    hint: str = ""
    severity: str = "error"
    sets: list[str] = field(default_factory=list)

    @property
    def written(self) -> str:
        return self.text.replace(MARK, "")

    @property
    def at(self) -> tuple[int, int]:
        """Line and column of the mark; an assignment is its own line."""
        if self.sets:
            return 1, 1
        before, mark, _ = self.text.partition(MARK)
        return (before.count("\n") + 1, len(before) - before.rfind("\n")) if mark else (0, 0)


def policy(body: str) -> str:
    """A configuration with one policy."""
    return f"sampling:\n  policies:\n    - {{name: p, {body}}}\n"


CASES = [
    Case("yaml-syntax", "sampling: [1,\n§", "", "did not find expected"),
    Case("yaml-syntax", "limits: {depth: $§{env:D}}", "", "while parsing", "values with ${…} need quotes"),
    Case("yaml-syntax", "limits: §*nowhere", "", "no anchor named 'nowhere'"),
    Case("yaml-syntax", "limits: &a\n  x: §*a\n", "", "inside its own anchor"),
    Case("yaml-syntax", "limits: {}\n§---\nlimits: {}\n", "", "a second document"),
    Case("yaml-syntax", "limits: §!python/object:os.system {}\n", "", "has no meaning here"),
    Case("yaml-syntax", "? §[a]\n: 1\n", "", "a key must be a plain name"),
    Case("yaml-syntax", "limits: {§<<: 1}\n", "", "`<<` takes a mapping"),
    Case("yaml-syntax", "a: \x00", "", "not YAML"),
    Case("too-large", "# " + "x" * MAX_TEXT, "", "larger than 4 MiB"),
    Case("too-large", "a: &a [" + "1," * 999 + "]\nb: §[" + "*a," * 999 + "]", "", "more than 100000 values"),
    Case("too-deep", "[" * MAX_DEPTH + "§[", "", "nested more than"),
    Case("too-many", "\n".join(f"k{n}: 1" for n in range(999)), "", "further problems are not shown"),
    Case("duplicate-key", "limits: {}\nadmin: {}\n§limits: {}\n", "limits", "written twice", "line 1"),
    Case(
        "duplicate-key",
        "sampling:\n  decision_wait: 5s\n  tail_sampling: {§decision_wait: 10s}\n",
        "sampling.decision_wait",
        "given twice",
    ),
    Case("bad-set", "", "no equals", "must read path=value", "for example", sets=["no equals"]),
    Case("bad-set", "", "a..b", "must read path=value", sets=["a..b=1"]),
    Case("bad-set", "", "limits.depth", "not YAML", "quote it", sets=["limits.depth=[1"]),
    Case("bad-set", "", "sampling.policies[1]", "no list", sets=["sampling.policies[1]=1"]),
    Case("bad-set", "limits: {depth: 8}", "limits.depth.x", "not a mapping", sets=["limits.depth.x=1"]),
    Case("bad-expansion", 'limits: {depth: §"${env:D"}', "limits.depth", "not closed", "$$"),
    Case("bad-expansion", 'limits: {depth: §"${file:d}"}', "limits.depth", "${file:…}` is not supported"),
    Case("bad-expansion", 'limits: {depth: §"${1}"}', "limits.depth", "'1' is not the name of a variable"),
    Case("unset-variable", 'limits: {depth: §"${env:GONE}"}', "limits.depth", "no variable GONE", "set GONE"),
    Case("unset-variable", 'limits: {depth: §"${GONE}"}', "limits.depth", "no variable GONE", ":-default}"),
    Case("unknown-key", "§samplign: {}", "samplign", "unknown key `samplign`", "did you mean `sampling`?"),
    Case("unknown-key", "§decision_wait: 1s", "decision_wait", "", "did you mean `sampling.decision_wait`?"),
    Case("unknown-key", "§processors: {}", "processors", "", "paste the `tail_sampling:` block"),
    Case("unknown-key", "limits: {§xyz: 1}", "limits.xyz", "unknown key", "valid here: buffer_mib, trace_mib"),
    Case(
        "unknown-key",
        "exporters:\n  otlp/x:\n    endpoint: h:1\n    §traces_endpint: y\n",
        "exporters.otlp/x.traces_endpint",
        "unknown key",
        "did you mean `exporters.<name>.traces_endpoint`?",
    ),
    Case("missing-key", "exporters: {§otlp: {}}", "exporters.otlp.endpoint", "`endpoint` is required"),
    Case(
        "missing-key",
        "sampling:\n  policies:\n    - §{name: p, type: status_code}\n",
        "sampling.policies[0]",
        "needs its settings",
        "add `status_code: …`",
    ),
    Case("missing-key", policy("type: cost, cost: §{}"), "sampling.policies[0].cost", "needs trace_usd, call_usd"),
    Case(
        "missing-key",
        policy("type: numeric_attribute, numeric_attribute: §{key: k}"),
        "sampling.policies[0].numeric_attribute",
        "needs min_value, max_value or both",
    ),
    Case("wrong-type", "§- limits", "", "must be a mapping of sections"),
    Case("wrong-type", "limits: {depth: §many}", "limits.depth", "must be a whole number, not 'many'"),
    Case("wrong-type", "limits: {depth: §}", "limits.depth", "not null", "give a value or remove the key"),
    Case("wrong-type", "limits: {depth: §[1]}", "limits.depth", "must be a whole number, not a list"),
    Case("wrong-type", "limits: §[]", "limits", "must be a mapping, not a list"),
    Case("wrong-type", "limits: §5", "limits", "must be a mapping, not 5"),
    Case("wrong-type", "admin: {enabled: §maybe}", "admin.enabled", "must be true or false, not 'maybe'"),
    Case(
        "wrong-type",
        policy("type: string_attribute, string_attribute: {key: k, values: [§007]}"),
        "sampling.policies[0].string_attribute.values[0]",
        "must be text, not 007",
        'write it in quotes: "007"',
    ),
    Case("unknown-value", "exporters: {kafka: §{}}", "exporters.kafka", "is not an exporter", "otlp_http"),
    Case(
        "unknown-value",
        policy("type: status_code, status_code: {status_codes: [§EROR]}"),
        "sampling.policies[0].status_code.status_codes[0]",
        "must be one of OK, ERROR, UNSET, not 'EROR'",
        "did you mean `ERROR`?",
    ),
    Case("out-of-range", "limits: {depth: §0}", "limits.depth", "must be at least 1, not 0"),
    Case("out-of-range", "limits: §{buffer_mib: 8}", "limits.trace_mib", "larger (64 MiB) than the whole buffer"),
    Case(
        "out-of-range",
        policy("type: status_code, status_code: {status_codes: §[]}"),
        "sampling.policies[0].status_code.status_codes",
        "needs 1 or more entries",
    ),
    Case(
        "out-of-range",
        policy("type: probabilistic, probabilistic: {sampling_percentage: §-1}"),
        "sampling.policies[0].probabilistic.sampling_percentage",
        "must be at least 0, not -1",
    ),
    Case("invalid-value", "sampling: {decision_wait: §5 s}", "sampling.decision_wait", "'5 s' is not a duration"),
    Case("invalid-value", "admin: {endpoint: §here}", "admin.endpoint", "not host:port"),
    Case(
        "duplicate-test-name",
        "tests:\n- &a {name: x, spans: [{}], expect: {keep: true}}\n- {<<: *a, name: §x}\n",
        "tests[1].name",
        "taken by tests[0]",
        "must be unique",
    ),
    Case(
        "old-price-book",
        "prices: {book: {max_age_days: §4}}",
        "prices.book.max_age_days",
        "the price book is 5 days old",
        "prices update",
        severity="warning",
    ),
    Case(
        "invalid-value",
        'prices: {book: {path: a, url: §"https://b"}}',
        "prices.book.url",
        "names a path and a url",
        "keep one",
    ),
    Case(
        "book-not-fetched",
        'prices: {book: {url: §"https://b/book.zip"}}',
        "prices.book.url",
        "no copy of it is kept",
        "prices.book.copy_path",
        severity="warning",
    ),
    Case(
        "unreadable-file",
        "prices: {book: {path: §/nowhere/book.zip}}",
        "prices.book.path",
        "is not a price book",
        "enricher prices update",
    ),
    Case(
        "unknown-span",
        "tests: [{name: x, spans: [{name: root}, {parent: §roor}], expect: {keep: true}}]",
        "tests[0].spans[1].parent",
        "no span of the test is called `roor`",
        "did you mean `root`?",
    ),
    Case(
        "unknown-span",
        "tests: [{name: x, before: [{spans: [{parent: §x}]}], spans: [{}], expect: {keep: true}}]",
        "tests[0].before[0].spans[0].parent",
        "no span of the test is called `x`",
        "write `elsewhere` for a parent that never comes",
    ),
    Case(
        "unknown-field",
        "tests: [{name: x, spans: [{}], expect: {call: {provder: §openai}}}]",
        "tests[0].expect.call.provder",
        "a call record has no field `provder`",
        "did you mean `provider`?",
    ),
    Case("expects-nothing", "tests: [{name: x, spans: [{}], expect: §{}}]", "tests[0].expect", "cannot fail"),
    Case("not-available", "§storage: {directory: /x}", "storage", "not available yet", "remove it"),
    Case(
        "not-available",
        "sampling: {§sampling_strategy: span-ingest}",
        "sampling.sampling_strategy",
        "span-ingest is not available",
        "remove it or write trace-complete",
    ),
    Case("ignored-option", "sampling: {§num_traces: 5}", "sampling.num_traces", "buffer_mib", severity="note"),
    Case(
        "unknown-value", "normalize: {attributes: {§tenant: [x]}}", "normalize.attributes.tenant", "no concept `tenant`"
    ),
    Case(
        "unknown-value",
        "prices: {overrides: [{model: m, per_million: {§outptu: 1}}]}",
        "prices.overrides[0].per_million.outptu",
        "not 'outptu'",
        "did you mean `output`?",
    ),
    Case(
        "unknown-value",
        "prices: {aliases: {a.b: {model: gpt-4o, provider: §opnai}}}",
        'prices.aliases["a.b"].provider',
        "no provider is called 'opnai'",
    ),
    Case(
        "bad-source",
        "normalize: {attributes: {tenant_id: [a, §b|foo]}}",
        "normalize.attributes.tenant_id[1]",
        "unknown transform `foo`",
    ),
    Case(
        "duplicate-dialect",
        "normalize:\n  dialects:\n    - {name: d, detect: [a.b.c]}\n    - {name: §d, detect: [a.b.d]}\n",
        "normalize.dialects[1].name",
        "taken by dialects[0]",
    ),
    Case(
        "undetected-dialect",
        "normalize:\n  dialects:\n    - §{name: d, attributes: {user_id: [a.b.c]}}\n",
        "normalize.dialects[0]",
        "no span would be known",
        "add `detect:`",
    ),
    Case(
        "wide-detection",
        "normalize: {dialects: [{name: d, detect: [§gen_ai.request.model]}]}",
        "normalize.dialects[0].detect[0]",
        "this one takes them all",
        severity="warning",
    ),
    Case(
        "unused-key",
        "normalize:\n  dialects:\n    - {name: d, detect: [a.b.c], only_here: [§nokey]}\n",
        "normalize.dialects[0].only_here[0]",
        "the dialect reads no attribute `nokey`",
    ),
    Case(
        "bad-source",
        "normalize: {attributes: §{input_tokens: [a.b | host]}}",
        "normalize.attributes",
        "yields no number",
    ),
    Case(
        "bad-test",
        "normalize: {dialects: [{name: d, detect: [§'scope:']}]}",
        "normalize.dialects[0].detect[0]",
        "`scope:` says nothing to compare with",
        "write scope:NAME",
    ),
    Case(
        "unknown-key",
        "normalize: {dialects: [{name: d, detect: [{all: [x], §al: [x]}]}]}",
        "normalize.dialects[0].detect[0].al",
        "unknown key `al`",
        "did you mean `all`?",
    ),
    Case(
        "duplicate-policy-name",
        "sampling:\n  policies:\n    - {name: a, type: always_sample}\n    - {name: §a, type: cost, cost: {}}\n",
        "sampling.policies[1].name",
        "'a' is taken by policies[0]",
    ),
    Case("unknown-policy-type", policy("type: §latencies"), "sampling.policies[0].type", "", "mean `latency`?"),
    Case(
        "unknown-policy-type",
        policy("type: §quantum, quantum: {}"),
        "sampling.policies[0].type",
        "unknown policy type `quantum`",
        "available: always_sample, status_code",
    ),
    Case(
        "bad-condition",
        policy("""type: ottl_condition, ottl_condition: {span: [§'attributes["a"] = "b"']}"""),
        "sampling.policies[0].ottl_condition.span[0]",
        'character 17, at `= "b"`: `=` compares nothing; write `==`',
        "docs/configuration.md",
    ),
    Case(
        "unknown-sub-policy",
        policy(
            "type: composite, composite: {max_total_spans_per_second: 1, policy_order: [§erors], "
            "composite_sub_policy: [{name: errors, type: always_sample}]}"
        ),
        "sampling.policies[0].composite.policy_order[0]",
        "no sub-policy is named `erors`",
        "did you mean `errors`?",
    ),
    Case(
        "wrong-block",
        policy("type: always_sample, latency: §{threshold_ms: 1}"),
        "sampling.policies[0].latency",
        "the policy's type is `always_sample`",
        "write `type: latency`",
    ),
    Case(
        "misplaced-policy",
        policy("type: not, not: {not_sub_policy: {type: §drop, drop: {drop_sub_policy: [{type: always_sample}]}}}"),
        "sampling.policies[0].not.not_sub_policy.type",
        "`drop` cannot stand inside another policy",
    ),
    Case(
        "empty-range",
        policy("type: latency, latency: {threshold_ms: 9, upper_threshold_ms: §9}"),
        "sampling.policies[0].latency.upper_threshold_ms",
        "no duration is over 9 ms and at most 9 ms",
    ),
    Case(
        "empty-range",
        policy("type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: §4}"),
        "sampling.policies[0].numeric_attribute.max_value",
        "no number is at least 5 and at most 4",
        "swap them",
    ),
    Case(
        "too-many-policies",
        "sampling: {policies: §[" + ", ".join(f"{{name: p{at}, type: always_sample}}" for at in range(5001)) + "]}",
        "sampling.policies",
        "5,001 policies",
    ),
    Case(
        "two-targets",
        policy("type: adaptive, adaptive: {traces_per_second: 5, gib_per_month: §100}"),
        "sampling.policies[0].adaptive.gib_per_month",
        "contradict each other",
    ),
    Case(
        "bad-regex",
        policy("type: string_attribute, string_attribute: {key: k, values: [§'b(?=a)'], enabled_regex_matching: true}"),
        "sampling.policies[0].string_attribute.values[0]",
        "character 2, at `(?=a)`: look-around",
        "linear time",
    ),
    Case(
        "no-effect",
        "sampling: §{decision_wait: 1s}",
        "sampling.decision_wait_after_root_received",
        "never reached: decision_wait (1s) ends first",
        severity="warning",
    ),
    Case(
        "no-effect",
        policy("type: probabilistic, probabilistic: {sampling_percentage: §0}"),
        "sampling.policies[0].probabilistic.sampling_percentage",
        "keeps nothing",
        severity="warning",
    ),
    Case(
        "near-miss",
        "prices: {overrides: [{model: §gpt-4oo, per_million: {input: 1}}]}",
        "prices.overrides[0].model",
        "the book has no model 'gpt-4oo'",
        "did you mean `gpt-4o`?",
        severity="warning",
    ),
    Case(
        "matches-all",
        policy("type: status_code, status_code: {status_codes: §[OK, ERROR, UNSET]}"),
        "sampling.policies[0].status_code.status_codes",
        "matches every trace",
        severity="warning",
    ),
    Case(
        "keeps-nothing",
        "sampling:\n  policies:\n    §- {name: p, type: drop, drop: {drop_sub_policy: [{type: always_sample}]}}\n",
        "sampling.policies",
        "every trace is dropped",
        severity="warning",
    ),
    Case(
        "plain-regex",
        policy("type: string_attribute, string_attribute: {key: k, values: [§'^/health.*']}"),
        "sampling.policies[0].string_attribute.values[0]",
        "compared as plain text",
        "enabled_regex_matching: true",
        severity="warning",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.path}")
def test_reports_code_place_path_message_and_hint(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(case.written)
    loaded = load([path], case.sets, environ={})
    found = [problem for problem in loaded.problems if problem.code == case.code and problem.path == case.path]
    assert len(found) == 1, loaded.problems
    problem = found[0]
    assert problem.file == ("--set" if case.sets else str(path)) or case.code == "too-many"
    assert (problem.line, problem.column) == case.at
    assert case.says in problem.message
    assert case.hint in problem.hint
    assert problem.severity == case.severity
    assert (loaded.settings is None) == any(one.severity == "error" for one in loaded.problems)


def test_a_fault_brings_no_other_faults_with_it(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for case in CASES:
        path.write_text(case.written)
        errors = load([path], case.sets, environ={}).errors
        others = {problem.path for problem in errors} - {case.path}
        # The second duplicate's own settings and an expansion's empty result are wrong in their own right.
        assert not others or case.code in ("duplicate-policy-name", "too-many"), (case, errors)


def test_unreadable_files_are_faults(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a: \xe9\n")
    loaded = load([tmp_path / "gone", tmp_path, tmp_path / "latin"])
    assert [problem.code for problem in loaded.problems] == ["unreadable-file"] * 3
    assert [problem.message for problem in loaded.problems] == [
        "cannot be read: No such file or directory",
        "cannot be read: Is a directory",
        "not UTF-8 at byte 3",
    ]


def test_every_code_has_a_case() -> None:
    # Those that loading alone does not find have tests of their own: above, and with the command.
    assert {case.code for case in CASES} | {"unreadable-file", "plan-refused", "test-failed", "ended-calendar"} == set(
        CODES
    )


def test_a_problem_reads_like_a_compiler_message() -> None:
    problem = Problem("unknown-key", "a.b", "unknown key `b`", "did you mean `c`?", "f.yaml", 3, 5)
    assert str(problem) == "f.yaml:3:5: error: a.b: unknown key `b` (did you mean `c`?)"
    assert str(Problem("unreadable-file", "", "cannot be read", file="f.yaml")) == "f.yaml: error: cannot be read"
