"""Content, log records and estimates through the real process: what a sender sends, and what a backend gets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.e2e.conftest import Enricher, Start
from tests.e2e.test_receive_export import call, post, to
from tests.oracle.values import plain
from tests.support.engines import request_of
from tests.support.sinks import GrpcSink
from tests.support.spans import key_values
from tests.support.waiting import wait_until

ASKED = "Mail anna@example.com from 192.0.2.7 with key sk-proj-4kT9xW2mQ8vL5nR7pZ3s about card 4111 1111 1111 1111."
GONE = ("anna@", "192.0.2.7", "sk-proj", "4111")
MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": ASKED}]}])


@pytest.fixture
def sink() -> Iterator[GrpcSink]:
    one = GrpcSink()
    yield one
    one.stop()


def _span(attributes: dict[str, Any]) -> bytes:
    now = time.time_ns()
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat", start_time_unix_nano=now - 10**9)
    span.end_time_unix_nano = now
    span.attributes.extend(
        key_values({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", **attributes})
    )
    return request_of(span, resource={"service.name": "shop"}, scope="app")


def _log(name: str, attributes: dict[str, Any], body: str = "") -> bytes:
    record = LogRecord(event_name=name, trace_id=b"t" * 16, span_id=b"s" * 8, time_unix_nano=time.time_ns())
    record.attributes.extend(key_values(attributes))
    if body:
        record.body.string_value = body
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add(log_records=[record])
    return request.SerializeToString()


def _exported(sink: GrpcSink) -> dict[str, Any]:
    wait_until(lambda: sink.spans() == ["chat"])
    request = ExportTraceServiceRequest.FromString(sink.bodies("traces")[0])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    return {item.key: plain(item.value) for item in span.attributes}


def _logs(sink: GrpcSink) -> bytes:
    wait_until(lambda: bool(sink.bodies("logs")))
    return sink.bodies("logs")[0]


def _start(start: Start, sink: GrpcSink, **normalize: Any) -> Enricher:
    return start(exporters={"otlp_grpc": to(sink)}, normalize=normalize)


def test_what_is_redacted_reaches_no_backend(start: Start, sink: GrpcSink) -> None:
    enricher = _start(start, sink, content="redact")
    usage = {"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 3}
    assert call(enricher, _span({"gen_ai.input.messages": MESSAGES, **usage})) is not None
    assert post(enricher, _log("gen_ai.user.message", {"gen_ai.system": "openai"}, MESSAGES), "/v1/logs").status == 200
    out = _exported(sink)
    (message,) = json.loads(out["gen_ai.input.messages"])
    assert message["parts"][0]["content"] == "Mail [EMAIL] from [IP] with key [SECRET] about card [CARD]."
    assert out["gen_ai.usage.cost"] > 0
    logs = _logs(sink)
    assert not any(text.encode() in logs for text in GONE)
    assert enricher.metric("enricher_content_values_total", action="redacted", kind="card") == 2
    assert enricher.stop() == 0


def test_a_log_record_over_http_fills_a_span_over_grpc_and_passes_on(start: Start, sink: GrpcSink) -> None:
    enricher = _start(start, sink)
    details = {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
    }
    body = _log("gen_ai.client.inference.operation.details", details)
    assert post(enricher, body, "/v1/logs").status == 200
    call(enricher, _span({"gen_ai.provider.name": "openai"}))
    out = _exported(sink)
    assert (out["gen_ai.usage.input_tokens"], out["enricher.cost.state"]) == (1000, "computed")
    assert _logs(sink) == body
    assert enricher.metric("enricher_log_events_total", outcome="joined") == 1
    assert enricher.stop() == 0


def test_a_stream_that_nobody_counted_is_counted_from_its_content(start: Start, sink: GrpcSink) -> None:
    enricher = _start(start, sink)
    answer = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Paris."}]}])
    # Without a reason to end, nothing shows that the stream was not given up.
    ended = {"gen_ai.response.finish_reasons": ["stop"]}
    call(enricher, _span({"gen_ai.input.messages": MESSAGES, "gen_ai.output.messages": answer, **ended}))
    out = _exported(sink)
    assert out["gen_ai.usage.output_tokens"] == 2
    assert 30 < out["gen_ai.usage.input_tokens"] < 70
    assert (out["enricher.usage.estimated"], out["enricher.cost.state"]) == (True, "estimated")
    assert enricher.metric("enricher_token_estimates_total", outcome="counted") == 1
    assert enricher.stop() == 0
