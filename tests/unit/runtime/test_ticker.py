"""The thread that has traces decided."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field

import pytest

from enricher.errors import CoreFault
from enricher.runtime import ticker as room
from enricher.runtime.ticker import Ticker
from tests.support.waiting import wait_until


@dataclass
class Report:
    payloads: list[bytes] = field(default_factory=list)
    payload_spans: list[int] = field(default_factory=list)
    calls: bytes = b""
    more: bool = False


@dataclass
class FakeEngine:
    reports: list[Report | CoreFault] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    due_ns: int = 0
    gate: threading.Event | None = None

    def tick(self, now_ns: int) -> Report:
        assert abs(now_ns - time.time_ns()) < 1e10
        self.ticks.append(time.monotonic())
        if self.gate:
            self.gate.wait(20)
        report = self.reports.pop(0) if self.reports else Report()
        if isinstance(report, CoreFault):
            raise report
        return report

    drain = tick

    def discard(self, now_ns: int) -> Report:
        """What would have been decided is dropped: nothing leaves."""
        report = self.tick(now_ns)
        return Report(more=report.more)

    def next_due_ns(self) -> int:
        return self.due_ns


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a reason of its own, a tick comes too late for any test."""
    monkeypatch.setattr(room, "_LONGEST_S", 3600)


@pytest.mark.usefixtures("unhurried")
def test_what_a_tick_decides_is_handed_on_and_the_rest_is_asked_for_at_once() -> None:
    engine = FakeEngine([Report([b"a"], [1], more=True), Report([b"b"], [1])])
    got: list[bytes] = []
    ticker = Ticker(engine, lambda report: got.extend(report.payloads))
    ticker.start()
    wait_until(lambda: len(engine.ticks) >= 2)
    ticker.stop()
    assert got == [b"a", b"b"]


def test_a_panic_in_one_tick_does_not_end_the_ticking() -> None:
    engine = FakeEngine([CoreFault("panicked"), Report([b"a"], [1])])
    got: list[bytes] = []
    ticker = Ticker(engine, lambda report: got.extend(report.payloads))
    ticker.start()
    wait_until(lambda: got == [b"a"])
    ticker.stop()


@pytest.mark.usefixtures("unhurried")
def test_pressure_brings_the_next_tick_forward() -> None:
    engine = FakeEngine(due_ns=time.time_ns() + 10**15)
    ticker = Ticker(engine, lambda _: None)
    ticker.start()
    wait_until(lambda: len(engine.ticks) == 1)
    ticker.wake()
    wait_until(lambda: len(engine.ticks) == 2)
    ticker.stop()


@pytest.mark.usefixtures("unhurried")
def test_a_due_trace_is_not_left_waiting_and_ticks_do_not_crowd() -> None:
    engine = FakeEngine(due_ns=1)
    ticker = Ticker(engine, lambda _: None)
    ticker.start()
    wait_until(lambda: len(engine.ticks) >= 3)
    ticker.stop()
    # What comes after `stop` need not wait.
    assert all(later - earlier >= 0.04 for earlier, later in itertools.pairwise(engine.ticks[:3]))


def test_draining_goes_on_until_nothing_is_left() -> None:
    engine = FakeEngine([Report([b"a"], [1], more=True), Report([b"b"], [1], more=True), Report([b"c"], [1])])
    got: list[bytes] = []
    Ticker(engine, lambda report: got.extend(report.payloads)).drain()
    assert got == [b"a", b"b", b"c"]


def test_a_tick_that_hangs_shows() -> None:
    gate = threading.Event()
    engine = FakeEngine(gate=gate)
    ticker = Ticker(engine, lambda _: None)
    ticker.start()
    wait_until(lambda: ticker.silent_s > 0.05)
    gate.set()
    wait_until(lambda: ticker.silent_s < 0.05)
    ticker.stop()


def test_at_the_end_what_is_buffered_is_decided_or_dropped() -> None:
    for discard, left in ((False, [b"a", b"b"]), (True, [])):
        engine = FakeEngine([Report([b"a"], [1], more=True), Report([b"b"], [1])])
        got: list[Report] = []
        Ticker(engine, got.append).drain(discard=discard)  # type: ignore[arg-type]
        assert [payload for report in got for payload in report.payloads] == left
        assert engine.reports == []
