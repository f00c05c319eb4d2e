"""Plants something into every text of recorded traffic that carries content, in whatever JSON it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

#: What the recordings' users and models said; wherever it stands, content stands.
SAID = ("Paris is the capital", "Capital of", "Weather in", "21 degrees")
#: Keys that quote content besides, and where a status quotes it.
QUOTING = ("exception.message", "exception.stacktrace", "error.message")
#: Members of answers that are facts, and stand on spans for themselves: what they say is nobody's content.
FACTS = {
    *("model", "model_name", "model_id", "modelId", "model_version", "id", "service_tier"),
    *("finish_reason", "finish_reasons", "finishReason", "finishReasons", "stop_reason", "stopReason"),
}


def planted(body: bytes, seed: str, carriers: set[tuple[bytes, str]]) -> tuple[bytes, int]:
    """The request with the seed in every text of content, and how many such texts it has. Those are the attributes of
    `carriers` (span id, key), those that quote content, and all in which something stands that was said."""
    request = ExportTraceServiceRequest.FromString(body)
    count = 0
    for span in spans(request):
        groups: list[tuple[str, Iterable[KeyValue]]] = [("span", span.attributes)]
        groups += [("event", event.attributes) for event in span.events]
        groups += [("link", link.attributes) for link in span.links]
        for place, group in groups:
            for item in group:
                known = place == "span" and (span.span_id, item.key) in carriers
                count += _plant(item.value, seed, known or item.key in QUOTING)
        if span.status.message:
            span.status.message += f" {seed}"
            count += 1
    return request.SerializeToString(), count


def spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]


def _plant(value: AnyValue, seed: str, everywhere: bool) -> int:
    if value.HasField("string_value"):
        text = value.string_value
        value.string_value = in_text(text, seed, everywhere)
        return value.string_value != text
    if value.HasField("bytes_value"):
        return 0
    inner = [*value.array_value.values, *(item.value for item in value.kvlist_value.values)]
    return sum(_plant(item, seed, everywhere) for item in inner)


def in_text(text: str, seed: str, everywhere: bool) -> str:
    """The text, or every text of the JSON that it is, with the seed behind it and behind all that was said."""
    try:
        tree = json.loads(text)
    except ValueError:
        tree = None
    if isinstance(tree, dict | list):
        new = _mapped(tree, lambda inner: in_text(inner, seed, everywhere))
        return text if new == tree else json.dumps(new)
    for said in SAID:
        text = text.replace(said, f"{said} {seed} and")
    return f"{text} {seed}" if everywhere and seed not in text else text


def _mapped(tree: Any, change: Callable[[str], str]) -> Any:
    if isinstance(tree, dict):
        return {name: item if name in FACTS else _mapped(item, change) for name, item in tree.items()}
    if isinstance(tree, list):
        return [_mapped(item, change) for item in tree]
    return change(tree) if isinstance(tree, str) else tree
