"""Call records in a rotated file, a JSON object a line."""

from __future__ import annotations

import logging
from pathlib import Path

from enricher.errors import InputError
from enricher.export.file import RotatedFile
from enricher.export.settings import FileExporter
from enricher.measure import events
from enricher.measure.settings import CallLogSettings

log = logging.getLogger(__name__)

_WRITTEN = events.counter("enricher_call_log_records_total", "Call records written to the call log.")
_LOST = events.counter(
    "enricher_call_log_lost_records_total", "Call records that the call log could not take, as on a full disk."
)


class CallLog:
    """Takes the records of each tick. Raises InputError when the file cannot be opened at the start; a record that
    cannot be written later is counted as lost and the service goes on."""

    def __init__(self, settings: CallLogSettings) -> None:
        self._path = settings.path
        self._file = RotatedFile(Path(settings.path), FileExporter(path=settings.path, rotation=settings.rotation))
        self._file.open()
        self._failing = False

    def write(self, records: bytes) -> None:
        """Append finished lines; one batch is never divided between two files."""
        count = records.count(b"\n")
        try:
            self._file.write(records)
        except (OSError, InputError) as error:
            _LOST.of().add(count)
            if not self._failing:
                log.error("cannot write call records to %s: %s", self._path, error)
            self._failing = True
            return
        _WRITTEN.of().add(count)
        if self._failing:
            log.info("call records are written to %s again", self._path)
        self._failing = False

    def close(self) -> None:
        self._file.close()
