"""A day of agents that work for hours, late spans, roots that never come and traces that are too large: each trace gets
one real decision with its trigger, and what comes later follows it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from enricher.cli.main import main
from enricher.runtime.engine import TickReport
from enricher.runtime.replay import Replay
from enricher.simulate.traffic.generate import Generator
from enricher.simulate.traffic.settings import Traffic, load
from tests.support.engines import engine, spans_of

RULES = """
sampling:
  decision_wait: 60s
  decision_wait_after_root_received: 5s
  policies:
    - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
    - {name: costly, type: cost, cost: {trace_usd: 0.10}}
    - {name: the-rest, type: probabilistic, probabilistic: {sampling_percentage: 10}}
limits: {trace_spans: 1000}
"""


class Day:
    """Traffic through one engine, with what came out. limits: bounds of the plan."""

    def __init__(self, traffic: Traffic, traces: int, **limits: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.kept_spans: Counter[str] = Counter()
        self.generator = Generator(traffic, traces=traces)
        self.core = engine(RULES, call_records=False, trace_records=True, **limits)
        replay = Replay(self.core, self._take)
        for arrival in self.generator.arrivals():
            replay.advance(arrival.time_ns)
            replay.take("the day", arrival.payload, arrival.time_ns)
        replay.finish()
        self.decided = {one["trace_id"]: one for one in self.records if not one["late"]}
        self.late = [one for one in self.records if one["late"]]

    def _take(self, report: TickReport) -> None:
        self.records += [json.loads(line) for line in report.traces.splitlines()]
        self.kept_spans.update(span.trace_id.hex() for span in spans_of(report.payloads))


@pytest.fixture(scope="module")
def day() -> Day:
    return Day(load("day"), 400)


def test_each_trace_is_decided_once_and_no_span_is_lost(day: Day) -> None:
    assert len(day.decided) == len([one for one in day.records if not one["late"]]) == 400
    assert sum(one["spans"] for one in day.records) == day.generator.spans
    told = Counter[str]()
    for one in day.records:
        if one["kept"]:
            told[one["trace_id"]] += one["spans"]
    assert told == day.kept_spans


def test_each_decision_is_real_and_says_what_made_it(day: Day) -> None:
    for one in day.decided.values():
        assert one["policy"] in ("errors", "costly", "the-rest")
        assert one["probability"] == pytest.approx(max(one["votes"].values()), rel=1e-3)
    triggers = Counter(one["trigger"] for one in day.decided.values())
    assert triggers["root_received"] > 300
    by_trigger = {
        trigger: {one["root"] for one in day.decided.values() if one["trigger"] == trigger} for trigger in triggers
    }
    # An hour's agent has no root when it is decided, nor has a trace whose root never comes.
    assert by_trigger["decision_wait"] == {None}
    assert by_trigger["span_limit"] == {None}


def test_what_comes_after_the_verdict_follows_it(day: Day) -> None:
    names = Counter(day.decided[one["trace_id"]]["service"] for one in day.late)
    assert set(names) >= {"agents", "chat", "batch"}
    for one in day.late:
        first = day.decided[one["trace_id"]]
        assert (one["kept"], one["policy"], one["trigger"]) == (first["kept"], first["policy"], "late")
        assert one["probability"] == first["probability"]
        assert one["decided"] > first["decided"]


def test_an_agents_hour_is_priced_to_the_end(day: Day) -> None:
    spent: Counter[str] = Counter()
    for one in day.records:
        if one["service"] == "agents":
            spent[one["trace_id"]] += one["calls"]
    assert spent
    assert set(spent.values()) == {60}


def test_memory_pressure_decides_the_oldest_with_a_real_decision() -> None:
    question = {"name": "POST /ask", "duration": "4s"}
    call = {"name": "chat", "duration": "1s", "model": "gpt-4o-mini", "input_tokens": 10}
    kind = {"name": "question", "share": 1, "spans": [question, call], "content_bytes": 20_000}
    burst = Traffic.model_validate({"lasts": "10s", "kinds": [kind]})
    pressed = Day(burst, 300, buffer_bytes=2 << 20, trace_bytes=2 << 20)
    early = [one for one in pressed.decided.values() if one["trigger"] == "memory_pressure"]
    assert len(early) > 20
    # Under pressure a trace may be decided before its root has ended; its other spans then follow the verdict.
    assert pressed.late
    assert len(pressed.decided) == 300
    assert all(one["policy"] in ("errors", "costly", "the-rest") for one in early)
    assert sum(one["spans"] for one in pressed.records) == pressed.generator.spans


def test_the_command_shows_it(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    assert main(["simulate", "--traffic", "day", "--traces", "100", "-p", str(rules), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["candidates"][0]
    assert told["triggers"].keys() >= {"decision_wait", "root_received"}
    assert told["late_spans"]["spans"] > 0
    assert len(told["timeline"]["spans"]) > 20
    assert main(["simulate", "--traffic", "day", "x.jsonl", "-p", str(rules)]) == 1
    assert "give files of spans, or --traffic" in capsys.readouterr().err
