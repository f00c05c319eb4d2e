"""What an older release of LiteLLM's list tells of the past of names that the newest one prices differently.

The lists have no dates, so the written rule is: the old price held until the change, today's since. What dates a
change (a correction, genai-prices' history, a rule's `since`) stands already and is left alone. Where nothing does, the
change is taken to be on the day of the old release, the last one on which the old price is known to have held, and the
source of the old price's row says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase

from enricher.price.book import TOKEN_UNITS, PriceRow
from enricher.price.convert import SOURCE as GENAI
from enricher.price.convert import amount
from enricher.price.litellm import Cell, Entry
from enricher.price.merge import RETIRED, SOURCE, Key, Merged, own_model

PAST = f"{SOURCE}, earlier release"
_PLAIN = ("input", "output")
_ERRATUM = 10
"""A price that changed by more than this factor was a slip of the list, put right since."""

Rows = dict[Key, list[PriceRow]]


def tell(
    merged: Merged,
    old: Iterable[Entry],
    new: dict[Key, Entry],
    releases: dict[str, str],
    slips: dict[str, list[str]],
    today: str,
) -> None:
    """Give the rows of a merged book their past, in place.

    old: entries of older releases. new: those of the newest by provider and name. releases: ISO dates by version; a
    release without one tells nothing. slips: globs of names by provider that older releases have wrong.
    """
    rows, own = _by_model(merged)
    models = {(row.provider, row.model): row for row in merged.models}
    told: set[Key] = set()
    for entry in old:
        name = (entry.provider, entry.name)
        key, now, release = own.get(name), new.get(name), releases.get(entry.version, "")
        if key is None or now is None or not release or name in told:
            continue
        if any(fnmatchcase(entry.name, glob) for glob in slips.get(entry.provider, ())):
            continue
        source = f"{PAST} ({entry.version}, until its release: nothing dates the change)"
        split = _split(rows[key], entry, now, (release, today), source)
        if split is not None:
            # A model made of the list's entry goes by that entry's name alone, with and without its maker.
            made = models[key].source == SOURCE
            alone = key if made else own_model(models, rows, merged.copies, key, name)
            rows[alone] = [replace(row, provider=alone[0], model=alone[1]) for row in split]
            told.add(name)
    merged.models = list(models.values())
    merged.prices = [row for of_model in rows.values() for row in of_model]


def fill(merged: Merged, old: Iterable[Entry], new: dict[Key, Entry]) -> None:
    """Prices beyond a context threshold that only the older list has, of names that the newest has dropped, where the
    book agrees with it on the standard price."""
    rows, own = _by_model(merged)
    for entry in old:
        name = (entry.provider, entry.name)
        key = own.get(name)
        if key is None or name in new:
            continue
        if any(row.context for row in rows[key]):
            continue
        for cell, (price, per) in entry.prices.items():
            standard = [row for row in rows[key] if _cell(row) == Cell(cell.unit, "", "")]
            plain = entry.prices.get(Cell(cell.unit, "", ""))
            if not cell.context or cell.when or plain is None or len(standard) != 1:
                continue
            row = standard[0]
            if Decimal(row.price) * plain[1] == plain[0] * row.per:
                rows[key].append(replace(row, price=amount(price), per=per, context=cell.context, source=RETIRED))
    merged.prices = [row for of_model in rows.values() for row in of_model]


def _by_model(merged: Merged) -> tuple[Rows, dict[Key, Key]]:
    """Rows by model, and the models by their names."""
    rows: Rows = {(row.provider, row.model): [] for row in merged.models}
    for row in merged.prices:
        rows[row.provider, row.model].append(row)
    names = {(row.provider, name): (row.provider, row.model) for row in merged.models for name in row.names.split()}
    return rows, names


def _split(rows: list[PriceRow], old: Entry, new: Entry, times: tuple[str, str], source: str) -> list[PriceRow] | None:
    """The model's rows with a standard price that changed split at the change; None when none did, or when the book
    has dates of its own for it. times: days of the change and of the build."""
    change, today = times
    held = {_cell(row): row for row in rows if not row.valid_from}
    changed = {
        cell
        for cell in (Cell(unit, "", "") for unit in _PLAIN)
        if cell in held and _changed(held[cell], old.prices.get(cell), new.prices.get(cell))
    }
    plain = [row for row in rows if row.unit in _PLAIN and not (row.when or row.context)]
    dated = any("" < row.valid_from <= today or "" < row.valid_until <= today or row.window for row in plain)
    if not changed or dated:
        return None
    result: list[PriceRow] = []
    for row in rows:
        cell, before = _cell(row), old.prices.get(_cell(row))
        settled = bool(row.valid_from) or "" < row.valid_until <= change or not _undated(row)
        plain_gap = before is None and cell in (Cell(unit, "", "") for unit in _PLAIN)
        if row.unit not in TOKEN_UNITS or settled or plain_gap:
            result.append(row)
        elif before is None:
            # What goes with today's price says nothing of the past, where the standard price stands in for it.
            result.append(replace(row, valid_from=change))
        elif Decimal(row.price) * before[1] == before[0] * row.per:
            result.append(row)
        else:
            result.append(replace(row, valid_from=change))
            result.append(replace(row, price=amount(before[0]), per=before[1], valid_until=change, source=source))
    for cell, (price, per) in old.prices.items():
        if cell not in held and cell.context and cell.unit in TOKEN_UNITS:
            template = held[next(iter(changed))]
            what = {"unit": cell.unit, "when": cell.when, "context": cell.context}
            result.append(replace(template, **what, price=amount(price), per=per, valid_until=change, source=source))
    return result


def _changed(row: PriceRow, old: tuple[Decimal, int] | None, new: tuple[Decimal, int] | None) -> bool:
    """Whether the list itself changed the price from another one to the book's."""
    if old is None or new is None or not _undated(row) or not old[0] or not new[0]:
        return False
    before, after = old[0] / old[1], new[0] / new[1]
    is_ours = abs(after * row.per - Decimal(row.price)) <= Decimal(row.price) * Decimal("0.0005")
    return is_ours and before != after and max(before, after) / min(before, after) < _ERRATUM


def _undated(row: PriceRow) -> bool:
    return row.source.startswith((SOURCE, GENAI))


def _cell(row: PriceRow) -> Cell:
    return Cell(row.unit, row.when, row.context)
