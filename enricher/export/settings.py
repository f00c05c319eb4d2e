"""The `exporters:` section: the Collector's exporter blocks, with its option names and defaults."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from enricher.config.base import Duration, Section

Signal = Literal["traces", "metrics", "logs"]

ToJson = Callable[[Signal, bytes], bytes]
"""One export request as OTLP JSON on one line: `enricher.runtime.engine.otlp_to_json`. Raises DecodeError."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class ClientTls(Section):
    """TLS towards a destination."""

    insecure: bool = False
    """Plain text instead of TLS. For HTTP the scheme of the endpoint decides, and this must not contradict it."""
    insecure_skip_verify: bool = False
    """Use TLS but accept any certificate (HTTP only: grpcio cannot do so)."""
    ca_file: str | None = None
    """Path of the authorities (PEM) that the server's certificate must be signed by; the system's when unset."""
    cert_file: str | None = None
    """Path of the certificate (PEM) shown to the server."""
    key_file: str | None = None
    """Path of the private key (PEM) of that certificate."""
    server_name_override: str | None = None
    """Name expected in the server's certificate, instead of the endpoint's host."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self


class Retry(Section):
    """Retry of requests that the destination could not take for now."""

    enabled: bool = True
    """Retry at all. When off, what cannot be delivered at once is lost and counted."""
    initial_interval: Duration = 5.0
    """Wait after the first failure."""
    randomization_factor: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Each wait is spread by this share of itself to both sides."""
    multiplier: Annotated[float, Field(ge=1)] = 1.5
    """Each wait is this many times the one before."""
    max_interval: Duration = 30.0
    """Longest wait, unless the destination asks for a longer one."""
    max_elapsed_time: Duration = 300.0
    """Give up after this long; 0 never gives up."""


class BatchBounds(Section):
    """How requests are cut for the destination. They are formed by the engine; here only their size is bounded."""

    max_size: Annotated[int, Field(ge=1024)] = 4_000_000
    """Largest request sent, in bytes before compression; larger ones are cut between spans. Most gRPC servers refuse
    more than 4 MiB. A single span larger than this is sent by itself."""
    sizer: Literal["bytes"] = "bytes"
    """What `max_size` counts."""


class Queue(Section):
    """What waits for the destination, in memory."""

    enabled: bool = True
    """Queue at all. When off, the pipeline waits for this destination, request by request, and so do the others."""
    num_consumers: Annotated[int, Field(ge=1, le=256)] = 10
    """Requests sent at the same time."""
    queue_size: Annotated[int, Field(ge=1)] = 1000
    """Most that may wait, counted as `sizer` says."""
    sizer: Literal["requests", "items", "bytes"] = "requests"
    """What `queue_size` counts: requests, items (spans, data points, log records) or bytes."""
    max_mib: Annotated[int, Field(ge=1)] = 256
    """Most that may wait and be in work, in MiB, whatever `sizer` says."""
    block_on_overflow: bool = False
    """When full: wait for room, and so hold up the pipeline until senders are refused (true), or lose what does not
    fit for this destination alone, counted and logged (false)."""
    batch: BatchBounds = BatchBounds()
    """How requests are cut."""


class Keepalive(Section):
    """gRPC keepalive towards the destination."""

    time: Duration | None = None
    """Ping a silent connection after this long."""
    timeout: Duration | None = None
    """Give the connection up when the answer takes longer than this."""
    permit_without_stream: bool = False
    """Ping while no call is open."""


class Exporter(Section):
    """What every destination has."""

    signals: list[Signal] = Field(default=["traces", "metrics", "logs"], min_length=1)
    """What is sent there. Take metrics and logs out for a destination that knows only traces, such as Jaeger."""


class _Otlp(Exporter):
    headers: dict[str, str] = Field(default={}, repr=False)
    """Sent with every request, for instance `authorization`. Never printed."""
    tls: ClientTls = ClientTls()
    """TLS towards the destination."""
    retry_on_failure: Retry = Retry()
    """Retry."""
    sending_queue: Queue = Queue()
    """Queue."""

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a header name")
            if any(ord(char) < 32 or ord(char) > 126 for char in value):
                raise ValueError(f"the value of {name!r} must be printable ASCII")
        return headers


class OtlpGrpcExporter(_Otlp):
    """OTLP over gRPC (`otlp_grpc`, or `otlp` as older Collectors call it)."""

    endpoint: str
    """`host:port`; with `http://` before it for plain text, `https://` for TLS."""
    compression: Literal["gzip", "none", ""] = "gzip"
    """`gzip` or `none`. zstd is for `otlp_http`: grpcio has no zstd."""
    timeout: Duration = 5.0
    """Longest wait for the answer to one attempt."""
    keepalive: Keepalive = Keepalive()
    """Keepalive."""

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, endpoint: str) -> str:
        scheme, separator, target = endpoint.rpartition("://")
        if (separator and scheme not in ("http", "https", "dns", "ipv4", "ipv6")) or "/" in target.lstrip("/"):
            raise ValueError("must be host:port, with http:// or https:// before it if you like, and no path")
        if not target or target.rpartition(":")[2].isdecimal() is False:
            raise ValueError("must be host:port, for instance tempo:4317")
        return endpoint

    @field_validator("compression", mode="before")
    @classmethod
    def _no_zstd(cls, compression: Any) -> Any:
        if compression in ("zstd", "snappy", "zlib", "deflate", "lz4"):
            raise ValueError(
                f"grpcio cannot compress with {compression}; write gzip or none, or use otlp_http for zstd"
            )
        return compression

    @field_validator("tls")
    @classmethod
    def _verified(cls, tls: ClientTls) -> ClientTls:
        if tls.insecure_skip_verify:
            raise ValueError("grpcio cannot skip verification (insecure_skip_verify); name the certificate in ca_file")
        return tls

    @property
    def plain_text(self) -> bool:
        return self.endpoint.startswith("http://") or (self.tls.insecure and not self.endpoint.startswith("https://"))


class OtlpHttpExporter(_Otlp):
    """OTLP over HTTP in protobuf (`otlp_http`, or `otlphttp` as older Collectors call it)."""

    endpoint: str | None = None
    """Base URL; `/v1/traces`, `/v1/metrics` and `/v1/logs` are added to it."""
    traces_endpoint: str | None = None
    """Whole URL for traces, instead of `endpoint`."""
    metrics_endpoint: str | None = None
    """Whole URL for metrics, instead of `endpoint`."""
    logs_endpoint: str | None = None
    """Whole URL for logs, instead of `endpoint`."""
    compression: Literal["gzip", "zstd", "none", ""] = "gzip"
    """`gzip`, `zstd` or `none`."""
    timeout: Duration = 30.0
    """Longest wait for the answer to one attempt."""

    @field_validator("endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{url!r} is not a URL; write it as http://host:4318")
        return url

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        urls = (self.endpoint, self.traces_endpoint, self.metrics_endpoint, self.logs_endpoint)
        if self.tls.insecure and any(url is not None and url.startswith("https:") for url in urls):
            raise ValueError("tls.insecure contradicts https://; write http:// for plain text")
        return self

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        for signal in self.signals:
            if self.endpoint is None and getattr(self, f"{signal}_endpoint") is None:
                raise ValueError(f"needs endpoint, or {signal}_endpoint, to send {signal}")
        return self

    def url(self, signal: Signal) -> str:
        whole: str | None = getattr(self, f"{signal}_endpoint")
        return whole or f"{(self.endpoint or '').rstrip('/')}/v1/{signal}"


class Rotation(Section):
    """When a file is put aside, as `NAME-TIMESTAMP.EXT`, and how many are kept."""

    max_megabytes: Annotated[int, Field(ge=1)] = 100
    """Put the file aside before it grows beyond this, in MiB."""
    max_days: Annotated[int, Field(ge=0)] = 0
    """Delete files put aside longer ago than this; 0 keeps them."""
    max_backups: Annotated[int, Field(ge=0)] = 100
    """Keep this many files put aside, newest first; 0 keeps all."""
    localtime: bool = False
    """Time stamps in file names are local time instead of UTC."""


class FileExporter(Exporter):
    """A file (`file`): OTLP JSON, a request a line, or length-prefixed protobuf."""

    path: Annotated[str, Field(min_length=1)]
    """Where traces go. Metrics and logs go beside it, to `traces.metrics.jsonl` and `traces.logs.jsonl` for
    `traces.jsonl`."""
    format: Literal["json", "proto"] = "json"
    """`json`: one request a line. `proto`: a 4-byte big-endian length before each request."""
    append: bool = True
    """Go on at the end of an existing file. (The Collector's default is to overwrite it.)"""
    create_directory: bool = True
    """Make the directory when it is missing."""
    rotation: Rotation | None = None
    """Rotation; the file grows without bound when unset."""


class DebugExporter(Exporter):
    """The program's own log on stderr (`debug`)."""

    verbosity: Literal["basic", "normal", "detailed"] = "basic"
    """`basic`: a line a request. `normal`: a line a span. `detailed`: whole requests as OTLP JSON."""


KINDS = {
    "otlp_grpc": "otlp_grpc",
    "otlp": "otlp_grpc",
    "otlp_http": "otlp_http",
    "otlphttp": "otlp_http",
    "file": "file",
    "debug": "debug",
}
"""The part of an exporter's name before the slash, as users write it, and the type that it stands for."""


class _Named(dict[str, Any]):
    """The options of one exporter with the type that its name says."""

    kind = ""


def _name_kinds(exporters: Any) -> Any:
    if not isinstance(exporters, dict):
        return exporters
    return {name: _named(str(name), options) for name, options in exporters.items()}


def _named(name: str, options: Any) -> Any:
    if options is not None and not isinstance(options, dict):
        return options
    named = _Named(options or {})
    named.kind = KINDS.get(name.partition("/")[0], "")
    return named


def _kind(options: Any) -> str | None:
    if isinstance(options, _Named):
        return options.kind
    return next((tag for tag, model in MODELS.items() if isinstance(options, model)), None)


MODELS: dict[str, type[Exporter]] = {
    "otlp_grpc": OtlpGrpcExporter,
    "otlp_http": OtlpHttpExporter,
    "file": FileExporter,
    "debug": DebugExporter,
}

AnyExporter = Annotated[
    Annotated[OtlpGrpcExporter, Tag("otlp_grpc")]
    | Annotated[OtlpHttpExporter, Tag("otlp_http")]
    | Annotated[FileExporter, Tag("file")]
    | Annotated[DebugExporter, Tag("debug")],
    Discriminator(
        _kind,
        custom_error_type="unknown-value",
        custom_error_message="{message}; {hint}",
        custom_error_context={
            "message": "is not an exporter with its options",
            "hint": f"its name is one of {', '.join(KINDS)}, optionally with /NAME behind it; options are a mapping",
        },
    ),
]

ExportersSettings = Annotated[dict[str, AnyExporter], BeforeValidator(_name_kinds)]
"""Destinations by their name, `type` or `type/name`. Each has a queue and threads of its own."""
