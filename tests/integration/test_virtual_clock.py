"""Time over files: each trace is decided when it is due, also in a gap, as in the tests of a configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from enricher.cli.main import main
from enricher.config import Settings, load_text
from enricher.trial.run import run
from enricher.trial.traces import SECOND, Writer
from tests.support.engines import NOW, request_of, span

RULES = """
sampling:
  decision_wait: 10s
  decision_wait_after_root_received: 5s
  policies:
    - {{ name: errors, type: status_code, status_code: {{ status_codes: [ERROR] }} }}
    - {}
tests:
  - name: x
    time: 2026-05-28T20:00:00Z
    randomness: 0.5
    before: [{}]
    spans: [{}]
    expect: {{ late_spans: 1 }}
"""
TENTH = "{ name: tenth, type: probabilistic, probabilistic: { sampling_percentage: 10 } }"
LIMITER = "{ name: few, type: rate_limiting, rate_limiting: { spans_per_second: 1, burst_capacity: 10 } }"
ADAPTIVE = "{ name: adaptive, type: adaptive, adaptive: { traces_per_second: 0.02 } }"
RARE = "{ name: rare, type: rare, rare: { keys: [service], window: 60s } }"
HOURLY = "{ repeat: 3, every: 1h, spans: [{ name: ask, duration: 1s }] }"
BUSY = "{ repeat: 40, every: 50ms, spans: [{ name: ask, duration: 1s }] }"
ASK = "{ name: ask, duration: 1s }"
MINUTE_LATE = "{ name: write log, start: 60s, duration: 1s, status: ERROR }"
HOUR_LATE = "{ name: write log, start: 1h, duration: 1s, status: ERROR }"
CASES = {
    "an error a minute later": (TENTH, "", f"{ASK}, {MINUTE_LATE}"),
    "an error an hour later": (TENTH, HOURLY, f"{ASK}, {HOUR_LATE}"),
    "a limit and an hour of nothing": (LIMITER, f"{HOURLY}, {BUSY}", f"{ASK}, {HOUR_LATE}"),
    "a target and an hour of nothing": (ADAPTIVE, f"{HOURLY}, {BUSY}", f"{ASK}, {HOUR_LATE}"),
    "a window and an hour of nothing": (RARE, f"{HOURLY}, {BUSY}", f"{ASK}, {HOUR_LATE}"),
    "a root that never comes": (TENTH, BUSY, f"{{ name: chat, parent: elsewhere, duration: 1s }}, {MINUTE_LATE}"),
}
Capture = pytest.CaptureFixture[str]


def recorded(settings: Settings, path: Path) -> str:
    """What the test of a configuration sends, as a file, and a trace long after it; returns its trace id."""
    (test,) = settings.tests
    writer, begin_ns = Writer(), round(datetime(2026, 5, 28, 20, tzinfo=UTC).timestamp()) * SECOND
    trace_id = writer.trace_id(test.randomness)
    arrivals = writer.before(test, begin_ns) + writer.arrivals(test.spans, trace_id, begin_ns)
    after = request_of(span(99, 99, start=begin_ns + 7200 * SECOND))
    payloads = [*(arrival.payload for arrival in arrivals), after]
    path.write_bytes(b"".join(len(payload).to_bytes(4, "big") + payload for payload in payloads))
    return trace_id


@pytest.mark.parametrize("case", CASES)
def test_files_are_decided_as_the_tests_of_a_configuration_are(case: str, tmp_path: Path, capsys: Capture) -> None:
    rules, path, records = tmp_path / "rules.yaml", tmp_path / "in.binpb", tmp_path / "records.jsonl"
    rules.write_text(RULES.format(*CASES[case]))
    settings = load_text(rules.read_text()).require()
    (expected,) = run(settings)
    trace_id = recorded(settings, path)

    assert main(["process", str(path), "-c", str(rules), "--traces", str(records)]) == 0
    processed = [json.loads(line) for line in records.read_text().splitlines()]
    own = [one for one in processed if one["trace_id"] == trace_id]
    assert [one["late"] for one in own] == [False, True]
    assert own[0] == expected.got
    capsys.readouterr()

    assert main(["simulate", str(path), "-p", str(rules), "--json"]) == 0
    (simulated,) = json.loads(capsys.readouterr().out)["candidates"]
    assert simulated["kept"]["traces"] == sum(one["kept"] and not one["late"] for one in processed)
    assert simulated["late_spans"]["spans"] == 1

    assert main(["explain", str(path), "-c", str(rules), "--json"]) == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["traces"]
    verdicts = [(one["verdict"]["keep"], one["verdict"]["policy"]) for one in told if one["trace_id"] == trace_id]
    assert verdicts == [(one["kept"], one["policy"]) for one in own]


def test_explain_says_how_long_a_trace_waited_and_not_when_the_next_came(tmp_path: Path, capsys: Capture) -> None:
    rules, path = tmp_path / "rules.yaml", tmp_path / "in.binpb"
    rules.write_text(RULES.format(*CASES["an error a minute later"]))
    recorded(load_text(rules.read_text()).require(), path)
    assert main(["explain", str(path), "-c", str(rules)]) == 0
    assert "decided 5,000 ms after its first span came: its root had ended" in capsys.readouterr().out


def test_an_hour_of_nothing_does_not_make_one_batch_of_what_was_due_in_it(tmp_path: Path) -> None:
    rules, path, records = tmp_path / "rules.yaml", tmp_path / "in.binpb", tmp_path / "records.jsonl"
    rules.write_text(RULES.format(TENTH, "", ASK))
    payloads = [request_of(span(number, number, start=NOW + number * SECOND // 2)) for number in range(1, 31)]
    payloads.append(request_of(span(99, 99, start=NOW + 3600 * SECOND)))
    path.write_bytes(b"".join(len(payload).to_bytes(4, "big") + payload for payload in payloads))
    assert main(["process", str(path), "-c", str(rules), "--traces", str(records)]) == 0
    waits = [
        datetime.fromisoformat(one["decided"]) - datetime.fromisoformat(one["time"])
        for one in map(json.loads, records.read_text().splitlines())
        if one["trigger"] != "shutdown"
    ]
    assert len(waits) == 30
    assert all(timedelta(seconds=5) <= wait < timedelta(seconds=5.3) for wait in waits)
