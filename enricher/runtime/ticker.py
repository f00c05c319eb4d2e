"""The thread that has the engine decide due traces and hands on what comes out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from enricher.errors import CoreFault

log = logging.getLogger(__name__)

# Closer together, ticks would only make smaller export requests. Further apart, each is a burst of work that requests
# wait for on a machine with few processors.
_SHORTEST_S = 0.05
_LONGEST_S = 0.5
# Under memory pressure every request asks for a tick; this much work of its own lies between two of them.
_PRESSURE_S = 0.005


class TickReport(Protocol):
    """The part of the core's report that is handed on."""

    @property
    def payloads(self) -> list[bytes]: ...
    @property
    def payload_spans(self) -> list[int]: ...
    @property
    def calls(self) -> bytes: ...
    @property
    def more(self) -> bool: ...


class Decides(Protocol):
    """The part of the engine that the ticker drives."""

    def tick(self, now_ns: int) -> TickReport: ...
    def drain(self, now_ns: int) -> TickReport: ...
    def discard(self, now_ns: int) -> TickReport: ...
    def next_due_ns(self) -> int: ...


class Ticker:
    """`start` once; `stop` ends the thread; `drain` decides what is left, in the calling thread."""

    def __init__(self, engine: Decides, hand_on: Callable[[TickReport], None]) -> None:
        self._engine = engine
        self._hand_on = hand_on
        self._wake = threading.Event()
        self._stopping = False
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Tick soon: the buffer is under pressure."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def drain(self, *, discard: bool = False) -> None:
        """Decide everything that is buffered, or drop it (`discard`). Raises CoreFault."""
        settle = self._engine.discard if discard else self._engine.drain
        while True:
            report = settle(time.time_ns())
            self._hand_on(report)
            if not report.more:
                return

    @property
    def silent_s(self) -> float:
        """Seconds since the thread last came by; large when it hangs or is gone."""
        return time.monotonic() - self._beat

    def _run(self) -> None:
        while not self._stopping:
            self._beat = time.monotonic()
            try:
                report = self._engine.tick(time.time_ns())
                self._hand_on(report)
                wait = _PRESSURE_S if report.more else self._until_due()
            except CoreFault:
                # Logged and counted where it was translated; the other traces still need their ticks.
                wait = _LONGEST_S
            if self._wake.wait(wait):
                self._wake.clear()
                time.sleep(_PRESSURE_S)

    def _until_due(self) -> float:
        due = self._engine.next_due_ns()
        if not due:
            return _LONGEST_S
        return min(_LONGEST_S, max(_SHORTEST_S, (due - time.time_ns()) / 1e9))
