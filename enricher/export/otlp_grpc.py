"""OTLP over gRPC: encoded requests go out as they are, one attempt a call."""

from __future__ import annotations

import grpc

from enricher.export import responses, retry
from enricher.export.queue import Batch
from enricher.export.retry import Result
from enricher.export.settings import OtlpGrpcExporter, Signal
from enricher.export.tls import grpc_credentials

_METHODS: dict[Signal, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_COMPRESSION = {
    "gzip": grpc.Compression.Gzip,
    "none": grpc.Compression.NoCompression,
    "": grpc.Compression.NoCompression,
}


class OtlpGrpcSender:
    """One channel, shared by the threads of a destination. Raises InputError when a TLS file cannot be read."""

    def __init__(self, settings: OtlpGrpcExporter) -> None:
        target = _target(settings.endpoint)
        options = _channel_options(settings)
        compression = _COMPRESSION[settings.compression]
        if settings.plain_text:
            self._channel = grpc.insecure_channel(target, options, compression)
        else:
            self._channel = grpc.secure_channel(target, grpc_credentials(settings.tls), options, compression)
        self._calls = {signal: self._channel.unary_unary(method) for signal, method in _METHODS.items()}
        self._metadata = [(name.lower(), value) for name, value in settings.headers.items()]
        self._timeout = settings.timeout or None

    def send(self, batch: Batch) -> Result:
        try:
            response = self._calls[batch.signal](batch.payload, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            return retry.of_grpc(error.code(), error.details() or "", list(error.trailing_metadata() or ()))
        except ValueError as error:
            # grpcio's answer to a call on a channel that `close` has ended.
            return retry.Refused(str(error))
        return responses.read(batch.signal, response)

    def close(self) -> None:
        self._channel.close()


def _target(endpoint: str) -> str:
    scheme, separator, rest = endpoint.partition("://")
    return rest if separator and scheme in ("http", "https") else endpoint


def _channel_options(settings: OtlpGrpcExporter) -> list[tuple[str, int | str]]:
    options: list[tuple[str, int | str]] = [
        # An exporter of its own: retries are ours, and two exporters with one address do not share a connection.
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        # A destination that comes back is found at the next attempt, not only after gRPC's own two minutes.
        ("grpc.max_reconnect_backoff_ms", 5000),
        ("grpc.keepalive_permit_without_calls", int(settings.keepalive.permit_without_stream)),
    ]
    if settings.keepalive.time is not None:
        options.append(("grpc.keepalive_time_ms", int(settings.keepalive.time * 1000)))
    if settings.keepalive.timeout is not None:
        options.append(("grpc.keepalive_timeout_ms", int(settings.keepalive.timeout * 1000)))
    if settings.tls.server_name_override:
        options.append(("grpc.ssl_target_name_override", settings.tls.server_name_override))
    return options
