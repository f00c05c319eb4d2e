"""How far a long command is, on stderr: one line that is rewritten on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from enricher.cli.inputs import is_regular

_TERMINAL_S = 0.2
_LOG_S = 10.0


class Progress:
    """Counts bytes of input. inputs: the files, whose sizes make the whole; standard input and pipes have none."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self._terminal = sys.stderr.isatty()
        self._every_s = _TERMINAL_S if self._terminal else _LOG_S
        self._begun = self._told = time.monotonic()
        self._done = 0
        self._shown = False
        try:
            sized = all(is_regular(path) for path in inputs)
            self._whole = sum(Path(path).stat().st_size for path in inputs) if sized else 0
        except OSError:
            # Gone since.
            self._whole = 0

    def add(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told >= self._every_s:
            self._told = now
            self._show(now - self._begun)

    def end(self) -> None:
        """Leave the line."""
        if self._shown and self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _show(self, seconds: float) -> None:
        share = f"{self._done / self._whole:.0%} of {self._whole / 2**20:,.0f} MiB" if self._whole else ""
        text = share or f"{self._done / 2**20:,.0f} MiB"
        text = f"read {text}, {self._done / 2**20 / seconds:,.1f} MiB/s"
        self._shown = True
        print(
            f"\r\x1b[K{text}" if self._terminal else text,
            end="" if self._terminal else "\n",
            file=sys.stderr,
            flush=True,
        )
