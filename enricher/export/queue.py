"""What waits for one destination: bounded by bytes always, and by requests or items as the user says.

What is being sent still counts, so that the bound is one of memory.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from enricher.export.settings import Queue, Signal

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """One request to send: encoded once, shared by all destinations. `items` are spans, data points or log records."""

    signal: Signal
    payload: bytes
    items: int


class SendingQueue:
    """First in, first out, for several producers and consumers."""

    def __init__(self, settings: Queue) -> None:
        self._limit = settings.queue_size if settings.enabled else 1
        self._sizer = settings.sizer if settings.enabled else "requests"
        self._limit_bytes = settings.max_mib * _MIB
        self._blocking = settings.block_on_overflow or not settings.enabled
        self._waiting: deque[Batch] = deque()
        self._in_work: dict[int, Batch] = {}
        self._changed = threading.Condition()
        self._bytes = self._size = self._held = 0
        self._closed = False

    def put(self, batch: Batch) -> bool:
        """Add a batch; False when it does not fit or the queue is closed. With `block_on_overflow`, waits for room."""
        with self._changed:
            while not self._closed and not self._fits(batch):
                if not self._blocking:
                    return False
                self._changed.wait()
            if self._closed:
                return False
            self._account(batch, 1)
            self._waiting.append(batch)
            self._changed.notify_all()
            return True

    def take(self) -> Batch | None:
        """The oldest batch, to be given to `done` afterwards; waits for one. None once closed and empty."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
            batch = self._waiting.popleft()
            self._in_work[id(batch)] = batch
            return batch

    def done(self, batch: Batch) -> None:
        """The batch is delivered or lost: its room is free again."""
        with self._changed:
            if self._in_work.pop(id(batch), None) is not None:
                self._account(batch, -1)
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing more; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_empty(self, deadline: float) -> bool:
        """Wait until nothing waits or is in work; False when `deadline` (monotonic seconds) came first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held == 0, max(0.0, deadline - time.monotonic()))

    def clear(self, in_work: bool = False) -> list[Batch]:
        """Remove and return everything that waits; with `in_work`, what was taken and is not done instead."""
        with self._changed:
            left = list(self._in_work.values()) if in_work else list(self._waiting)
            (self._in_work if in_work else self._waiting).clear()
            for batch in left:
                self._account(batch, -1)
            self._changed.notify_all()
            return left

    @property
    def held(self) -> int:
        """Batches that wait or are being sent."""
        return self._held

    @property
    def held_bytes(self) -> int:
        """Bytes of those."""
        return self._bytes

    def _fits(self, batch: Batch) -> bool:
        # A batch larger than a bound by itself passes through an empty queue: refusing it for ever would help nobody.
        if self._held == 0:
            return True
        return (
            self._size + self._measure(batch) <= self._limit and self._bytes + len(batch.payload) <= self._limit_bytes
        )

    def _measure(self, batch: Batch) -> int:
        if self._sizer == "bytes":
            return len(batch.payload)
        return batch.items if self._sizer == "items" else 1

    def _account(self, batch: Batch, sign: int) -> None:
        self._held += sign
        self._size += sign * self._measure(batch)
        self._bytes += sign * len(batch.payload)
