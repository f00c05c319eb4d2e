"""Where the patterns of names end: `claude-opus-4-6*` is no 4.60, and `gemini-3.7-flash*` is no Flash-Lite.

Upstream's patterns are written for the names of today. What begins like a name and goes on with a digit, another
version, a variant of the family or a path of its own is another model, whose price nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from enricher.price.book import ModelRow

_NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]?\Z")
"""A version at the end: no part of a date or of a serial number, which `-0*` and `-2025*` cut."""
_RELEASE = re.compile(r"-v([0-9])(?::[0-9]+)?\Z")
_OPEN = re.compile(r"[0-9a-z]\Z")


def bounded(models: Sequence[ModelRow], variants: Mapping[str, Sequence[str]]) -> list[ModelRow]:
    """The rows; patterns exclude the names of other models that they would take.

    variants: by provider, the last parts of names that tell members of one family apart.
    """
    return [_bounded(row, variants.get(row.provider, ())) for row in models]


def _bounded(row: ModelRow, variants: Sequence[str]) -> ModelRow:
    stems = [name[:-1] for name in row.names.split() if name.endswith("*") and _OPEN.search(name[:-1])]
    others = {glob for stem in stems for glob in _others(stem, row.model, variants, stems)}
    others = {glob for glob in others if not any(fnmatchcase(stem, glob) for stem in stems)}
    known = row.excluded.split()
    return replace(row, excluded=" ".join([*known, *sorted(others.difference(known))]))


def _others(stem: str, model: str, variants: Sequence[str], stems: Sequence[str]) -> Iterator[str]:
    yield f"{stem}*/*"
    # A pattern for every digit stands for any serial number.
    is_serial = all(f"{stem[:-1]}{digit}" in stems for digit in range(10))
    if _NUMBER.search(stem) and not is_serial:
        yield f"{stem}[0-9]*"
    release = _RELEASE.search(model)
    if release is not None and "-v" not in stem:
        yield from (f"{stem}-v{digit}*" for digit in "123456789" if digit != release[1])
    yield from (f"{stem}-{variant}*" for variant in variants if f"-{variant}" not in stem)
