"""Paths into the configuration: `sampling.policies[2].latency`, with `["a.b"]` for keys that hold dots."""

from __future__ import annotations

import re
from collections.abc import Sequence

from enricher.config.document import MAX_DEPTH

Loc = tuple[str | int, ...]

_SEGMENT = re.compile(r"""\[(\d{1,6})\]|\["([^"]*)"\]|([^.\[\]"]+)""")


def dotted(loc: Sequence[str | int]) -> str:
    """A path as users read and write it."""
    path = ""
    for segment in loc:
        if isinstance(segment, int):
            path += f"[{segment}]"
        elif not segment or any(mark in segment for mark in '.[]"'):
            path += f'["{segment}"]'
        else:
            path += f".{segment}" if path else segment
    return path


def parse_path(path: str) -> Loc | None:
    """The inverse of `dotted`; None for what is not a path."""
    segments: list[str | int] = []
    position = 0
    while position < len(path):
        if segments and path[position] == ".":
            position += 1
        found = _SEGMENT.match(path, position)
        if found is None:
            return None
        segments.append(int(found[1]) if found[1] is not None else found[3] or found[2] or "")
        position = found.end()
    return tuple(segments) if 0 < len(segments) < MAX_DEPTH else None
