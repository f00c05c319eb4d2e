"""What is said about a destination that fails: every loss counted, and a log that stays readable."""

from __future__ import annotations

import logging
import threading
import time

from enricher.export.queue import Batch
from enricher.export.settings import Signal
from enricher.measure import events

log = logging.getLogger(__name__)

_LOST = events.counter(
    "enricher_exporter_lost_items_total",
    "Items that did not reach the destination: queue_full, refused, rejected, gave_up, shutdown, fault.",
    "exporter",
    "signal",
    "reason",
)

_REPEAT_S = 10.0
"""What goes on is logged again after this many seconds, with what happened in between."""


class Troubles:
    """Logs that a destination fails and that it works again, not every attempt."""

    def __init__(self, exporter: str) -> None:
        self._exporter = exporter
        self._lock = threading.Lock()
        self._since = self._logged_at = 0.0
        self._failures = 0

    def failed(self, wait_s: float, reason: str) -> None:
        """An attempt failed and is repeated after `wait_s` seconds."""
        now = time.monotonic()
        with self._lock:
            self._since = self._since or now
            self._failures += 1
            if self._logged_at and now - self._logged_at < _REPEAT_S:
                return
            self._logged_at = now
            failures = self._failures
        log.warning("%s: attempt %d failed, trying again in %.1f s: %s", self._exporter, failures, wait_s, reason)

    def passed(self) -> None:
        """A request was taken."""
        if not self._failures:
            return
        with self._lock:
            failures, since = self._failures, self._since
            self._failures, self._since, self._logged_at = 0, 0.0, 0.0
        if failures:
            log.info("%s: works again after %d attempts in %.0f s", self._exporter, failures, time.monotonic() - since)


class Losses:
    """Counts every loss and logs it, at once the first time and then at most every few seconds."""

    def __init__(self, exporter: str) -> None:
        self.at_shutdown = 0
        self._exporter = exporter
        self._pending: dict[tuple[Signal, str], int] = {}
        self._logged_at: dict[tuple[Signal, str], float] = {}
        self._lock = threading.Lock()

    def add(self, batch: Batch, reason: str, why: str) -> None:
        self.add_items(batch.signal, batch.items, reason, why)

    def add_items(self, signal: Signal, items: int, reason: str, why: str) -> None:
        _LOST.of(self._exporter, signal, reason).add(items)
        key = (signal, reason)
        with self._lock:
            self.at_shutdown += items if reason == "shutdown" else 0
            lost = self._pending.get(key, 0) + items
            now = time.monotonic()
            if now - self._logged_at.get(key, -_REPEAT_S) < _REPEAT_S:
                self._pending[key] = lost
                return
            self._pending[key] = 0
            self._logged_at[key] = now
        log.error("%s: lost %d items of %s (%s): %s", self._exporter, lost, signal, reason, why)

    def flush(self) -> None:
        """Log what was counted since the last line."""
        with self._lock:
            pending, self._pending = self._pending, {}
        for (signal, reason), lost in pending.items():
            if lost:
                log.error("%s: lost %d more items of %s (%s)", self._exporter, lost, signal, reason)
