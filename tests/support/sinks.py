"""OTLP servers that record what they are sent, and can be told to fail."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import zstandard

from tests.support.otlp import span_names

_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}

Answer = Callable[[str, bytes, grpc.ServicerContext], bytes]


class GrpcSink:
    """A gRPC server. `answer` is called with the signal, the request and the context before a request is recorded."""

    def __init__(
        self, answer: Answer | None = None, credentials: grpc.ServerCredentials | None = None, port: int = 0
    ) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.metadata: list[dict[str, str]] = []
        self._answer = answer
        self._server = grpc.server(
            futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        )
        for signal, service in _SERVICES.items():
            method = grpc.unary_unary_rpc_method_handler(self._handler(signal))
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
        address = f"127.0.0.1:{port}"
        bound = (
            self._server.add_secure_port(address, credentials)
            if credentials
            else self._server.add_insecure_port(address)
        )
        self.port = int(bound)
        self._server.start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def spans(self) -> list[str]:
        return [name for signal, body in list(self.requests) if signal == "traces" for name in span_names(body)]

    def bodies(self, signal: str) -> list[bytes]:
        return [body for kind, body in list(self.requests) if kind == signal]

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _handler(self, signal: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            response = self._answer(signal, body, context) if self._answer else b""
            self.metadata.append({str(key): str(value) for key, value in context.invocation_metadata()})
            self.requests.append((signal, body))
            return response

        return export


class HttpSink:
    """An HTTP server that answers with the given (status, headers, body), one after the other, the last for good."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        left = list(answers) or [(200, {}, b"")]
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                sink.requests.append((self.path, headers, _plain(body, headers.get("content-encoding", ""))))
                status, extra, answer = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                for name, value in {**extra, "content-length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return zlib.decompress(body, 31)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompress(body)
    return body
