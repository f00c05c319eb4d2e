"""How much of an attribute is read."""

from __future__ import annotations

import json

import pytest

from tests.support.engines import CHAT, NOW, attributes, engine, metric, request_of, span, spans_of

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
