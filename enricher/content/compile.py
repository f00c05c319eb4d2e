"""The plan's `content` section, read by `core/src/content/plan.rs`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from enricher.content import tables
from enricher.content.names import KINDS
from enricher.content.settings import ContentSettings
from enricher.normalize.names import maps
from enricher.normalize.notation import Source, parse_source
from enricher.normalize.settings import Dialect
from enricher.normalize.tables import CONVENTIONS, Canonical
from enricher.normalize.tables import load as load_table

_TRUNCATED = 1024

#: `<name>` in an expression.
_PART = re.compile(r"<([a-z]+_[a-z]+|said|assigned|named)>")

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
        "events": _events(dialects),
        "event_prefixes": shipped.event_prefixes,
        "survives": shipped.survives,
        "structure": [*shipped.structure, *_facts(dialects)],
        "own": shipped.own,
    }
    if settings.policy == "truncate":
        plan["truncate_bytes"] = settings.truncate_bytes or _TRUNCATED
    elif settings.policy == "redact":
        if settings.truncate_bytes is not None:
            plan["truncate_bytes"] = settings.truncate_bytes
        known = tables.load(tables.Patterns)
        plan |= {"patterns": _patterns(settings), "pairs": known.pairs.model_dump(), "iban_lengths": known.iban_lengths}
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
        for source, kind in _sources(dialect):
            # In events and log records that are messages, words without a dot count as all others do.
            if source.kind == "attr" or (source.kind in ("event", "log") and _is_telling(source.key)):
                add(source.key, kind, index if is_of_dialect(source, dialect) else None)
        for kind, keys in _own(dialect).keys.items():
            for key in keys:
                add(key, kind, index)
    return [
        {"key": key, "class": kind} | ({"dialects": sorted(indices)} if indices else {})
        for key, (kind, indices) in found.items()
    ]


def _facts(dialects: Sequence[Dialect]) -> list[str]:
    """Keys by which the conventions tell facts, on spans and in events alike; none that is content."""
    concepts = load_table(Canonical).concepts
    fixed = {key for entry in concepts.values() if entry.key for key in (entry.key, *entry.legacy)}
    for dialect in dialects:
        for concept, texts in dialect.attributes.items() if dialect.name in CONVENTIONS else ():
            sources = [parse_source(text, maps()) for text in texts if concepts[concept].type != "content"]
            fixed |= {source.key for source in sources if not source.path and _is_telling(source.key)}
    content = {key for keys in tables.load(tables.Keys).keys.values() for key in keys}
    return sorted(key for key in fixed - content if not set("{*") & set(key))


def _events(dialects: Sequence[Dialect]) -> list[dict[str, Any]]:
    """Events and log records that are messages: those of everybody first, then those of single dialects."""
    everywhere = [(name, kind) for kind, names in tables.load(tables.Keys).events.items() for name in names]
    plan: list[dict[str, Any]] = [{"name": name, "class": kind} for name, kind in everywhere]
    for index, dialect in enumerate(dialects):
        own: dict[str, str] = {name: kind for kind, names in _own(dialect).events.items() for name in names}
        for source, kind in _sources(dialect):
            if source.kind == "event" and not any(fnmatchcase(source.event, name) for name, _ in everywhere):
                own.setdefault(source.event, kind)
        plan += [{"name": name, "class": kind, "dialects": [index]} for name, kind in own.items()]
    return plan


def _own(dialect: Dialect) -> tables.Own:
    own: tables.Own = tables.load(tables.Keys).dialects.get(dialect.name, tables.Own())
    return own


def _sources(dialect: Dialect) -> Iterator[tuple[Source, str]]:
    """Where the dialect's own table finds content, and what it is."""
    for concept, kind in _CLASSES.items():
        for text in dialect.attributes.get(concept, []):
            yield parse_source(text, maps()), kind


def _is_telling(key: str) -> bool:
    """Whether a key says whose it is."""
    return any(mark in key for mark in ".:")


def is_of_dialect(source: Source, dialect: Dialect) -> bool:
    """Whether the key carries content on spans of this dialect only: on others the word may mean anything."""
    return source.kind == "attr" and (
        not _is_telling(source.key) or any(fnmatchcase(source.key, key) for key in dialect.only_here)
    )


def _patterns(settings: ContentSettings) -> list[dict[str, Any]]:
    """Those of the user first, then the shipped ones in the order of the kinds."""
    shipped = tables.load(tables.Patterns)
    plan: list[dict[str, Any]] = [{"kind": pattern.name, "regex": pattern.regex} for pattern in settings.patterns]
    for kind in KINDS:
        if kind not in settings.kinds:
            continue
        if kind == "secret":
            shapes = tables.load(tables.Issuers).issuers
            plan += [{"kind": kind, "whole": shape.whole} | _columns(shape, {"of"}) for shape in shapes]
        for pattern in shipped.patterns[kind]:
            columns = _columns(pattern, set())
            plan.append({"kind": kind} | columns | {"regex": _whole(pattern.regex, shipped.parts)})
    return plan


def _columns(pattern: tables.Pattern, without: set[str]) -> dict[str, Any]:
    return pattern.model_dump(exclude_defaults=True, exclude=without)


def _whole(regex: str, parts: dict[str, str]) -> str:
    """The expression with its parts in their places; parts may have parts."""
    while (whole := _PART.sub(lambda match: parts[match[1]], regex)) != regex:
        regex = whole
    return regex
