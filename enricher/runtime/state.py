"""What policies have learned, kept in a file over a restart."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Protocol

from enricher.errors import CoreFault, DecodeError, InputError
from enricher.measure import events

log = logging.getLogger(__name__)

_SAVES = events.counter(
    "enricher_sampling_state_saves_total",
    "Times that the state of sampling policies was written to sampling.state_file, by outcome: ok, failed.",
    "outcome",
)

_EVERY_S = 60.0
_LARGEST = 512 << 20


class HasStates(Protocol):
    """The part of the engine that is saved."""

    def save_states(self) -> bytes: ...
    def load_states(self, saved: bytes) -> None: ...


class StateFile:
    """`restore` once before anything is decided, `start` once; `stop` ends the thread and saves a last time."""

    def __init__(self, path: Path, engine: HasStates, every_s: float = _EVERY_S) -> None:
        self._path = path
        self._engine = engine
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampling-state", daemon=True)

    def restore(self) -> None:
        """Read the file if there is one; what cannot be used is left, with a warning, and policies begin anew.

        Raises InputError when the file could not be written later.
        """
        if not os.access(self._path.parent, os.W_OK | os.X_OK):
            raise InputError(f"sampling.state_file: {self._path.parent} is no directory that can be written to")
        try:
            if self._path.stat().st_size > _LARGEST:
                raise DecodeError(f"larger than {_LARGEST} bytes")
            self._engine.load_states(self._path.read_bytes())
        except FileNotFoundError:
            log.info("no sampling state in %s yet", self._path)
        except (OSError, DecodeError, CoreFault) as error:
            log.warning("sampling policies begin anew: %s cannot be used: %s", self._path, error)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
            self.save()

    def save(self) -> bool:
        """Write the file at one stroke; True when it is written."""
        beside = self._path.with_name(self._path.name + ".new")
        try:
            saved = self._engine.save_states()
            with beside.open("wb") as file:
                file.write(saved)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except (OSError, CoreFault) as error:
            log.error("the state of sampling policies is not saved: %s", error)
            _SAVES.of("failed").add()
            return False
        _SAVES.of("ok").add()
        return True

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.save()
