"""What the debug exporter logs at each verbosity."""

from __future__ import annotations

import json
import logging
from typing import Any, Literal

import pytest

from enricher.export.debug import DebugSender
from enricher.export.queue import Batch
from enricher.export.settings import DebugExporter, Signal
from enricher.runtime.engine import otlp_to_json
from tests.support import otlp

SPAN = {
    "name": "chat",
    "traceId": "0a",
    "spanId": "0b",
    "attributes": [
        {"key": "gen_ai.system", "value": {"stringValue": "openai"}},
        {"key": "n", "value": {"intValue": "3"}},
    ],
}
TREE: dict[str, Any] = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}


def to_json(signal: Signal, payload: bytes) -> bytes:
    return json.dumps(TREE).encode() if signal == "traces" else otlp_to_json(signal, payload)


def lines(
    caplog: pytest.LogCaptureFixture, verbosity: Literal["basic", "normal", "detailed"], batch: Batch
) -> list[str]:
    caplog.set_level(logging.INFO)
    settings = DebugExporter(verbosity=verbosity)
    DebugSender("debug/x", settings, to_json).send(batch)
    return [record.getMessage() for record in caplog.records]


def test_basic_is_a_line_a_request(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, "basic", Batch("traces", b"12345", 7)) == ["debug/x: 7 items of traces, 5 bytes"]


def test_normal_is_a_line_an_item(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, "normal", Batch("traces", b"", 1))[1:] == ['debug/x: chat 0a 0b gen_ai.system="openai" n="3"']
    caplog.clear()
    assert lines(caplog, "normal", Batch("metrics", otlp.metrics(), 1))[1:] == ["debug/x: temperature"]


def test_detailed_is_the_whole_request_as_json(caplog: pytest.LogCaptureFixture) -> None:
    assert json.loads(lines(caplog, "detailed", Batch("traces", b"", 1))[1].removeprefix("debug/x: ")) == TREE
