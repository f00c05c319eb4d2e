"""What the previous book knew and the new data has dropped or changed without saying when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from enricher.price.book import Book, ModelRow, PriceRow
from enricher.price.merge import SOURCE, Key, differ
from enricher.price.scale import SCALED

_REREAD = Decimal("0.001")
"""What differs by no more is the same price, read with another rounding."""
_UNDATED = (SOURCE,)
"""How the sources of rows begin whose dates nobody states."""


def carry(
    old: Book,
    models: list[ModelRow],
    prices: list[PriceRow],
    today: str,
    listed: Collection[Key] = (),
    wrong: Collection[Key] = (),
) -> tuple[list[ModelRow], list[PriceRow]]:
    """Retired models stay with all their prices, less the names that a new model has taken. Where an undated source
    states another price than before, the old one ends and the new one begins: at the start of the list that the new one
    came with, if that is later, else today (ISO date).

    listed: names that the list still has. A model that was made for one and is none now has joined another. wrong:
    names whose prices the list has wrong: what an older book took from it was never true."""
    known = {(row.provider, row.model) for row in models}
    before = [row for row in old.prices if (row.provider, row.model) not in wrong or not row.source.startswith(SOURCE)]
    taken = {(row.provider, name) for row in models for name in row.names.split()}
    kept: list[ModelRow] = []
    for row in old.models:
        joined = row.source == SOURCE and {(row.provider, name) for name in row.names.split()} <= set(listed)
        if (row.provider, row.model) in known or joined:
            continue
        names = [name for name in row.names.split() if (row.provider, name) not in taken]
        if names:
            kept.append(replace(row, names=" ".join(names)))
    retired = {(row.provider, row.model) for row in kept}
    stays = [row for row in before if (row.provider, row.model) in retired]
    return models + kept, _changed(before, prices, today) + stays


def _changed(before: list[PriceRow], now: list[PriceRow], today: str) -> list[PriceRow]:
    past: dict[tuple[str, ...], list[PriceRow]] = {}
    for row in before:
        if row.source.startswith(_UNDATED):
            past.setdefault(_what(row), []).append(row)
    begun = {(_what(row), row.valid_from) for row in now if row.valid_until}
    ended = {(row.provider, row.model, row.valid_until) for row in now if row.valid_until}
    result: list[PriceRow] = []
    for row in now:
        if not row.source.startswith(_UNDATED):
            result.append(row)
            continue
        earlier = past.get(_what(row), [])
        last = next((old for old in earlier if old.valid_until == row.valid_until), None)
        # A start at which other prices of the model end is known, and stands whatever was believed before.
        known = row.valid_from if (row.provider, row.model, row.valid_from) in ended else ""
        begins = max(last.valid_from, known) if last is not None else row.valid_from
        gone = [old for old in earlier if (_what(old), old.valid_from) not in begun]
        result += [old for old in gone if old.valid_until and known <= old.valid_from and old.valid_until <= begins]
        if last is None:
            result.append(row)
        elif not differ(last, (Decimal(row.price), row.per), _REREAD):
            result.append(replace(row, valid_from=begins))
        elif row.valid_until and row.valid_until <= today:
            result.append(row)  # It has ended, so that what differs was put right and has not changed.
        else:
            start = row.valid_from if row.valid_from > last.valid_from else today
            if begins < start:
                result.append(replace(last, valid_from=begins, valid_until=start))
            result.append(replace(row, valid_from=start))
    return result


def _what(row: PriceRow) -> tuple[str, ...]:
    # A price that used to be taken over and is worked out now was put right and has not changed.
    scaled = "scaled" if row.source.endswith(SCALED) else ""
    return (row.provider, row.model, row.unit, row.when, row.context, row.window, scaled)
