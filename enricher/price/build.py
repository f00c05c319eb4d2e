"""Build the price book: the published data, our corrections laid over it, sorted and written as text.

Deterministic: the same wheel, corrections and previous book give the same files. A row carries the date of its last
change, which it keeps from the previous book for as long as nothing else in it changes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import convert, corrections, rules, upstream
from enricher.price.book import Book, PriceRow, timestamp


def build(
    wheel: Path | None = None,
    *,
    previous: Book | None = None,
    today: str = "",
    fixes_path: Path = corrections.PATH,
) -> Book:
    """A new book from a wheel of genai-prices, or from the newest published one. Raises InputError.

    previous: the book that dates of unchanged rows are taken from. today: ISO date of the build, default the present.
    """
    today = today or datetime.now(UTC).date().isoformat()
    fixes = corrections.load(fixes_path)
    published = upstream.read(wheel)
    models, prices = convert.convert(published, fixes.free)
    models, prices, modifiers, holidays = corrections.apply(fixes, models, prices)
    unknown = {row.provider for row in models} - set(rules.load().providers)
    if unknown:
        raise InputError(f"providers.yaml does not list {', '.join(sorted(unknown))}")
    _refuse_overlaps(prices)
    old = previous or Book("", {}, [], [], [], [])
    return Book(
        built=today,
        sources={upstream.PACKAGE: published.version},
        models=books.dated(models, old.models, today),
        prices=books.dated(prices, old.prices, today),
        modifiers=books.dated(modifiers, old.modifiers, today),
        holidays=books.dated(holidays, old.holidays, today),
    )


def _refuse_overlaps(prices: list[PriceRow]) -> None:
    """Raises InputError when two rows claim the same circumstances at one time: one of them would silently win."""
    groups: dict[tuple[str, ...], list[PriceRow]] = {}
    for row in prices:
        key = (row.provider, row.model, row.unit, row.when, row.context, row.window)
        groups.setdefault(key, []).append(row)
    for group in groups.values():
        ordered = sorted(group, key=lambda row: timestamp(row.valid_from))
        for earlier, later in pairwise(ordered):
            if not earlier.valid_until or timestamp(later.valid_from) < timestamp(earlier.valid_until):
                raise InputError(f"two prices at once: {earlier} and {later}")
