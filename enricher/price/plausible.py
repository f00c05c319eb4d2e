"""Prices beyond belief: a list that states dollars for a thousand tokens as those for one is wrong a thousandfold.

Written rule: a price of tokens of which a million cost more than any model ever did, or far more or less than the same
model costs with most others, is refused; without its standard price the whole entry is. What is known to be stated for
another number of tokens is put right before (`litellm.yaml`). Both are listed among the conflicts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from statistics import median

from enricher.price.book import TOKEN_UNITS, ConflictRow, PriceRow
from enricher.price.convert import amount
from enricher.price.litellm import Cell, Entry

MOST = 700
"""USD for a million tokens. The dearest standard price so far is 600 (o1-pro, output)."""
MOST_EMBEDDED = 5
"""The same for embeddings of text, whose dearest price is 0.8."""
APART = 50
"""How many times another one's price a price may be."""
OTHERS = 3
"""Other providers of a model that tell its price."""
REFUSED, TWICE = "refused", "doubled"
"""What `found` says of such a price among the conflicts, and of one that the list states twice."""

_MAKER = re.compile(r"^(?:[a-z][a-z0-9-]*\.)+(?=[a-z])")
_VERSION = re.compile(r"@.*$|(?:-v\d+)?:\d+$")
_STANDARD = (Cell("input", "", ""), Cell("output", "", ""))


def checked(lists: list[list[Entry]], prices: Iterable[PriceRow]) -> tuple[list[list[Entry]], list[ConflictRow]]:
    """The lists without prices beyond belief, and what was decided about single prices, for the list of conflicts.

    prices: what other sources say of the same models.
    """
    known = _known([entry for entries in lists for entry in entries], prices)
    conflicts: dict[tuple[str, ...], ConflictRow] = {}
    kept: list[list[Entry]] = []
    for entries in lists:
        kept.append([])
        for entry in entries:
            refused = {cell: why for cell in entry.prices if (why := _why(entry, cell, known))}
            for row in (*_decided(entry), *(_refused(entry, cell, why) for cell, why in refused.items())):
                conflicts.setdefault((*map(str, row.key), row.found, row.litellm), row)
            if not any(cell in refused for cell in _STANDARD):
                left = {cell: price for cell, price in entry.prices.items() if cell not in refused}
                kept[-1].append(replace(entry, prices=left))
    return kept, list(conflicts.values())


def _known(entries: list[Entry], prices: Iterable[PriceRow]) -> dict[tuple[str, Cell], dict[str, Fraction]]:
    """Standard prices of a million tokens by model and provider, as far as they can be believed at all."""
    known: dict[tuple[str, Cell], dict[str, Fraction]] = defaultdict(dict)
    for row in prices:
        cell = Cell(row.unit, row.when, row.context)
        if cell in _STANDARD and not row.window and not row.valid_until:
            known[_model(row.model), cell].setdefault(row.provider, _million(row.price, row.per))
    for entry in entries:
        for cell in _STANDARD:
            if cell in entry.prices and _million(*entry.prices[cell]) <= MOST:
                known[_model(entry.name), cell].setdefault(entry.provider, _million(*entry.prices[cell]))
    return known


def _why(entry: Entry, cell: Cell, known: dict[tuple[str, Cell], dict[str, Fraction]]) -> str:
    """Why a price cannot be believed; "" when it can."""
    if cell.unit not in TOKEN_UNITS or not entry.prices[cell][0]:
        return ""
    price = _million(*entry.prices[cell])
    most = MOST_EMBEDDED if entry.mode == "embedding" and cell.unit == "input" else MOST
    if price > most:
        return f"no million tokens cost more than {most} USD"
    others = [
        other for owner, other in known.get((_model(entry.name), cell), {}).items() if owner != entry.provider and other
    ]
    if len(others) >= OTHERS:
        usual = median(others)
        if max(price / usual, usual / price) > APART:
            return f"more than {APART} times off the middle of what others ask for the model"
    return ""


def _model(name: str) -> str:
    """The name without its path, its maker and its version, as most providers have it in common."""
    return _VERSION.sub("", _MAKER.sub("", name.lower().rpartition("/")[2]))


def _million(price: object, per: int) -> Fraction:
    return Fraction(str(price)) / per * 1_000_000


def _decided(entry: Entry) -> Iterator[ConflictRow]:
    for doubt in entry.doubts:
        (price, per), (other, of) = doubt.followed, doubt.other
        yield _row(entry, doubt.cell, (amount(price), amount(other * per / of), per), doubt.found, doubt.why)


def _refused(entry: Entry, cell: Cell, why: str) -> ConflictRow:
    price, per = entry.prices[cell]
    return _row(entry, cell, ("", amount(price), per), REFUSED, why)


def _row(entry: Entry, cell: Cell, prices: tuple[str, str, int], found: str, why: str) -> ConflictRow:
    """prices: what the list is taken to say, what it also says, and for how many units."""
    taken = "none" if found == REFUSED else "litellm"
    what = (entry.provider, entry.name, cell.unit, cell.when, cell.context)
    return ConflictRow(*what, *prices, found=found, taken=taken, why=why)
