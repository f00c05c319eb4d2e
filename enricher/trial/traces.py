"""From the spans of a test to the requests that an application would send, and when."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from enricher.runtime.engine import CoreEngine
from enricher.trial.settings import ELSEWHERE, NONE, Scenario, WrittenSpan

SECOND = 10**9
_RANGE = 1 << 56
_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
# As JSON of protobuf writes them.
_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
_STATUSES = {"UNSET": 0, "OK": 1, "ERROR": 2}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request. time_ns: when it is received, Unix nanoseconds."""

    time_ns: int
    payload: bytes


class Writer:
    """Writes traces with ids of its own; the same ones each time."""

    def __init__(self) -> None:
        self._traces = 0
        self._spans = 0
        self._random = random.Random(0)

    def before(self, test: Scenario, begin_ns: int) -> list[Arrival]:
        """The traffic before the trace, in the order of arrival."""
        found: list[Arrival] = []
        for traffic in test.before:
            every_ns = round(traffic.every * SECOND)
            for number in range(traffic.repeat, 0, -1):
                trace_id = self.trace_id(self._random.random())
                found += self.arrivals(traffic.spans, trace_id, begin_ns - number * every_ns)
        return sorted(found, key=lambda arrival: arrival.time_ns)

    def trace_id(self, randomness: float) -> str:
        """A new id whose low 56 bits, which decide (W3C Trace Context level 2), stand at this share of their range."""
        self._traces += 1
        return f"{self._traces:018x}{min(round(randomness * _RANGE), _RANGE - 1):014x}"

    def arrivals(self, spans: list[WrittenSpan], trace_id: str, begin_ns: int) -> list[Arrival]:
        """The requests of one trace: spans that arrive together share one."""
        grouped: dict[int, list[tuple[WrittenSpan, dict[str, Any]]]] = {}
        for span, arrives, written in self._written(spans, trace_id, begin_ns):
            grouped.setdefault(begin_ns + round(arrives * SECOND), []).append((span, written))
        return [Arrival(time_ns, _request(found)) for time_ns, found in sorted(grouped.items())]

    def _written(
        self, spans: list[WrittenSpan], trace_id: str, begin_ns: int
    ) -> Iterator[tuple[WrittenSpan, float, dict[str, Any]]]:
        """Each span, when it arrives (seconds after the trace's beginning), and itself as OTLP JSON."""
        ids: dict[str, str] = {}
        for span in spans:
            ids.setdefault(span.label, self._span_id())
        root = ids[spans[0].label]
        for index, span in enumerate(spans):
            parent = self._parent(span, ids, "" if index == 0 else root)
            for number in range(span.repeat):
                span_id = ids[span.label] if number == 0 else self._span_id()
                start = span.start + number * span.duration
                arrives = start + span.duration if span.arrives is None else span.arrives
                yield span, arrives, _span(span, trace_id, span_id, parent, begin_ns + round(start * SECOND))

    def _parent(self, span: WrittenSpan, ids: dict[str, str], default: str) -> str:
        if span.parent is None:
            return default
        if span.parent == NONE:
            return ""
        return self._span_id() if span.parent == ELSEWHERE else ids[span.parent]

    def _span_id(self) -> str:
        self._spans += 1
        return f"{self._spans:016x}"


def _request(spans: Iterable[tuple[WrittenSpan, dict[str, Any]]]) -> bytes:
    resources: list[dict[str, Any]] = []
    known: dict[str, list[dict[str, Any]]] = {}
    for span, written in spans:
        resource = {"service.name": span.service, **span.resource}
        key = json.dumps([resource, span.scope], default=str)
        if key not in known:
            known[key] = []
            scopes = [{"scope": {"name": span.scope}, "spans": known[key]}]
            resources.append({"resource": {"attributes": _attributes(resource)}, "scopeSpans": scopes})
        known[key].append(written)
    return CoreEngine.otlp_from_json("traces", json.dumps({"resourceSpans": resources}).encode())


def _span(span: WrittenSpan, trace_id: str, span_id: str, parent: str, start_ns: int) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "traceState": span.trace_state,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + round(span.duration * SECOND)),
        "attributes": _attributes({**_call(span), **span.attributes}),
        "events": [
            {"name": event.name, "timeUnixNano": str(start_ns), "attributes": _attributes(event.attributes)}
            for event in span.events
        ],
        "status": {"code": _STATUSES[span.status], "message": span.message},
    }


def _call(span: WrittenSpan) -> dict[str, Any]:
    """The attributes of a model call in the conventions; none for another span."""
    is_call = bool(span.model) or any(x is not None for x in (span.input_tokens, span.output_tokens, span.cost_usd))
    # Half a usage would have no price: who writes one side down means that there is nothing on the other.
    is_used = span.input_tokens is not None or span.output_tokens is not None
    other = 0 if is_used else None
    written = {
        "gen_ai.operation.name": span.operation or ("chat" if is_call else None),
        "gen_ai.provider.name": span.provider or None,
        "gen_ai.request.model": span.model or None,
        "gen_ai.response.model": span.model or None,
        "gen_ai.usage.input_tokens": other if span.input_tokens is None else span.input_tokens,
        "gen_ai.usage.output_tokens": other if span.output_tokens is None else span.output_tokens,
        "gen_ai.usage.cost": span.cost_usd,
    }
    return {key: value for key, value in written.items() if value is not None}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _any_value(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[f"{value}"]}
        case list():
            return {"arrayValue": {"values": [_any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value)}}
    return {"stringValue": str(value)}
