"""The price book as typed rows: how it is written to CSV, read back, and searched by a person."""

from __future__ import annotations

import csv
import json
import tempfile
import zipfile
import zlib
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, TypeVar

from enricher.errors import InputError

DIRECTORY = Path(__file__).parent / "book"
_MOST_BYTES = 64 * 1024 * 1024
_MOST_USD = 10**6

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
R = TypeVar("R", ModelRow, PriceRow, ModifierRow, HolidayRow, ConflictRow)
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
                if (text != name and not ("*" in text and _fits(name, text))) or (providers is None and text == "*"):
                    continue
                score = (wanted.index(row.provider), int(text != name), -len(text))
                if best is None or score < best:
                    best, found = score, row
        return found


def _fits(name: str, glob: str) -> bool:
    """`*` is the only special character of a glob; `[`, `?` stand for themselves."""
    return fnmatchcase(name, glob.replace("[", "[[]").replace("?", "[?]"))


_FILES: dict[str, type[Row]] = {
    "models.csv": ModelRow,
    "prices.csv": PriceRow,
    "modifiers.csv": ModifierRow,
    "holidays.csv": HolidayRow,
    "conflicts.csv": ConflictRow,
}


def save(book: Book, directory: Path) -> None:
    """Write the book: one CSV file a kind, sorted, and `about.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    groups: tuple[list[Any], ...] = (book.models, book.prices, book.modifiers, book.holidays, book.conflicts)
    for (name, kind), rows in zip(_FILES.items(), groups, strict=True):
        with (directory / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.name for column in fields(kind)])
            for row in sorted(rows, key=lambda row: row.key):
                writer.writerow([_written(value) for value in asdict(row).values()])
    about = json.dumps({"built": book.built, "sources": book.sources}, indent=2, sort_keys=True)
    (directory / "about.json").write_text(about + "\n", encoding="utf-8")


def _written(value: Any) -> str:
    return ("yes" if value else "") if isinstance(value, bool) else str(value)


def load(place: Path = DIRECTORY) -> Book:
    """Read a book from its directory or its archive. Raises InputError naming the file and line of what is wrong."""
    if not place.is_file():
        return _read(place, str(place))
    try:
        with place.open("rb") as file:
            return unpack(file, str(place))
    except OSError as error:
        raise InputError(f"cannot read {place}: {error.strerror}") from error


def unpack(archive: IO[bytes], name: str) -> Book:
    """The book in an archive. Raises InputError; files larger than 64 MiB are refused."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            large = [entry.filename for entry in zipped.infolist() if entry.file_size > _MOST_BYTES]
            if large:
                raise InputError(f"{name}: {large[0]} is larger than {_MOST_BYTES} bytes")
            return _read(zipfile.Path(zipped), name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{name} is not an archive of a price book: {error}") from error


def pack(book: Book, path: Path) -> None:
    """Write the book as an archive, byte for byte the same for the same book."""
    with tempfile.TemporaryDirectory() as directory:
        save(book, Path(directory))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name in sorted((*_FILES, "about.json")):
                zipped.writestr(zipfile.ZipInfo(name), (Path(directory) / name).read_bytes(), zipfile.ZIP_DEFLATED)


def _read(directory: Path | zipfile.Path, name: str) -> Book:
    try:
        about = json.loads((directory / "about.json").read_text(encoding="utf-8"))
        built, sources = date.fromisoformat(about["built"]).isoformat(), dict(about["sources"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{name} is not a price book: {error}") from error
    return Book(
        built,
        sources,
        _rows(directory / "models.csv", ModelRow),
        _rows(directory / "prices.csv", PriceRow),
        _rows(directory / "modifiers.csv", ModifierRow),
        _rows(directory / "holidays.csv", HolidayRow),
        _rows(directory / "conflicts.csv", ConflictRow),
    )


@cache
def shipped() -> Book:
    """The book that comes with the package."""
    return load()


def _rows(path: Path | zipfile.Path, kind: type[R]) -> list[R]:
    names = [column.name for column in fields(kind)]
    try:
        with path.open("r", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != names:
                raise InputError(f"{path}:1: the columns must be {','.join(names)}")
            rows = []
            for number, values in enumerate(reader, 2):
                try:
                    rows.append(_typed(kind, values))
                except (ValueError, ArithmeticError, TypeError, AttributeError) as error:
                    raise InputError(f"{path}:{number}: {error}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return rows


def _typed(kind: type[R], values: dict[str, Any]) -> R:
    row: Any
    if kind is PriceRow:
        row = PriceRow(**(values | {"per": int(values["per"])}))
        if row.unit not in UNITS:
            raise ValueError(f"unknown unit {row.unit!r}")
        if not 0 <= Decimal(row.price) < _MOST_USD or not 0 < row.per < 10**12:
            raise ValueError("price and per must be positive numbers")
        if row.minimum and not 0 <= Decimal(row.minimum) < 10**9:
            raise ValueError(f"{row.minimum} is no least quantity")
        _dates(row)
    elif kind is ConflictRow:
        row = ConflictRow(**(values | {"per": int(values["per"])}))
    elif kind is ModifierRow:
        row = ModifierRow(**(values | {"fallback": values["fallback"] == "yes"}))
        if not 0 <= Decimal(row.factor) < 1000:
            raise ValueError(f"{row.factor} is no factor")
        _dates(row)
    elif kind is HolidayRow:
        row = HolidayRow(**values)
        date.fromisoformat(row.day)
    else:
        row = kind(**values)
    return row  # type: ignore[no-any-return]


def _dates(row: PriceRow | ModifierRow) -> None:
    begins, ends = timestamp(row.valid_from), timestamp(row.valid_until)
    if row.valid_until and ends <= begins:
        raise ValueError(f"ends on {row.valid_until}, before it begins")


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
