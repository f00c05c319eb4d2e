"""Colors for people, on terminals only, and never when `NO_COLOR` is set (https://no-color.org)."""

from __future__ import annotations

import os
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Style:
    """Wraps text in terminal codes, or leaves it alone."""

    def __init__(self, colored: bool) -> None:
        self.colored = colored

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """Colored when `stream` is a terminal that shows colors and its user did not say no."""
        return cls(stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")

    def __call__(self, text: str, *looks: str) -> str:
        """`text` in the given looks: bold, dim, red, green, yellow, cyan."""
        if not self.colored or not looks or not text:
            return text
        return f"\x1b[{';'.join(_CODES[look] for look in looks)}m{text}\x1b[0m"
