"""Build the price book: the published data, our corrections laid over it, sorted and written as text.

Deterministic: the same wheel, corrections and previous book give the same files. A row carries the date of its last
change, which it keeps from the previous book for as long as nothing else in it changes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import convert, corrections, rules, upstream
from enricher.price.book import Book


def build(wheel: Path | None = None, *, previous: Book | None = None, today: str = "") -> Book:
    """A new book from a wheel of genai-prices, or from the newest published one. Raises InputError.

    previous: the book that dates of unchanged rows are taken from. today: ISO date of the build, default the present.
    """
    today = today or datetime.now(UTC).date().isoformat()
    fixes = corrections.load()
    published = upstream.read(wheel)
    models, prices = convert.convert(published, fixes.free)
    models, prices, modifiers, holidays = corrections.apply(fixes, models, prices)
    unknown = {row.provider for row in models} - set(rules.load().providers)
    if unknown:
        raise InputError(f"providers.yaml does not list {', '.join(sorted(unknown))}")
    old = previous or Book("", {}, [], [], [], [])
    return Book(
        built=today,
        sources={upstream.PACKAGE: published.version},
        models=books.dated(models, old.models, today),
        prices=books.dated(_unique(prices), old.prices, today),
        modifiers=books.dated(modifiers, old.modifiers, today),
        holidays=books.dated(holidays, old.holidays, today),
    )


def _unique(prices: list[books.PriceRow]) -> list[books.PriceRow]:
    """Raises InputError when two rows claim the same circumstances: one of them would silently win."""
    seen: dict[object, books.PriceRow] = {}
    for row in prices:
        if row.key in seen and seen[row.key] != row:
            raise InputError(f"two prices in the same circumstances: {seen[row.key]} and {row}")
        seen[row.key] = row
    return list(seen.values())
