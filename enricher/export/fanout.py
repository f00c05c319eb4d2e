"""One way in, several destinations; a slow or dead one holds up none of the others."""

from __future__ import annotations

import logging
import threading
import time

from enricher.export.destination import Destination
from enricher.export.queue import Batch
from enricher.export.settings import Signal

log = logging.getLogger(__name__)


class Fanout:
    """Hands each batch to every destination that takes its signal. `start` once, `stop` once."""

    def __init__(self, destinations: list[Destination]) -> None:
        # Those that may block come last, so that they hold up nobody within one batch.
        self._destinations = sorted(destinations, key=lambda destination: destination.waits_for_room)

    def start(self) -> None:
        for destination in self._destinations:
            destination.start()

    def send(self, signal: Signal, payload: bytes, items: int) -> bool:
        """Queue one encoded export request. False when no destination had room for it."""
        batch = Batch(signal, payload, items)
        # A signal that no destination takes is dropped by the wish of the user, and no reason to refuse senders.
        takers = [destination for destination in self._destinations if destination.takes(signal)]
        fitted = [destination.put(batch) for destination in takers]
        return not takers or any(fitted)

    def describe(self) -> dict[str, dict[str, int]]:
        """What waits for each destination, for readiness."""
        return {one.name: one.describe() for one in self._destinations}

    def stop(self, timeout_s: float) -> int:
        """Flush all destinations at the same time, at most `timeout_s` seconds; returns the items not delivered."""
        deadline = time.monotonic() + timeout_s
        left: dict[str, int] = {}

        def flush(destination: Destination) -> None:
            left[destination.name] = destination.stop(deadline)

        threads = [threading.Thread(target=flush, args=(one,)) for one in self._destinations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, items in left.items():
            if items:
                log.error("%s: %d items were not delivered before the service stopped", name, items)
        return sum(left.values())
