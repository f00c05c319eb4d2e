"""Faults of the core arrive as the exceptions of `enricher.errors`, whatever door they came through."""

from __future__ import annotations

import json

import pytest

from enricher import _core
from enricher.config import compile_plan
from enricher.config.model import Settings
from enricher.errors import CoreFault, DecodeError, Overloaded, PlanError
from enricher.measure import events
from enricher.runtime.engine import CoreEngine, guard


def plan(**limits: int) -> bytes:
    tree = json.loads(compile_plan(Settings()))
    tree["limits"].update(limits)
    return json.dumps(tree).encode()


@pytest.mark.parametrize(
    "payload", [b"\x0a", b"\x0a\xff\xff\xff\xff\x7f", b"\xff" * 20, b"not protobuf", b"\x0a\x02\x12\x05"]
)
def test_bytes_that_are_not_otlp_are_a_decode_error_and_touch_nothing(payload: bytes) -> None:
    engine = CoreEngine(plan())
    with pytest.raises(DecodeError, match="byte"):
        engine.ingest(payload, 1)
    assert engine.next_due_ns() == 0


@pytest.mark.parametrize("text", [b"{}", b"", b"[]", b"\xff", b'{"version": 1}', json.dumps({"version": 99}).encode()])
def test_a_plan_that_does_not_compile_is_a_plan_error(text: bytes) -> None:
    with pytest.raises(PlanError):
        CoreEngine(text)


def test_a_refused_plan_leaves_the_old_one_at_work() -> None:
    engine = CoreEngine(plan())
    with pytest.raises(PlanError):
        engine.replace_plan(b"{}")
    assert engine.ingest(b"", 1).accepted == 0


def test_a_full_buffer_is_overloaded_and_names_the_limit() -> None:
    engine = CoreEngine(plan(buffer_bytes=10))
    with pytest.raises(Overloaded, match=r"limits\.buffer_mib"):
        engine.ingest(b"\x0a\x00" * 10, 1)


def test_json_faults_name_their_place() -> None:
    with pytest.raises(DecodeError, match=r"resourceSpans\[0\]\.scopeSpans"):
        _core.otlp_from_json("traces", b'{"resourceSpans":[{"scopeSpans":7}]}')
    with pytest.raises(DecodeError, match="unknown signal"):
        _core.otlp_from_json("profiles", b"{}")


def test_a_panic_is_caught_counted_and_leaves_the_engine_at_work() -> None:
    engine = CoreEngine(plan())

    def faults() -> float:
        readings = [reading for reading in events.snapshot() if reading.name == "enricher_core_faults_total"]
        return sum(value for reading in readings for value in reading.series.values())

    before = faults()
    with pytest.raises(CoreFault, match="provoked"):
        guard("test", _core.panic)
    assert faults() == before + 1
    assert engine.ingest(b"", 1).accepted == 0
