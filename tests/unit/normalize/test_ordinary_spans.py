"""Spans of other things, HTTP, databases, messaging, jobs and an app's own, are not taken for model calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tests.oracle.normalize import Span
from tests.support.engines import NOW, drained, engine, spans_of
from tests.support.rooms import normalizer
from tests.support.spans import request

CONTENT_ELSEWHERE = (
    *("message", "messages", "message.content", "content", "body", "text", "prompt", "completion", "query"),
    *("input", "output", "raw_input", "response", "result", "arguments", "function_args", "tool_output"),
    *("tool_input", "full_command", "file_path", "request_text", "response_text", "chat_history", "tools"),
    *("system_prompt", "crew_tasks", "hidden_params", "request_data", "user_prompt", "history", "documents"),
)

#: Whole spans after OpenTelemetry's conventions for other things, and after habits of application code.
SPANS: dict[str, dict[str, Any]] = {
    "http server": {
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "http.route": "/v1/models/{id}",
        "url.path": "/v1/models/7",
        "url.full": "https://shop.example.test/v1/models/7?usage=1",
        "url.scheme": "https",
        "server.address": "shop.example.test",
        "server.port": 443,
        "client.address": "192.0.2.7",
        "user_agent.original": "curl/8",
        "network.protocol.version": "1.1",
        "error.type": "503",
        "thread.id": 17,
        "thread.name": "worker-17",
        "user.id": "u-1",
        "session.id": "s-1",
        "enduser.id": "u-1",
        "enduser.pseudo.id": "p-1",
    },
    "http client of a model API": {
        "http.request.method": "POST",
        "url.full": "https://api.openai.com/v1/chat/completions",
        "server.address": "api.openai.com",
        "http.response.status_code": 429,
        "error.type": "429",
        "http.response.header.content-type": ["application/json"],
    },
    "database": {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "db.operation.name": "SELECT",
        "db.collection.name": "models",
        "db.query.text": "SELECT model, input_tokens FROM usage",
        "db.response.returned_rows": 3,
        "db.response.status_code": "42P01",
        "server.address": "db",
        "thread.id": 1,
    },
    "messaging": {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "usage",
        "messaging.message.id": "m-1",
        "messaging.message.conversation_id": "c-1",
        "messaging.batch.message_count": 4,
    },
    "rpc": {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "GetObject", "aws.request_id": "r-1"},
    "function": {"faas.trigger": "http", "faas.invocation_id": "i-1", "cloud.resource_id": "arn:aws:lambda:x"},
    "workflow engine": {
        "workflow.name": "checkout",
        "workflow.id": "w-1",
        "run_id": "r-1",
        "run.id": "r-1",
        "operation.name": "execute",
        "entity.type": "order",
        "organization.id": "o-1",
        "conversation.id": "c-1",
    },
    "datadog's habits": {"span.type": "web", "resource.name": "GET /", "operation.name": "flask.request", "env": "x"},
    "elastic's habits": {"agent.name": "python", "agent.version": "6", "outcome": "success", "tool.name": "cli"},
    "feature flag": {"feature_flag.key": "new-model", "feature_flag.result.variant": "on", "variant": "on"},
    "guardrail of a road": {"error": True, "input": "42", "output": "43", "status_code": 500},
    "car shop": {
        "model": "Golf",
        "model_name": "Golf",
        "provider": "Volkswagen",
        "vendor": "VW",
        "cost": 20000.0,
        "total_cost": 21000.0,
        "speed": 180,
        "request_id": "r-1",
        "response_id": "x-1",
        "session_id": "s-1",
        "user_id": "u-1",
        "tenant_id": "t-1",
        "stream": True,
        "events": "[]",
        "request_data": '{"model": "Golf"}',
        "response_data": '{"price": 3}',
        "metadata": "{}",
        "tags": ["a"],
        "error_type": "OutOfStock",
    },
    "words that are content elsewhere": dict.fromkeys(CONTENT_ELSEWHERE, "a text of the app's own"),
    "machine learning": {"model_id": "churn-7", "model_name": "churn", "features": 12, "score": 0.5, "label": "stays"},
    "video": {"stream": "s-1", "streaming": True, "ttft": 1.0, "speed": "fast", "finish_reason": "ended"},
}


def span_of(attributes: dict[str, Any]) -> Span:
    return Span(attributes, "GET /", "app", {"service.name": "shop"}, start_ns=NOW, end_ns=NOW + 10**9)


@pytest.mark.parametrize("attributes", SPANS.values(), ids=SPANS)
def test_an_ordinary_span_says_nothing_about_a_model(attributes: dict[str, Any]) -> None:
    found = json.loads(normalizer().read(request(span_of(attributes)).SerializeToString()))["spans"][0]
    assert not found["model"], found["facts"]
    assert found["role"] == "none"


@pytest.mark.parametrize("content", ["keep", "drop", "{policy: truncate, truncate_bytes: 16}", "redact"])
def test_ordinary_bytes_come_out_as_they_went_in(content: str) -> None:
    body = request(*(span_of(attributes) for attributes in SPANS.values())).SerializeToString()
    core = engine(f"normalize: {{content: {content}}}")
    core.ingest(body, NOW)
    kept = spans_of(drained(core))
    assert sorted(map(untouched, kept)) == sorted(one.SerializeToString() for one in spans_of([body]))


def untouched(span: OtlpSpan) -> bytes:
    """The span without what sampling writes onto roots."""
    span.trace_state = ""
    ours = [pair for pair in span.attributes if pair.key.startswith(("enricher.sampling.", "enricher.trace."))]
    for pair in ours:
        span.attributes.remove(pair)
    return span.SerializeToString()


words = [(key, value) for attributes in SPANS.values() for key, value in attributes.items()]


@given(st.lists(st.lists(st.sampled_from(words), max_size=12), min_size=10, max_size=20))
@settings(max_examples=20)
def test_any_mixture_of_ordinary_attributes_is_ordinary(spans: list[list[tuple[str, Any]]]) -> None:
    body = request(*(span_of(dict(pairs)) for pairs in spans)).SerializeToString()
    found = json.loads(normalizer().read(body))["spans"]
    assert not any(span["model"] for span in found)
