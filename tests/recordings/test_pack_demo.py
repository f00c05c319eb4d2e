"""The demo's recording is the one that the recordings give, and its index tells the truth about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.recordings import scenarios, split_frames, visible_calls
from tests.recordings.pack_demo import INDEX, RECORDING, TARGET


@pytest.fixture(scope="module")
def messages() -> list[Any]:
    blob = zstandard.ZstdDecompressor().decompress((TARGET / RECORDING).read_bytes())
    return [ExportTraceServiceRequest.FromString(frame) for frame in split_frames(blob)]


@pytest.fixture(scope="module")
def index() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((TARGET / INDEX).read_text(encoding="utf-8"))
    return loaded


def test_it_is_small() -> None:
    assert (TARGET / RECORDING).stat().st_size < 300_000


def test_the_index_describes_each_message(messages: list[Any], index: list[dict[str, Any]]) -> None:
    assert len(index) == len(messages)
    for entry, message in zip(index, messages, strict=True):
        spans = [span for group in message.resource_spans for scoped in group.scope_spans for span in scoped.spans]
        assert entry["spans"] == len(spans)
        assert entry["traces"] == len({span.trace_id for span in spans})
        assert entry["start_unix_nano"] == min(span.start_time_unix_nano for span in spans)


def test_no_trace_is_cut_in_two(messages: list[Any]) -> None:
    owners: dict[bytes, int] = {}
    for number, message in enumerate(messages):
        for group in message.resource_spans:
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    assert owners.setdefault(span.trace_id, number) == number


def test_every_true_call_is_in_one_message(index: list[dict[str, Any]]) -> None:
    for name in scenarios():
        calls = visible_calls(name)
        entries = [entry for entry in index if entry["scenario"] == name]
        assert sum(entry["calls"] for entry in entries) == len(calls)
        assert sum(entry["input_tokens"] for entry in entries) == sum(call["input_tokens"] or 0 for call in calls)


def test_there_is_something_of_each_kind(index: list[dict[str, Any]]) -> None:
    kinds = {entry["kind"] for entry in index}
    assert kinds == {"normal", "slow", "failing", "costly", "retry_loop", "runaway"}
