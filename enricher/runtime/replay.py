"""Requests through an engine under a virtual clock: that of the spans, or one that the caller states."""

from __future__ import annotations

import logging
from collections.abc import Callable

from enricher.errors import DecodeError, InputError, Overloaded
from enricher.runtime.engine import CoreEngine, IngestReport, TickReport
from enricher.wire import latest_end_ns

log = logging.getLogger(__name__)


class Replay:
    """Feeds one engine and hands every report of its ticks to `hand_on`."""

    def __init__(self, engine: CoreEngine, hand_on: Callable[[TickReport], None]) -> None:
        self._engine = engine
        self._hand_on = hand_on
        self._now_ns = 0

    def take(self, source: str, payload: bytes, now_ns: int | None = None) -> None:
        """Ingest a request and decide what is due.

        source: the name for messages. now_ns: when the request arrives, Unix nanoseconds; when None, time advances with
        the latest span end seen. Raises InputError when the engine refuses the request.
        """
        try:
            self._now_ns = max(self._now_ns, latest_end_ns(payload) if now_ns is None else now_ns)
            report = self._ingest(payload)
        except DecodeError as error:
            raise InputError(f"{source}: is not OTLP: {error}") from error
        except Overloaded as error:
            raise InputError(
                f"{source}: a request does not fit the buffer, raise limits.buffer_mib: {error}"
            ) from error
        if report.rejected:
            log.warning("%s: %d spans rejected: %s", source, report.rejected, report.message)
        self._tick()

    def advance(self, now_ns: int) -> None:
        """Let time pass (Unix nanoseconds) and decide what is due by then. Time never goes back."""
        self._now_ns = max(self._now_ns, now_ns)
        self._tick()

    def finish(self) -> None:
        """Decide everything: the end of the input, or a shutdown."""
        while True:
            report = self._engine.drain(self._now_ns)
            self._hand_on(report)
            if not report.more:
                return

    def _ingest(self, payload: bytes) -> IngestReport:
        try:
            return self._engine.ingest(payload, self._now_ns)
        except Overloaded:
            # What is due makes room; in a service the sender would wait as long.
            self._tick()
            return self._engine.ingest(payload, self._now_ns)

    def _tick(self) -> None:
        while True:
            report = self._engine.tick(self._now_ns)
            self._hand_on(report)
            if not report.more:
                return
