"""Requests through an engine under a virtual clock: that of the spans, or one that the caller states."""

from __future__ import annotations

import logging
from collections.abc import Callable

from enricher.errors import DecodeError, InputError, Overloaded
from enricher.runtime.engine import CoreEngine, IngestReport, TickReport

log = logging.getLogger(__name__)


# The service's ticker: ticks closer together would give policies that share out a rate batches of one trace.
_TICK_NS = 250_000_000


class Replay:
    """Feeds one engine and hands every report of its ticks, at least 250 ms apart, to `hand_on`."""

    def __init__(self, engine: CoreEngine, hand_on: Callable[[TickReport], None]) -> None:
        self._engine = engine
        self._hand_on = hand_on
        self._now_ns = 0
        self._ticked_ns = 0

    def take(self, source: str, payload: bytes, now_ns: int | None = None) -> IngestReport:
        """Decide what is due before a request arrives, each trace when it is due, then ingest the request; returns what
        the engine said of it.

        source: the name for messages. now_ns: when the request arrives, Unix nanoseconds; when None, time advances with
        the latest span end seen. Raises InputError when the engine refuses the request.
        """
        try:
            self.advance(CoreEngine.latest_end_ns(payload) if now_ns is None else now_ns)
            report = self._ingest(payload)
        except DecodeError as error:
            raise InputError(f"{source}: is not OTLP: {error}") from error
        except Overloaded as error:
            raise InputError(
                f"{source}: a request does not fit the buffer, raise limits.buffer_mib: {error}"
            ) from error
        if report.rejected:
            log.warning("%s: %d spans rejected: %s", source, report.rejected, report.message)
        if report.pressure or self._now_ns - self._ticked_ns >= _TICK_NS:
            self._tick()
        return report

    def take_logs(self, source: str, payload: bytes) -> int:
        """Note what log records say about model calls, for the spans that they were written in, whenever these come.

        Returns how many records found no room (`limits.log_facts_mib`). Raises InputError for what is not OTLP.
        """
        try:
            return self._engine.take_logs(payload, self._now_ns, keep=True).refused
        except DecodeError as error:
            raise InputError(f"{source}: is not OTLP: {error}") from error

    def advance(self, now_ns: int | None) -> None:
        """Let time pass until then (Unix nanoseconds; None: until nothing waits any more) and decide what is due when
        it is due, as the service would. Time never goes back. Every tick decides a trace, however long the wait is."""
        while due_ns := self._engine.next_due_ns():
            tick_ns = max(due_ns, self._ticked_ns + _TICK_NS, self._now_ns)
            if now_ns is not None and tick_ns > now_ns:
                break
            self._now_ns = tick_ns
            self._tick()
        self._now_ns = max(self._now_ns, now_ns or 0)

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
        self._ticked_ns = self._now_ns
        while True:
            report = self._engine.tick(self._now_ns)
            self._hand_on(report)
            if not report.more:
                return
