"""A span of every dialect, made of its documented keys, through the engine: what its call record and the span say."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher import _core
from enricher.normalize.tables import shipped_dialects
from tests.support.engines import NOW, SECOND, engine, plan, spans_of
from tests.support.spans import key_values

FIXTURES: list[dict[str, Any]] = [
    fixture
    for file in sorted(Path(__file__).with_name("dialects").glob("*.yaml"))
    for fixture in yaml.safe_load(file.read_text())
]
IDS = [f"{fixture['dialect']}: {fixture['says']}" for fixture in FIXTURES]
#: Where the facts of a call record stand on the counted span.
CANONICAL = {
    "provider": "gen_ai.provider.name",
    "operation": "gen_ai.operation.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "streaming": "gen_ai.request.stream",
    "error_class": "enricher.error.class",
    "http_status": "http.response.status_code",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "session_id": "gen_ai.conversation.id",
    "user_id": "user.id",
    "tenant_id": "enricher.tenant.id",
    "feature": "enricher.feature",
    "agent_id": "gen_ai.agent.id",
    "prompt_name": "gen_ai.prompt.name",
    "prompt_version": "gen_ai.prompt.version",
    "variant": "enricher.variant",
}
#: A fixture's span lasts two seconds, inside its parent; `after` moves it behind its sibling.
LASTS = 2 * SECOND


def request(number: int, fixture: dict[str, Any]) -> bytes:
    """The fixture as a trace of its own from a process of its own."""
    message = ExportTraceServiceRequest()
    for order, given in enumerate(fixture["spans"], 1):
        resource_spans = message.resource_spans.add()
        resource = {"service.name": "app", "service.instance.id": str(number), **given.get("resource", {})}
        resource_spans.resource.attributes.extend(key_values(resource))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = given["scope"]
        parent = given.get("parent", 0)
        start = NOW + given.get("after", 0) * LASTS
        span = Span(
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=order.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            name=given["name"],
            kind=Span.SpanKind.Value(f"SPAN_KIND_{given.get('kind', 'internal').upper()}"),
            start_time_unix_nano=start,
            end_time_unix_nano=start + LASTS,
        )
        if given.get("error"):
            span.status.code = span.status.STATUS_CODE_ERROR
            span.status.message = given["error"] if isinstance(given["error"], str) else ""
        span.attributes.extend(key_values(given["attributes"]))
        for name, attributes in given.get("events", []):
            span.events.add(name=name, time_unix_nano=start).attributes.extend(key_values(attributes))
        scope_spans.spans.append(span)
    return message.SerializeToString()


def told(span: Span) -> dict[str, Any]:
    """All attributes of a span; lists as lists."""
    found: dict[str, Any] = {}
    for pair in span.attributes:
        assert pair.key not in found, f"{pair.key} stands twice"
        kind = pair.value.WhichOneof("value")
        if kind == "array_value":
            found[pair.key] = [item.string_value for item in pair.value.array_value.values]
        elif kind:
            found[pair.key] = getattr(pair.value, kind)
    return found


Calls = list[dict[str, Any]]


@cache
def processed() -> tuple[dict[int, Calls], dict[int, dict[int, dict[str, Any]]]]:
    """For each fixture its call records, in the order of their spans, and the attributes of each span by its number."""
    core = engine(call_records=True)
    for number, fixture in enumerate(FIXTURES):
        core.ingest(request(number, fixture), NOW)
    calls: dict[int, Calls] = defaultdict(list)
    kept: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    more = True
    while more:
        report = core.drain(NOW)
        more = report.more
        for call in map(json.loads, report.calls.splitlines()):
            calls[int(call["trace_id"], 16) - 1].append(call)
        for span in spans_of(report.payloads):
            kept[int.from_bytes(span.trace_id, "big") - 1][int.from_bytes(span.span_id, "big")] = told(span)
    for found in calls.values():
        found.sort(key=lambda call: str(call["span_id"]))
    return calls, kept


@pytest.mark.parametrize("number", range(len(FIXTURES)), ids=IDS)
def test_documented_spans_become_the_calls_they_are(number: int) -> None:
    fixture = FIXTURES[number]
    every_call, every_span = processed()
    calls, spans = every_call[number], every_span[number]
    assert len(calls) == len(fixture["calls"])
    for call, expected in zip(calls, fixture["calls"], strict=True):
        wanted = {key: value for key, value in expected.items() if key != "span"}
        assert {key: call[key] for key in wanted} == wanted
        if "span" in expected:
            counted = int(call["span_id"], 16)
            assert counted == expected["span"]
            stamped = {CANONICAL[key]: value for key, value in wanted.items() if key in CANONICAL and value is not None}
            assert {key: spans[counted].get(key) for key in stamped} == stamped
    for order, attributes in fixture.get("adds", {}).items():
        assert {key: spans[order].get(key) for key in attributes} == attributes


@cache
def recognized() -> list[list[str]]:
    """For each fixture the dialects of its spans."""
    normalize = json.dumps(json.loads(plan())["normalize"]).encode()
    # Messages one behind the other are one message with all their spans.
    body = b"".join(request(number, fixture) for number, fixture in enumerate(FIXTURES))
    spans = iter(json.loads(_core.Normalizer(normalize).read(body))["spans"])
    return [[next(spans)["dialect"] for _ in fixture["spans"]] for fixture in FIXTURES]


@pytest.mark.parametrize("number", range(len(FIXTURES)), ids=IDS)
def test_the_dialect_is_known_by_its_documented_keys(number: int) -> None:
    fixture = FIXTURES[number]
    # A span with nothing to say about a model is not looked at, and our own attributes are no dialect of their own.
    assert fixture.get("recognized", fixture["dialect"]) in recognized()[number]


def test_every_dialect_has_a_fixture() -> None:
    assert {fixture["dialect"] for fixture in FIXTURES} == {dialect.name for dialect in shipped_dialects()}


#: Dialects of spans that never make a call by themselves: agents, servers and checks beside the calls of others.
NO_CALLS = {"autogen", "tgi", "dynamo", "handwritten_checks"}


def test_every_dialect_has_a_call_that_is_told_in_full() -> None:
    """Provider, operation, model and both token counts of at least one call."""
    told: dict[str, bool] = {fixture["dialect"]: False for fixture in FIXTURES}
    for fixture in FIXTURES:
        for call in fixture["calls"]:
            model = call.get("request_model") or call.get("response_model")
            tokens = call.get("input_tokens") is not None and call.get("output_tokens") is not None
            told[fixture["dialect"]] |= bool(call.get("provider") and call.get("operation") and model and tokens)
    assert {name for name, in_full in told.items() if not in_full} == NO_CALLS
