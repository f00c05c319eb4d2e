"""Real clients in, real backends out: the OpenTelemetry SDK's exporters before, OTLP servers behind."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import urllib3
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from tests.e2e.conftest import Enricher, Start
from tests.support import certs, otlp
from tests.support.sinks import GrpcSink, HttpSink
from tests.support.waiting import wait_until

PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def sink() -> Iterator[GrpcSink]:
    one = GrpcSink()
    yield one
    one.stop()


def to(sink: GrpcSink, **options: Any) -> dict[str, Any]:
    fast = {"retry_on_failure": {"initial_interval": "100ms", "max_interval": "300ms"}}
    return {"endpoint": sink.endpoint, "tls": {"insecure": True}, **fast, **options}


def record(exporter: SpanExporter, *names: str) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    for name in names:
        with tracer.start_as_current_span(name) as span:
            span.set_attribute("gen_ai.request.model", "gpt-4o")
    provider.shutdown()


def post(enricher: Enricher, body: bytes, path: str = "/v1/traces", **headers: str) -> urllib3.BaseHTTPResponse:
    url = f"http://{enricher.address('otlp_http')}{path}"
    return urllib3.request("POST", url, body=body, headers={**PROTOBUF, **headers}, retries=False, timeout=20)


def call(enricher: Enricher, body: bytes, signal: str = "trace.v1.TraceService") -> bytes:
    with grpc.insecure_channel(
        enricher.address("otlp_grpc"), options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        method = channel.unary_unary(f"/opentelemetry.proto.collector.{signal}/Export")
        return bytes(method(body, timeout=20))


def test_spans_of_the_sdk_over_grpc_and_http_reach_the_backend(start: Start, sink: GrpcSink) -> None:
    enricher = start(exporters={"otlp_grpc": to(sink)})
    record(GrpcSpanExporter(endpoint=enricher.address("otlp_grpc"), insecure=True), "over grpc")
    url = f"http://{enricher.address('otlp_http')}/v1/traces"
    record(HttpSpanExporter(endpoint=url), "over http")
    record(HttpSpanExporter(endpoint=url, compression=Compression.Gzip), "over http, gzip")
    wait_until(lambda: sorted(sink.spans()) == ["over grpc", "over http", "over http, gzip"])
    request = ExportTraceServiceRequest.FromString(sink.bodies("traces")[0])
    attributes = {pair.key: pair.value.string_value for pair in request.resource_spans[0].resource.attributes}
    assert attributes["service.name"] == "shop"


def test_json_is_taken_as_well(start: Start, sink: GrpcSink) -> None:
    enricher = start(exporters={"otlp_grpc": to(sink)})
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "in json",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    answer = post(enricher, body, **{"content-type": "application/json"})
    assert (answer.status, answer.json()) == (200, {})
    wait_until(lambda: sink.spans() == ["in json"])


def test_metrics_and_logs_pass_through_untouched(start: Start, sink: GrpcSink) -> None:
    enricher = start(exporters={"otlp_grpc": to(sink)})
    metrics, logs = otlp.metrics(3), otlp.logs(4)
    assert call(enricher, metrics, "metrics.v1.MetricsService") == b""
    assert post(enricher, gzip.compress(logs), "/v1/logs", **{"content-encoding": "gzip"}).status == 200
    wait_until(lambda: len(sink.requests) == 2)
    assert sink.bodies("metrics") == [metrics]
    assert sink.bodies("logs") == [logs]


def test_a_dead_destination_holds_up_nobody_and_its_loss_is_its_own(start: Start, sink: GrpcSink) -> None:
    dead = {"endpoint": "127.0.0.1:1", "tls": {"insecure": True}, "sending_queue": {"queue_size": 2}}
    enricher = start("--shutdown-timeout", "2s", exporters={"otlp_grpc/alive": to(sink), "otlp_grpc/dead": dead})
    for number in range(6):
        call(enricher, otlp.traces(name=f"span {number}"))
        wait_until(lambda number=number: len(sink.spans()) == number + 1)  # type: ignore[misc]
    lost = {"exporter": "otlp_grpc/dead", "reason": "queue_full"}
    assert enricher.metric("enricher_exporter_lost_items_total", **lost) >= 1
    assert enricher.metric("enricher_exporter_lost_items_total", exporter="otlp_grpc/alive") == 0
    assert enricher.stop() == 0
    assert "otlp_grpc/dead: 2 items were not delivered" in enricher.log


def test_a_backend_that_comes_back_gets_what_it_missed(start: Start, sink: GrpcSink) -> None:
    port = sink.port
    enricher = start(exporters={"otlp_grpc": to(sink)})
    sink.stop()
    call(enricher, otlp.traces(name="missed"))
    wait_until(lambda: enricher.metric("enricher_exporter_retries_total") >= 1)
    back = GrpcSink(port=port)
    wait_until(lambda: back.spans() == ["missed"])
    assert enricher.metric("enricher_exporter_lost_items_total") == 0
    back.stop()


def test_unavailable_is_retried_and_invalid_argument_is_not(start: Start) -> None:
    failures = [grpc.StatusCode.UNAVAILABLE] * 2

    def answer(signal: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        if failures:
            context.abort(failures.pop(), "not now")
        if b"refuse me" in body:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"bad {signal}")
        return b""

    sink = GrpcSink(answer)
    enricher = start(exporters={"otlp_grpc": to(sink)})
    call(enricher, otlp.traces(name="retry me"))
    wait_until(lambda: sink.spans() == ["retry me"])
    assert enricher.metric("enricher_exporter_retries_total") == 2
    call(enricher, otlp.traces(name="refuse me"))
    wait_until(lambda: enricher.metric("enricher_exporter_lost_items_total", reason="refused") == 1)
    assert sink.spans() == ["retry me"]
    sink.stop()


def test_http_and_file_destinations_get_the_same_spans(start: Start, tmp_path: Path) -> None:
    sink = HttpSink((429, {"retry-after": "1"}, b""), (200, {}, b""))
    http = {"endpoint": f"http://127.0.0.1:{sink.port}", "compression": "zstd"}
    http["retry_on_failure"] = {"initial_interval": "100ms"}  # type: ignore[assignment]
    enricher = start(exporters={"otlp_http": http, "file": {"path": str(tmp_path / "out" / "traces.jsonl")}})
    call(enricher, otlp.traces(3, name="everywhere"))
    wait_until(lambda: len(sink.requests) == 2)
    assert otlp.span_names(sink.requests[1][2]) == ["everywhere"] * 3
    assert enricher.stop() == 0
    lines = (tmp_path / "out" / "traces.jsonl").read_text().splitlines()
    spans = json.loads(lines[0])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["name"] for span in spans] == ["everywhere"] * 3
    sink.stop()


def test_sigterm_decides_and_delivers_what_was_accepted_and_ends_with_0(start: Start, sink: GrpcSink) -> None:
    slow = {"decision_wait": "600s", "decision_wait_after_root_received": "500s"}
    enricher = start(exporters={"otlp_grpc": to(sink)}, sampling=slow)
    for number in range(20):
        call(enricher, otlp.traces(name=f"span {number}"))
    assert sink.spans() == []
    assert enricher.stop() == 0
    assert len(sink.spans()) == 20
    assert "everything accepted was delivered" in enricher.log


def test_tls_in_and_out_with_client_certificates(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        # These win over the certificate that the SDK's exporter is given.
        monkeypatch.delenv(variable, raising=False)
    made = certs.make(tmp_path)
    pair = (made.server_key.read_bytes(), made.server_cert.read_bytes())
    sink = GrpcSink(credentials=grpc.ssl_server_credentials([pair], made.ca.read_bytes(), True))
    server = {"cert_file": str(made.server_cert), "key_file": str(made.server_key)}
    protocols = {"grpc": {"tls": {**server, "client_ca_file": str(made.ca)}}, "http": {"tls": server}}
    client = {"ca_file": str(made.ca), "cert_file": str(made.client_cert), "key_file": str(made.client_key)}
    enricher = start(
        receivers={"otlp": {"protocols": protocols}},
        exporters={"otlp_grpc": {"endpoint": f"localhost:{sink.port}", "tls": client}},
    )
    known = grpc.ssl_channel_credentials(
        made.ca.read_bytes(), made.client_key.read_bytes(), made.client_cert.read_bytes()
    )
    record(GrpcSpanExporter(endpoint=enricher.address("otlp_grpc"), credentials=known), "over grpc")
    url = f"https://{enricher.address('otlp_http')}/v1/traces"
    record(HttpSpanExporter(endpoint=url, certificate_file=str(made.ca)), "over https")
    wait_until(lambda: sorted(sink.spans()) == ["over grpc", "over https"])
    sink.stop()


def test_an_overload_is_told_with_a_hint_and_passes(start: Start) -> None:
    full = {"queue_size": 1, "num_consumers": 1}
    gate_open: list[bool] = []

    def answer(_signal: str, _body: bytes, context: grpc.ServicerContext) -> bytes:
        while not gate_open and context.is_active():
            time.sleep(0.01)
        return b""

    slow = GrpcSink(answer)
    enricher = start(exporters={"otlp_grpc": to(slow, sending_queue=full, timeout="30s")})
    service = "metrics.v1.MetricsService"
    call(enricher, otlp.metrics(), service)
    with pytest.raises(grpc.RpcError) as refused:
        call(enricher, otlp.metrics(), service)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = status_pb2.Status.FromString(dict(refused.value.trailing_metadata())["grpc-status-details-bin"])
    assert status.details[0].Is(error_details_pb2.RetryInfo.DESCRIPTOR)
    answer_http = post(enricher, otlp.metrics(), "/v1/metrics")
    assert (answer_http.status, int(answer_http.headers["retry-after"]) > 0) == (429, True)
    gate_open.append(True)
    wait_until(lambda: slow.bodies("metrics") == [otlp.metrics()])
    wait_until(lambda: post(enricher, otlp.metrics(), "/v1/metrics").status == 200)
    assert enricher.stop() == 0
    slow.stop()
