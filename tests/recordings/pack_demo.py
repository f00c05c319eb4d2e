"""Packs the recordings into the one small file that `enricher demo` replays from an installed package.

    python tests/recordings/pack_demo.py

writes ``enricher/demo/recording.binpb.zst``: zstd over messages with a 4-byte big-endian length before each (the
Collector file exporter's ``proto`` format, compressed). Each message is an ``ExportTraceServiceRequest`` that holds one
*unit*: a whole trace, or the few traces that report the same call, so that a replay can give a unit fresh ids and times
and send it whenever it likes. ``recording.json`` beside it says, for each message in order, what it is:

- ``scenario``, ``service`` (its ``service.name``), ``kind`` (``normal slow failing costly retry_loop runaway``);
- ``spans``, ``traces``, ``calls`` (true model calls in it), ``failed_calls``;
- ``input_tokens``, ``output_tokens`` (true sums; input inclusive of cached tokens);
- ``start_unix_nano``, ``duration_ns`` (of the unit, over all its spans).
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if __package__ in (None, ""):  # run as a file: make the package importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.recordings import join_frames, requests, scenarios, visible_calls
from tests.recordings.facts import attributes, reports

TARGET = Path(__file__).resolve().parents[2] / "enricher" / "demo"
RECORDING = "recording.binpb.zst"
INDEX = "recording.json"

_MILLISECOND = 1_000_000
_REST_WITHIN = 1000 * _MILLISECOND


class Unit:
    """Traces that belong together, with the true calls that they report."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.message = ExportTraceServiceRequest()
        self.calls: list[dict[str, Any]] = []
        self._groups: dict[bytes, Any] = {}

    def add(self, resource_spans: Any, scope_spans: Any, span: Any) -> None:
        """Adds a span below its resource and scope, which are kept as they came."""
        resource_key = bytes(resource_spans.resource.SerializeToString(deterministic=True))
        group = self._groups.get(resource_key)
        if group is None:
            group = self._groups[resource_key] = self.message.resource_spans.add()
            group.resource.CopyFrom(resource_spans.resource)
            group.schema_url = resource_spans.schema_url
        scope_key = resource_key + bytes(scope_spans.scope.SerializeToString(deterministic=True))
        scoped = self._groups.get(scope_key)
        if scoped is None:
            scoped = self._groups[scope_key] = group.scope_spans.add()
            scoped.scope.CopyFrom(scope_spans.scope)
            scoped.schema_url = scope_spans.schema_url
        scoped.spans.add().CopyFrom(span)

    def spans(self) -> Iterator[Any]:
        """All spans."""
        for group in self.message.resource_spans:
            for scoped in group.scope_spans:
                yield from scoped.spans

    def start(self) -> int:
        """Unix nanoseconds."""
        return int(min(span.start_time_unix_nano for span in self.spans()))

    def end(self) -> int:
        """Unix nanoseconds."""
        return int(max(span.end_time_unix_nano for span in self.spans()))

    def take(self, other: Unit) -> None:
        """Adds the spans of another unit."""
        for group in other.message.resource_spans:
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    self.add(group, scoped, span)

    def covers(self, call: dict[str, Any], *, whole: bool = True) -> int | None:
        """Duration (ns) of the shortest span around a call, or around its beginning, or ``None``.

        The server saw the call inside its span, except that some SDKs end a stream's span when the stream begins.
        """
        begin = call["time_unix_nano"]
        end = begin + call["duration_ns"] if whole else begin
        around = [
            span.end_time_unix_nano - span.start_time_unix_nano
            for span in self.spans()
            if span.start_time_unix_nano <= begin and end <= span.end_time_unix_nano + _MILLISECOND
        ]
        return min(around, default=None)

    def kind(self) -> str:
        """What a watcher of the demo should see in it."""
        cases = [call["case"] for call in self.calls]
        failed = sum(call["status"] == "error" for call in self.calls)
        if cases.count("loop") > 3:
            return "runaway"
        if failed > 2:
            return "retry_loop"
        if failed:
            return "failing"
        for case, kind in (("huge", "costly"), ("slow", "slow")):
            if case in cases:
                return kind
        return "normal"

    def entry(self) -> dict[str, Any]:
        """The unit's line in the index."""
        spans = list(self.spans())
        names = {
            item.value.string_value
            for group in self.message.resource_spans
            for item in group.resource.attributes
            if item.key == "service.name"
        }
        return {
            "scenario": self.scenario,
            "service": min(names, default=""),
            "kind": self.kind(),
            "spans": len(spans),
            "traces": len({span.trace_id for span in spans}),
            "calls": len(self.calls),
            "failed_calls": sum(call["status"] == "error" for call in self.calls),
            "input_tokens": sum(call["input_tokens"] or 0 for call in self.calls),
            "output_tokens": sum(call["output_tokens"] or 0 for call in self.calls),
            "start_unix_nano": self.start(),
            "duration_ns": self.end() - self.start(),
        }


def units(scenario: str) -> list[Unit]:
    """The units of a scenario in order of their start, each true call that is on the wire in exactly one of them."""
    calls = visible_calls(scenario)
    seen = list(attributes(scenario))
    reported_by = [reports(seen, call) for call in calls]
    trace_of: dict[bytes, bytes] = {}
    messages = [ExportTraceServiceRequest.FromString(body) for body in requests(scenario)]
    for _, _, span in _walk(messages):
        trace_of[span.span_id] = span.trace_id
    # Traces that report the same call go together: follow each to the first of its family.
    family: dict[bytes, bytes] = {trace: trace for trace in trace_of.values()}
    for ids in reported_by:
        first, *others = sorted({_root(family, trace_of[span_id]) for span_id in ids}) or [b""]
        for trace in others:
            family[trace] = first
    made: dict[bytes, Unit] = defaultdict(lambda: Unit(scenario))
    for group, scoped, span in _walk(messages):
        made[_root(family, span.trace_id)].add(group, scoped, span)
    for call, ids in zip(calls, reported_by, strict=True):
        if ids:
            made[_root(family, trace_of[min(ids)])].calls.append(call)
            continue
        # A failed call shows none of its numbers: it belongs to the tightest span around it.
        around: list[tuple[int, bytes]] = []
        for whole in (True, False):
            lengths = ((unit.covers(call, whole=whole), key) for key, unit in made.items())
            around = around or [(length, key) for length, key in lengths if length is not None]
        if not around:
            raise ValueError(f"{scenario}: no span around the call at {call['time_unix_nano']}")
        made[min(around)[1]].calls.append(call)
    return _joined(sorted(made.values(), key=Unit.start))


def _joined(made: list[Unit]) -> list[Unit]:
    """A unit that reports no call, right behind one that does, may be the rest of it: some SDKs tell the end of a
    stream in a trace of its own, without a number on it. They go together, so that a replay does not part them.
    """
    joined: list[Unit] = []
    for unit in made:
        before = joined[-1] if joined else None
        if before is not None and before.calls and not unit.calls and unit.start() - before.end() < _REST_WITHIN:
            before.take(unit)
        else:
            joined.append(unit)
    return joined


def _walk(messages: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    for message in messages:
        for group in message.resource_spans:
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    yield group, scoped, span


def _root(family: dict[bytes, bytes], trace: bytes) -> bytes:
    while family[trace] != trace:
        trace = family[trace]
    return trace


def main() -> None:
    """Packs all scenarios."""
    packed = [unit for name in scenarios() for unit in units(name)]
    blob = join_frames(unit.message.SerializeToString() for unit in packed)
    compressed = zstandard.ZstdCompressor(level=19).compress(blob)
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / RECORDING).write_bytes(compressed)
    lines = ",\n".join(json.dumps(unit.entry()) for unit in packed)
    (TARGET / INDEX).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(packed)} units, {len(blob)} bytes, {len(compressed)} compressed")


if __name__ == "__main__":
    main()
