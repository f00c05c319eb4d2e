"""Truncation of every kind of body at many limits: no more content than asked for, valid JSON, all of the usage."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.runtime.engine import CoreEngine
from tests.oracle.values import plain
from tests.support.engines import drained, engine, request_of, spans_of
from tests.support.spans import any_value

NOW = 10**18
LIMITS = (16, 17, 24, 33, 100, 257, 1024, 4096)
EACH = 16


def _text(rng: random.Random) -> str:
    return "".join(rng.choices('S日é"\\\n', weights=[20, 1, 1, 1, 1, 1], k=rng.choice([0, 1, 7, 40, 300])))


def _tree(rng: random.Random, depth: int = 0) -> Any:
    """Content in whose texts only `S` counts, with usage here and there, JSON in JSON among it."""
    kind = rng.choice(["text", "list", "map", "nested", "usage"]) if depth < 4 else "text"
    if kind == "text":
        return _text(rng)
    if kind == "list":
        return [_tree(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == "nested":
        return json.dumps(_tree(rng, depth + 1))
    if kind == "usage":
        return {"usage": {"prompt_tokens": rng.randrange(10**6), "details": [rng.randrange(9)]}, "model": "gpt-4o"}
    names = ["content", "message", "arguments", "tool_calls", "a", "b"]
    return {name: _tree(rng, depth + 1) for name in rng.sample(names, rng.randrange(1, 5))}


def _usage(value: Any, under: bool = False, own: bool = False) -> list[int]:
    """Numbers of usage, in order, wherever they stand but for arguments."""
    if isinstance(value, dict):
        inner = [_usage(item, under or name == "usage", own or name == "arguments") for name, item in value.items()]
        return [number for numbers in inner for number in numbers]
    if isinstance(value, list):
        return [number for item in value for number in _usage(item, under, own)]
    if isinstance(value, str):
        try:
            tree = json.loads(value)
        except ValueError:
            return []
        return _usage(tree, False, own) if isinstance(tree, dict | list) else []
    return [value] if under and not own and isinstance(value, int) else []


def _bytes(tree: Any) -> AnyValue:
    return AnyValue(bytes_value=json.dumps(tree).encode())


BODIES: dict[str, Callable[[Any], AnyValue]] = {
    "json": lambda tree: any_value(json.dumps(tree)),
    "json in json": lambda tree: any_value(json.dumps([json.dumps(tree)])),
    "json in a map": lambda tree: any_value({"content": json.dumps(tree)}),
    "structure": any_value,
    "bytes": _bytes,
}


_TRACES = itertools.count(1)


@cache
def _engine(config: str) -> CoreEngine:
    return engine(config)


def _on_spans(values: list[AnyValue], place: str, config: str) -> list[AnyValue | None]:
    core, trace = _engine(config), next(_TRACES).to_bytes(16, "big")
    spans = []
    for number, value in enumerate(values, 1):
        span = Span(trace_id=trace, span_id=number.to_bytes(8, "big"), name="chat")
        if place == "attribute":
            span.attributes.add(key="gen_ai.output.messages").value.CopyFrom(value)
        elif place == "event":
            span.events.add(name="gen_ai.choice").attributes.add(key="message").value.CopyFrom(value)
        else:
            span.links.add(span_id=b"l" * 8).attributes.add(key="gen_ai.prompt").value.CopyFrom(value)
        spans.append(span)
    core.ingest(request_of(*spans), NOW)
    holders = {"attribute": lambda span: span, "event": lambda span: span.events[0], "link": lambda span: span.links[0]}
    left = {span.span_id: holders[place](span).attributes for span in spans_of(drained(core, NOW))}
    return [next((item.value for item in left[span.span_id]), None) for span in spans]


def _on_logs(values: list[AnyValue], place: str, config: str) -> list[AnyValue | None]:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for value in values:
        record = LogRecord(event_name="gen_ai.choice")
        (record.body if place == "body" else record.attributes.add(key="message").value).CopyFrom(value)
        records.append(record)
    payload = request.SerializeToString()
    new = _engine(config).take_logs(payload, NOW).payload
    out = ExportLogsServiceRequest.FromString(payload if new is None else new)
    left = out.resource_logs[0].scope_logs[0].log_records
    if place == "body":
        return [record.body if record.HasField("body") else None for record in left]
    return [next((item.value for item in record.attributes), None) for record in left]


DOORS = {
    "attribute": _on_spans,
    "event": _on_spans,
    "link": _on_spans,
    "body": _on_logs,
    "log attribute": _on_logs,
}


def _read(value: AnyValue) -> Any:
    return json.loads(value.bytes_value) if value.HasField("bytes_value") else plain(value)


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize("place", DOORS)
def test_every_body_at_every_limit(place: str, form: str) -> None:
    for limit in LIMITS:
        rng = random.Random(limit)
        trees = [{"t": _tree(rng)} for _ in range(EACH)]
        values = [BODIES[form](tree) for tree in trees]
        config = f"normalize: {{content: {{policy: truncate, truncate_bytes: {limit}}}}}"
        for tree, was, now in zip(trees, values, DOORS[place](values, place, config), strict=True):
            assert now is not None
            left = _read(now)
            if form.startswith("json") and isinstance(left, str):
                left = json.loads(left)
            assert str(left).count("S") <= limit, (limit, left)
            assert _usage(left) == _usage(tree), (limit, left)
            if was.ByteSize() <= limit:
                assert now == was


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize("place", DOORS)
def test_nothing_of_content_is_left_by_drop(place: str, form: str) -> None:
    rng = random.Random(1)
    values = [BODIES[form]({"t": _tree(rng)}) for _ in range(EACH)]
    for now in DOORS[place](values, place, "normalize: {content: drop}"):
        assert now is None or "S" not in str(_read(now))


def test_bytes_that_are_no_text_are_cut_where_the_limit_is() -> None:
    value = AnyValue(bytes_value=b"\xff\xfe" * 100)
    (now,) = _on_spans([value], "attribute", "normalize: {content: {policy: truncate, truncate_bytes: 17}}")
    assert now is not None
    assert now.bytes_value == value.bytes_value[:17]
