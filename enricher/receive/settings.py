"""The `receivers:` section: the Collector's `otlp` receiver block, with its option names and defaults."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from enricher.config.base import Duration, Section
from enricher.endpoint import HostPort


def _block_or_defaults(value: Any) -> Any:
    """`grpc:` with nothing behind it switches the protocol on with its defaults, as in the Collector."""
    return {} if value is None else value


class ServerTls(Section):
    """TLS of a listener. Give a file or the PEM text itself for each part."""

    cert_file: str | None = None
    """Path of the certificate chain (PEM) that the server shows."""
    cert_pem: str | None = None
    """The certificate chain itself, instead of `cert_file`."""
    key_file: str | None = None
    """Path of the private key (PEM) of that certificate."""
    key_pem: str | None = Field(default=None, repr=False)
    """The private key itself, instead of `key_file`."""
    client_ca_file: str | None = None
    """Path of the authorities (PEM) that client certificates must be signed by. When set,
    every client must show one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for part in ("cert", "key"):
            given = [name for name in (f"{part}_file", f"{part}_pem") if getattr(self, name)]
            if len(given) != 1:
                raise ValueError(f"a TLS server needs exactly one of {part}_file and {part}_pem")
        return self


class ServerParameters(Section):
    """How long a gRPC connection may live and be silent. Unset: gRPC's own defaults."""

    max_connection_idle: Duration | None = None
    """Close a connection that had no call for this long."""
    max_connection_age: Duration | None = None
    """Close a connection after this long, so that clients spread over new instances."""
    max_connection_age_grace: Duration | None = None
    """Let calls in flight finish for this long after `max_connection_age`."""
    time: Duration | None = None
    """Ping a silent client after this long."""
    timeout: Duration | None = None
    """Close the connection when the answer to a ping takes longer than this."""


class EnforcementPolicy(Section):
    """How often clients may ping."""

    min_time: Duration | None = None
    """Clients that ping more often than this are disconnected."""
    permit_without_stream: bool = False
    """Allow pings while no call is open."""


class ServerKeepalive(Section):
    """gRPC keepalive of the listener."""

    server_parameters: ServerParameters = ServerParameters()
    """What the server does itself."""
    enforcement_policy: EnforcementPolicy = EnforcementPolicy()
    """What it tolerates from clients."""


class GrpcServer(Section):
    """OTLP over gRPC."""

    endpoint: HostPort = "127.0.0.1:4317"
    """Address to listen on, `host:port`; port 0 takes a free one. `0.0.0.0:4317` listens on every interface."""
    tls: ServerTls | None = None
    """Serve TLS; plain text when unset."""
    max_recv_msg_size_mib: Annotated[int, Field(ge=1, le=1024)] = 4
    """Largest request taken, after decompression, in MiB. Larger ones get `RESOURCE_EXHAUSTED` without a retry hint."""
    max_concurrent_streams: Annotated[int, Field(ge=1)] | None = None
    """Most calls open at once on one connection; no limit when unset."""
    keepalive: ServerKeepalive = ServerKeepalive()
    """Keepalive of connections."""


class Cors(Section):
    """Cross-origin requests, for browsers that send telemetry themselves."""

    allowed_origins: list[str] = Field(default=[])
    """Origins that may send, such as `https://app.example.com`; `*` stands for any text. Empty: CORS is off."""
    allowed_headers: list[str] = Field(default=[])
    """Request headers allowed besides the safe ones and `Content-Type`; `*` allows all."""
    max_age: Annotated[int, Field(ge=0)] = 0
    """Seconds that a browser may remember the answer to a preflight request; 0 sends no such hint."""


class HttpServer(Section):
    """OTLP over HTTP: protobuf and JSON, plain, gzip or zstd."""

    endpoint: HostPort = "127.0.0.1:4318"
    """Address to listen on, `host:port`; port 0 takes a free one."""
    tls: ServerTls | None = None
    """Serve HTTPS; plain HTTP when unset."""
    max_request_body_size: Annotated[int, Field(ge=1)] = 20 * 1024 * 1024
    """Largest body taken, in bytes, before and after decompression. Larger ones get 413."""
    traces_url_path: Annotated[str, Field(pattern="^/")] = "/v1/traces"
    """Path that takes traces."""
    metrics_url_path: Annotated[str, Field(pattern="^/")] = "/v1/metrics"
    """Path that takes metrics."""
    logs_url_path: Annotated[str, Field(pattern="^/")] = "/v1/logs"
    """Path that takes logs."""
    cors: Cors = Cors()
    """Cross-origin requests."""


class Protocols(Section):
    """Which protocols are served. When the block is written, only those named in it are."""

    grpc: Annotated[GrpcServer | None, BeforeValidator(_block_or_defaults)] = Field(
        default=None, validate_default=False
    )
    """OTLP over gRPC."""
    http: Annotated[HttpServer | None, BeforeValidator(_block_or_defaults)] = Field(
        default=None, validate_default=False
    )
    """OTLP over HTTP."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.grpc is None and self.http is None:
            raise ValueError("must name at least one protocol: grpc or http")
        return self


class OtlpReceiver(Section):
    """The `otlp` receiver."""

    protocols: Protocols = Protocols(grpc=GrpcServer(), http=HttpServer())
    """Protocols to serve; both on loopback when unset."""


class ReceiversSettings(Section):
    """Where telemetry comes in."""

    otlp: OtlpReceiver = OtlpReceiver()
    """OTLP over gRPC and HTTP."""
    max_in_flight_mib: Annotated[int, Field(ge=1)] = 64
    """Most request bytes in work at once over all connections, in MiB; more is refused with a retry hint."""
