"""What of the plan's `price` section rests on the book alone: its models, their names, prices, windows, modifiers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fnmatch import fnmatchcase
from typing import Any

from enricher.errors import InputError
from enricher.price import rules as rules_of
from enricher.price.book import TOKEN_UNITS, UNITS, Book, ModifierRow, PriceRow, timestamp
from enricher.price.scale import ASSUMED

_PICO = 10**12
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW = re.compile(r"(\w{3})-(\w{3}) (\d\d):(\d\d)-(\d\d):(\d\d)(?: !(\w+))?")
_COLUMNS = (
    *("model", "unit", "price", "per", "from", "until", "min_input", "minimum", "maximum", "window"),
    *("service_tier", "batch", "speed", "inference_geo", "search_context", "tenant", "assumed"),
)


@dataclass
class Numbers:
    """Numbers for the values of one dimension, from 1 in the order in which they turn up."""

    values: dict[str, int] = field(default_factory=dict)

    def of(self, value: str) -> int:
        return self.values.setdefault(value, len(self.values) + 1) if value else 0


class Tables:
    """The book's part of the section, which the user's terms are added to.

    models: the place of each (provider, model). owners: the place of each model's provider among those of the rules.
    rows: the columns of prices. numbers: what stands for the values of a dimension.
    Raises InputError for a book that cannot be compiled, naming the row.
    """

    def __init__(self, book: Book) -> None:
        self.rules = rules_of.load()
        self.models: dict[tuple[str, str], int] = {}
        self.names: dict[str, Any] = {"text": [], "model": [], "except": {}}
        self.rows: dict[str, list[int]] = {name: [] for name in _COLUMNS}
        self.labels: list[str] = []
        self.numbers = {name: Numbers() for name in ("service_tier", "speed", "inference_geo", "search_context")}
        for row in book.models:
            index = self.models.setdefault((row.provider, row.model), len(self.models))
            self.name(row.names.split(), row.excluded.split(), index)
        windows: dict[str, int] = {}
        for price in book.prices:
            self._price(price, windows)
        places = {name: place for place, name in enumerate(self.rules.providers)}
        for owner, model in self.models:
            if owner not in places:
                raise InputError(
                    f"the book lists {owner}/{model}, of a provider that this version does not know: update enricher"
                )
        self.owners = [places[owner] for owner, _ in self.models]
        self.search_tokens = self._search_tokens()
        self.modifiers = [self._modifier(row) for row in book.modifiers]
        self.windows = [_window(text, book) for text in windows]

    def copy(self) -> Tables:
        """One that rows, names and numbers can be added to."""
        new = copy(self)
        new.names = {kind: kept.copy() for kind, kept in self.names.items()}
        new.rows = {name: column.copy() for name, column in self.rows.items()}
        new.labels = self.labels.copy()
        new.numbers = {name: Numbers(numbers.values.copy()) for name, numbers in self.numbers.items()}
        return new

    def name(self, texts: Sequence[str], excluded: Sequence[str], model: int) -> None:
        """Add names and globs of the model at that place."""
        stems = [text.removesuffix("*") for text in texts if text.endswith("*")]
        for text in texts:
            # What bounds another of the model's patterns alone says nothing of this one.
            own = text.removesuffix("*")
            met = [one for one in excluded if one.startswith(own) or not one.startswith(tuple(stems))]
            if met and "*" in text:
                self.names["except"][str(len(self.names["text"]))] = [one for glob in met for one in _digits(glob)]
            self.names["text"].append(text)
            self.names["model"].append(model)

    def row(self, label: str, values: dict[str, int]) -> None:
        """Add a price: what its columns hold where it is not 0."""
        for name, column in self.rows.items():
            column.append(values.get(name, 0))
        self.labels.append(label)

    def _price(self, row: PriceRow, windows: dict[str, int]) -> None:
        model = self.models.get((row.provider, row.model))
        if model is None:
            raise InputError(f"the book prices {row.provider}/{row.model}, which it does not list")
        when = self._conditions(row.when)
        scale = 1 if row.unit in TOKEN_UNITS else 10**6
        self.row(
            f"{row.provider}/{row.model}" + (f"@{row.valid_from}" if row.valid_from else ""),
            {
                "model": model,
                "unit": UNITS.index(row.unit),
                "price": pico(Decimal(row.price)),
                "per": row.per,
                "from": timestamp(row.valid_from),
                "until": timestamp(row.valid_until),
                "min_input": _min_input(row.context),
                "minimum": int(Decimal(row.minimum or 0) * scale),
                "maximum": scale if self._once(row) else 0,
                "window": windows.setdefault(row.window, len(windows) + 1) if row.window else 0,
                "assumed": int(row.source.endswith(ASSUMED)),
                **when,
            },
        )

    def _search_tokens(self) -> list[tuple[int, int]]:
        """(model, tokens) of the models whose web searches are billed as input tokens, too."""
        return [
            (index, tokens)
            for (provider, model), index in self.models.items()
            if provider in self.rules.providers
            for glob, tokens in self.rules.providers[provider].search_tokens.items()
            if fnmatchcase(model.lower(), glob)
        ]

    def _once(self, row: PriceRow) -> bool:
        """Whether a call pays one of the unit, however many were counted."""
        rule = self.rules.providers.get(row.provider)
        globs = rule.once.get(row.unit, ()) if rule else ()
        return any(fnmatchcase(row.model.lower(), glob) for glob in globs)

    def _conditions(self, when: str) -> dict[str, int]:
        """`batch service_tier=flex` as numbers of values."""
        found: dict[str, int] = {}
        for word in when.split():
            name, _, value = word.partition("=")
            if name == "batch" and not value:
                found["batch"] = 1
            elif name in self.numbers and value:
                found[name] = self.numbers[name].of(value)
            else:
                raise InputError(f"the book asks for {word!r}, which is no condition")
        return found

    def _modifier(self, row: ModifierRow) -> dict[str, Any]:
        globs = row.models.split()
        hosts = row.hosts.split()
        numerator, denominator = Decimal(row.factor).as_integer_ratio()
        return {
            "label": f"{row.name} x{row.factor}",
            "num": numerator,
            "den": denominator,
            "models": [
                index
                for (provider, model), index in self.models.items()
                if provider == row.provider and any(fnmatchcase(model, glob) for glob in globs)
            ],
            "units": row.units.split(),
            "from": timestamp(row.valid_from),
            "until": timestamp(row.valid_until),
            "hosts": [host for host in hosts if not host.startswith("!")],
            "except_hosts": [host[1:] for host in hosts if host.startswith("!")],
            "fallback": row.fallback,
            **self._conditions(row.when),
        }


_latest: tuple[Book, Tables] | None = None


def tables_of(book: Book) -> Tables:
    """The same as long as the book is: a reload changes the user's terms much oftener than the book."""
    global _latest
    known = _latest
    if known is None or known[0] is not book:
        known = _latest = (book, Tables(book))
    return known[1]


def _window(text: str, book: Book) -> dict[str, Any]:
    found = WINDOW.fullmatch(text)
    if found is None or found[1] not in DAYS or found[2] not in DAYS:
        raise InputError(f"the book has the window {text!r}; write it as `mon-fri 01:00-04:00 !calendar`")
    first, last = DAYS.index(found[1]), DAYS.index(found[2])
    start, end = (int(found[at]) * 3600 + int(found[at + 1]) * 60 for at in (3, 5))
    epoch = date(1970, 1, 1)
    known_until = book.calendars().get(found[7] or "")
    return {
        "days": sum(1 << day for day in range(first, last + 1)),
        "spans": [[start, end]],
        "holidays": [(date.fromisoformat(row.day) - epoch).days for row in book.holidays if row.calendar == found[7]],
        "known_until": (known_until - epoch).days if known_until else 0,
    }


def _digits(glob: str) -> Iterator[str]:
    """The globs that a glob with the class `[0-9]` stands for: the core knows stars only."""
    first, found, rest = glob.partition("[0-9]")
    yield from ((f"{first}{digit}{rest}" for digit in range(10)) if found else (glob,))


def pico(price: Decimal) -> int:
    return int((price * _PICO).to_integral_value(ROUND_HALF_EVEN))


def _min_input(context: str) -> int:
    """The least total of input tokens for which a row holds."""
    if not context:
        return 0
    if context.startswith(">="):
        return int(context[2:])
    if context.startswith(">"):
        return int(context[1:]) + 1
    raise InputError(f"the book has the context {context!r}; write it as `>200000` or `>=200000`")
