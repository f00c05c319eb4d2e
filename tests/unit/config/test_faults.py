"""Every code of the catalogue has a case here: what is written, and where and how it is reported."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from enricher.config import load
from enricher.config.codes import CODES
from enricher.config.document import MAX_DEPTH, MAX_TEXT
from enricher.errors import Problem


@dataclass(frozen=True)
class Case:
    """`text` must give one problem with `code` at `at` (line, column) and `path`, saying `says` and hinting `hint`."""

    code: str
    text: str
    at: tuple[int, int]
    path: str
    says: str
    hint: str = ""
    severity: str = "error"
    sets: list[str] = field(default_factory=list)


def policy(body: str) -> str:
    """A configuration whose one policy begins on line 3, column 7."""
    return f"sampling:\n  policies:\n    - {{name: p, {body}}}\n"


CASES = [
    Case("yaml-syntax", "sampling: [1,", (1, 14), "", "did not find expected"),
    Case("yaml-syntax", "limits: {depth: ${env:D}}", (1, 25), "", "while parsing", 'values with ${…} need quotes'),
    Case("yaml-syntax", "limits: *nowhere", (1, 9), "", "no anchor named 'nowhere'"),
    Case("yaml-syntax", "limits: &a\n  x: *a\n", (2, 6), "", "inside its own anchor"),
    Case("yaml-syntax", "limits: {}\n---\nlimits: {}\n", (2, 1), "", "a second document"),
    Case("yaml-syntax", "limits: !python/object:os.system {}\n", (1, 9), "", "has no meaning here"),
    Case("yaml-syntax", "? [a]\n: 1\n", (1, 3), "", "a key must be a plain name"),
    Case("yaml-syntax", "limits: {<<: 1}\n", (1, 10), "", "`<<` takes a mapping"),
    Case("yaml-syntax", "a: \x00", (0, 0), "", "not YAML"),
    Case("too-large", "# " + "x" * MAX_TEXT, (0, 0), "", "larger than 4 MiB"),
    Case("too-large", "a: &a [" + "1," * 999 + "]\nb: [" + "*a," * 999 + "]", (2, 4), "", "more than 100000 values"),
    Case("too-deep", "[" * (MAX_DEPTH + 1), (1, MAX_DEPTH + 1), "", "nested more than"),
    Case("duplicate-key", "limits: {}\nadmin: {}\nlimits: {}\n", (3, 1), "limits", "written twice", "line 1"),
    Case(
        "duplicate-key",
        "sampling:\n  decision_wait: 5s\n  tail_sampling: {decision_wait: 10s}\n",
        (3, 19),
        "sampling.decision_wait",
        "given twice",
    ),
    Case("bad-set", "", (1, 1), "no equals", "must read path=value", "for example", sets=["no equals"]),
    Case("bad-set", "", (1, 1), "a..b", "must read path=value", sets=["a..b=1"]),
    Case("bad-set", "", (1, 1), "limits.depth", "not YAML", "quote it", sets=["limits.depth=[1"]),
    Case("bad-set", "", (1, 1), "sampling.policies[1]", "no list", sets=["sampling.policies[1]=1"]),
    Case("bad-set", "limits: {depth: 8}", (1, 1), "limits.depth.x", "not a mapping", sets=["limits.depth.x=1"]),
    Case("bad-expansion", 'limits: {depth: "${env:D"}', (1, 17), "limits.depth", "not closed", "$$"),
    Case("bad-expansion", 'limits: {depth: "${file:d}"}', (1, 17), "limits.depth", "${file:…}` is not supported"),
    Case("bad-expansion", 'limits: {depth: "${1}"}', (1, 17), "limits.depth", "'1' is not the name of a variable"),
    Case("unset-variable", 'limits: {depth: "${env:GONE}"}', (1, 17), "limits.depth", "no variable GONE", "set GONE"),
    Case("unset-variable", 'limits: {depth: "${GONE}"}', (1, 17), "limits.depth", "no variable GONE", ":-default}"),
    Case("unknown-key", "samplign: {}", (1, 1), "samplign", "unknown key `samplign`", "did you mean `sampling`?"),
    Case("unknown-key", "decision_wait: 1s", (1, 1), "decision_wait", "", "did you mean `sampling.decision_wait`?"),
    Case("unknown-key", "processors: {}", (1, 1), "processors", "", "paste the `tail_sampling:` block"),
    Case("unknown-key", "limits: {xyz: 1}", (1, 10), "limits.xyz", "unknown key", "valid here: buffer_mib, trace_mib"),
    Case(
        "unknown-key",
        "exporters:\n  otlp/x:\n    endpoint: h:1\n    traces_endpint: y\n",
        (4, 5),
        "exporters.otlp/x.traces_endpint",
        "unknown key",
        "did you mean `exporters.<name>.traces_endpoint`?",
    ),
    Case("missing-key", "exporters: {otlp: {}}", (1, 13), "exporters.otlp.endpoint", "`endpoint` is required"),
    Case("missing-key", policy("type: latency"), (3, 7), "sampling.policies[0]", "needs its settings", "add `latency: …`"),
    Case("missing-key", policy("type: cost, cost: {}"), (3, 33), "sampling.policies[0].cost", "needs trace_usd, call_usd"),
    Case(
        "missing-key",
        policy("type: numeric_attribute, numeric_attribute: {key: k}"),
        (3, 59),
        "sampling.policies[0].numeric_attribute",
        "needs min_value, max_value or both",
    ),
    Case("wrong-type", "- limits", (1, 1), "", "must be a mapping of sections"),
    Case("wrong-type", "limits: {depth: many}", (1, 17), "limits.depth", "must be a whole number, not 'many'"),
    Case("wrong-type", "limits: {depth: }", (1, 17), "limits.depth", "not null", "give a value or remove the key"),
    Case("wrong-type", "limits: {depth: [1]}", (1, 17), "limits.depth", "must be a whole number, not a list"),
    Case("wrong-type", "limits: []", (1, 9), "limits", "must be a mapping, not a list"),
    Case("wrong-type", "limits: 5", (1, 9), "limits", "must be a mapping, not 5"),
    Case("wrong-type", "admin: {enabled: maybe}", (1, 18), "admin.enabled", "must be true or false, not 'maybe'"),
    Case(
        "wrong-type",
        policy("type: string_attribute, string_attribute: {key: k, values: [007]}"),
        (3, 74),
        "sampling.policies[0].string_attribute.values[0]",
        "must be text, not 007",
        'write it in quotes: "007"',
    ),
    Case("unknown-value", "exporters: {kafka: {}}", (1, 20), "exporters.kafka", "is not an exporter", "otlp_http"),
    Case(
        "unknown-value",
        policy("type: status_code, status_code: {status_codes: [EROR]}"),
        (3, 62),
        "sampling.policies[0].status_code.status_codes[0]",
        "must be one of OK, ERROR, UNSET, not 'EROR'",
        "did you mean `ERROR`?",
    ),
    Case("out-of-range", "limits: {depth: 0}", (1, 17), "limits.depth", "must be at least 1, not 0"),
    Case("out-of-range", "limits: {buffer_mib: 8}", (1, 9), "limits.trace_mib", "larger (64 MiB) than the whole buffer"),
    Case(
        "out-of-range",
        policy("type: status_code, status_code: {status_codes: []}"),
        (3, 61),
        "sampling.policies[0].status_code.status_codes",
        "needs at least 1 entries",
    ),
    Case(
        "out-of-range",
        policy("type: probabilistic, probabilistic: {sampling_percentage: 101}"),
        (3, 72),
        "sampling.policies[0].probabilistic.sampling_percentage",
        "must be at most 100, not 101",
    ),
    Case("invalid-value", "sampling: {decision_wait: 5 s}", (1, 27), "sampling.decision_wait", "'5 s' is not a duration"),
    Case("invalid-value", "admin: {endpoint: here}", (1, 19), "admin.endpoint", "not host:port"),
    Case("not-available", "storage: {directory: /x}", (1, 1), "storage", "not available yet", "remove it"),
    Case("not-available", "tests: []", (1, 1), "tests", "not available yet", "remove it"),
    Case(
        "not-available",
        "sampling: {sample_on_first_match: true}",
        (1, 12),
        "sampling.sample_on_first_match",
        "true is not available",
        "remove it or write false",
    ),
    Case("ignored-option", "sampling: {num_traces: 5}", (1, 12), "sampling.num_traces", "buffer_mib", severity="note"),
    Case(
        "duplicate-policy-name",
        "sampling:\n  policies:\n    - {name: a, type: always_sample}\n    - {name: a, type: cost, cost: {}}\n",
        (4, 14),
        "sampling.policies[1].name",
        "'a' is taken by policies[0]",
    ),
    Case("unknown-policy-type", policy("type: latencies"), (3, 23), "sampling.policies[0].type", "", "mean `latency`?"),
    Case(
        "unknown-policy-type",
        policy("type: rate_limiting, rate_limiting: {}"),
        (3, 23),
        "sampling.policies[0].type",
        "unknown policy type `rate_limiting`",
        "available: always_sample, status_code",
    ),
    Case(
        "wrong-block",
        policy("type: always_sample, latency: {threshold_ms: 1}"),
        (3, 38),
        "sampling.policies[0].latency",
        "the policy's type is `always_sample`",
        "write `type: latency`",
    ),
    Case(
        "misplaced-policy",
        policy("type: not, not: {not_sub_policy: {type: drop, drop: {drop_sub_policy: [{type: always_sample}]}}}"),
        (3, 57),
        "sampling.policies[0].not.not_sub_policy.type",
        "`drop` cannot stand inside another policy",
    ),
    Case(
        "empty-range",
        policy("type: latency, latency: {threshold_ms: 9, upper_threshold_ms: 9}"),
        (3, 79),
        "sampling.policies[0].latency.upper_threshold_ms",
        "no duration is over 9 ms and at most 9 ms",
    ),
    Case(
        "empty-range",
        policy("type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 0}"),
        (3, 93),
        "sampling.policies[0].numeric_attribute.max_value",
        "no number is at least 5 and at most 0",
        "remove max_value",
    ),
    Case(
        "bad-regex",
        policy("type: string_attribute, string_attribute: {key: k, values: ['(?=a)'], enabled_regex_matching: true}"),
        (3, 74),
        "sampling.policies[0].string_attribute.values[0]",
        "look-around is not supported",
        "linear time",
    ),
    Case(
        "no-effect",
        "sampling: {decision_wait: 1s}",
        (1, 11),
        "sampling.decision_wait_after_root_received",
        "never reached: decision_wait (1s) ends first",
        severity="warning",
    ),
    Case(
        "no-effect",
        policy("type: probabilistic, probabilistic: {sampling_percentage: 0}"),
        (3, 72),
        "sampling.policies[0].probabilistic.sampling_percentage",
        "keeps nothing",
        severity="warning",
    ),
    Case(
        "matches-all",
        policy("type: status_code, status_code: {status_codes: [OK, ERROR, UNSET]}"),
        (3, 61),
        "sampling.policies[0].status_code.status_codes",
        "matches every trace",
        severity="warning",
    ),
    Case(
        "keeps-nothing",
        policy("type: drop, drop: {drop_sub_policy: [{type: always_sample}]}"),
        (3, 5),
        "sampling.policies",
        "every trace is dropped",
        severity="warning",
    ),
    Case(
        "plain-regex",
        policy("type: string_attribute, string_attribute: {key: k, values: ['^/health.*']}"),
        (3, 74),
        "sampling.policies[0].string_attribute.values[0]",
        "compared as plain text",
        "enabled_regex_matching: true",
        severity="warning",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.path} {case.at[0]}:{case.at[1]}")
def test_reports_code_place_path_message_and_hint(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(case.text)
    loaded = load([path], case.sets, environ={})
    found = [problem for problem in loaded.problems if problem.code == case.code and problem.path == case.path]
    assert len(found) == 1, loaded.problems
    problem = found[0]
    assert problem.file == ("--set" if case.sets else str(path))
    assert (problem.line, problem.column) == case.at
    assert case.says in problem.message
    assert case.hint in problem.hint
    assert problem.severity == case.severity
    assert (loaded.settings is None) == any(one.severity == "error" for one in loaded.problems)


def test_a_fault_brings_no_other_faults_with_it(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for case in CASES:
        path.write_text(case.text)
        errors = load([path], case.sets, environ={}).errors
        others = {problem.path for problem in errors} - {case.path}
        # The second duplicate's own settings and an expansion's empty result are wrong in their own right.
        assert not others or case.code == "duplicate-policy-name", (case, errors)


def test_unreadable_files_are_faults(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a: \xe9\n")
    loaded = load([tmp_path / "gone", tmp_path, tmp_path / "latin"])
    assert [problem.code for problem in loaded.problems] == ["unreadable-file"] * 3
    assert [problem.message for problem in loaded.problems] == [
        "No such file or directory",
        "Is a directory",
        "not UTF-8 at byte 3",
    ]


def test_every_code_has_a_case() -> None:
    assert {case.code for case in CASES} | {"unreadable-file"} == set(CODES)


def test_a_problem_reads_like_a_compiler_message() -> None:
    problem = Problem("unknown-key", "a.b", "unknown key `b`", "did you mean `c`?", "f.yaml", 3, 5)
    assert str(problem) == "f.yaml:3:5: error: a.b: unknown key `b` (did you mean `c`?)"
