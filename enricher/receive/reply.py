"""Outcomes in the words of the OTLP specification: partial success, `INVALID_ARGUMENT`/400, overload with a hint.

Source: opentelemetry-proto docs/specification.md, "OTLP/gRPC Response", "OTLP/HTTP Response" and "Throttling".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from enricher.compression import TooLarge
from enricher.errors import DecodeError, EnricherError, Overloaded
from enricher.receive.intake import Accepted, Signal

EMPTY = b""
"""A response in which everything was accepted: the encoded form of an empty message of any signal."""

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_RESPONSES = {
    "traces": (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    "metrics": (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
}
_HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What an HTTP server should answer."""

    status: int
    body: bytes
    content_type: str
    retry_after_s: int | None = None


def code_of(error: EnricherError) -> grpc.StatusCode:
    """The gRPC code of a refusal. A fault of the core is `UNAVAILABLE`: the request was not taken, a retry may help."""
    if isinstance(error, DecodeError):
        return grpc.StatusCode.INVALID_ARGUMENT
    if isinstance(error, Overloaded):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    return grpc.StatusCode.UNAVAILABLE


def status_of(error: EnricherError) -> bytes:
    """The refusal as an encoded `google.rpc.Status`, with `RetryInfo` when the sender should try again."""
    return bytes(_status(error).SerializeToString())


def partial_success(signal: Signal, accepted: Accepted) -> bytes:
    """The encoded response that says how many items were rejected and why."""
    return bytes(_response(signal, accepted).SerializeToString())


def over_http(signal: Signal, outcome: Accepted | EnricherError, content_type: str) -> HttpReply:
    """The outcome of a request that came over HTTP, in the content type of that request."""
    as_json = content_type == JSON
    if isinstance(outcome, Accepted):
        message = _response(signal, outcome)
        return HttpReply(200, _encode(message, as_json), content_type)
    retry_after = max(1, math.ceil(outcome.retry_after_s)) if isinstance(outcome, Overloaded) else None
    http_status = 413 if isinstance(outcome, TooLarge) else _HTTP_STATUS[code_of(outcome)]
    return HttpReply(http_status, _encode(_status(outcome), as_json), content_type, retry_after)


def plain_error(code: grpc.StatusCode, http_status: int, message: str, content_type: str) -> HttpReply:
    """A refusal that never reached the engine: wrong type, too large, no such path."""
    status = status_pb2.Status(code=code.value[0], message=message)
    return HttpReply(http_status, _encode(status, content_type == JSON), content_type)


def _response(signal: Signal, accepted: Accepted) -> Message:
    make, field = _RESPONSES[signal]
    response: Message = make()
    if accepted.rejected:
        setattr(response.partial_success, field, accepted.rejected)  # type: ignore[attr-defined]
        response.partial_success.error_message = accepted.message  # type: ignore[attr-defined]
    return response


def _status(error: EnricherError) -> status_pb2.Status:
    status = status_pb2.Status(code=code_of(error).value[0], message=str(error))
    if isinstance(error, Overloaded):
        hint = error_details_pb2.RetryInfo()
        hint.retry_delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        status.details.add().Pack(hint)
    return status


def _encode(message: Message, as_json: bool) -> bytes:
    if as_json:
        return json_format.MessageToJson(message, indent=None).encode()
    return bytes(message.SerializeToString())
