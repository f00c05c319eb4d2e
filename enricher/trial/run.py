"""Runs the tests of a configuration: each in an engine of its own, under a clock that only the test moves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from enricher.config import Settings, compile_plan
from enricher.errors import DecodeError, InputError, Problem
from enricher.price.store import shipped
from enricher.runtime.engine import CoreEngine, TickReport, otlp_to_json
from enricher.runtime.replay import Replay
from enricher.sample.compile import compile_plan as compile_sampling
from enricher.trial.judge import Got, judge
from enricher.trial.settings import Scenario
from enricher.trial.traces import SECOND, Arrival, Writer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test. problems: paths relative to the `tests:` section; none when it passed."""

    name: str
    problems: list[Problem]
    got: dict[str, Any]


@dataclass(slots=True)
class _Seen:
    """Everything that came out of the engine."""

    traces: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)

    def take(self, report: TickReport) -> None:
        self.traces += [json.loads(line) for line in report.traces.splitlines()]
        self.calls += [json.loads(line) for line in report.calls.splitlines()]
        self.payloads += report.payloads


def run(settings: Settings) -> list[Outcome]:
    """The outcomes of all tests, in their order. Raises PlanError."""
    plan = compile_plan(settings, call_records=True, trace_records=True)
    policies = [policy["name"] for policy in compile_sampling(settings.sampling)["policies"]]
    return [_outcome(index, test, plan, policies) for index, test in enumerate(settings.tests)]


def _outcome(index: int, test: Scenario, plan: bytes, policies: Sequence[str]) -> Outcome:
    begin_ns = _begin_ns(test)
    writer = Writer()
    trace_id = writer.trace_id(test.randomness)
    seen = _Seen()
    try:
        _replay(CoreEngine(plan), seen, writer.before(test, begin_ns) + writer.arrivals(test.spans, trace_id, begin_ns))
    except (DecodeError, InputError) as error:
        return Outcome(test.name, [Problem("test-failed", f"[{index}].spans", f"cannot be sent: {error}")], {})
    got = _got(seen, trace_id, begin_ns)
    if got is None:
        return Outcome(test.name, [Problem("test-failed", f"[{index}].spans", "all spans were refused")], {})
    problems = judge(test.expect, got, policies)
    placed = [Problem("test-failed", f"[{index}].expect{one.path}", one.message, one.hint) for one in problems]
    return Outcome(test.name, placed, got.trace)


def _replay(engine: CoreEngine, seen: _Seen, arrivals: list[Arrival]) -> None:
    replay = Replay(engine, seen.take)
    for arrival in arrivals:
        replay.take("the trace", arrival.payload, arrival.time_ns)
    replay.advance(None)


def _got(seen: _Seen, trace_id: str, begin_ns: int) -> Got | None:
    own = [record for record in seen.traces if record["trace_id"] == trace_id]
    decided = [record for record in own if not record["late"]]
    if not decided:
        return None
    late = sum(record["spans"] for record in own if record["late"])
    spans = [
        span
        for payload in seen.payloads
        for resource in json.loads(otlp_to_json("traces", payload))["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
        if span["traceId"] == trace_id
    ]
    waited = datetime.fromisoformat(decided[0]["decided"]).timestamp() - begin_ns / SECOND
    calls = [record for record in seen.calls if record["trace_id"] == trace_id]
    return Got(decided[0], calls, spans, late, waited)


def _begin_ns(test: Scenario) -> int:
    begin = test.time or datetime.combine(date.fromisoformat(shipped().built), time(12), UTC)
    return round(begin.timestamp()) * SECOND
