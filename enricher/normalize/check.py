"""Checks of the `normalize:` section that look at more than one value.

They run on the section as written, part by part, so that a fault in one dialect hides nothing in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from pydantic import TypeAdapter, ValidationError

from enricher.content.check import check as check_content
from enricher.content.settings import ContentSettings, policy_alone
from enricher.errors import Problem
from enricher.normalize.names import maps
from enricher.normalize.notation import parse_source
from enricher.normalize.settings import Dialect
from enricher.normalize.tables import shipped_dialects

_DIALECT = TypeAdapter(Dialect)


def check_raw(section: Any) -> list[Problem]:
    """Names that are taken, dialects that nothing detects, keys that nothing reads. section: plain data of any shape.
    Paths are relative to it."""
    problems: list[Problem] = []
    if not isinstance(section, dict):
        return problems
    if "content" in section:
        # What is no value of its field is told where the whole section is validated, and so with dialects below.
        with suppress(ValidationError):
            problems += check_content(ContentSettings.model_validate(policy_alone(section["content"])))
    dialects = section.get("dialects")
    if isinstance(dialects, list):
        problems += _taken_names(dialects)
        for index, written in enumerate(dialects):
            with suppress(ValidationError):
                problems += _of_dialect(f"dialects[{index}]", _DIALECT.validate_python(written))
    return problems


def _taken_names(dialects: list[Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, dialect in enumerate(dialects):
        name = dialect.get("name") if isinstance(dialect, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"the name {name!r} is taken by dialects[{first[name]}]"
            yield Problem("duplicate-dialect", f"dialects[{index}].name", message, "names must be unique")
        first.setdefault(name, index)


def _of_dialect(place: str, dialect: Dialect) -> Iterator[Problem]:
    if not dialect.detect and dialect.name not in {shipped.name for shipped in shipped_dialects()}:
        message = "no span would be known to speak this dialect"
        hint = "add `detect:` with a key that only this dialect writes"
        yield Problem("undetected-dialect", place, message, hint)
    texts = [text for sources in dialect.attributes.values() for text in sources] + dialect.recover
    keys = {source.key for source in (parse_source(text, maps()) for text in texts) if source.kind == "attr"}
    for part, patterns in (("only_here", dialect.only_here), ("everywhere", dialect.everywhere)):
        for position, pattern in enumerate(patterns):
            if not any(fnmatchcase(key, pattern) for key in keys):
                hint = "name a key that stands under `attributes` or `recover`"
                message = f"the dialect reads no attribute `{pattern}`"
                yield Problem("unused-key", f"{place}.{part}[{position}]", message, hint)
