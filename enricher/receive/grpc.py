"""The OTLP/gRPC server: raw request bytes straight to the engine, no Python protobuf object on the way.

Handlers are registered without a deserializer, so that grpcio hands over the (decompressed) message as bytes, and
without a serializer, so that the usual answer is one shared empty string.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from enricher.endpoint import join_host_port, refuse_taken, split_host_port
from enricher.errors import InputError
from enricher.receive import reply
from enricher.receive.intake import ALL, Accepted, Door, Intake, Signal
from enricher.receive.settings import GrpcServer
from enricher.receive.tls import grpc_credentials
from enricher.receive.workers import Workers, usual_threads

log = logging.getLogger(__name__)

SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
_OPTION = "receivers.otlp.protocols.grpc.endpoint"
_STATUS_DETAILS = "grpc-status-details-bin"
_MIB = 1024 * 1024


class GrpcReceiver:
    """The server on one endpoint. `start` binds it, `stop` refuses new calls and waits for those in work."""

    def __init__(self, settings: GrpcServer, intake: Intake) -> None:
        self._endpoint = settings.endpoint
        self._tls = settings.tls
        self._health = health.HealthServicer()
        self._workers = Workers(usual_threads())
        self._server = grpc.server(self._workers, options=channel_options(settings))
        for signal, service in SERVICES.items():
            method = grpc.unary_unary_rpc_method_handler(_export(signal, intake.door("grpc", signal)))
            handlers = grpc.method_handlers_generic_handler(service, {"Export": method})
            self._server.add_generic_rpc_handlers((handlers,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    def start(self) -> str:
        """Bind and serve; returns the address with the port in use. Raises InputError when it cannot be bound."""
        host, port = split_host_port(self._endpoint)
        address = join_host_port(host or "[::]", port)
        refuse_taken(_OPTION, self._endpoint)
        try:
            if self._tls is None:
                bound = self._server.add_insecure_port(address)
            else:
                bound = self._server.add_secure_port(address, grpc_credentials(self._tls))
        except RuntimeError as error:
            raise InputError(f"{_OPTION}: cannot listen on {self._endpoint}: {error}") from error
        self._server.start()
        for service in ("", *SERVICES.values()):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return join_host_port(host or "0.0.0.0", bound)

    def stop(self, grace_s: float) -> None:
        """Tell health checks, refuse new calls, give those in work `grace_s` seconds."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        self._workers.shutdown(wait=False)


def channel_options(settings: GrpcServer) -> list[tuple[str, int]]:
    """The settings in gRPC's own names (grpc/include/grpc/impl/channel_arg_names.h)."""
    server, clients = settings.keepalive.server_parameters, settings.keepalive.enforcement_policy
    milliseconds = {
        "grpc.max_connection_idle_ms": server.max_connection_idle,
        "grpc.max_connection_age_ms": server.max_connection_age,
        "grpc.max_connection_age_grace_ms": server.max_connection_age_grace,
        "grpc.keepalive_time_ms": server.time,
        "grpc.keepalive_timeout_ms": server.timeout,
        "grpc.http2.min_ping_interval_without_data_ms": clients.min_time,
    }
    options = [(name, int(seconds * 1000)) for name, seconds in milliseconds.items() if seconds is not None]
    options.append(("grpc.max_receive_message_length", settings.max_recv_msg_size_mib * _MIB))
    options.append(("grpc.keepalive_permit_without_calls", int(clients.permit_without_stream)))
    # Two processes on one port would each see half of a trace.
    options.append(("grpc.so_reuseport", 0))
    if settings.max_concurrent_streams is not None:
        options.append(("grpc.max_concurrent_streams", settings.max_concurrent_streams))
    return options


def _export(signal: Signal, door: Door) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def export(payload: bytes, context: grpc.ServicerContext) -> bytes:
        outcome = door(payload)
        if outcome is ALL:
            return reply.EMPTY
        if isinstance(outcome, Accepted):
            return reply.partial_success(signal, outcome)
        context.set_trailing_metadata(((_STATUS_DETAILS, reply.status_of(outcome)),))
        context.set_code(reply.code_of(outcome))
        context.set_details(str(outcome))
        return reply.EMPTY

    return export
