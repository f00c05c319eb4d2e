"""The life of a trace: what makes it due, what its verdict is applied to, and what is remembered of it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from enricher import _core
from enricher.errors import Overloaded
from enricher.runtime.engine import CoreEngine
from tests.support.engines import CHAT, NOW, SECOND, attributes, drained, engine, metric, request_of, span, spans_of

KEEP = "sampling: {policies: [{name: all, type: always_sample}]}"
ERRORS = "sampling: {policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}"
WAITS = {"decision_wait": 30, "decision_wait_after_root_received": 2}


def sampling(**section: Any) -> str:
    policies = section.pop("policies", [{"name": "all", "type": "always_sample"}])
    return json.dumps({"sampling": {**WAITS, **section, "policies": policies}})


def decided_at(core: CoreEngine, *seconds: float) -> list[int]:
    """Traces decided by ticks so many seconds after NOW."""
    return [core.tick(NOW + round(at * SECOND)).decided for at in seconds]


def trigger(report: _core.TickReport) -> Any:
    """The trigger that the only kept trace names."""
    named = [attributes(one).get("enricher.sampling.trigger") for one in spans_of(report.payloads)]
    assert len([one for one in named if one]) == 1
    return next(one for one in named if one)


def cost(core: CoreEngine) -> str:
    told: str = json.loads(core.summary())["cost_usd"]
    return told


def calls(core: CoreEngine) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(core.summary())["calls"]
    return told


# --- what makes a trace due ---


def test_a_trace_is_decided_a_while_after_its_root_has_come() -> None:
    core = engine(sampling())
    core.ingest(request_of(span(1, 2, 1)), NOW)
    core.ingest(request_of(span(1, 1)), NOW + 5 * SECOND)
    # What comes between does not put it off.
    core.ingest(request_of(span(1, 3, 1)), NOW + 6 * SECOND)
    assert core.next_due_ns() == NOW + 7 * SECOND
    assert decided_at(core, 6.99) == [0]
    report = core.tick(NOW + 7 * SECOND)
    assert (report.decided, report.kept, trigger(report)) == (1, 1, "root_received")
    assert len(spans_of(report.payloads)) == 3
    assert core.next_due_ns() == 0


def test_a_trace_without_its_root_is_decided_after_the_longer_wait_from_its_first_span() -> None:
    core = engine(sampling())
    core.ingest(request_of(span(1, 2, 1)), NOW)
    core.ingest(request_of(span(1, 3, 1)), NOW + 29 * SECOND)
    assert decided_at(core, 29.99) == [0]
    report = core.tick(NOW + 30 * SECOND)
    assert (report.decided, trigger(report)) == (1, "decision_wait")


def test_a_root_late_in_the_wait_does_not_put_the_decision_off() -> None:
    core = engine(sampling())
    core.ingest(request_of(span(1, 2, 1)), NOW)
    core.ingest(request_of(span(1, 1)), NOW + 29 * SECOND)
    assert decided_at(core, 30) == [1]


def test_without_a_wait_after_the_root_only_the_longer_one_counts() -> None:
    core = engine(sampling(decision_wait_after_root_received=0))
    core.ingest(request_of(span(1, 1)), NOW)
    assert decided_at(core, 0, 29.99, 30) == [0, 0, 1]


def test_a_second_root_changes_nothing() -> None:
    core = engine(sampling())
    core.ingest(request_of(span(1, 1)), NOW)
    core.ingest(request_of(span(1, 2)), NOW + SECOND)
    report = core.tick(NOW + 2 * SECOND)
    assert report.decided == 1
    # One span speaks for the trace.
    assert trigger(report) == "root_received"


def test_more_spans_than_the_limit_decide_at_once_with_a_real_verdict() -> None:
    core = engine(sampling(), trace_spans=10)
    core.ingest(request_of(*(span(1, number, 1) for number in range(2, 12))), NOW)
    assert decided_at(core, 0) == [0]
    core.ingest(request_of(span(1, 12, 1)), NOW)
    report = core.tick(NOW)
    assert (report.decided, trigger(report), report.payload_spans) == (1, "span_limit", [11])
    dropping = engine(ERRORS, trace_spans=10)
    dropping.ingest(request_of(*(span(1, number, 1) for number in range(2, 13))), NOW)
    report = dropping.tick(NOW)
    assert (report.decided, report.kept, report.payloads) == (1, 0, [])


def test_more_bytes_than_the_limit_decide_at_once() -> None:
    core = engine(sampling(), trace_bytes=5000)
    core.ingest(request_of(span(1, 2, 1, {"x": "y" * 4800})), NOW)
    assert decided_at(core, 0) == [0]
    core.ingest(request_of(span(1, 3, 1, {"x": "y" * 200})), NOW)
    report = core.tick(NOW)
    assert (report.decided, trigger(report)) == (1, "byte_limit")


def test_under_memory_pressure_the_oldest_are_decided_by_the_rules() -> None:
    core = engine(ERRORS, buffer_bytes=1_000_000)
    sent, refused = 0, False
    while not refused:
        sent += 1
        one = span(sent, 1, 9, {"x": "y" * 10_000}, error=sent % 2 == 1)
        try:
            core.ingest(request_of(one), NOW + sent)
        except Overloaded:
            refused = True
    assert sent > 80
    report = core.tick(NOW + sent)
    assert 0 < report.decided < sent / 2
    kept = [int.from_bytes(one.trace_id, "big") for one in spans_of(report.payloads)]
    # The oldest, all of them, and of those the ones that the rules keep.
    assert sorted(kept) == list(range(1, report.decided + 1, 2))
    assert {attributes(one)["enricher.sampling.trigger"] for one in spans_of(report.payloads)} == {"memory_pressure"}
    assert metric(core, "enricher_traces_total", "dropped", "memory_pressure") == report.decided // 2
    # What was refused fits now.
    core.ingest(request_of(span(sent, 1, 9, {"x": "y" * 10_000})), NOW + sent)


def test_the_end_decides_everything() -> None:
    core = engine(ERRORS)
    for trace in range(1, 101):
        core.ingest(request_of(span(trace, 1, 9, error=trace % 4 == 0)), NOW)
    kept = spans_of(drained(core))
    assert len(kept) == 25
    assert {attributes(one)["enricher.sampling.trigger"] for one in kept} == {"shutdown"}
    assert metric(core, "enricher_buffer_traces") == 0


def test_a_bounded_tick_says_that_there_is_more_and_loses_nothing() -> None:
    core = engine(sampling())
    for first in range(1, 30_001, 1000):
        core.ingest(request_of(*(span(trace, 1) for trace in range(first, first + 1000))), NOW)
    decided, ticks, spans = 0, 0, 0
    while True:
        report = core.tick(NOW + 2 * SECOND)
        decided, ticks, spans = decided + report.decided, ticks + 1, spans + sum(report.payload_spans)
        if not report.more:
            break
    assert (decided, spans) == (30_000, 30_000)
    assert ticks > 1


# --- spans in any order ---


def test_spans_of_a_trace_come_in_any_order_and_any_request() -> None:
    shuffled = random.Random(3)
    for _ in range(20):
        core = engine(ERRORS)
        spans = [
            span(trace, number, number - 1, error=trace == 2 and number == 4)
            for trace in (1, 2, 3)
            for number in range(1, 9)
        ]
        shuffled.shuffle(spans)
        while spans:
            count = shuffled.randint(1, 6)
            core.ingest(request_of(*spans[:count]), NOW + len(spans))
            del spans[:count]
        report = core.drain(NOW)
        kept = spans_of(report.payloads)
        assert (report.decided, report.kept) == (3, 1)
        assert sorted(one.span_id[-1] for one in kept) == list(range(1, 9))
        assert {one.trace_id[-1] for one in kept} == {2}


def test_ends_out_of_order_and_before_starts_still_make_a_duration() -> None:
    slow = {"name": "slow", "type": "latency", "latency": {"threshold_ms": 5000}}
    core = engine(sampling(policies=[slow]))
    core.ingest(request_of(span(1, 2, 1, start=NOW + 2500 * 10**6, ms=3000)), NOW)
    core.ingest(request_of(span(1, 1, start=NOW, ms=3000)), NOW)
    core.ingest(request_of(span(2, 1, start=NOW, ms=4500)), NOW)
    core.ingest(request_of(span(3, 1, start=NOW, ms=5000)), NOW)
    backwards = span(4, 1, start=NOW)
    backwards.end_time_unix_nano = NOW - 60 * SECOND
    timeless = span(5, 1)
    timeless.start_time_unix_nano = 0
    core.ingest(request_of(backwards, timeless), NOW)
    assert {one.trace_id[-1] for one in spans_of(drained(core))} == {1}


def test_the_same_span_twice_is_forwarded_twice_and_counted_once() -> None:
    once, twice = engine(KEEP), engine(KEEP)
    payload = request_of(span(1, 1, 0, CHAT))
    once.ingest(payload, NOW)
    drained(once)
    twice.ingest(payload, NOW)
    twice.ingest(payload, NOW)
    assert len(spans_of(drained(twice))) == 2
    assert cost(twice) == cost(once) != "0"
    assert calls(twice)["counted"] == 1
    # … and once more after the verdict.
    twice.ingest(payload, NOW + 60 * SECOND)
    assert len(spans_of(drained(twice, NOW + 60 * SECOND))) == 1
    assert cost(twice) == cost(once)
    assert calls(twice)["counted"] == 1


# --- late spans ---


@pytest.mark.parametrize("keep", [True, False])
def test_late_spans_follow_the_verdict_are_priced_and_counted_once(keep: bool) -> None:
    core = engine(KEEP if keep else ERRORS, call_records=True)
    core.ingest(request_of(span(1, 1, 0, CHAT)), NOW)
    assert core.drain(NOW).kept == keep
    before = calls(core)["counted"]
    # An error would have kept it: too late. The verdict that was carried out stands.
    late = NOW + 60 * SECOND
    core.ingest(request_of(span(1, 2, 1, CHAT, start=late, error=True)), late)
    core.ingest(request_of(span(1, 3, 1)), late)
    assert decided_at(core, 60.5) == [0]
    report = core.tick(late + SECOND)
    found = spans_of(report.payloads)
    assert len(found) == (2 if keep else 0)
    assert report.decided == 0
    assert (before, calls(core)["counted"]) == (1, 2)
    records = [json.loads(line) for line in report.calls.splitlines()]
    assert [(one["sampled"], one["cost_usd"] is not None) for one in records] == [(keep, True)]
    assert metric(core, "enricher_late_spans_total", "kept" if keep else "dropped") == 2
    assert json.loads(core.summary())["traces"] == {"in": 1, "kept": int(keep), "dropped": int(not keep)}
    if keep:
        told = attributes(found[0]) | attributes(found[1])
        assert told["enricher.cost.state"] == "computed"
        assert {one.trace_state for one in found} == {"ot=th:0"}


def test_late_spans_carry_the_threshold_of_their_trace() -> None:
    half = {"name": "half", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}}
    core = engine(sampling(policies=[half]))
    kept, dropped = (1 << 56) - 1, 1
    core.ingest(request_of(span(kept, 1), span(dropped, 1)), NOW)
    assert len(spans_of(drained(core))) == 1
    core.ingest(request_of(span(kept, 2, 1), span(dropped, 2, 1)), NOW + SECOND)
    found = spans_of(drained(core))
    assert [(int.from_bytes(one.trace_id, "big"), one.trace_state) for one in found] == [(kept, "ot=th:8")]


def test_a_late_report_of_a_counted_call_is_no_second_call() -> None:
    core = engine(KEEP)
    core.ingest(request_of(span(1, 1, 0, {**CHAT, "gen_ai.response.id": "resp-1"}), scope="inner"), NOW)
    drained(core)
    core.ingest(request_of(span(1, 2, 1, {**CHAT, "gen_ai.response.id": "resp-1"}), scope="outer"), NOW + SECOND)
    late = spans_of(drained(core))
    assert calls(core)["counted"] == 1
    assert attributes(late[0])["enricher.duplicate_of"] == "0000000000000001"


def test_a_forgotten_verdict_is_taken_anew() -> None:
    errors = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    sizes = {"sampled_cache_size": 1, "non_sampled_cache_size": 1}
    core = engine(sampling(policies=[errors], decision_cache=sizes), shards=1)
    for trace in (1, 2):
        core.ingest(request_of(span(trace, 1)), NOW)
        drained(core)
    # The verdict on 1 was pushed out by that on 2.
    core.ingest(request_of(span(1, 2, 1, error=True), span(2, 2, 1, error=True)), NOW)
    assert [one.trace_id[-1] for one in spans_of(drained(core))] == [1]


def test_caches_of_no_size_remember_nothing() -> None:
    core = engine(sampling(decision_cache={"sampled_cache_size": 0, "non_sampled_cache_size": 0}))
    core.ingest(request_of(span(1, 1)), NOW)
    assert core.drain(NOW).decided == 1
    core.ingest(request_of(span(1, 2, 1)), NOW)
    assert core.drain(NOW).decided == 1


def test_a_trace_that_hit_its_limit_goes_on_as_late_spans() -> None:
    core = engine(sampling(), trace_spans=5)
    numbers = iter(range(1, 1000))
    for _ in range(10):
        core.ingest(request_of(*(span(1, next(numbers), 999, CHAT) for _ in range(6))), NOW)
        core.tick(NOW)
    assert calls(core)["counted"] == 60
    assert json.loads(core.summary())["traces"]["in"] == 1
    assert json.loads(core.summary())["spans"] == {"in": 60, "kept": 60, "rejected": 0}


# --- what a panic or an odd clock may not do ---


def test_a_clock_that_runs_backwards_decides_nothing_early_and_nothing_twice() -> None:
    core = engine(sampling())
    core.ingest(request_of(span(1, 1)), NOW)
    assert core.tick(NOW - 3600 * SECOND).decided == 0
    core.ingest(request_of(span(2, 1)), NOW - 3600 * SECOND)
    assert core.tick(NOW - 3598 * SECOND).decided == 1
    assert core.tick(NOW + 2 * SECOND).decided == 1
    assert core.tick(2**64 - 1).decided == 0


def test_times_at_the_end_of_the_range_are_no_trouble() -> None:
    core = engine(sampling())
    core.ingest(request_of(span(1, 1)), 2**64 - 1)
    assert core.tick(2**64 - 1).decided == 1
