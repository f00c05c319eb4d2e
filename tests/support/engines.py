"""Engines of the real core under plans of the real configuration, with bounds that tests choose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.config import compile_plan, limits, load_text
from enricher.runtime.engine import CoreEngine
from tests.support.spans import key_values

SECOND = 10**9
NOW = 1_780_000_000 * SECOND


def plan(text: str = "", *, call_records: bool = False, trace_records: bool = False, **bounds: int) -> bytes:
    """The plan of a configuration, with `bounds` (the plan's `limits`: bytes and counts) put over its own."""
    settings = load_text(text).require()
    compiled = compile_plan(settings, call_records=call_records, trace_records=trace_records)
    if not bounds:
        return compiled
    own = limits.compile_plan(settings.limits)
    assert bounds.keys() <= own.keys()
    # The whole plan is megabytes: too much to be read and written again for a few numbers.
    before, after = (f'"limits":{json.dumps(of, separators=(",", ":"))}'.encode() for of in (own, own | bounds))
    assert compiled.count(before) == 1
    return compiled.replace(before, after)


def engine(text: str = "", *, call_records: bool = False, trace_records: bool = False, **bounds: int) -> CoreEngine:
    return CoreEngine(plan(text, call_records=call_records, trace_records=trace_records, **bounds))


def drained(core: CoreEngine, now: int = NOW) -> list[bytes]:
    """Everything that is kept when the engine decides all at once."""
    payloads: list[bytes] = []
    more = True
    while more:
        report = core.drain(now)
        payloads += report.payloads
        more = report.more
    return payloads


def explained(text: str, *requests: bytes) -> list[dict[str, Any]]:
    """What `explain` tells of each trace of these requests, in the order of the decisions."""
    core = CoreEngine(compile_plan(load_text(text).require(), explain=""))
    for request in requests:
        core.ingest(request, NOW)
    return [json.loads(line) for line in core.drain(NOW).explanations.splitlines()]


def request_of(*spans: Span, resource: dict[str, str] | None = None, scope: str = "") -> bytes:
    """One request with these spans under one resource and scope."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    for key, value in (resource or {}).items():
        group.resource.attributes.add(key=key).value.string_value = value
    group.scope_spans.add(spans=spans).scope.name = scope
    return message.SerializeToString()


def spans_of(payloads: Iterable[bytes]) -> list[Span]:
    found = [ExportTraceServiceRequest.FromString(one) for one in payloads]
    return [span for one in found for rs in one.resource_spans for ss in rs.scope_spans for span in ss.spans]


def span(
    trace: int,
    number: int,
    parent: int = 0,
    attributes: Mapping[str, str | int | float | bool] | None = None,
    *,
    start: int = NOW,
    ms: int = 10,
    error: bool = False,
    state: str = "",
) -> Span:
    """A span of trace `trace`; `parent` 0 makes it a root."""
    made = Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name="s",
        start_time_unix_nano=start,
        end_time_unix_nano=start + ms * 10**6,
        trace_state=state,
    )
    if error:
        made.status.code = 2  # type: ignore[assignment]
    made.attributes.extend(key_values(attributes or {}))
    return made


CHAT: dict[str, str | int | float | bool] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
"""A model call that the price book prices."""


def attributes(one: Span) -> dict[str, str | int | float | bool]:
    """Scalar attributes of a span by key; a key that stands twice is a fault."""
    found: dict[str, str | int | float | bool] = {}
    for pair in one.attributes:
        kind = pair.value.WhichOneof("value")
        assert pair.key not in found, pair.key
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            found[pair.key] = getattr(pair.value, kind)
    return found


def metric(core: CoreEngine, name: str, *labels: str) -> float:
    """The sum of a counter's or gauge's series whose first labels are these."""
    total = 0.0
    for series in core.metrics():
        if series[0] == name and series[1][: len(labels)] == labels:
            assert isinstance(series[2], float)
            total += series[2]
    return total
