"""The plan's `normalize` section, read by `core/src/normalize/plan.rs`: flat rules, dialects by index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase, translate
from functools import cache
from typing import Any

from enricher.normalize import tables
from enricher.normalize.compile_tables import canonical, errors, opaque, operations, providers, shapes
from enricher.normalize.names import maps
from enricher.normalize.notation import Source, parse_source, parse_test
from enricher.normalize.settings import Dialect, Meaning, NormalizeSettings

#: Priorities of a dialect's own sources begin here: what users map and what apps set as enricher's own come before.
_OWN = 16


def compile_plan(settings: NormalizeSettings, currencies: Mapping[str, Decimal] | None = None) -> dict[str, Any]:
    """The `normalize` section. Dialects are named by their index in `dialects`; users' come first. `currencies` are US
    dollars for one unit of others, by ISO 4217 code."""
    dialects = all_dialects(settings)
    return {
        "conventions": settings.conventions,
        "keep_originals": settings.keep_originals,
        "general": tables.load(tables.Detection).general,
        "canonical": canonical(fix_legacy=settings.fix_legacy),
        "dialects": [_dialect(dialect) for dialect in dialects],
        "rules": _rules(settings, dialects),
        "detection": _detection(dialects),
        "providers": providers(),
        "operations": operations(),
        "usage_shapes": shapes(),
        "usage_opaque": opaque(),
        "carriers": _carriers(dialects),
        "currencies": {code: float(rate) for code, rate in (currencies or {}).items()},
        "errors": errors(),
        "placeholders": tables.load(tables.Values).placeholders.model_dump(),
        "maps": tables.load(tables.Values).maps,
    }


def all_dialects(settings: NormalizeSettings) -> list[Dialect]:
    """Users' dialects, then the shipped ones; a user's replaces the shipped one of the same name."""
    own = {dialect.name for dialect in settings.dialects}
    return [*settings.dialects, *(dialect for dialect in tables.shipped_dialects() if dialect.name not in own)]


@dataclass(slots=True)
class _Candidate:
    """One source of one concept, with the dialects that ask for it at each position of their lists."""

    concept: str
    source: Source
    #: Position in a dialect's list → indices of these dialects.
    places: dict[int, list[int]] = field(default_factory=dict)
    #: The dialects of `places` that let others read it.
    shared: list[int] = field(default_factory=list)


def _rules(settings: NormalizeSettings, dialects: Sequence[Dialect]) -> list[dict[str, Any]]:
    """Rules of the dialects (`dialects` set) and rules for every span, in the order in which they are asked.

    The core asks a detected dialect's rules first. A source that several dialects have at the same position is one
    rule, so the rules that hang on one key do not grow with the number of dialects.
    """
    plan: list[dict[str, Any]] = []
    everyone = list(range(len(dialects)))
    first: list[tuple[str, Source]] = [
        (concept, parse_source(text, maps())) for concept, texts in settings.attributes.items() for text in texts
    ]
    own = next((dialect for dialect in dialects if dialect.name == "enricher"), None)
    if own is not None:
        first += [(concept, parse_source(text, maps())) for concept, texts in own.attributes.items() for text in texts]
    for position, (concept, source) in enumerate(first):
        priority = min(position, _OWN - 1)
        plan.append(_rule(concept, source, priority, everyone))
        plan.append(_rule(concept, source, priority, []))
    rank = _ranks(dialects)
    for candidate in _candidates(dialects):
        for position, indices in sorted(candidate.places.items()):
            plan.append(_rule(candidate.concept, candidate.source, _OWN + position, indices))
        if candidate.shared:
            best = min(rank[index] for index in candidate.shared)
            plan.append(_rule(candidate.concept, candidate.source, _OWN + best, []))
    return plan


def _ranks(dialects: Sequence[Dialect]) -> list[int]:
    """Precedence of each dialect's spellings on spans of other dialects: conventions, then users', then the rest."""
    order = [*tables.CONVENTIONS, *(dialect.name for dialect in dialects if dialect.name not in tables.CONVENTIONS)]
    return [order.index(dialect.name) for dialect in dialects]


def _candidates(dialects: Sequence[Dialect]) -> list[_Candidate]:
    found: dict[tuple[str, str], _Candidate] = {}
    meanings: dict[tuple[str, str, str, str], set[tuple[str, ...]]] = {}
    for index, dialect in enumerate(dialects):
        if dialect.name == "enricher":
            continue
        for concept, texts in dialect.attributes.items():
            for position, text in enumerate(texts):
                source = parse_source(text, maps())
                entry = found.setdefault((concept, source.text), _Candidate(concept, source))
                entry.places.setdefault(position, []).append(index)
                meanings.setdefault((concept, source.kind, source.key, source.path), set()).add(source.transforms)
                if not _only_here(source, dialect):
                    entry.shared.append(index)
    for entry in found.values():
        source = entry.source
        if len(meanings[entry.concept, source.kind, source.key, source.path]) > 1:
            # Seconds here, milliseconds there: without the dialect, the number means nothing.
            entry.shared.clear()
    # The order of ranks, and inside a dialect that of its list, is the order of the rules for every span.
    return sorted(found.values(), key=lambda entry: min(entry.places))


def _only_here(source: Source, dialect: Dialect) -> bool:
    if source.kind != "attr" or source.key in dialect.everywhere:
        return False
    # Anybody's keys have segments.
    if any(step.startswith("key:") for step in source.transforms):
        return True
    return not any(mark in source.key for mark in ".:") or any(
        fnmatchcase(source.key, key) for key in dialect.only_here
    )


def _rule(concept: str, source: Source, priority: int, dialects: list[int]) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "concept": concept,
        "kind": source.kind,
        "key": source.key,
        "priority": priority,
        "source": source.text,
    }
    if source.event:
        rule["event"] = source.event
    if source.path:
        rule["path"] = source.path
    if source.transforms:
        rule["transform"] = list(source.transforms)
    if dialects:
        rule["dialects"] = dialects
    if is_everyday(source):
        rule["weak"] = True
    for reading in source.readings:
        rule["cached" if reading in ("inclusive", "exclusive") else "reasoning"] = reading
    return rule


def is_everyday(source: Source) -> bool:
    """Whether the source may stand on any span, so that it does not make a span one about a model."""
    return source.kind == "resource" or _everyday().match(source.key) is not None


@cache
def _everyday() -> re.Pattern[str]:
    return re.compile("|".join(map(translate, tables.load(tables.Detection).everyday)))


def _carriers(dialects: Sequence[Dialect]) -> list[dict[str, Any]]:
    found: dict[str, tuple[Source, list[int], bool]] = {}
    for index, dialect in enumerate(dialects):
        for text in dialect.recover:
            source = parse_source(text, maps())
            _, indices, shared = found.get(text, (source, [], False))
            private = any(fnmatchcase(source.key, key) for key in dialect.only_here)
            found[text] = (source, [*indices, index], shared or not private)
    plan = []
    for priority, (source, indices, shared) in enumerate(found.values()):
        carrier: dict[str, Any] = {"kind": source.kind, "key": source.key, "priority": priority, "source": source.text}
        if source.event:
            carrier["event"] = source.event
        if not shared:
            carrier["dialects"] = indices
        plan.append(carrier)
    return plan


def _detection(dialects: Sequence[Dialect]) -> list[dict[str, Any]]:
    index = {dialect.name: position for position, dialect in enumerate(dialects)}
    plan: list[dict[str, Any]] = []

    def add(dialect: str, *tests: str) -> None:
        plan.append({"dialect": index[dialect], "all": [parse_test(test) for test in tests]})

    for dialect in dialects:
        for test in dialect.detect:
            add(dialect.name, *([test] if isinstance(test, str) else test.all))
    for rule in tables.load(tables.Detection).detection:
        if rule.all:
            add(rule.dialect, *rule.all)
        for one in rule.any:
            add(rule.dialect, one)
    return plan


def _dialect(dialect: Dialect) -> dict[str, Any]:
    plan: dict[str, Any] = {"name": dialect.name, "title": dialect.title}
    if cached := _cached(dialect.includes_cached):
        plan["cached"] = cached
    if reasoning := _by_provider(dialect.reasoning):
        plan["reasoning"] = reasoning
    if dialect.provider_total is not None:
        plan["provider_total"] = dialect.provider_total
    implied = dialect.implies
    if implied.provider:
        plan["provider"] = implied.provider
    if implied.gateway:
        plan["gateway"] = implied.gateway
    if implied.operation:
        plan["default_operation"] = implied.operation
    if implied.model_claims:
        plan["model_claims"] = True
    if dialect.separate:
        plan["separate"] = True
    if dialect.last_step:
        plan["last_step"] = True
    if dialect.ignore:
        plan["ignored"] = dialect.ignore
    if dialect.operations:
        meanings = {value.lower(): _meaning(meaning) for value, meaning in dialect.operations.items()}
        plan["operations"] = meanings
        plan["span_kinds"] = meanings
    if dialect.roles:
        plan["tests"] = [
            {"all": [parse_test(test, roles=True) for test in rule.when], **_given(rule.role, rule.operation)}
            for rule in dialect.roles
        ]
    if dialect.guesses:
        plan["guesses"] = [[parse_test(test, roles=True) for test in guess.when] for guess in dialect.guesses]
    return plan


def _meaning(meaning: Meaning) -> dict[str, str]:
    role = meaning.role
    if role is None and meaning.operation:
        role = tables.load(tables.Operations).operations[meaning.operation].role
    return _given(role, meaning.operation)


def _given(role: str | None, operation: str | None) -> dict[str, str]:
    return {name: value for name, value in (("role", role), ("operation", operation)) if value}


def _cached(rule: dict[str, Any]) -> dict[str, Any]:
    scopes = {name.removeprefix("scope:"): value for name, value in rule.items() if name.startswith("scope:")}
    plan = _by_provider({name: value for name, value in rule.items() if not name.startswith("scope:")}, skip="unknown")
    known = {name: value for name, value in scopes.items() if value != "unknown"}
    return plan | {"scopes": known} if known else plan


def _by_provider(rule: dict[str, Any], skip: str = "") -> dict[str, Any]:
    default = rule.get("default")
    per_provider = {name: value for name, value in _named(rule.items()) if value != skip}
    plan: dict[str, Any] = {}
    if default and default != skip:
        plan["default"] = default
    if per_provider:
        plan["providers"] = per_provider
    return plan


def _named(items: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in items if name != "default"]
