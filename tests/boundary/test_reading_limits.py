"""How much of an attribute is read."""

from __future__ import annotations

import json

import pytest

from tests.support.engines import CHAT, NOW, SECOND, attributes, drained, engine, metric, request_of, span, spans_of
from tests.support.wire import varint

NAME = "s" * 1500


@pytest.mark.parametrize(("kib", "taken"), [(1, 1024), (2, 1500)])
def test_a_fact_is_as_long_as_attributes_may_be(kib: int, taken: int) -> None:
    core = engine(f"limits: {{attribute_kib: {kib}}}", call_records=True)
    core.ingest(request_of(span(1, 1, attributes=CHAT | {"session.id": NAME})), NOW)
    report = core.drain(NOW)
    assert json.loads(report.calls)["session_id"] == NAME[:taken]
    assert metric(core, "enricher_anomalies_total", "oversize_text") == (taken < len(NAME))
    [left] = spans_of(report.payloads)
    assert attributes(left)["session.id"] == NAME


def test_conditions_see_all_of_an_attribute() -> None:
    matching = {"key": "prompt", "values": ["needle$"], "enabled_regex_matching": True}
    policies = [{"name": "n", "type": "string_attribute", "string_attribute": matching}]
    core = engine(json.dumps({"limits": {"attribute_kib": 1}, "sampling": {"policies": policies}}))
    core.ingest(request_of(span(1, 1, attributes={"prompt": "x" * 200_000 + "needle"})), NOW)
    core.ingest(request_of(span(2, 1, attributes={"prompt": "x" * 200_000})), NOW)
    assert [left.trace_id[-1] for left in spans_of(core.drain(NOW).payloads)] == [1]


def test_of_many_empty_spans_as_many_are_read_as_a_request_may_have() -> None:
    core = engine("limits: {request_spans: 1000}")
    spans = [span(1, number) for number in range(1, 4)]
    # Behind three that can be taken, spans of two bytes.
    empty = b"\x12\x00" * 5000
    for number in (2, 1):
        empty = bytes([number << 3 | 2]) + varint(len(empty)) + empty
    report = core.ingest(request_of(*spans) + 2 * empty, NOW)
    assert (report.accepted, report.rejected) == (3, 10_000)
    assert "trace and span ids" in report.message
    many = core.ingest(request_of(*(span(2, number) for number in range(1, 1502))), NOW)
    assert (many.accepted, many.rejected) == (1000, 501)
    assert "limits.request_spans" in many.message
    assert metric(core, "enricher_spans_rejected_total") == 10_501


def test_a_tick_hands_over_when_it_has_carried_out_so_many_traces_of_late_spans() -> None:
    core = engine("sampling: {decision_cache: {sampled_cache_size: 100000}}")
    traces = range(1, 6001)
    core.ingest(request_of(*(span(trace, 1) for trace in traces)), NOW)
    drained(core)
    core.ingest(request_of(*(span(trace, 2, 1) for trace in traces)), NOW)
    first = core.tick(NOW + 100 * SECOND)
    assert first.more
    assert len(spans_of(first.payloads)) < 2100
