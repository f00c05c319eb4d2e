"""OTLP over gRPC and HTTP against real servers: bytes, headers, compression, TLS, answers."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from enricher.errors import InputError
from enricher.export.otlp_grpc import OtlpGrpcSender
from enricher.export.otlp_http import OtlpHttpSender
from enricher.export.queue import Batch
from enricher.export.retry import Delivered, Refused, TryAgain
from enricher.export.settings import OtlpGrpcExporter, OtlpHttpExporter
from tests.support import certs, otlp
from tests.support.sinks import GrpcSink, HttpSink

TRACES = Batch("traces", otlp.traces(20), 20)
BATCHES = [TRACES, Batch("metrics", otlp.metrics(2), 2), Batch("logs", otlp.logs(2), 2)]


def over_grpc(endpoint: str, **options: Any) -> OtlpGrpcSender:
    options.setdefault("tls", {"insecure": True})
    return OtlpGrpcSender(OtlpGrpcExporter.model_validate({"endpoint": endpoint, **options}))


def over_http(sink: HttpSink, **options: Any) -> OtlpHttpSender:
    return OtlpHttpSender(OtlpHttpExporter.model_validate({"endpoint": f"http://127.0.0.1:{sink.port}", **options}))


@pytest.fixture
def grpc_sink() -> Iterator[GrpcSink]:
    sink = GrpcSink()
    yield sink
    sink.stop()


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_grpc_delivers_the_bytes_of_every_signal_with_the_headers(grpc_sink: GrpcSink, compression: str) -> None:
    sender = over_grpc(grpc_sink.endpoint, compression=compression, headers={"X-Tenant": "acme"})
    assert [sender.send(batch) for batch in BATCHES] == [Delivered()] * 3
    assert grpc_sink.requests == [(batch.signal, batch.payload) for batch in BATCHES]
    assert all(metadata["x-tenant"] == "acme" for metadata in grpc_sink.metadata)
    sender.close()


def test_an_endpoint_with_http_is_plain_text(grpc_sink: GrpcSink) -> None:
    sender = over_grpc(f"http://{grpc_sink.endpoint}", tls={})
    assert sender.send(TRACES) == Delivered()
    sender.close()


def test_grpc_tells_apart_dead_refusing_and_partly_accepting_servers() -> None:
    def answer(signal: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        if signal == "metrics":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no metrics here")
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = len(body) and 4
        response.partial_success.error_message = "too old"
        return response.SerializeToString()

    sink = GrpcSink(answer)
    sender = over_grpc(sink.endpoint)
    assert sender.send(TRACES) == Delivered(4, "too old")
    assert sender.send(BATCHES[1]) == Refused("UNIMPLEMENTED: no metrics here")
    sink.stop()
    assert isinstance(sender.send(TRACES), TryAgain)
    sender.close()


def test_grpc_gives_up_an_attempt_after_its_timeout() -> None:
    def answer(signal: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        while context.is_active() and signal and body:
            pass
        return b""

    sink = GrpcSink(answer)
    sender = over_grpc(sink.endpoint, timeout="200ms")
    result = sender.send(TRACES)
    assert isinstance(result, TryAgain)
    assert result.reason.startswith("DEADLINE_EXCEEDED")
    sender.close()
    sink.stop()


def test_grpc_with_tls_checks_the_server_and_shows_its_own_certificate(tmp_path: Path) -> None:
    made = certs.make(tmp_path)
    pair = (made.server_key.read_bytes(), made.server_cert.read_bytes())
    sink = GrpcSink(credentials=grpc.ssl_server_credentials([pair], made.ca.read_bytes(), True))
    endpoint = f"localhost:{sink.port}"
    full = {"ca_file": str(made.ca), "cert_file": str(made.client_cert), "key_file": str(made.client_key)}
    sender = over_grpc(endpoint, tls=full)
    assert sender.send(TRACES) == Delivered()
    sender.close()
    for incomplete in ({"ca_file": str(made.ca)}, {**full, "server_name_override": "elsewhere.test"}):
        sender = over_grpc(endpoint, tls=incomplete, timeout="2s")
        assert isinstance(sender.send(TRACES), TryAgain)
        sender.close()
    sink.stop()


def test_a_tls_file_that_is_not_there_is_told_at_start() -> None:
    with pytest.raises(InputError, match=r"tls\.ca_file: cannot read /nowhere/ca\.pem"):
        over_grpc("127.0.0.1:1", tls={"ca_file": "/nowhere/ca.pem"})


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_http_delivers_the_bytes_of_every_signal_to_its_path(compression: str) -> None:
    sink = HttpSink()
    sender = over_http(sink, compression=compression, headers={"X-Tenant": "acme"})
    assert [sender.send(batch) for batch in BATCHES] == [Delivered()] * 3
    paths, headers, bodies = zip(*sink.requests, strict=True)
    assert list(paths) == ["/v1/traces", "/v1/metrics", "/v1/logs"]
    assert list(bodies) == [batch.payload for batch in BATCHES]
    assert {one["content-type"] for one in headers} == {"application/x-protobuf"}
    assert {one["x-tenant"] for one in headers} == {"acme"}
    assert {one.get("content-encoding", "none") for one in headers} == {compression}
    sender.close()
    sink.stop()


def test_an_endpoint_of_one_signal_is_used_as_it_stands() -> None:
    sink = HttpSink()
    url = f"http://127.0.0.1:{sink.port}/ingest/otlp?key=1"
    sender = over_http(sink, traces_endpoint=url)
    sender.send(TRACES)
    sender.send(BATCHES[2])
    assert [path for path, _, _ in sink.requests] == ["/ingest/otlp?key=1", "/v1/logs"]
    sender.close()
    sink.stop()


def test_http_reads_what_the_answer_says() -> None:
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 2
    partial.partial_success.error_message = "too old"
    status = status_pb2.Status(code=3, message="bad span")
    sink = HttpSink(
        (200, {}, partial.SerializeToString()),
        (400, {"content-type": "application/x-protobuf"}, status.SerializeToString()),
        (503, {"retry-after": "9"}, b"busy"),
        (404, {"content-type": "text/plain"}, b"no such path"),
        (302, {"location": "http://127.0.0.1:1/"}, b""),
    )
    sender = over_http(sink)
    assert sender.send(TRACES) == Delivered(2, "too old")
    assert sender.send(TRACES) == Refused("HTTP 400: bad span")
    assert sender.send(TRACES) == TryAgain("HTTP 503: busy", 9)
    assert sender.send(TRACES) == Refused("HTTP 404: no such path")
    assert sender.send(TRACES) == Refused("HTTP 302")
    sender.close()
    sink.stop()
    sender = over_http(sink)
    assert isinstance(sender.send(TRACES), TryAgain)
    sender.close()


def test_https_checks_the_server_unless_told_not_to(tmp_path: Path) -> None:
    made = certs.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server_cert, made.server_key)
    sink = HttpSink()
    sink.server.socket = context.wrap_socket(sink.server.socket, server_side=True)
    endpoint = f"https://127.0.0.1:{sink.port}"

    def result(**tls: Any) -> object:
        sender = OtlpHttpSender(OtlpHttpExporter.model_validate({"endpoint": endpoint, "tls": tls, "timeout": "5s"}))
        try:
            return sender.send(TRACES)
        finally:
            sender.close()

    assert result(ca_file=str(made.ca)) == Delivered()
    assert result(ca_file=str(made.ca), server_name_override="localhost") == Delivered()
    assert result(insecure_skip_verify=True) == Delivered()
    assert isinstance(result(), TryAgain)
    assert isinstance(result(ca_file=str(made.ca), server_name_override="elsewhere.test"), TryAgain)
    sink.stop()


def test_the_error_text_of_a_destination_is_cut() -> None:
    sink = HttpSink((500, {"content-type": "application/json"}, json.dumps({"m": "x" * 10_000}).encode()))
    sender = over_http(sink)
    result = sender.send(TRACES)
    assert isinstance(result, Refused)
    assert len(result.reason) < 400
    sender.close()
    sink.stop()
