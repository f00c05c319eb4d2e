"""LiteLLM's list laid under the book: what the book lacks is taken over, what both have is decided by written rules.

The book here is genai-prices with our corrections; a correction is therefore never overruled by LiteLLM. Rules are
those of `litellm.yaml`; every decision is recorded as a conflict, which docs/prices.md lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction

from enricher.price import convert
from enricher.price.book import TOKEN_UNITS, ConflictRow, ModelRow, PriceRow, timestamp
from enricher.price.convert import amount
from enricher.price.litellm import IN_OTHER_WORDS, STAND_INS, Cell, Entry, Prices, Rule
from enricher.price.scale import each, scaled

SOURCE = "litellm"
RETIRED = "litellm, retired"
"""Of an older release of LiteLLM, which drops models when they are retired."""

_ROUNDING = Decimal("0.0005")
_AS_LISTED = Fraction(1)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """How the book knows a name: the key of its model, and the spelling that found it."""

    key: Key
    spelling: str


@dataclass
class Merged:
    """What came of it. copies: for models that were copied to state another price, the model they were copied from."""

    models: list[ModelRow]
    prices: list[PriceRow]
    conflicts: list[ConflictRow] = field(default_factory=list)
    copies: dict[Key, Key] = field(default_factory=dict)


Find = Callable[[str, str], Known | None]
"""Provider and name to what the book knows of it."""


def merge(
    models: list[ModelRow],
    prices: list[PriceRow],
    entries: Iterable[Entry],
    *,
    find: Find,
    chain: Callable[[str], list[str]],
    rules: tuple[list[Rule], list[Rule]],
    at: int,
    newest: str,
    bares: Collection[str] = (),
    apart: Collection[str] = (),
    profiles: Mapping[str, str] | None = None,
) -> Merged:
    """Lay the entries under the book, short names first, since long ones are variants of them.

    chain: a provider and those whose models it resells. rules: for conflicts and for what the book lacks. at: Unix
    seconds; LiteLLM's prices have no dates and are compared with those in force then. newest: the release that is kept;
    entries of others only add models. bares: providers whose models also go by their names without the maker's. apart,
    profiles: as in `litellm.yaml`.
    """
    merging = _Merging(models, prices, rules, at, bares, newest)
    ordered = sorted(entries, key=lambda entry: (len(entry.name), entry.provider, entry.name))
    resold: list[tuple[Entry, Known]] = []
    for entry in ordered:
        known = find(entry.provider, entry.name)
        if known is None or known.key[0] not in chain(entry.provider):
            merging.add(entry)
        elif entry.version != newest and not (_any(apart, entry.name) and merging.found(entry, known) != "exact"):
            continue  # What the book knows in any way, it knows better than a list that is no longer kept.
        elif known.key[0] == entry.provider:
            merging.compare(entry, known)
        else:
            resold.append((entry, known))
    merging.add_profiles(profiles or {})
    # What a maker lists is complete now, so that a reseller's model is made only where it differs.
    for entry, known in resold:
        merging.compare(entry, known)
    return Merged(
        list(merging.models.values()),
        [row for rows in merging.rows.values() for row in rows],
        merging.conflicts,
        merging.copies,
    )


def own_model(
    models: dict[Key, ModelRow], rows: dict[Key, list[PriceRow]], copies: dict[Key, Key], key: Key, own: Key
) -> Key:
    """A model for the name `own` (provider and name) alone, with the history of the model `key` that it was taken for;
    its key."""
    row, (provider, name) = models[key], own
    names = row.names.split()
    if names == [name] and key[0] == provider:
        return key
    if name in names and key[0] == provider:
        models[key] = replace(row, names=" ".join(other for other in names if other != name))
    if own in models:
        own = (provider, f"{name} (litellm)")
    models[own] = ModelRow(*own, name, "", SOURCE, "")
    rows[own] = [replace(row, provider=own[0], model=own[1]) for row in rows[key]]
    copies[own] = key
    return own


class _Merging:
    def __init__(
        self,
        models: list[ModelRow],
        prices: list[PriceRow],
        rules: tuple[list[Rule], list[Rule]],
        at: int,
        bares: Collection[str],
        newest: str,
    ) -> None:
        self.models = {(row.provider, row.model): row for row in models}
        self.rows: dict[Key, list[PriceRow]] = defaultdict(list)
        for row in prices:
            self.rows[row.provider, row.model].append(row)
        self.conflicts: list[ConflictRow] = []
        self.copies: dict[Key, Key] = {}
        self._disputes, self._fills = rules
        self._at = at
        self._bares = bares
        self._newest = newest

    def add(self, entry: Entry) -> None:
        """A model that the book does not have."""
        key, source = (entry.provider, entry.name), self._source(entry)
        self.models[key] = ModelRow(*key, " ".join([entry.name, *self._bare(entry)]), "", source, "")
        for cell, price in entry.prices.items():
            self._fill(key, entry, cell, price, ("", ""), source)

    def add_profiles(self, profiles: Mapping[str, str]) -> None:
        """Give models whose names begin as in `profiles` the names that mean the same, where nobody has them."""
        taken = {(row.provider, name) for row in self.models.values() for name in row.names.split()}
        for key, row in self.models.items():
            names = row.names.split()
            same = [
                also + name.removeprefix(begin)
                for begin, also in profiles.items()
                for name in names
                if name.startswith(begin)
            ]
            free = [name for name in same if (row.provider, name) not in taken]
            self.models[key] = replace(row, names=" ".join([*names, *free]))

    def _source(self, entry: Entry) -> str:
        return SOURCE if entry.version == self._newest else RETIRED

    def _bare(self, entry: Entry) -> list[str]:
        """The name without its maker, where the provider uses it so and no other model goes by it."""
        bare = entry.name.rpartition("/")[2]
        names = (row.names.split() for (provider, _), row in self.models.items() if provider == entry.provider)
        known = bare == entry.name or any(bare in texts for texts in names)
        return [] if known or entry.provider not in self._bares else [bare]

    def compare(self, entry: Entry, known: Known) -> None:
        """A model that the book has: fill gaps, settle disagreements, and give the name a model of its own when what
        holds for it does not hold for the other names of the model."""
        found = self.found(entry, known)
        held = self._held(known.key, entry)
        if found == "resold" and not held and (entry.provider, entry.name) not in self.models:
            # What its maker has retired is sold on at the reseller's own price.
            self.add(entry)
            return
        own: Prices = {}
        gaps: Prices = {}
        # Standard prices first: where the book overrules one, what the list says beside it is relative to it.
        ratios: dict[Cell, Fraction] = {}
        for cell, price in sorted(entry.prices.items(), key=lambda item: bool(item[0].when or item[0].context)):
            ratio = self._ratio(entry, cell, ratios)
            row = held.get(cell)
            if row is None:
                gaps[cell] = price
            elif differ(row, price) and not (row.source.startswith(SOURCE) and not differ(row, price, ratio=ratio)):
                if self._settle(entry, cell, price, row, found):
                    own[cell] = price
                elif price[0] and cell.unit in TOKEN_UNITS and not (cell.when or cell.context):
                    ratios[cell] = each(row) * price[1] / Fraction(price[0])
        key = known.key
        if own or (found == "resold" and gaps):
            key = self._copy(known.key, entry)
        since = self._since(entry, known) if own else ""
        for cell, price in own.items():
            self._replace(key, entry, cell, price, since)
        dates = self._dates(key)
        if key != known.key:
            self._scale(key, entry, held)
        for cell, price in gaps.items():
            self._fill(key, entry, cell, price, dates, self._source(entry), self._ratio(entry, cell, ratios))

    def _held(self, key: Key, entry: Entry) -> dict[Cell, PriceRow]:
        """The rows in force, and those of the list itself that a rule has ended: the list still states them."""
        rows = [row for row in self.rows[key] if not row.window and self._listed(row, entry)]
        return {cell_of(row): row for row in sorted(rows, key=self._holds)}

    def _listed(self, row: PriceRow, entry: Entry) -> bool:
        rule = self._rule(entry, cell_of(row))
        ended = rule is not None and rule.until is not None and row.valid_until == rule.until.isoformat()
        return self._holds(row) or (ended and row.source.startswith(SOURCE))

    def _scale(self, key: Key, entry: Entry, held: dict[Cell, PriceRow]) -> None:
        """A copy's rates that the entry does not state stand to its standard price as those of its original do."""
        for index, row in enumerate(self.rows[key]):
            if row.unit not in TOKEN_UNITS or cell_of(row) in entry.prices or not self._listed(row, entry):
                continue
            plain = next((cell for cell in _standards(row.unit) if cell in entry.prices), None)
            base = held.get(plain) if plain is not None else None
            if base is not None and plain is not None and each(base) and differ(base, entry.prices[plain]):
                price, per = entry.prices[plain]
                self.rows[key][index] = scaled(row, Fraction(price) / per / each(base))

    def _ratio(self, entry: Entry, cell: Cell, ratios: dict[Cell, Fraction]) -> Fraction:
        """What the book's standard price is of the list's, for a rate that the list states beside it."""
        if cell.unit not in TOKEN_UNITS or not (cell.when or cell.context):
            return _AS_LISTED
        plain = next((plain for plain in _standards(cell.unit) if plain in entry.prices), None)
        return _AS_LISTED if plain is None else ratios.get(plain, _AS_LISTED)

    def _since(self, entry: Entry, known: Known) -> str:
        """From when the prices hold that are taken from the entry instead of the book's; "" for ever."""
        found = self.found(entry, known)
        rule = next(rule for rule in self._disputes if _fits(rule, entry, Cell("input", "", ""), found))
        return rule.since.isoformat() if rule.since else ""

    def found(self, entry: Entry, known: Known) -> str:
        """How the book knows the entry's name: in the words of `litellm.yaml`."""
        if known.key[0] != entry.provider:
            return "resold"
        if known.spelling != entry.name:
            return "shortened"
        return "exact" if entry.name in self.models[known.key].names.split() else "pattern"

    def _settle(self, entry: Entry, cell: Cell, price: tuple[Decimal, int], row: PriceRow, found: str) -> bool:
        """Record the conflict; True when LiteLLM is right. The book's newest models have been filled from LiteLLM's
        shorter names already: against those, the longer name is right."""
        if row.source.startswith(SOURCE):
            return True
        rule = next(rule for rule in self._disputes if _fits(rule, entry, cell, found))
        take, why = rule.take, rule.why
        if found in ("exact", "pattern") and not row.source.startswith(convert.SOURCE):
            take, why = "book", f"our correction: {row.source}"
        per = price[1]
        self.conflicts.append(
            ConflictRow(
                provider=entry.provider,
                name=entry.name,
                unit=cell.unit,
                when=cell.when,
                context=cell.context,
                book=amount(Decimal(row.price) * per / row.per),
                litellm=amount(price[0]),
                per=per,
                found=found,
                taken=take,
                why=why,
            )
        )
        return take == "litellm"

    def _copy(self, key: Key, entry: Entry) -> Key:
        """A model for this name alone, with the history of the one it was taken for."""
        return own_model(self.models, self.rows, self.copies, key, (entry.provider, entry.name))

    def _replace(self, key: Key, entry: Entry, cell: Cell, price: tuple[Decimal, int], since: str) -> None:
        rows = self.rows[key]
        for index, row in enumerate(rows):
            if cell_of(row) == cell and not row.window and self._listed(row, entry):
                rows[index] = replace(row, price=amount(price[0]), per=price[1], source=self._source(entry))
                if row.valid_from < since < (row.valid_until or "9999"):
                    rows[index] = replace(rows[index], valid_from=since)
                    rows.append(replace(row, valid_until=since))
                return

    def _fill(
        self,
        key: Key,
        entry: Entry,
        cell: Cell,
        price: tuple[Decimal, int],
        dates: tuple[str, str],
        source: str,
        ratio: Fraction = _AS_LISTED,
    ) -> None:
        rule = self._rule(entry, cell)
        if rule is not None and rule.take == "none":
            return
        if cell.unit in IN_OTHER_WORDS and any(row.unit in TOKEN_UNITS for row in self.rows[key]):
            return
        plain = Cell(cell.unit, "", "")
        if cell != plain and plain not in entry.prices and all(row.unit != cell.unit for row in self.rows[key]):
            # A price beyond a threshold, or in a tier, of what has no standard price: a slip of the list.
            return
        since, until = dates
        if rule is not None and rule.until:
            until = min(until or "9999", rule.until.isoformat())
        if until and since >= until:
            return
        if any(cell_of(row) == cell for row in self.rows[key]):
            # The book priced it at another time, or in hours that the list does not know: it knows better.
            return
        row = PriceRow(
            *(key[0], key[1], cell.unit, amount(price[0]), price[1], since, until),
            *("", cell.context, cell.when, "", source, ""),
        )
        self.rows[key].append(row if ratio == 1 else scaled(row, ratio))

    def _rule(self, entry: Entry, cell: Cell) -> Rule | None:
        return next((rule for rule in self._fills if _fits(rule, entry, cell, "")), None)

    def _dates(self, key: Key) -> tuple[str, str]:
        """Start and end of the standard price in force: what LiteLLM lists beside it holds as long as it does."""
        plain = [row for row in self._in_force(key) if not (row.when or row.context)]
        plain = [row for row in plain if row.unit in ("input", "output")]
        ends = [row.valid_until for row in plain if row.valid_until]
        return max((row.valid_from for row in plain), default=""), min(ends, default="")

    def _in_force(self, key: Key) -> list[PriceRow]:
        return [row for row in self.rows[key] if not row.window and self._holds(row)]

    def _holds(self, row: PriceRow) -> bool:
        return timestamp(row.valid_from) <= self._at and (not row.valid_until or self._at < timestamp(row.valid_until))


def cell_of(row: PriceRow) -> Cell:
    """What the row is for, as the list says it."""
    return Cell(row.unit, row.when, row.context)


def _standards(unit: str) -> Iterator[Cell]:
    """The standard price that a rate of the unit goes with, and those that stand in where none is stated."""
    while True:
        yield Cell(unit, "", "")
        if unit in ("input", "output"):
            return
        unit = STAND_INS.get(unit, "cache_write" if unit.startswith("cache_write_") else "input")


def differ(
    row: PriceRow, price: tuple[Decimal, int], rounding: Decimal = _ROUNDING, ratio: Fraction = _AS_LISTED
) -> bool:
    """By more than what rounding to a second or an hour explains. ratio: what to take the price times."""
    ours, theirs = each(row), Fraction(price[0]) / price[1] * ratio
    return abs(ours - theirs) > ours * Fraction(rounding)


def _any(globs: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _fits(rule: Rule, entry: Entry, cell: Cell, found: str) -> bool:
    return (
        rule.provider in ("*", entry.provider)
        and _any(rule.names, entry.name)
        and (not rule.found or found in rule.found)
        and (rule.cells == "all" or (bool(cell.context) if rule.cells == "context" else cell.when == "batch"))
    )
