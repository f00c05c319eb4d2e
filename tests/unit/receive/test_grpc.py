"""The gRPC receiver answers as the OTLP specification says and passes bytes on untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from enricher.errors import CoreFault, DecodeError, InputError, Overloaded
from enricher.receive.grpc import SERVICES, GrpcReceiver, channel_options
from enricher.receive.intake import Signal
from enricher.receive.settings import GrpcServer
from tests.support import certs, otlp
from tests.unit.receive.fakes import Bench, Report

Call = Callable[..., bytes]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def call(bench: Bench) -> Iterator[Call]:
    receiver = GrpcReceiver(GrpcServer(endpoint="127.0.0.1:0", max_recv_msg_size_mib=1), bench.intake())
    with grpc.insecure_channel(receiver.start()) as channel:

        def export(body: bytes, signal: Signal = "traces", compression: object = None) -> bytes:
            method = channel.unary_unary(f"/{SERVICES[signal]}/Export")
            return bytes(method(body, timeout=10, compression=compression))

        export.channel = channel  # type: ignore[attr-defined]
        yield export
    receiver.stop(0)


def test_a_trace_request_reaches_the_engine_as_it_came_and_the_answer_is_empty(bench: Bench, call: Call) -> None:
    body = otlp.traces(3)
    assert call(body) == b""
    assert bench.engine.payloads == [body]


def test_a_gzip_request_reaches_the_engine_decompressed(bench: Bench, call: Call) -> None:
    body = otlp.traces(50)
    call(body, compression=grpc.Compression.Gzip)
    assert bench.engine.payloads == [body]


@pytest.mark.parametrize(("signal", "body"), [("metrics", otlp.metrics(3)), ("logs", otlp.logs(3))])
def test_metrics_and_logs_go_straight_to_the_exporters(bench: Bench, call: Call, signal: Signal, body: bytes) -> None:
    assert call(body, signal) == b""
    assert [(kind, payload) for kind, payload, _ in bench.exporters.sent] == [(signal, body)]
    assert bench.engine.payloads == []


def test_rejected_spans_are_told_as_partial_success(bench: Bench, call: Call) -> None:
    bench.engine.report = Report(accepted=2, rejected=1, message="a zero trace id")
    answer = ExportTraceServiceResponse.FromString(call(otlp.traces(3)))
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message == "a zero trace id"


def test_bytes_that_are_not_otlp_are_an_invalid_argument(bench: Bench, call: Call) -> None:
    bench.engine.error = DecodeError("a field is cut off")
    with pytest.raises(grpc.RpcError) as refused:
        call(b"\x0a\xff")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "a field is cut off" in refused.value.details()


def test_an_overload_is_resource_exhausted_with_the_wait_that_helps(bench: Bench, call: Call) -> None:
    bench.engine.error = Overloaded("the buffer is full", 2.5)
    with pytest.raises(grpc.RpcError) as refused:
        call(otlp.traces())
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers = dict(refused.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    hint = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(hint)
    assert hint.retry_delay.ToMilliseconds() == 2500
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


def test_metrics_are_refused_with_a_hint_when_no_destination_has_room(bench: Bench, call: Call) -> None:
    bench.exporters.room = False
    with pytest.raises(grpc.RpcError) as refused:
        call(otlp.metrics(), "metrics")
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_fault_of_the_core_is_unavailable_so_that_the_sender_tries_again(bench: Bench, call: Call) -> None:
    bench.engine.error = CoreFault("the core panicked in ingest")
    with pytest.raises(grpc.RpcError) as refused:
        call(otlp.traces())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    bench.engine.error = None
    assert call(otlp.traces()) == b""


def test_a_request_beyond_the_limit_never_reaches_the_engine(bench: Bench, call: Call) -> None:
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        with pytest.raises(grpc.RpcError) as refused:
            call(bytes(2 << 20), compression=compression)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert bench.engine.payloads == []


def test_pressure_asks_for_a_tick(bench: Bench, call: Call) -> None:
    bench.engine.report = Report(pressure=True)
    call(otlp.traces())
    assert bench.pressure == ["tick"]


def test_health_checks_answer_for_the_server_and_each_service(call: Call) -> None:
    stub = health_pb2_grpc.HealthStub(call.channel)  # type: ignore[attr-defined]
    for service in ("", *SERVICES.values()):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_port_in_use_is_told_with_its_address(bench: Bench) -> None:
    first = GrpcReceiver(GrpcServer(endpoint="127.0.0.1:0"), bench.intake())
    address = first.start()
    with pytest.raises(InputError, match=address):
        GrpcReceiver(GrpcServer(endpoint=address), bench.intake()).start()
    first.stop(0)


def test_with_client_ca_file_only_clients_with_a_certificate_are_served(bench: Bench, tmp_path: Path) -> None:
    made = certs.make(tmp_path)
    tls = {"cert_file": str(made.server_cert), "key_file": str(made.server_key), "client_ca_file": str(made.ca)}
    receiver = GrpcReceiver(GrpcServer.model_validate({"endpoint": "127.0.0.1:0", "tls": tls}), bench.intake())
    address = receiver.start()
    stranger = grpc.ssl_channel_credentials(made.ca.read_bytes())
    known = grpc.ssl_channel_credentials(
        made.ca.read_bytes(), made.client_key.read_bytes(), made.client_cert.read_bytes()
    )
    with grpc.secure_channel(address, stranger) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary(f"/{SERVICES['traces']}/Export")(otlp.traces(), timeout=5)
    with grpc.secure_channel(address, known) as channel:
        assert channel.unary_unary(f"/{SERVICES['traces']}/Export")(otlp.traces(), timeout=10) == b""
    receiver.stop(0)


def test_every_option_has_its_channel_argument() -> None:
    settings = GrpcServer.model_validate(
        {
            "max_recv_msg_size_mib": 8,
            "max_concurrent_streams": 16,
            "keepalive": {
                "server_parameters": {
                    "max_connection_idle": "11s",
                    "max_connection_age": "12s",
                    "max_connection_age_grace": "13s",
                    "time": "14s",
                    "timeout": "15s",
                },
                "enforcement_policy": {"min_time": "16s", "permit_without_stream": True},
            },
        }
    )
    assert set(channel_options(settings)) == {
        ("grpc.max_receive_message_length", 8 << 20),
        ("grpc.max_concurrent_streams", 16),
        ("grpc.max_connection_idle_ms", 11_000),
        ("grpc.max_connection_age_ms", 12_000),
        ("grpc.max_connection_age_grace_ms", 13_000),
        ("grpc.keepalive_time_ms", 14_000),
        ("grpc.keepalive_timeout_ms", 15_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 16_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
    }
