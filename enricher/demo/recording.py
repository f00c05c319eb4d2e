"""The recording that ships in the package: traces of real SDKs as they arrived, and what is true of each."""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import dataclass

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.errors import InputError

MESSAGES = "recording.binpb.zst"
INDEX = "recording.json"
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Truth:
    """What the model server saw and answered, whatever the spans of the unit say about it."""

    kind: str
    """`normal slow failing costly retry_loop runaway`."""
    spans: int
    traces: int
    calls: int
    failed_calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Unit:
    """A whole trace, or the few traces that report the same call."""

    request: ExportTraceServiceRequest
    truth: Truth
    end: int
    """Latest span end, Unix nanoseconds."""


def load() -> list[Unit]:
    """The units of the recording. Raises InputError when the package lacks them (a broken installation)."""
    truths = [Truth(**{name: entry[name] for name in Truth.__dataclass_fields__}) for entry in json.loads(_read(INDEX))]
    raw = zstandard.ZstdDecompressor().decompress(_read(MESSAGES), max_output_size=_MAX_BYTES)
    return [_unit(payload, truth) for payload, truth in zip(_messages(raw), truths, strict=True)]


def _read(name: str) -> bytes:
    resource = importlib.resources.files("enricher.demo").joinpath(name)
    if not resource.is_file():
        raise InputError(f"enricher/demo/{name} is missing from the installation: install the package again")
    return resource.read_bytes()


def _messages(raw: bytes) -> list[bytes]:
    messages, position = [], 0
    while position < len(raw):
        size = int.from_bytes(raw[position : position + 4], "big")
        messages.append(raw[position + 4 : position + 4 + size])
        position += 4 + size
    return messages


def _unit(payload: bytes, truth: Truth) -> Unit:
    request = ExportTraceServiceRequest.FromString(payload)
    spans = (span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans)
    return Unit(request, truth, max(span.end_time_unix_nano for span in spans))
