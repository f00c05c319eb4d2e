"""Checks of the `normalize:` section that look at more than one value."""

from __future__ import annotations

from fnmatch import fnmatchcase

from enricher.content.check import check as check_content
from enricher.errors import Problem
from enricher.normalize.names import maps
from enricher.normalize.notation import parse_source
from enricher.normalize.settings import NormalizeSettings
from enricher.normalize.tables import shipped_dialects


def check(settings: NormalizeSettings) -> list[Problem]:
    """Names that are taken, and dialects that nothing detects. Paths are relative to the section."""
    problems: list[Problem] = check_content(settings.content)
    shipped = {dialect.name for dialect in shipped_dialects()}
    first: dict[str, int] = {}
    for index, dialect in enumerate(settings.dialects):
        if dialect.name in first:
            message = f"the name {dialect.name!r} is taken by dialects[{first[dialect.name]}]"
            problems.append(Problem("duplicate-dialect", f"dialects[{index}].name", message, "names must be unique"))
        first.setdefault(dialect.name, index)
        if not dialect.detect and dialect.name not in shipped:
            message = "no span would be known to speak this dialect"
            hint = "add `detect:` with a key that only this dialect writes"
            problems.append(Problem("undetected-dialect", f"dialects[{index}]", message, hint))
        texts = [text for sources in dialect.attributes.values() for text in sources] + dialect.recover
        keys = {source.key for source in (parse_source(text, maps()) for text in texts) if source.kind == "attr"}
        for position, pattern in enumerate(dialect.only_here):
            if not any(fnmatchcase(key, pattern) for key in keys):
                place = f"dialects[{index}].only_here[{position}]"
                hint = "name a key that stands under `attributes` or `recover`"
                problems.append(Problem("unused-key", place, f"the dialect reads no attribute `{pattern}`", hint))
    return problems
