"""The plan's `content` section, read by `core/src/content/plan.rs`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from enricher.content import tables
from enricher.content.settings import ContentSettings
from enricher.normalize.names import maps
from enricher.normalize.notation import Source, parse_source
from enricher.normalize.settings import Dialect

_TRUNCATED = 1024

#: Concepts that are content, and what they are to the conversation.
_CLASSES = {
    "input_content": "input",
    "output_content": "output",
    "system_instructions": "system",
    "tool_definitions": "tool_definitions",
    "tool_arguments": "tool_arguments",
    "tool_result": "tool_result",
}


def compile_plan(settings: ContentSettings, dialects: Sequence[Dialect]) -> dict[str, Any]:
    """The `content` section. `dialects`: those of the `normalize` section, in its order."""
    plan: dict[str, Any] = {"policy": settings.policy}
    if settings.policy == "keep":
        return plan
    shipped = tables.load(tables.Keys)
    plan |= {
        "keys": _keys(settings, dialects),
        "events": [{"name": name, "class": kind} for kind, names in shipped.events.items() for name in names],
        "survives": shipped.survives,
        "structure": shipped.structure,
        "own": shipped.own,
    }
    if settings.policy == "truncate":
        plan["truncate_bytes"] = settings.truncate_bytes or _TRUNCATED
    elif settings.policy == "redact":
        if settings.truncate_bytes is not None:
            plan["truncate_bytes"] = settings.truncate_bytes
        plan |= {"patterns": _patterns(settings), "iban_lengths": tables.load(tables.Patterns).iban_lengths}
    return plan


def _keys(settings: ContentSettings, dialects: Sequence[Dialect]) -> list[dict[str, Any]]:
    """Each key once: the first who claims it says what it is."""
    found: dict[str, tuple[str, set[int]]] = {}

    def add(key: str, kind: str, dialect: int | None) -> None:
        known, indices = found.setdefault(key, (kind, set() if dialect is None else {dialect}))
        if dialect is None:
            indices.clear()
        elif indices:
            indices.add(dialect)
        found[key] = (known, indices)

    for key in settings.keys:
        add(key, "other", None)
    for kind, keys in tables.load(tables.Keys).keys.items():
        for key in keys:
            add(key, kind, None)
    for index, dialect in enumerate(dialects):
        for concept, kind in _CLASSES.items():
            for text in dialect.attributes.get(concept, []):
                source = parse_source(text, maps())
                if source.kind in ("attr", "event", "log"):
                    add(source.key, kind, index if is_of_dialect(source, dialect) else None)
    return [
        {"key": key, "class": kind} | ({"dialects": sorted(indices)} if indices else {})
        for key, (kind, indices) in found.items()
    ]


def is_of_dialect(source: Source, dialect: Dialect) -> bool:
    """Whether the key carries content on spans of this dialect only: on others the word may mean anything."""
    return source.kind == "attr" and (
        not any(mark in source.key for mark in ".:") or any(fnmatchcase(source.key, key) for key in dialect.only_here)
    )


def _patterns(settings: ContentSettings) -> list[dict[str, Any]]:
    shipped = tables.load(tables.Patterns).patterns
    plan = [{"kind": pattern.name, "regex": pattern.regex} for pattern in settings.patterns]
    for kind in shipped:
        if kind in settings.kinds:
            plan += [{"kind": kind, **pattern.model_dump(exclude_defaults=True)} for pattern in shipped[kind]]
    return plan
