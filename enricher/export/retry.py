"""When to try again, and how long to wait, by the OTLP specification.

Source: opentelemetry-proto docs/specification.md, "Failures" and "Throttling" (gRPC and HTTP); waits grow as in the
Collector's `retry_on_failure`. Whether a failure may pass is decided where it is met and told by its type.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import grpc
from google.protobuf.message import DecodeError as ProtobufError
from google.rpc import error_details_pb2, status_pb2

from enricher.export.settings import Retry


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination took the request, except for `rejected` items."""

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It may work later; `after_s` is the wait that the destination asked for."""

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never work."""

    reason: str


Result = Delivered | TryAgain | Refused

_RETRYABLE_GRPC = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_RETRYABLE_HTTP = frozenset({429, 502, 503, 504})
_STATUS_DETAILS = "grpc-status-details-bin"


def of_grpc(code: grpc.StatusCode, details: str, trailers: list[tuple[str, str | bytes]]) -> TryAgain | Refused:
    """What a failed call means. `RESOURCE_EXHAUSTED` may be retried only when the server says when."""
    reason = f"{code.name}: {details}"
    hint = _retry_info(dict(trailers).get(_STATUS_DETAILS))
    if code in _RETRYABLE_GRPC or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and hint is not None):
        return TryAgain(reason, hint)
    return Refused(reason)


def of_http(status: int, details: str, retry_after: str | None) -> TryAgain | Refused:
    """What an HTTP answer other than 200 means."""
    reason = f"HTTP {status}: {details}" if details else f"HTTP {status}"
    return TryAgain(reason, _seconds(retry_after)) if status in _RETRYABLE_HTTP else Refused(reason)


def waits(settings: Retry, spread: Callable[[float, float], float] = random.uniform) -> Iterator[float]:
    """Seconds before the second attempt, the third, and so on, without end."""
    interval = settings.initial_interval
    while True:
        part = interval * settings.randomization_factor
        yield spread(interval - part, interval + part)
        interval = min(interval * settings.multiplier, settings.max_interval)


def _retry_info(encoded: str | bytes | None) -> float | None:
    if not isinstance(encoded, bytes):
        return None
    try:
        details = status_pb2.Status.FromString(encoded).details
        for detail in details:
            hint = error_details_pb2.RetryInfo()
            if detail.Unpack(hint):
                return max(0.0, float(hint.retry_delay.ToNanoseconds()) / 1e9)
    except ProtobufError:
        return None
    return None


def _seconds(retry_after: str | None) -> float | None:
    """The wait that a `Retry-After` header asks for (RFC 9110 §10.2.3: seconds or a date)."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
