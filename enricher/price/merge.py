"""LiteLLM's list laid under the book: what the book lacks is taken over, what both have is decided by written rules.

The book here is genai-prices with our corrections; a correction is therefore never overruled by LiteLLM. Rules are
those of `litellm.yaml`; every decision is recorded as a conflict, which docs/prices.md lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase

from enricher.price import convert
from enricher.price.book import TOKEN_UNITS, ConflictRow, ModelRow, PriceRow, timestamp
from enricher.price.convert import amount
from enricher.price.litellm import IN_OTHER_WORDS, Cell, Entry, Rule

SOURCE = "litellm"
RETIRED = "litellm, retired"
"""Of an older release of LiteLLM, which drops models when they are retired."""

_ROUNDING = Decimal("0.0005")

Key = tuple[str, str]
Prices = dict[Cell, tuple[Decimal, int]]


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
) -> Merged:
    """Lay the entries under the book, short names first, since long ones are variants of them.

    chain: a provider and those whose models it resells. rules: for conflicts and for what the book lacks. at: Unix
    seconds; LiteLLM's prices have no dates and are compared with those in force then. newest: the release that is kept;
    entries of others only add models. bares: providers whose models also go by their names without the maker's.
    """
    merging = _Merging(models, prices, rules, at, bares)
    ordered = sorted(entries, key=lambda entry: (len(entry.name), entry.provider, entry.name))
    resold: list[tuple[Entry, Known]] = []
    for entry in ordered:
        known = find(entry.provider, entry.name)
        if known is None or known.key[0] not in chain(entry.provider):
            merging.add(entry, SOURCE if entry.version == newest else RETIRED)
        elif entry.version != newest:
            continue  # What the book knows in any way, it knows better than a list that is no longer kept.
        elif known.key[0] == entry.provider:
            merging.compare(entry, known)
        else:
            resold.append((entry, known))
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

    def add(self, entry: Entry, source: str) -> None:
        """A model that the book does not have."""
        key = (entry.provider, entry.name)
        self.models[key] = ModelRow(*key, " ".join([entry.name, *self._bare(entry)]), "", source, "")
        for cell, price in entry.prices.items():
            self._fill(key, entry, cell, price, ("", ""), source)

    def _bare(self, entry: Entry) -> list[str]:
        """The name without its maker, where the provider uses it so and no other model goes by it."""
        bare = entry.name.rpartition("/")[2]
        names = (row.names.split() for (provider, _), row in self.models.items() if provider == entry.provider)
        known = bare == entry.name or any(bare in texts for texts in names)
        return [] if known or entry.provider not in self._bares else [bare]

    def compare(self, entry: Entry, known: Known) -> None:
        """A model that the book has: fill gaps, settle disagreements, and give the name a model of its own when what
        holds for it does not hold for the other names of the model."""
        found = self._found(entry, known)
        held = {Cell(row.unit, row.when, row.context): row for row in self._in_force(known.key)}
        if found == "resold" and not held and (entry.provider, entry.name) not in self.models:
            # What its maker has retired is sold on at the reseller's own price.
            self.add(entry, SOURCE)
            return
        own: Prices = {}
        gaps: Prices = {}
        for cell, price in entry.prices.items():
            row = held.get(cell)
            if row is None:
                gaps[cell] = price
            elif differ(row, price) and self._settle(entry, cell, price, row, found):
                own[cell] = price
        key = known.key
        if own or (found == "resold" and gaps):
            key = self._copy(known.key, entry)
        since = self._since(entry, known) if own else ""
        for cell, price in own.items():
            self._replace(key, cell, price, since)
        dates = self._dates(key)
        for cell, price in gaps.items():
            self._fill(key, entry, cell, price, dates, SOURCE)

    def _since(self, entry: Entry, known: Known) -> str:
        """From when the prices hold that are taken from the entry instead of the book's; "" for ever."""
        found = self._found(entry, known)
        rule = next(rule for rule in self._disputes if _fits(rule, entry, Cell("input", "", ""), found))
        return rule.since.isoformat() if rule.since else ""

    def _found(self, entry: Entry, known: Known) -> str:
        if known.key[0] != entry.provider:
            return "resold"
        if known.spelling != entry.name:
            return "shortened"
        return "exact" if entry.name in self.models[known.key].names.split() else "pattern"

    def _settle(self, entry: Entry, cell: Cell, price: tuple[Decimal, int], row: PriceRow, found: str) -> bool:
        """Record the conflict; True when LiteLLM is right. The book's newest models have been filled from LiteLLM's
        shorter names already: against those, the longer name is right."""
        if row.source == SOURCE:
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

    def _replace(self, key: Key, cell: Cell, price: tuple[Decimal, int], since: str) -> None:
        rows = self.rows[key]
        for index, row in enumerate(rows):
            if Cell(row.unit, row.when, row.context) == cell and not row.window and self._holds(row):
                rows[index] = replace(row, price=amount(price[0]), per=price[1], source=SOURCE)
                if since > row.valid_from:
                    rows[index] = replace(rows[index], valid_from=since)
                    rows.append(replace(row, valid_until=since))
                return

    def _fill(
        self, key: Key, entry: Entry, cell: Cell, price: tuple[Decimal, int], dates: tuple[str, str], source: str
    ) -> None:
        rule = next((rule for rule in self._fills if _fits(rule, entry, cell, "")), None)
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
        taken = any((row.unit, row.when, row.context) == (cell.unit, cell.when, cell.context) for row in self.rows[key])
        if taken:
            # The book priced it at another time, or in hours that the list does not know: it knows better.
            return
        self.rows[key].append(
            PriceRow(
                *(key[0], key[1], cell.unit, amount(price[0]), price[1], since, until),
                *("", cell.context, cell.when, "", source, ""),
            )
        )

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


def differ(row: PriceRow, price: tuple[Decimal, int], rounding: Decimal = _ROUNDING) -> bool:
    """By more than what rounding to a second or an hour explains."""
    ours, theirs = Decimal(row.price) * price[1], price[0] * row.per
    return abs(ours - theirs) > ours * rounding


def _fits(rule: Rule, entry: Entry, cell: Cell, found: str) -> bool:
    return (
        rule.provider in ("*", entry.provider)
        and any(fnmatchcase(entry.name, glob) for glob in rule.names)
        and (not rule.found or found in rule.found)
        and (rule.cells == "all" or bool(cell.context))
    )
