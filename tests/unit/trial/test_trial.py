"""The `tests:` of a configuration and `enricher check --tests`: what is expected, what is found, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enricher.cli.main import main
from enricher.config import load_text
from enricher.trial.run import Outcome, run
from enricher.trial.settings import CALL_FIELDS

RULES = """
sampling:
  decision_wait: 30s
  policies:
    - {name: health, type: drop, drop: {drop_sub_policy: [{type: string_attribute,
       string_attribute: {key: url.path, values: [/healthz]}}]}}
    - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
    - {name: costly, type: cost, cost: {trace_usd: 0.10}}
    - {name: the-rest, type: probabilistic, probabilistic: {sampling_percentage: 10}}
limits: {trace_spans: 100}
tests:
"""

Capture = pytest.CaptureFixture[str]


def outcome(test: str, rules: str = RULES) -> Outcome:
    """What becomes of one test, written as the mapping behind its name."""
    (found,) = run(load_text(f"{rules}  - {{name: x, {test}}}\n").require())
    return found


def passes(test: str) -> bool:
    return outcome(test).problems == []


def said(test: str) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in outcome(test).problems]


def test_everything_that_can_be_expected_is_compared() -> None:
    spans = "spans: [{name: ask, duration: 3s}, {name: chat, model: gpt-4o, input_tokens: 1000, output_tokens: 100}]"
    right = {
        "keep": False,
        "policy": "the-rest",
        "probability": 0.1,
        "trigger": "root_received",
        "votes": {"errors": None, "the-rest": 0.1},
        "cost_usd": 0.0035,
        "calls": 1,
        "failed_calls": 0,
        "input_tokens": 1000,
        "output_tokens": 100,
        "guardrail": None,
        "late_spans": 0,
        "incomplete": False,
        "call": {"provider": "openai", "cost_state": "computed", "streaming": None},
    }
    wrong = {
        "keep": True,
        "policy": "errors",
        "probability": 0.2,
        "trigger": "decision_wait",
        "votes": {"errors": 1, "the-rest": None},
        "cost_usd": 0.0036,
        "calls": 2,
        "failed_calls": 1,
        "input_tokens": 1,
        "output_tokens": 1,
        "guardrail": "blocked",
        "late_spans": 1,
        "incomplete": True,
        "call": {"provider": "anthropic", "cost_state": "reported", "streaming": True},
    }
    assert passes(f"{spans}, expect: {json.dumps(right)}")
    for key, value in wrong.items():
        found = said(f"{spans}, expect: {json.dumps({key: value})}")
        assert len(found) == (len(value) if isinstance(value, dict) else 1), key
        assert all(line.startswith(f"[0].expect.{key}") for line in found)


def test_randomness_and_probability_decide_together() -> None:
    assert passes("spans: [{}], randomness: 0.95, expect: {keep: true, probability: 0.1}")
    assert passes("spans: [{}], randomness: 0.85, expect: {keep: false, probability: 0.1}")
    assert passes(
        "spans: [{attributes: {url.path: /healthz}, status: error}], expect: {probability: 0, policy: health}"
    )


def test_kept_spans_are_looked_at_as_they_leave() -> None:
    spans = "spans: [{name: ask, cost_usd: 0.25}, {name: chat, attributes: {llm.request.type: chat, n: [1, {a: b}]}}]"
    right = "spans: {ask: {enricher.sampling.policy: costly, gone: null}, chat: {n: [1, {a: b}]}}"
    assert passes(f"{spans}, expect: {{{right}}}")
    assert said(f"{spans}, expect: {{spans: {{ask: {{enricher.sampling.policy: null}}, nowhere: {{}}}}}}") == [
        '[0].expect.spans.ask["enricher.sampling.policy"]: expected none, got costly',
        "[0].expect.spans.nowhere: expected a span that leaves, got none",
    ]


@pytest.mark.parametrize(
    ("spans", "expect"),
    [
        ("[{duration: 3s}]", "{trigger: root_received}"),
        ("[{parent: elsewhere}]", "{trigger: decision_wait}"),
        ("[{}, {name: step, repeat: 101, arrives: 0.5s}]", "{trigger: span_limit, late_spans: 1}"),
        ("[{}, {name: slow, arrives: 10s, status: ERROR}]", "{policy: the-rest, late_spans: 1}"),
        ("[{}, {name: in time, arrives: 2s, status: ERROR}]", "{policy: errors, late_spans: 0}"),
    ],
)
def test_time_is_that_of_arrivals(spans: str, expect: str) -> None:
    assert passes(f"spans: {spans}, expect: {expect}")


def test_what_is_in_dry_run_is_compared_apart() -> None:
    rules = (
        "sampling: {dry_run: true, policies: [{name: e, type: status_code, status_code: {status_codes: [ERROR]}}]}\n"
    )
    found = outcome("spans: [{}], expect: {keep: true, dry_run: {keep: false, probability: 0}}", f"{rules}tests:\n")
    assert found.problems == []
    wrong = "spans: [{status: ERROR}], expect: {dry_run: {keep: false, policy: x, probability: 0.5}}"
    paths = [problem.path for problem in outcome(wrong, f"{rules}tests:\n").problems]
    assert paths == [f"[0].expect.dry_run.{name}" for name in ("keep", "probability", "policy")]
    assert said("spans: [{}], expect: {dry_run: {keep: true}}") == [
        "[0].expect.dry_run: expected something in dry_run, got none"
    ]


def test_traffic_before_the_trace_is_seen_by_the_engine_and_not_judged() -> None:
    before = "before: [{repeat: 50, every: 100ms, spans: [{status: ERROR, cost_usd: 5}]}]"
    found = outcome(f"{before}, spans: [{{}}], expect: {{policy: the-rest, calls: 0}}")
    assert found.problems == []
    assert found.got["spans"] == 1


def test_prices_are_those_of_the_time_of_the_test() -> None:
    spans = "spans: [{model: o3, input_tokens: 1000000}]"
    cost = [
        outcome(f"{spans}, time: {day}, expect: {{calls: 1}}").got["cost_usd"] for day in ("2025-06-01", "2025-07-01")
    ]
    assert cost == ["10", "2"]


def test_fields_of_call_records_are_those_of_the_core(tmp_path: Path, capsys: Capture) -> None:
    recording = Path(__file__).parents[2] / "recordings" / "data" / "langfuse" / "requests.binpb"
    calls = tmp_path / "calls.jsonl"
    assert main(["process", str(recording), "--calls", str(calls)]) == 0
    capsys.readouterr()
    assert tuple(json.loads(calls.read_text().splitlines()[0])) == CALL_FIELDS


def checked(path: Path, capsys: Capture, *more: str) -> tuple[int, str]:
    status = main(["check", "-c", str(path), "--tests", *more])
    return status, capsys.readouterr().out


def test_the_command_points_at_what_fails(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "c.yaml"
    good = "  - {name: errors are kept, spans: [{status: ERROR}], expect: {keep: true}}\n"
    path.write_text(RULES + good)
    status, out = checked(path, capsys)
    assert (status, out) == (0, f"ok    errors are kept\n{path}: valid; 1 test passed\n")

    path.write_text(f"{RULES}{good}  - name: typing error\n    spans: [{{}}]\n    expect:\n      policy: the-rset\n")
    line = path.read_text().count("\n")
    status, out = checked(path, capsys)
    assert status == 1
    assert f"{path}:{line}:15: error: tests[1].expect.policy: expected the-rset, got the-rest" in out
    assert "did you mean `the-rest`?" in out
    assert out.endswith(": well formed, but does not do what its tests expect; 1 of 2 tests failed\n")

    status, out = checked(path, capsys, "--json")
    told: dict[str, Any] = json.loads(out)
    assert (status, told["valid"]) == (1, True)
    assert [(one["name"], one["passed"]) for one in told["tests"]] == [
        ("errors are kept", True),
        ("typing error", False),
    ]
    assert told["tests"][1]["problems"][0] | {"message": ""} == {
        "code": "test-failed",
        "path": "tests[1].expect.policy",
        "message": "",
        "hint": "no policy is called 'the-rset', did you mean `the-rest`?",
        "file": str(path),
        "line": line,
        "column": 15,
        "severity": "error",
    }


def test_tests_of_a_configuration_with_faults_are_not_run(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("limit: {}\ntests: [{name: x, spans: [{}], expect: {keep: true}}]\n")
    status, out = checked(path, capsys)
    assert status == 1
    assert "unknown key `limit`" in out
    status, out = checked(path, capsys, "--json")
    assert json.loads(out)["tests"] is None
    path.write_text("{}\n")
    assert checked(path, capsys) == (0, f"{path}: valid; it has no tests\n")


def test_spans_that_cannot_be_taken_are_told(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "c.yaml"
    deep = "[" * 36 + "]" * 36
    path.write_text(
        f"tests:\n- {{name: x, spans: [{{attributes: {{a: {deep}}}}}], expect: {{keep: true}}}}\n"
        f"- {{name: y, spans: [{{attributes: {{a: {10**20}}}}}], expect: {{keep: true}}}}\n"
        "- {name: z, spans: [{}], expect: {keep: true}}\n"
    )
    status, out = checked(path, capsys)
    assert status == 1
    assert f"{path}:2:20: error: tests[0].spans: all spans were refused" in out
    assert f"{path}:3:20: error: tests[1].spans: cannot be sent: " in out
    assert "ok    z\n" in out
