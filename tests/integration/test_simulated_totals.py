"""Totals that `enricher simulate` tells of traces that were sampled before, or that fail after their verdict."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from enricher.runtime.replay import Replay
from enricher.simulate.tally import Tally
from tests.support.engines import NOW, SECOND, engine, request_of, span

RULES = "sampling: {{ decision_wait: 10s, decision_wait_after_root_received: 5s, policies: [{}] }}"
ALL = "{ name: all, type: always_sample }"
RANGE = 1 << 56
HALF, EIGHTH = ("ot=th:8", RANGE >> 1), ("ot=th:e", RANGE // 8 * 7)


def percent(share: float) -> str:
    return f"{{ name: some, type: probabilistic, probabilistic: {{ sampling_percentage: {share} }} }}"


def core_of(policy: str) -> CoreEngine:
    return engine(RULES.format(policy), trace_records=True)


def simulated(core: CoreEngine, *requests: bytes) -> dict[str, Any]:
    """What is told of these requests."""
    tally = Tally([], costly_usd=0.1, slow_ms=None)
    replay = Replay(core, tally.take)
    for request in requests:
        replay.take("the input", request)
    replay.finish()
    return tally.result()


def sampled_before(count: int, source: random.Random, *states: tuple[str, int]) -> list[bytes]:
    """Requests of `count` traces that passed each of these thresholds in turn; a trace has one to three spans."""
    requests = []
    for number in range(1, count + 1):
        state, passed = states[number % len(states)]
        trace = number << 56 | source.randrange(passed, RANGE)
        spans = [span(trace, at, parent=at - 1, state=state) for at in range(1, 2 + number % 3)]
        requests.append(request_of(*spans))
    return requests


@pytest.mark.parametrize("policy", [ALL, percent(50), percent(80)])
def test_what_a_policy_takes_nothing_away_from_has_no_error(policy: str) -> None:
    told = simulated(core_of(policy), *sampled_before(60, random.Random(1), HALF))
    assert told["kept"]["traces"] == 60
    traces = told["estimates"]["traces"]
    assert (traces["true"], traces["estimated"]) == (120, 120)
    for name in ("traces", "spans"):
        one = told["estimates"][name]
        assert (one["expected_error"], one["actual_error"], one["uniform_error"], one["blind"]) == (0, 0, 0, 0)


def test_the_error_of_traces_sampled_before_is_that_of_many_samples() -> None:
    source, core = random.Random(2), core_of(percent(25))
    found: dict[str, list[float]] = {"traces": [], "spans": []}
    for _ in range(60):
        told = simulated(core, *sampled_before(120, source, ("", 0), HALF, EIGHTH))
        assert told["estimates"]["traces"]["true"] == 40 * (1 + 2 + 8)
        for name, misses in found.items():
            one = told["estimates"][name]
            misses.append(one["actual_error"] / one["expected_error"])
    for misses in found.values():
        assert abs(statistics.fmean(misses)) < 4 / math.sqrt(len(misses))
        assert 0.7 < statistics.stdev(misses) < 1.35


def test_a_threshold_that_cannot_be_true_is_no_sampling() -> None:
    told = simulated(core_of(ALL), request_of(span(1 << 56 | RANGE // 4, 1, state="ot=th:8")))
    assert told["estimates"]["traces"]["true"] == 1


@pytest.mark.parametrize(("policy", "kept"), [(ALL, 1), (percent(10), 0)])
def test_a_trace_that_fails_after_its_verdict_has_failed_once(policy: str, kept: int) -> None:
    trace = 1 << 56 | RANGE // 2
    late = [span(trace, number, parent=1, start=NOW + number * 60 * SECOND, error=True) for number in (2, 3)]
    told = simulated(core_of(policy), request_of(span(trace, 1)), *map(request_of, late))
    assert told["late_spans"] == {"spans": 2, "kept": 2 * kept}
    assert told["classes"]["failed"] == {"traces": 1, "kept": kept, "share": kept}
    assert told["classes"]["other"]["traces"] == 0
    assert told["estimates"]["failed"]["true"] == 1
