"""The OTLP/HTTP application: `/v1/traces`, `/v1/metrics`, `/v1/logs`, protobuf and JSON.

The event loop only moves bytes; decompression and ingest run in a few threads, beside those of gRPC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
from aiohttp import hdrs, web

from enricher.compression import ENCODINGS, decompress
from enricher.errors import Overloaded
from enricher.receive import cors, reply
from enricher.receive.intake import Intake, Signal
from enricher.receive.reply import JSON, PROTOBUF, HttpReply
from enricher.receive.settings import HttpServer

_THREADS = 4
Handler = Callable[[web.Request], Awaitable[web.Response]]


def application(settings: HttpServer, intake: Intake) -> web.Application:
    """The application; serve it with `auto_decompress=False`, as `enricher.runtime.web` does."""
    middlewares = [cors.middleware(settings.cors)] if settings.cors.allowed_origins else []
    app = web.Application(client_max_size=settings.max_request_body_size, middlewares=middlewares)
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="otlp-http")
    paths: dict[Signal, str] = {
        "traces": settings.traces_url_path,
        "metrics": settings.metrics_url_path,
        "logs": settings.logs_url_path,
    }
    for signal, path in paths.items():
        app.router.add_post(path, _Export(signal, intake, executor, settings.max_request_body_size).handle)

    async def close(_: web.Application) -> None:
        executor.shutdown()

    app.on_cleanup.append(close)
    return app


class _Export:
    """The handler of one signal."""

    def __init__(self, signal: Signal, intake: Intake, executor: ThreadPoolExecutor, limit: int) -> None:
        self._signal = signal
        self._intake = intake
        self._door = intake.door("http", signal)
        self._executor = executor
        self._limit = limit

    async def handle(self, request: web.Request) -> web.Response:
        content_type = request.content_type
        if content_type not in (PROTOBUF, JSON):
            message = f"the content type must be {PROTOBUF} or {JSON}, not {content_type}"
            return _response(reply.plain_error(grpc.StatusCode.INVALID_ARGUMENT, 415, message, JSON))
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
        if encoding not in ENCODINGS:
            message = f"the content encoding must be one of {', '.join(ENCODINGS)}, not {encoding}"
            return _response(reply.plain_error(grpc.StatusCode.INVALID_ARGUMENT, 415, message, content_type))
        announced = min(request.content_length or 0, self._limit)
        try:
            self._intake.admission.enter(announced)
        except Overloaded as error:
            return _response(reply.over_http(self._signal, self._door.refuse(error), content_type))
        try:
            raw = await request.read()
            loop = asyncio.get_running_loop()
            take = partial(self._take, raw, announced, encoding, content_type)
            return _response(await loop.run_in_executor(self._executor, take))
        except web.HTTPRequestEntityTooLarge:
            message = f"the body is larger than {self._limit} bytes"
            return _response(reply.plain_error(grpc.StatusCode.INVALID_ARGUMENT, 413, message, content_type))
        finally:
            self._intake.admission.leave(announced)

    def _take(self, raw: bytes, announced: int, encoding: str, content_type: str) -> HttpReply:
        def prepare(payload: bytes) -> bytes:
            plain = decompress(payload, encoding, self._limit)
            return self._intake.otlp_from_json(self._signal, plain) if content_type == JSON else plain

        return reply.over_http(self._signal, self._door(raw, announced, prepare), content_type)


def _response(answer: HttpReply) -> web.Response:
    headers = {hdrs.CONTENT_TYPE: answer.content_type}
    if answer.retry_after_s is not None:
        headers[hdrs.RETRY_AFTER] = str(answer.retry_after_s)
    return web.Response(status=answer.status, body=answer.body, headers=headers)
