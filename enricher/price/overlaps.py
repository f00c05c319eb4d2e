"""Overrides of which one hides another: the same calls, the same unit, and nothing that says which price holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations

from enricher.errors import Problem
from enricher.price.book import Book, fits
from enricher.price.rules import Rules
from enricher.price.settings import Override, PricesSettings

_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def overlaps(settings: PricesSettings, book: Book, rules: Rules) -> Iterator[Problem]:
    """A problem for each override whose price an earlier one hides. Of two names the exact or longer one holds, and of
    two dates the later: such pairs are meant."""
    told: set[int] = set()
    for (first, one), (second, other) in combinations(enumerate(settings.overrides), 2):
        if second in told or _calls(one, rules) != _calls(other, rules) or not _at_once(one, other):
            continue
        units = sorted({*one.per_million, *one.each} & {*other.per_million, *other.each})
        shared = _shared(one, other, book, rules)
        if not units or not shared:
            continue
        told.add(second)
        path = f"overrides[{second}]"
        if one == other:
            message = f"the same as overrides[{first}]"
        else:
            message = (
                f"its price of {', '.join(units)} never holds for `{shared}`: overrides[{first}] states one as well"
            )
        yield Problem("no-effect", path, message, "remove one of them, or date them")


def _calls(override: Override, rules: Rules) -> tuple[object, ...]:
    """What decides which calls an override is for, besides the model's name and its dates."""

    def spelled(value: str, spellings: dict[str, str]) -> str:
        return spellings.get(value.lower(), value.lower())

    return (
        rules.provider_of(override.provider) or override.provider.lower(),
        override.tenant,
        override.above_input_tokens,
        override.batch,
        spelled(override.service_tier, rules.service_tier),
        spelled(override.speed, rules.speed),
        spelled(override.inference_geo, rules.inference_geo),
        spelled(override.search_context, rules.search_context),
    )


def _at_once(one: Override, other: Override) -> bool:
    """Both begin together: of prices that begin at different times, the later one takes over."""
    return (one.valid_from or _ALWAYS[0]) == (other.valid_from or _ALWAYS[0])


def _shared(one: Override, other: Override, book: Book, rules: Rules) -> str:
    """A name that both hold for and neither better than the other; "" for none."""
    first, second = (override.model.strip().lower() for override in (one, other))
    if first == second:
        return first
    if "*" not in first or "*" not in second or _weight(first) != _weight(second):
        return ""
    provider = rules.provider_of(one.provider)
    names = (
        name
        for row in book.models
        if provider in (None, row.provider)
        for name in row.names.split()
        if "*" not in name and fits(name, first) and fits(name, second)
    )
    return next(names, "")


def _weight(glob: str) -> int:
    """Characters that a glob fixes; the more, the better it fits (as in `core/src/price/glob.rs`)."""
    return len(glob.replace("*", ""))
