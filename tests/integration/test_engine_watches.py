"""Loops and bursts seen as spans arrive, conditions on one span, and health checks, through the engine's door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from tests.support.engines import CHAT, NOW, SECOND, drained, engine, metric, plan, request_of, span, spans_of


def text_of(*policies: dict[str, Any], **sampling: Any) -> str:
    named = [{"name": f"p{at}", **policy} for at, policy in enumerate(policies)]
    return json.dumps({"sampling": {"policies": named, **sampling}})


def kept(core: CoreEngine) -> set[int]:
    return {int.from_bytes(one.trace_id, "big") for one in spans_of(drained(core))}


def tool(trace: int, number: int, arguments: str, start: int = NOW) -> bytes:
    facts = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.arguments": arguments,
    }
    return request_of(span(trace, number, 1, facts, start=start))


def test_a_loop_is_seen_while_its_trace_is_open_and_keeps_it() -> None:
    text = text_of({"type": "runaway", "runaway": {"repeats": 5}})
    core = engine(text)
    for number in range(2, 6):
        core.ingest(tool(1, number, '{"q": 1}'), NOW)
    assert metric(core, "llm_runaway_detections_total", "p0", "loop") == 0
    core.replace_plan(plan(text))
    core.ingest(tool(1, 6, '{"q": 1}'), NOW)
    assert metric(core, "llm_runaway_detections_total", "p0", "loop") == 1
    assert metric(core, "llm_runaway_active", "p0") == 1
    for number in range(2, 30):
        core.ingest(tool(2, number, f'{{"q": {number}}}'), NOW)
    assert kept(core) == {1}


def test_a_loop_that_goes_on_after_the_verdict_is_seen_too() -> None:
    core = engine(text_of({"type": "runaway", "runaway": {"repeats": 5}}))
    core.ingest(request_of(span(1, 1, 0, CHAT)), NOW)
    assert kept(core) == set()
    for number in range(2, 8):
        core.ingest(tool(1, number, "{}"), NOW + 60 * SECOND)
    assert metric(core, "llm_runaway_detections_total", "p0", "loop") == 1


def test_a_burst_of_spend_of_a_session_over_its_traces() -> None:
    # A call costs 0.0035 USD.
    core = engine(text_of({"type": "runaway", "runaway": {"per": "session", "usd": 0.02, "repeats": None}}))
    for trace in range(1, 11):
        session = "burning" if trace <= 6 else "calm"
        facts = {**CHAT, "gen_ai.conversation.id": session}
        core.ingest(request_of(span(trace, 1, 0, facts)), NOW)
    assert metric(core, "llm_runaway_detections_total", "p0", "spend") == 1
    assert kept(core) == {1, 2, 3, 4, 5, 6}


def condition(key: str, value: str, **more: Any) -> dict[str, Any]:
    return {"type": "string_attribute", "string_attribute": {"key": key, "values": [value], **more}}


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([condition("a", "x"), condition("b", "y")], {1, 5}),
        ([condition("a", "x"), condition("b", "y", invert_match=True)], {2, 3}),
        ([condition("a", "x"), {"type": "not", "not": {"not_sub_policy": condition("b", "y")}}], {2, 3}),
        ([condition("a", "x"), {"type": "status_code", "status_code": {"status_codes": ["ERROR"]}}], {3}),
        ([condition("service.name", "shop"), condition("b", "y")], {1, 2, 5}),
        ([condition("service.name", "other"), condition("b", "y")], set()),
    ],
)
def test_conditions_that_one_span_has_to_satisfy(parts: list[dict[str, Any]], wanted: set[int]) -> None:
    core = engine(text_of({"type": "and", "and": {"same_span": True, "and_sub_policy": parts}}))
    traces = {
        1: [span(1, 1, 0, {"a": "x", "b": "y"})],
        2: [span(2, 1, 0, {"a": "x"}), span(2, 2, 1, {"b": "y"}, error=True)],
        3: [span(3, 1, 0, {"a": "x"}, error=True)],
        4: [span(4, 1, 0, {"c": "x"}, error=True)],
        5: [span(5, 1, 0, {"c": "x"}), span(5, 2, 1, {"a": "x", "b": "y"})],
    }
    for spans in traces.values():
        core.ingest(request_of(*spans, resource={"service.name": "shop"}), NOW)
    assert kept(core) == wanted


@pytest.mark.parametrize(
    ("attributes", "probe"),
    [
        ({"url.path": "/healthz"}, True),
        ({"http.target": "/api/v1/health?full=1"}, True),
        ({"http.route": "/actuator/health/liveness"}, True),
        ({"rpc.service": "grpc.health.v1.Health"}, True),
        ({"user_agent.original": "kube-probe/1.30"}, True),
        ({"http.route": "/api/v1/ping"}, True),
        ({"rpc.method": "grpc.health.v1.Health/Check"}, True),
        ({"url.full": "https://shop.example:8080/healthz"}, True),
        ({"http.url": "http://10.0.0.7:8080/api/v1/health?verbose=1"}, True),
        ({"http.url": "/actuator/health"}, True),
        ({"http.target": "/readyz?exclude=db"}, True),
        ({"url.full": "http://x:80/ready?x=1"}, True),
        ({"url.path": "/products/ready"}, False),
        ({"http.path": "/checkout/healthz"}, True),
        ({"http.route": "/checkout-service/health"}, True),
        ({"url.full": "http://shop:50051/grpc.health.v1.Health/Check"}, True),
        ({"http.useragent": "ELB-HealthChecker/2.0"}, True),
        ({"user_agent": "Envoy/HC"}, True),
        ({"url.path": "/healthcare"}, False),
        ({"url.path": "/products/health"}, False),
        ({"url.full": "https://healthz.example/ask"}, False),
        ({"url.full": "https://shop.example/ask?next=/healthz"}, False),
        ({"http.url": "https://shop.example/sign/up"}, False),
        ({"http.url": "https://shop.example/api/users/ping?x=1"}, False),
        ({"http.url": "/ask#/healthz"}, False),
        ({"http.route": "/sign/up"}, False),
        ({"http.route": "/api/users/ping"}, False),
        ({"http.route": "/kyc/liveness"}, False),
        ({"url.path": "/chat/ping-pong"}, False),
        ({"user_agent.original": "curl kube-probe/1.30"}, False),
        ({"url.path": "/healthz", **CHAT}, False),
    ],
)
def test_health_checks_go_and_everything_else_stays(attributes: dict[str, Any], probe: bool) -> None:
    core = engine('{"sampling": {"drop_health_checks": true}}')
    core.ingest(request_of(span(1, 1, 0, attributes)), NOW)
    core.ingest(request_of(span(2, 1, 0, {"url.path": "/ask"}), span(2, 2, 1, {"url.path": "/healthz"})), NOW)
    assert kept(core) == ({2} if probe else {1, 2})
