"""One destination: its queue, its threads, its retries. Nothing that happens here reaches another destination."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from enricher.errors import DecodeError
from enricher.export import retry
from enricher.export.queue import Batch, SendingQueue
from enricher.export.report import Losses, Troubles
from enricher.export.retry import Delivered, Refused, Result, TryAgain
from enricher.export.settings import Queue, Retry, Signal
from enricher.export.split import split
from enricher.measure import events

log = logging.getLogger(__name__)

_SENT = events.counter("enricher_exporter_sent_items_total", "Items that the destination took.", "exporter", "signal")
_SENT_BYTES = events.counter(
    "enricher_exporter_sent_bytes_total", "Bytes delivered, uncompressed.", "exporter", "signal"
)
_RETRIES = events.counter("enricher_exporter_retries_total", "Attempts that failed and were tried again.", "exporter")
_QUEUE = events.gauge("enricher_exporter_queue_requests", "Requests that wait or are being sent.", "exporter")
_QUEUE_BYTES = events.gauge("enricher_exporter_queue_bytes", "Bytes that wait or are being sent.", "exporter")


class Sender(Protocol):
    """The protocol of one destination. `send` is called from several threads and tries once."""

    def send(self, batch: Batch) -> Result: ...

    def close(self) -> None:
        """Free connections and files; nothing is sent afterwards."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a destination is served."""

    signals: frozenset[Signal]
    queue: Queue = field(default_factory=Queue)
    retry: Retry = field(default_factory=Retry)


class Destination:
    """Threads that send what `put` was given. `start` once, `stop` once."""

    def __init__(self, name: str, sender: Sender, policy: Policy) -> None:
        self.name = name
        self._sender = sender
        self._policy = policy
        self._queue = SendingQueue(policy.queue)
        self._gave_up = threading.Event()
        self._draining = threading.Event()
        self._losses = Losses(name)
        self._troubles = Troubles(name)
        self._threads = [
            threading.Thread(target=self._consume, name=f"export-{name}-{number}", daemon=True)
            for number in range(policy.queue.num_consumers)
        ]
        _QUEUE.of(name).read_from(lambda: self._queue.held)
        _QUEUE_BYTES.of(name).read_from(lambda: self._queue.held_bytes)

    @property
    def waits_for_room(self) -> bool:
        """`put` may block."""
        return self._policy.queue.block_on_overflow or not self._policy.queue.enabled

    def takes(self, signal: Signal) -> bool:
        return signal in self._policy.signals

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def put(self, batch: Batch) -> bool:
        """Queue a batch, cut to the destination's size. False when a part did not fit; it is lost and counted."""
        try:
            parts = split(batch.payload, batch.items, self._policy.queue.batch.max_size)
        except DecodeError as error:
            self._losses.add(batch, "fault", str(error))
            return False
        fitted = True
        for payload, items in parts:
            part = Batch(batch.signal, payload, items)
            if not self._queue.put(part):
                fitted = False
                self._losses.add(part, "queue_full", "the queue is full")
        return fitted

    def describe(self) -> dict[str, int]:
        """Requests and bytes that wait or are being sent."""
        return {"queue_requests": self._queue.held, "queue_bytes": self._queue.held_bytes}

    def stop(self, deadline: float) -> int:
        """Send what is queued until `deadline` (monotonic seconds), then give up; returns the items that were left."""
        self._draining.set()
        self._queue.close()
        self._queue.wait_empty(deadline)
        self._gave_up.set()
        for batch in self._queue.clear():
            self._losses.add(batch, "shutdown", "the service stopped first")
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        for batch in self._queue.clear(in_work=True):
            self._losses.add(batch, "shutdown", "the service stopped before the destination answered")
        self._sender.close()
        self._losses.flush()
        return self._losses.at_shutdown

    def _consume(self) -> None:
        while (batch := self._queue.take()) is not None:
            try:
                self._deliver(batch)
            except Exception as error:
                # A thread that dies would let the queue fill up silently.
                log.exception("%s: sending failed unexpectedly", self.name)
                self._losses.add(batch, "fault", str(error))
            finally:
                self._queue.done(batch)

    def _deliver(self, batch: Batch) -> None:
        started = time.monotonic()
        waits = retry.waits(self._policy.retry)
        while True:
            result = self._sender.send(batch)
            if not isinstance(result, TryAgain):
                break
            wait = max(next(waits), result.after_s or 0.0)
            if not self._policy.retry.enabled:
                return self._losses.add(batch, "gave_up", result.reason)
            if 0 < self._policy.retry.max_elapsed_time < time.monotonic() - started + wait:
                return self._losses.add(batch, "gave_up", f"no success within max_elapsed_time; {result.reason}")
            _RETRIES.of(self.name).add()
            self._troubles.failed(wait, result.reason)
            if self._pause(wait):
                return self._losses.add(batch, "shutdown", result.reason)
        if isinstance(result, Refused):
            return self._losses.add(batch, "refused", result.reason)
        self._count(batch, result)
        return None

    def _pause(self, wait: float) -> bool:
        """Wait between attempts; True when the time to stop has come. The first wait of a shutdown is cut short."""
        if not self._draining.is_set():
            self._draining.wait(wait)
            return self._gave_up.is_set()
        return self._gave_up.wait(wait)

    def _count(self, batch: Batch, result: Delivered) -> None:
        self._troubles.passed()
        _SENT.of(self.name, batch.signal).add(batch.items - result.rejected)
        _SENT_BYTES.of(self.name, batch.signal).add(len(batch.payload))
        if result.rejected:
            self._losses.add_items(batch.signal, result.rejected, "rejected", result.message)
        elif result.message:
            log.warning("%s: accepted with a warning: %s", self.name, result.message)
