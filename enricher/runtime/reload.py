"""A new configuration without a restart: checked first, and the old plan stays in force on any fault."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from enricher.config import Settings, compile_plan, load
from enricher.errors import CoreFault, InputError, PlanError
from enricher.measure import events

log = logging.getLogger(__name__)

_RELOADS = events.counter("enricher_config_reloads_total", "Reloads by outcome: ok, refused.", "outcome")
_LAST_OK = events.gauge("enricher_config_last_reload_successful", "1 when the configuration in the files is in force.")

FIXED = ("receivers", "exporters", "metrics", "admin")
"""Sections that are read at start only; the others take effect at a reload."""

_LOOK_EVERY_S = 2.0


class TakesPlan(Protocol):
    """The part of the engine that a reload needs."""

    def replace_plan(self, plan: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class ReloadState:
    """What the last reload came to, for readiness. `problems`: why it was refused; empty when it was not."""

    at: str = ""
    ok: bool = True
    problems: list[str] = field(default_factory=list)
    restart_needed: list[str] = field(default_factory=list)


class Reloader:
    """Reads the same files again. `reload` is called from one thread."""

    def __init__(
        self,
        paths: Sequence[Path],
        sets: Sequence[str],
        settings: Settings,
        engine: TakesPlan,
        compile_settings: Callable[[Settings], bytes] = compile_plan,
    ) -> None:
        self.settings = settings
        self.state = ReloadState()
        self._paths = list(paths)
        self._sets = list(sets)
        self._started_with = settings
        self._engine = engine
        self._compile = compile_settings
        _LAST_OK.of().set(1)

    def reload(self) -> bool:
        """True when the new configuration is in force."""
        loaded = load(self._paths, self._sets)
        if loaded.settings is None:
            return self._refused([str(problem) for problem in loaded.errors])
        try:
            self._engine.replace_plan(self._compile(loaded.settings))
        except (PlanError, CoreFault, InputError) as error:
            return self._refused([str(error)])
        restart = [
            section for section in FIXED if _section(loaded.settings, section) != _section(self._started_with, section)
        ]
        self.settings = loaded.settings
        self.state = ReloadState(_now(), True, [], restart)
        _RELOADS.of("ok").add()
        _LAST_OK.of().set(1)
        log.info("configuration reloaded; traces in flight end under the one they began with")
        if restart:
            log.warning("changes of %s take effect at the next start", ", ".join(restart))
        return True

    def _refused(self, problems: list[str]) -> bool:
        self.state = ReloadState(_now(), False, problems, self.state.restart_needed)
        _RELOADS.of("refused").add()
        _LAST_OK.of().set(0)
        log.error("the new configuration is refused, the old one stays in force:")
        for problem in problems:
            log.error("  %s", problem)
        return False


class Watcher:
    """Calls `changed` when one of the files becomes another one. Looks rather than listens: mounted configuration
    (a Kubernetes ConfigMap) changes by a symlink far above the file, which file events do not show."""

    def __init__(self, paths: Sequence[Path], changed: Callable[[], None]) -> None:
        self._paths = list(paths)
        self._tell = changed
        self._stop = threading.Event()
        self._seen = self._look()
        self._thread = threading.Thread(target=self._run, name="config-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self) -> None:
        """The files as they are now are about to be read: they have not changed until they change again."""
        self._seen = self._look()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            if self.changed():
                log.info("a configuration file changed")
                self._tell()

    def changed(self) -> bool:
        """Whether the files are others than when this was asked, or they were read, last."""
        now = self._look()
        if now == self._seen or None in now:
            return False
        self._seen = now
        return True

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_identity(path) for path in self._paths]


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _section(settings: Settings, name: str) -> Any:
    return getattr(settings, name, None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
