"""A bound on the request bytes that are in work at once, over all connections and protocols."""

from __future__ import annotations

import threading

from enricher.errors import Overloaded
from enricher.measure import events

_IN_FLIGHT = events.gauge("enricher_receiver_in_flight_bytes", "Request bytes being taken in right now.")
RETRY_AFTER_S = 1.0


class Admission:
    """Counts bytes in and out. A single request larger than the whole bound passes when nothing else is in work."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._lock = threading.Lock()
        _IN_FLIGHT.of().read_from(lambda: self._held)

    def enter(self, size: int, held_by_caller: int = 0) -> None:
        """Take `size` bytes of the budget, to be given back with `leave`. Raises Overloaded when they do not fit."""
        with self._lock:
            if self._held > held_by_caller and self._held + size > self._limit:
                raise Overloaded(
                    f"{self._held} bytes of requests are in work, the limit is {self._limit}", RETRY_AFTER_S
                )
            self._held += size

    def leave(self, size: int) -> None:
        with self._lock:
            self._held -= size

    @property
    def held(self) -> int:
        """Bytes in work."""
        return self._held
