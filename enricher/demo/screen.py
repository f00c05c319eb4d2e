"""A text that is drawn over itself, again and again, at the end of what a terminal shows."""

from __future__ import annotations

import re
import shutil
from typing import Self, TextIO

_LOOK = re.compile(r"(\x1b\[[0-9;]*m)")


class Screen:
    """As a context manager it keeps the cursor out of sight."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._height = 0

    def __enter__(self) -> Self:
        self._stream.write("\x1b[?25l")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write("\x1b[?25h")
        self._stream.flush()

    def show(self, frame: str) -> None:
        """Draws `frame` over the last one, cut to the terminal: a line that wraps could not be drawn over."""
        columns, rows = shutil.get_terminal_size()
        lines = [fit(line, columns) for line in frame.splitlines()[: rows - 1]]
        self._stream.write(self._up() + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._height = len(lines)

    def clear(self) -> None:
        self._stream.write(self._up() + "\x1b[J")
        self._height = 0

    def _up(self) -> str:
        return f"\x1b[{self._height}F" if self._height else ""


def fit(line: str, columns: int) -> str:
    """The line, at most so many visible characters of it, with its looks."""
    left, parts = columns, []
    for part in _LOOK.split(line):
        if not _LOOK.fullmatch(part):
            part = part[:left]
            left -= len(part)
        parts.append(part)
    return "".join(parts)
