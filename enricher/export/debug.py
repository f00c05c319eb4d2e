"""The debug exporter: what would be sent, in the program's own log."""

from __future__ import annotations

import json
import logging
from typing import Any

from enricher.errors import DecodeError
from enricher.export.queue import Batch
from enricher.export.retry import Delivered, Refused, Result
from enricher.export.settings import DebugExporter, Signal, ToJson

log = logging.getLogger(__name__)

_LEVELS: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
}


class DebugSender:
    """Logs at level info."""

    def __init__(self, name: str, settings: DebugExporter, to_json: ToJson) -> None:
        self._name = name
        self._verbosity = settings.verbosity
        self._to_json = to_json

    def send(self, batch: Batch) -> Result:
        log.info("%s: %d items of %s, %d bytes", self._name, batch.items, batch.signal, len(batch.payload))
        if self._verbosity == "basic":
            return Delivered()
        try:
            line = self._to_json(batch.signal, batch.payload)
        except DecodeError as error:
            return Refused(str(error))
        if self._verbosity == "detailed":
            log.info("%s: %s", self._name, line.decode())
            return Delivered()
        outer, middle, inner = _LEVELS[batch.signal]
        for resource in json.loads(line).get(outer, ()):
            for scope in resource.get(middle, ()):
                for item in scope.get(inner, ()):
                    log.info("%s: %s", self._name, _summary(item))
        return Delivered()

    def close(self) -> None:
        """Nothing is held."""


def _summary(item: dict[str, Any]) -> str:
    """Name, ids and attributes of a span; name of a metric; severity and trace of a log record."""
    named = [str(item[key]) for key in ("name", "severityText", "traceId", "spanId") if item.get(key)]
    attributes = [f"{pair['key']}={_plain(pair.get('value', {}))}" for pair in item.get("attributes", ())]
    return " ".join(named + attributes)


def _plain(value: dict[str, Any]) -> str:
    return json.dumps(next(iter(value.values()), None), ensure_ascii=False)
