"""The `limits:` section: every bound of the core in one place."""

from __future__ import annotations

import os
from typing import Annotated, Any

from pydantic import Field

from enricher.config.base import Section
from enricher.errors import Problem

_KIB = 1 << 10
_MIB = 1 << 20
_MOST_SHARDS = 64


class LimitsSettings(Section):
    """What one instance may hold and what one request may contain. Nothing grows without one of these bounds."""

    buffer_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 512
    """Memory for undecided traces, in MiB of span bytes. When it runs full the oldest traces are decided early; when
    that does not help, new requests are refused with a retry hint."""
    trace_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 64
    """A trace that grows beyond this, in MiB, is decided at once; what follows shares its verdict."""
    trace_spans: Annotated[int, Field(ge=1)] = 100_000
    """A trace with more spans than this is decided at once; what follows shares its verdict."""
    payload_kib: Annotated[int, Field(ge=1, le=1 << 20)] = 2048
    """Size of the export requests that kept spans are packed into, in KiB. Receivers take 4 MiB by default."""
    request_spans: Annotated[int, Field(ge=1)] = 1_000_000
    """Most spans taken from one request; the rest is rejected and reported as OTLP partial success."""
    attribute_count: Annotated[int, Field(ge=1)] = 4096
    """Attributes of one span that are looked at. Further ones pass through unread."""
    attribute_kib: Annotated[int, Field(ge=1, le=64)] = 1
    """Longest text that becomes a fact (a model, an id, a label), in KiB; a longer one is cut there and counted as
    `oversize_text`. The attribute itself passes through whole, and conditions of policies see all of it."""
    json_kib: Annotated[int, Field(ge=1)] = 1024
    """Longest JSON text in an attribute, in KiB, that is searched for usage and other facts."""
    depth: Annotated[int, Field(ge=1, le=128)] = 32
    """How deep an attribute's value may be nested. A span beyond this is rejected and reported as partial success."""
    log_facts_mib: Annotated[int, Field(ge=0, le=1 << 20)] = 16
    """Memory for what log records say about spans that are not decided yet (usage, model, finish reason), in MiB. When
    it is full, further records pass through and add nothing. 0 reads no log records."""
    shards: Annotated[int, Field(ge=0, le=_MOST_SHARDS)] = 0
    """Parts of the buffer that work in parallel, by trace id; fixed at start. 0 chooses by the number of processors."""


def compile_plan(settings: LimitsSettings) -> dict[str, Any]:
    """The plan's `limits` section: bytes and counts, `shards` resolved to a power of two."""
    return {
        "buffer_bytes": settings.buffer_mib * _MIB,
        "trace_bytes": settings.trace_mib * _MIB,
        "trace_spans": settings.trace_spans,
        "payload_bytes": settings.payload_kib * _KIB,
        "request_spans": settings.request_spans,
        "attribute_count": settings.attribute_count,
        "depth": settings.depth,
        "log_facts_bytes": settings.log_facts_mib * _MIB,
        "shards": _shards(settings.shards),
    }


def compile_reading(settings: LimitsSettings) -> dict[str, int]:
    """The bounds of the plan's `normalize` section, in bytes."""
    return {"text_bytes": settings.attribute_kib * _KIB, "json_bytes": settings.json_kib * _KIB}


def check(settings: LimitsSettings) -> list[Problem]:
    """Bounds that contradict each other."""
    if settings.trace_mib > settings.buffer_mib:
        message = f"a trace may be larger ({settings.trace_mib} MiB) than the whole buffer ({settings.buffer_mib} MiB)"
        return [Problem("out-of-range", "trace_mib", message, "lower it or raise limits.buffer_mib")]
    return []


def _shards(wanted: int) -> int:
    """Four shards a processor keep ingest threads apart; a power of two makes the choice of shard a mask."""
    count = wanted or 4 * (os.cpu_count() or 1)
    return min(_MOST_SHARDS, 1 << (count - 1).bit_length())
