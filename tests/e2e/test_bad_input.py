"""Whatever comes in, the answer is clear, the service stays, and the other spans of the request arrive."""

from __future__ import annotations

import gzip
import math
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.wire import wrap
from tests.e2e.conftest import Enricher, Start
from tests.e2e.test_receive_export import call, post, to
from tests.support import otlp
from tests.support.sinks import GrpcSink
from tests.support.waiting import wait_until

MIB = 1 << 20


@pytest.fixture
def sink() -> Iterator[GrpcSink]:
    one = GrpcSink()
    yield one
    one.stop()


@pytest.fixture
def enricher(start: Start, sink: GrpcSink) -> Enricher:
    large = {"max_recv_msg_size_mib": 64}
    return start(
        receivers={"otlp": {"protocols": {"grpc": large}}},
        exporters={"otlp_grpc": to(sink)},
        metrics={"label_limit": 50},
    )


def still_works(enricher: Enricher, sink: GrpcSink) -> None:
    """A good request comes through, and nothing broke inside."""
    name = f"after {time.monotonic_ns()}"
    call(enricher, otlp.traces(name=name))
    wait_until(lambda: name in sink.spans())
    assert enricher.metric("enricher_core_faults_total") == 0
    assert "Traceback" not in enricher.log


def with_neighbor(name: str, change: Callable[[Span], object]) -> bytes:
    """Two spans of two traces in one request: `change` works on the first, the second is called `name`."""
    request = otlp.trace_request(1, name="odd")
    spans = request.resource_spans[0].scope_spans[0].spans
    change(spans[0])
    spans.append(otlp.trace_request(1, name=name).resource_spans[0].scope_spans[0].spans[0])
    return request.SerializeToString()


def attribute(key: str, **value: Any) -> Callable[[Span], None]:
    def change(span: Span) -> None:
        pair = span.attributes.add(key=key)
        for kind, content in value.items():
            setattr(pair.value, kind, content)

    return change


def test_requests_that_are_cut_off_anywhere_are_refused_and_touch_nothing(enricher: Enricher, sink: GrpcSink) -> None:
    body = otlp.traces(2, name="never whole")
    # A cut right after the last field of a level leaves a message that is whole, only smaller; these are not.
    for length in range(1, len(body) - 1, 7):
        answer = post(enricher, body[:length])
        assert answer.status == 400, length
        with pytest.raises(grpc.RpcError) as refused:
            call(enricher, body[:length])
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    still_works(enricher, sink)
    assert "never whole" not in sink.spans()


def test_random_bytes_are_refused(enricher: Enricher, sink: GrpcSink) -> None:
    assert post(enricher, b"\xff" * 1000).status == 400
    assert post(enricher, b"{not json", **{"content-type": "application/json"}).status == 400
    assert post(enricher, b"[" * 100_000, **{"content-type": "application/json"}).status == 400
    assert post(enricher, b"\xff" * 1000, "/v1/metrics").status == 400
    assert post(enricher, b"\xff" * 1000, "/v1/logs").status == 400
    still_works(enricher, sink)


def test_requests_of_100_mb_are_refused_and_leave_no_memory_behind(enricher: Enricher, sink: GrpcSink) -> None:
    still_works(enricher, sink)
    before = enricher.memory_mib()
    huge = otlp.traces(1, text="x" * (100 * MIB))
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as refused:
            call(enricher, huge)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert post(enricher, huge).status == 413
    still_works(enricher, sink)
    assert enricher.memory_mib() - before < 150


def test_a_span_larger_than_an_export_request_goes_out_alone(enricher: Enricher, sink: GrpcSink) -> None:
    call(enricher, otlp.traces(1, name="large", text="x" * (30 * MIB)))
    wait_until(lambda: "large" in sink.spans())
    still_works(enricher, sink)


def test_compressed_bombs_are_refused_over_http_and_grpc(enricher: Enricher, sink: GrpcSink) -> None:
    bomb = gzip.compress(bytes(512 * MIB))
    assert post(enricher, bomb, **{"content-encoding": "gzip"}).status == 413
    with grpc.insecure_channel(
        enricher.address("otlp_grpc"), options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        method = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            method(bytes(200 * MIB), timeout=30, compression=grpc.Compression.Gzip)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    still_works(enricher, sink)


def test_spans_without_usable_ids_are_rejected_one_by_one(enricher: Enricher, sink: GrpcSink) -> None:
    def no_trace_id(span: Span) -> None:
        span.trace_id = bytes(16)

    def short_span_id(span: Span) -> None:
        span.span_id = b"abc"

    for number, change in enumerate((no_trace_id, short_span_id)):
        answer = ExportTraceServiceResponse.FromString(call(enricher, with_neighbor(f"neighbor {number}", change)))
        assert answer.partial_success.rejected_spans == 1
        assert answer.partial_success.error_message
    wait_until(lambda: {"neighbor 0", "neighbor 1"} <= set(sink.spans()))
    assert "odd" not in sink.spans()


def end_before_start(span: Span) -> None:
    span.start_time_unix_nano, span.end_time_unix_nano = span.end_time_unix_nano, span.start_time_unix_nano - 10**12


def ten_thousand_attributes(span: Span) -> None:
    for number in range(10_000):
        span.attributes.add(key=f"key.{number}").value.int_value = number


MODEL = {"key": "gen_ai.request.model", "string_value": "gpt-4o"}
ODD: dict[str, Callable[[Span], object]] = {
    "end before start": end_before_start,
    "10,000 attributes": ten_thousand_attributes,
    "negative tokens": attribute("gen_ai.usage.input_tokens", int_value=-5),
    "nan tokens": attribute("gen_ai.usage.input_tokens", double_value=math.nan),
    "infinite tokens": attribute("gen_ai.usage.input_tokens", double_value=math.inf),
    "10^30 tokens": attribute("gen_ai.usage.input_tokens", double_value=1e30),
    "2^63 tokens": attribute("gen_ai.usage.output_tokens", int_value=2**63 - 1),
    "tokens as text": attribute("gen_ai.usage.input_tokens", string_value="many"),
    "a model of 1 MB": attribute("gen_ai.request.model", string_value="m" * 1_000_000),
    "an empty model": attribute("gen_ai.request.model", string_value=""),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_spans_and_their_neighbors_come_through(what: str, enricher: Enricher, sink: GrpcSink) -> None:
    def change(span: Span) -> None:
        attribute("gen_ai.operation.name", string_value="chat")(span)
        ODD[what](span)

    assert call(enricher, with_neighbor("neighbor", change)) == b""
    wait_until(lambda: sorted(sink.spans()) == ["neighbor", "odd"])
    still_works(enricher, sink)


def raw_span(*attributes: bytes) -> bytes:
    """A request with one span written by hand, for what the protobuf library refuses to write."""
    request = otlp.trace_request(1, name="by hand")
    span = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    return wrap(1, wrap(2, wrap(2, span, *attributes)))


def test_invalid_utf8_goes_through_or_is_refused_clearly(enricher: Enricher, sink: GrpcSink) -> None:
    bad = b"gpt-\xff\xfe"
    body = raw_span(wrap(9, wrap(1, b"gen_ai.request.model"), wrap(2, wrap(1, bad))))
    assert post(enricher, body).status in (200, 400)
    still_works(enricher, sink)


def test_nesting_of_1000_levels_goes_through_or_is_refused_clearly(enricher: Enricher, sink: GrpcSink) -> None:
    value = wrap(1, b"deep")
    for _ in range(1000):
        value = wrap(5, wrap(1, value))
    answer = post(enricher, raw_span(wrap(9, wrap(1, b"nested"), wrap(2, value))))
    assert answer.status in (200, 400)
    text = '{"arrayValue":{"values":[' * 1000 + "]}}" * 1000
    body = f'{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{text}}}]}}}}]}}'
    assert post(enricher, body.encode(), **{"content-type": "application/json"}).status in (200, 400)
    still_works(enricher, sink)


def test_100_000_model_names_leave_metrics_bounded(enricher: Enricher, sink: GrpcSink) -> None:
    request = ExportTraceServiceRequest()
    for number in range(100_000):
        if number % 10_000 == 0:
            request = otlp.trace_request(1, name="many models")
            spans = request.resource_spans[0].scope_spans[0].spans
            template = spans[0]
        span = Span()
        span.CopyFrom(template)
        span.trace_id = number.to_bytes(16, "big", signed=False) if number else template.trace_id
        attribute("gen_ai.request.model", string_value=f"model-{number}")(span)
        attribute("gen_ai.operation.name", string_value="chat")(span)
        attribute("gen_ai.usage.input_tokens", int_value=1)(span)
        spans.append(span)
        if number % 10_000 == 9_999:
            call(enricher, request.SerializeToString())
    wait_until(lambda: sum(name == "many models" for name in sink.spans()) >= 100_000, 40)
    scrape = enricher.get("metrics", "/metrics").data.decode()
    named = set(re.findall(r'model="(model-\d+)"', scrape))
    assert 0 < len(named) <= 50
    assert enricher.metric("llm_tokens_total", model="other") > 90_000
    still_works(enricher, sink)
