"""An OTLP sink on loopback that keeps each trace export request exactly as it came in.

gRPC and HTTP listen on free ports. Bodies that come compressed are kept decompressed, since the compression is the
transport's. JSON bodies are kept as the protobuf message they spell, because recordings are in one format. Metrics and
logs are accepted and thrown away.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

import grpc
import grpc.aio
from aiohttp import web
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HOST = "127.0.0.1"
TRACE_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_OTHER_EXPORTS = (
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
)
_ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


def json_to_protobuf(text: bytes) -> bytes:
    """One OTLP/JSON trace export request as protobuf bytes (OTLP spells ids in hex where proto3 JSON has base64)."""

    def to_base64(value: Any) -> Any:
        if isinstance(value, list):
            return [to_base64(item) for item in value]
        if isinstance(value, dict):
            return {
                key: base64.b64encode(bytes.fromhex(item)).decode()
                if key in _ID_FIELDS and isinstance(item, str)
                else to_base64(item)
                for key, item in value.items()
            }
        return value

    message = json_format.ParseDict(to_base64(json.loads(text)), ExportTraceServiceRequest())
    return bytes(message.SerializeToString())


class _Passthrough(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands the raw bytes of each export to a callback; no message is ever built."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a method, or ``None`` for a method that is not OTLP."""
        if details.method == TRACE_EXPORT:
            return grpc.unary_unary_rpc_method_handler(self._export)
        if details.method in _OTHER_EXPORTS:
            return grpc.unary_unary_rpc_method_handler(self._ignore)
        return None

    async def _export(self, body: bytes, _context: Any) -> bytes:
        self._keep(body)
        return b""

    async def _ignore(self, _body: bytes, _context: Any) -> bytes:
        return b""


class Sink:
    """The sink as an async context manager; ``requests`` grows while the block runs."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.grpc_port = 0
        self.http_port = 0
        self._grpc: Any = None
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/{prefix:.*}v1/traces", self._traces)  # some SDKs prefix a path of their vendor's
        app.router.add_post("/v1/{signal:metrics|logs}", self._ignore)
        self._runner = web.AppRunner(app, access_log=None)

    def endpoint(self, protocol: str) -> str:
        """Address for ``OTEL_EXPORTER_OTLP_ENDPOINT``; the protocol is ``grpc``, ``http/protobuf`` or ``http/json``."""
        return f"http://{HOST}:{self.grpc_port if protocol == 'grpc' else self.http_port}"

    async def _traces(self, request: web.Request) -> web.Response:
        body = await request.read()
        is_json = request.content_type == "application/json"
        self.requests.append(json_to_protobuf(body) if is_json else body)
        return self._reply(request)

    async def _ignore(self, request: web.Request) -> web.Response:
        await request.read()
        return self._reply(request)

    def _reply(self, request: web.Request) -> web.Response:
        empty = b"{}" if request.content_type == "application/json" else b""
        return web.Response(body=empty, content_type=request.content_type)

    async def __aenter__(self) -> Sink:
        self._grpc = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
        self._grpc.add_generic_rpc_handlers((_Passthrough(self.requests.append),))
        self.grpc_port = int(self._grpc.add_insecure_port(f"{HOST}:0"))
        await self._grpc.start()
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        address: Any = self._runner.addresses[0]
        self.http_port = int(address[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._grpc.stop(grace=1)
        await self._runner.cleanup()
