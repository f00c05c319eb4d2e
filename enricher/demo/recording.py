"""The recording that ships in the package: traces of real SDKs, as they arrived."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.errors import InputError

NAME = "recording.binpb.zst"
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Bundle:
    """Traces that one application run reported together (a call may stand in two of them)."""

    request: ExportTraceServiceRequest
    spans: int
    start: int
    """Earliest span start, Unix nanoseconds."""
    end: int


def load() -> list[Bundle]:
    """The bundles of the recording. Raises InputError when the package holds none (a broken installation)."""
    resource = importlib.resources.files("enricher.demo").joinpath(NAME)
    if not resource.is_file():
        raise InputError(f"enricher/demo/{NAME} is missing from the installation: install the package again")
    raw = zstandard.ZstdDecompressor().decompress(resource.read_bytes(), max_output_size=_MAX_BYTES)
    bundles, position = [], 0
    while position < len(raw):
        size = int.from_bytes(raw[position : position + 4], "big")
        position += 4
        bundles.append(_bundle(raw[position : position + size]))
        position += size
    return bundles


def _bundle(payload: bytes) -> Bundle:
    request = ExportTraceServiceRequest.FromString(payload)
    spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return Bundle(
        request,
        len(spans),
        min(span.start_time_unix_nano for span in spans),
        max(span.end_time_unix_nano for span in spans),
    )
