"""Files of spans and of log records into engines, in whatever order the two stand.

In the service a log record waits for its span or finds it waiting. In files the records of a span may stand far behind
it, so they are read first; what `limits.log_facts_mib` has no room for is taken where it stands. From standard input
and pipes, which can be read once only, all are.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from enricher.cli.inputs import UNKNOWN, Meter, is_regular, read_messages
from enricher.errors import InputError
from enricher.runtime.engine import CoreEngine
from enricher.runtime.replay import Replay

log = logging.getLogger(__name__)


class Feed:
    """The requests of some inputs; their log records go to the engines themselves."""

    def __init__(self, inputs: Sequence[str], replays: Sequence[Replay]) -> None:
        self._inputs = inputs
        self._replays = replays
        #: By input: its first log messages, which were taken before all spans.
        self._taken = [0] * len(inputs)
        self._refused = 0
        self._read_ahead()

    def requests(self, number: int, meter: Meter | None = None) -> Iterator[bytes]:
        """The traces requests of the input with this number, in order. Raises InputError (`inputs.read_messages`)."""
        path = self._inputs[number]
        logs = 0
        others: Counter[str] = Counter()
        try:
            for message in read_messages(path, CoreEngine.otlp_from_json, meter):
                if message.signal == "traces":
                    yield message.payload
                elif message.signal == "logs":
                    logs += 1
                    if logs > self._taken[number]:
                        self._refused += self._take(path, message.payload)
                else:
                    others[message.signal] += 1
        finally:
            _tell(path, others)

    def end(self) -> None:
        """Tell what was lost, once all inputs were read."""
        if self._refused:
            log.warning(
                "%d log records add nothing to their spans: raise limits.log_facts_mib to have room for them",
                self._refused,
            )

    def _read_ahead(self) -> None:
        for number, path in enumerate(self._inputs):
            # A directory or a file that is not there is told where its spans are read.
            if not is_regular(path):
                continue
            try:
                for message in read_messages(path, CoreEngine.otlp_from_json, only="logs"):
                    refused = self._take(path, message.payload)
                    self._taken[number] += 1
                    if refused:
                        self._refused += refused
                        return
            except InputError:
                # Told where the spans of the same file are read.
                continue

    def _take(self, path: str, payload: bytes) -> int:
        return max(replay.take_logs(path, payload) for replay in self._replays)


def _tell(path: str, others: Counter[str]) -> None:
    for signal, count in sorted(others.items()):
        what = "neither spans, log records nor metrics" if signal == UNKNOWN else f"{signal}, which are not processed"
        log.warning("%s: %d messages are %s", path, count, what)
