"""OTLP over HTTP in protobuf: gzip, zstd or plain, over kept-alive connections, one attempt a call."""

from __future__ import annotations

import gzip
import threading

import urllib3
import zstandard
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from enricher.export import responses, retry
from enricher.export.queue import Batch
from enricher.export.retry import Refused, Result, TryAgain
from enricher.export.settings import OtlpHttpExporter
from enricher.export.tls import ssl_context

_GZIP_LEVEL = 1
_ZSTD_LEVEL = 1
_MOST_TEXT = 300


class OtlpHttpSender:
    """A pool of connections, shared by the threads of a destination. Raises InputError when a TLS file is unusable."""

    def __init__(self, settings: OtlpHttpExporter) -> None:
        if settings.tls.insecure_skip_verify:
            # The user has decided; a warning for each request would not change it.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._url = settings.url
        self._compression = settings.compression
        self._headers = {"content-type": "application/x-protobuf", "user-agent": "enricher", **_lower(settings.headers)}
        if settings.compression in ("gzip", "zstd"):
            self._headers["content-encoding"] = settings.compression
        self._timeout = urllib3.Timeout(total=settings.timeout or None)
        self._local = threading.local()
        self._pool = urllib3.PoolManager(
            maxsize=settings.sending_queue.num_consumers,
            ssl_context=ssl_context(settings.tls),
            assert_hostname=_expected_host(settings),
            server_hostname=settings.tls.server_name_override,
        )

    def send(self, batch: Batch) -> Result:
        try:
            response = self._pool.request(
                "POST",
                self._url(batch.signal),
                body=self._compressed(batch.payload),
                headers=self._headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.LocationValueError as error:
            return Refused(str(error))
        except urllib3.exceptions.HTTPError as error:
            return TryAgain(str(error))
        if 200 <= response.status < 300:
            return responses.read(batch.signal, response.data)
        details = _details(response.headers.get("content-type", ""), response.data)
        return retry.of_http(response.status, details, response.headers.get("retry-after"))

    def close(self) -> None:
        self._pool.clear()

    def _compressed(self, payload: bytes) -> bytes:
        if self._compression == "gzip":
            return gzip.compress(payload, _GZIP_LEVEL, mtime=0)
        if self._compression == "zstd":
            # A compressor serves one thread at a time.
            compressor: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
            if compressor is None:
                compressor = self._local.compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
            return compressor.compress(payload)
        return payload


def _expected_host(settings: OtlpHttpExporter) -> str | bool | None:
    if settings.tls.insecure_skip_verify:
        return False
    return settings.tls.server_name_override


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _details(content_type: str, body: bytes) -> str:
    """What the destination says about a failure: a `google.rpc.Status`, or text."""
    if content_type.startswith("application/x-protobuf"):
        try:
            return str(status_pb2.Status.FromString(body).message)
        except DecodeError:
            return ""
    return body[:_MOST_TEXT].decode("utf-8", "replace").strip()
