"""Prints the spans of a recording as a tree, with their attributes, beside the truth: for a look by hand.

python tests/recordings/show.py NAME [--long]
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if __package__ in (None, ""):  # run as a file: make the package importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.oracle.values import plain
from tests.recordings import requests, truth


def shorten(value: Any, limit: int) -> str:
    """``repr`` of a value, cut to ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)})"


def show(name: str, limit: int) -> None:
    """Prints one recording; values are cut to ``limit`` characters."""
    traces: dict[bytes, dict[bytes, tuple[str, Any]]] = defaultdict(dict)
    for body in requests(name):
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scoped in group.scope_spans:
                label = f"{scoped.scope.name} {scoped.scope.version}"
                for span in scoped.spans:
                    traces[span.trace_id][span.span_id] = (label, span)
    for call in truth(name)["calls"]:
        shown = {key: value for key, value in call.items() if value not in (None, "", []) and "nano" not in key}
        print("TRUE", shown)
    for trace_id, spans in traces.items():
        print(f"\nTRACE {trace_id.hex()}")

        def walk(parent: bytes, depth: int, spans: dict[bytes, tuple[str, Any]] = spans) -> None:
            for label, span in sorted(spans.values(), key=lambda pair: pair[1].start_time_unix_nano):
                if span.parent_span_id != parent and not (parent == b"" and span.parent_span_id not in spans):
                    continue
                pad = "  " * depth
                millis = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
                print(f"{pad}■ {span.name!r} [{label}] kind={span.kind} status={span.status.code} {millis:.0f} ms")
                for item in span.attributes:
                    print(f"{pad}    {item.key} = {shorten(plain(item.value), limit)}")
                for event in span.events:
                    print(f"{pad}    @{event.name} {[item.key for item in event.attributes]}")
                walk(span.span_id, depth + 1)

        walk(b"", 0)


if __name__ == "__main__":
    show(sys.argv[1], 2000 if "--long" in sys.argv else 110)
