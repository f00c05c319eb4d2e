"""Senders that do as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from enricher.export.queue import Batch
from enricher.export.retry import Delivered, Result
from enricher.measure import events


@dataclass
class FakeSender:
    """Answers with `results`, one a call, then `Delivered`; records what it was given and what was delivered."""

    results: list[Result | Exception] = field(default_factory=list)
    attempts: list[Batch] = field(default_factory=list)
    delivered: list[Batch] = field(default_factory=list)
    before: Callable[[], object] | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def send(self, batch: Batch) -> Result:
        self.attempts.append(batch)
        if self.before:
            self.before()
        result = self.results.pop(0) if self.results else Delivered()
        if isinstance(result, Exception):
            raise result
        if isinstance(result, Delivered):
            self.delivered.append(batch)
        return result

    def close(self) -> None:
        self.closed.set()


def lost(exporter: str, signal: str = "traces") -> dict[str, float]:
    """Items lost so far by reason."""
    reading = next(one for one in events.snapshot() if one.name == "enricher_exporter_lost_items_total")
    return {key[2]: value for key, value in reading.series.items() if key[:2] == (exporter, signal)}
