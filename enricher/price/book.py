"""The price book as typed rows, and as a person searches it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeVar

UNITS = (
    *("input", "output", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "cache_write_12h"),
    *("reasoning", "audio_input", "audio_output", "audio_cache_read", "image_input", "image_output"),
    *("image_cache_read", "video_input", "video_output", "citation", "audio_seconds", "images", "characters"),
    *("pages", "annotated_pages", "web_searches", "x_searches", "file_searches", "rerank_searches", "messages"),
    *("requests", "seconds", "duration"),
)
"""Everything that a row may price, in the order of the core (`core/src/usage.rs`)."""
TOKEN_UNITS = UNITS[: UNITS.index("audio_seconds")]
CONDITIONS = ("batch", "service_tier", "speed", "inference_geo", "search_context")
"""What a row's `when` may ask for."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model of one provider and the names it goes by.

    names: lower-case names and `*` globs, separated by spaces. excluded: globs that a name must not match.
    source, date: where the row comes from, and when the book last changed it.
    """

    provider: str
    model: str
    names: str
    excluded: str
    source: str
    date: str

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.provider, self.model)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price: `price` USD for `per` of `unit`, in the circumstances that the other columns name.

    valid_from, valid_until: ISO dates (midnight UTC) or timestamps; empty for no bound. The end is exclusive.
    window: `mon-fri 01:00-04:00 !china`: days, UTC hours, calendar of days on which it does not hold.
    context: `>200000` or `>=200000`: total input tokens for which the whole request is billed at this row.
    when: served circumstances: `batch`, `service_tier=flex`, `speed=fast`, `inference_geo=us`, `search_context=low`.
    minimum: least quantity billed.
    """

    provider: str
    model: str
    unit: str
    price: str
    per: int
    valid_from: str
    valid_until: str
    window: str
    context: str
    when: str
    minimum: str
    source: str
    date: str

    @property
    def key(self) -> tuple[Any, ...]:
        return (
            *(self.provider, self.model, UNITS.index(self.unit), self.when, self.context, self.window),
            *(self.valid_from, self.valid_until),
        )


@dataclass(frozen=True, slots=True)
class ModifierRow:
    """A factor on list prices.

    models: globs of model ids, separated by spaces. units: unit names, empty for all. hosts: globs of
    `server.address`, `!` before those that do not count. fallback: only where the list has no rate of its own for the
    circumstances (`when`).
    """

    provider: str
    name: str
    models: str
    units: str
    factor: str
    valid_from: str
    valid_until: str
    hosts: str
    when: str
    fallback: bool
    source: str
    date: str

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.provider, self.name, self.models, self.units)


@dataclass(frozen=True, slots=True)
class HolidayRow:
    """A day of a calendar on which windows that exclude the calendar do not hold."""

    calendar: str
    day: str
    name: str
    source: str
    date: str

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.calendar, self.day)


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A price that the sources state differently, and which of them was followed. For people, not for pricing.

    book, litellm: USD as decimal text, for `per` units. found: how the book knew the name (`litellm.yaml`). taken:
    `book` or `litellm`. why: the text of the rule that decided.
    """

    provider: str
    name: str
    unit: str
    when: str
    context: str
    book: str
    litellm: str
    per: int
    found: str
    taken: str
    why: str

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.provider, self.name, UNITS.index(self.unit), self.when, self.context)


Row = ModelRow | PriceRow | ModifierRow | HolidayRow | ConflictRow
D = TypeVar("D", ModelRow, PriceRow, ModifierRow, HolidayRow)


@dataclass(frozen=True)
class Book:
    """The whole book. built: the date of the build; sources: versions of what it was built from."""

    built: str
    sources: dict[str, str]
    models: list[ModelRow]
    prices: list[PriceRow]
    modifiers: list[ModifierRow]
    holidays: list[HolidayRow]
    conflicts: list[ConflictRow] = field(default_factory=list)

    def providers(self) -> list[str]:
        return sorted({row.provider for row in self.models})

    def prices_of(self, provider: str, model: str) -> list[PriceRow]:
        return [row for row in self.prices if (row.provider, row.model) == (provider, model)]

    def calendars(self) -> dict[str, date]:
        """Calendars of public holidays by name, and the last day that each knows: holidays are told by the year."""
        years: dict[str, int] = {}
        for row in self.holidays:
            years[row.calendar] = max(years.get(row.calendar, 0), date.fromisoformat(row.day).year)
        return {calendar: date(year, 12, 31) for calendar, year in years.items()}

    def find(self, name: str, providers: list[str] | None = None) -> ModelRow | None:
        """The model that goes by exactly this name, or whose most specific glob fits, best provider first.

        Among all providers, those that take any name whatever (`*`) say nothing about it and are left out.
        """
        name = name.lower()
        wanted = providers if providers is not None else self.providers()
        best: tuple[int, int, int] | None = None
        found: ModelRow | None = None
        for row in self.models:
            if row.provider not in wanted or any(fnmatchcase(name, glob) for glob in row.excluded.split()):
                continue
            for text in row.names.split():
                if (text != name and not ("*" in text and fits(name, text))) or (providers is None and text == "*"):
                    continue
                score = (wanted.index(row.provider), int(text != name), -len(text))
                if best is None or score < best:
                    best, found = score, row
        return found


def fits(name: str, glob: str) -> bool:
    """Whether a glob matches as in the core: `*` stands for any text; all else, `[` and `?` too, for itself."""
    return fnmatchcase(name, glob.replace("[", "[[]").replace("?", "[?]"))


@lru_cache(maxsize=65536)
def timestamp(text: str) -> int:
    """Unix seconds of an ISO date or timestamp in UTC; 0 for an empty one. Raises ValueError."""
    if not text:
        return 0
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def dated(new: list[D], old: list[D], today: str) -> list[D]:
    """`new` with the date of each row's last change: that of `old` for a row that has not changed, else today."""
    before = {replace(row, date=""): row.date for row in old}
    return [replace(row, date=before.get(replace(row, date=""), today)) for row in new]
