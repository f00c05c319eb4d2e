"""Files: OTLP JSON lines or length-prefixed protobuf, put aside by size as the Collector's file exporter does."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from enricher.errors import DecodeError, InputError
from enricher.export.queue import Batch
from enricher.export.retry import Delivered, Refused, Result, TryAgain
from enricher.export.settings import FileExporter, Rotation, Signal, ToJson

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_DAY_S = 86400
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(-\d+)?")


class FileSender:
    """Writes each signal to its own file. Raises InputError when a file cannot be opened."""

    def __init__(self, settings: FileExporter, to_json: ToJson) -> None:
        self._settings = settings
        self._to_json = to_json
        self._files = {signal: RotatedFile(sibling(settings.path, signal), settings) for signal in settings.signals}
        if "traces" in self._files:
            self._files["traces"].open()

    def send(self, batch: Batch) -> Result:
        try:
            record = self._record(batch)
            self._files[batch.signal].write(record)
        except DecodeError as error:
            return Refused(str(error))
        except (OSError, InputError) as error:
            # A full disk may have room again later.
            return TryAgain(str(error))
        return Delivered()

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _record(self, batch: Batch) -> bytes:
        if self._settings.format == "proto":
            return len(batch.payload).to_bytes(4, "big") + batch.payload
        return self._to_json(batch.signal, batch.payload) + b"\n"


def sibling(path: str, signal: Signal) -> Path:
    """The file of a signal: `path` itself for traces, `traces.metrics.jsonl` for metrics beside `traces.jsonl`."""
    base = Path(path)
    return base if signal == "traces" else base.with_name(f"{base.stem}.{signal}{base.suffix}")


class RotatedFile:
    """One file, opened at the first write; a record is never divided between two files."""

    def __init__(self, path: Path, settings: FileExporter) -> None:
        self._path = path
        self._append = settings.append
        self._create_directory = settings.create_directory
        self._rotation = settings.rotation
        self._file: BinaryIO | None = None
        self._size = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Raises InputError when the file cannot be opened."""
        with self._lock:
            self._opened()

    def write(self, record: bytes) -> None:
        """Append a record and hand it to the operating system. Raises OSError and takes back what was written."""
        with self._lock:
            file = self._opened()
            if self._rotation and self._size and self._size + len(record) > self._rotation.max_megabytes * _MIB:
                file = self._rotate(self._rotation)
            try:
                view = memoryview(record)
                while view:
                    view = view[file.write(view) :]
            except OSError:
                file.truncate(self._size)
                raise
            self._size += len(record)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            try:
                if self._create_directory:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                # Unbuffered: a request that was answered must not sit in this process.
                self._file = self._path.open("ab" if self._append else "wb", buffering=0)
            except OSError as error:
                raise InputError(f"cannot write {self._path}: {error.strerror}") from error
            self._append = True
            self._size = os.fstat(self._file.fileno()).st_size
        return self._file

    def _rotate(self, rotation: Rotation) -> BinaryIO:
        assert self._file is not None
        self._file.close()
        self._file = None
        self._path.rename(self._put_aside(rotation))
        try:
            self._delete_old(rotation)
        except OSError as error:
            log.warning("cannot delete old files beside %s: %s", self._path, error)
        return self._opened()

    def _put_aside(self, rotation: Rotation) -> Path:
        now = datetime.now().astimezone() if rotation.localtime else datetime.now(UTC)
        stamp = f"{now:%Y-%m-%dT%H-%M-%S}.{now.microsecond // 1000:03d}"
        target = self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")
        number = 0
        while target.exists():
            number += 1
            target = self._path.with_name(f"{self._path.stem}-{stamp}-{number}{self._path.suffix}")
        return target

    def _delete_old(self, rotation: Rotation) -> None:
        aside = [
            path
            for path in self._path.parent.iterdir()
            if path.suffix == self._path.suffix
            and path.stem.startswith(f"{self._path.stem}-")
            and _STAMP.fullmatch(path.stem[len(self._path.stem) + 1 :])
        ]
        aside.sort(key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
        oldest = time.time() - rotation.max_days * _DAY_S
        for number, path in enumerate(aside):
            too_many = rotation.max_backups and number >= rotation.max_backups
            too_old = rotation.max_days and path.stat().st_mtime < oldest
            if too_many or too_old:
                path.unlink()
