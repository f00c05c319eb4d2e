"""The price book as files: one CSV file a kind of row, in a directory or an archive."""

from __future__ import annotations

import csv
import json
import tempfile
import zipfile
import zlib
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar

from enricher.errors import InputError
from enricher.price.book import (
    UNITS,
    Book,
    ConflictRow,
    HolidayRow,
    ModelRow,
    ModifierRow,
    PriceRow,
    Row,
    timestamp,
)

DIRECTORY = Path(__file__).parent / "book"
_MOST_BYTES = 64 * 1024 * 1024
_MOST_USD = 10**6
R = TypeVar("R", ModelRow, PriceRow, ModifierRow, HolidayRow, ConflictRow)

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
    about = {"built": book.built, "sources": book.sources, "rows": _counts(groups)}
    (directory / "about.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _counts(groups: tuple[list[Any], ...]) -> dict[str, int]:
    return {name: len(rows) for name, rows in zip(_FILES, groups, strict=True)}


_AGAIN = "fetch it again"


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
    # What zipfile raises for a compression that it does not know, and for an encrypted file, are the last two.
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
    built, sources, counts = _about(directory, name)
    book = Book(
        built,
        sources,
        _rows(directory / "models.csv", ModelRow),
        _rows(directory / "prices.csv", PriceRow),
        _rows(directory / "modifiers.csv", ModifierRow),
        _rows(directory / "holidays.csv", HolidayRow),
        _rows(directory / "conflicts.csv", ConflictRow),
    )
    _whole(book, counts, name)
    return book


def _about(directory: Path | zipfile.Path, name: str) -> tuple[str, dict[str, str], dict[str, object]]:
    """What a book says of itself: the date of its build, its sources, how many rows each of its files has."""
    where = f"{name} is not a price book: about.json"
    try:
        about = json.loads((directory / "about.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{where} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where} cannot be read as JSON: {error}") from error
    if not isinstance(about, dict):
        raise InputError(f"{where} must be an object with `built`, `sources` and `rows`")
    built, sources, counts = (about.get(key) for key in ("built", "sources", "rows"))
    try:
        day = date.fromisoformat(built if isinstance(built, str) else "")
    except ValueError as error:
        raise InputError(f"{where}: `built` must be a date such as 2026-11-21, not {json.dumps(built)}") from error
    if day > datetime.now(UTC).date() + timedelta(days=1):
        raise InputError(f"{name}: `built` in about.json is {day}, which is still to come")
    if not isinstance(sources, dict) or not all(isinstance(version, str) for version in sources.values()):
        raise InputError(f"{where}: `sources` must be an object of names and versions")
    if not isinstance(counts, dict):
        raise InputError(f"{where}: `rows` must be the number of rows of each file; {_AGAIN}")
    return day.isoformat(), sources, counts


def _whole(book: Book, counts: dict[str, object], name: str) -> None:
    """Raises InputError for a book that has lost rows on its way, or never had any."""
    groups: tuple[list[Any], ...] = (book.models, book.prices, book.modifiers, book.holidays, book.conflicts)
    for file, count in _counts(groups).items():
        if counts.get(file) != count:
            said = json.dumps(counts.get(file))
            raise InputError(f"{name}: {file} has {count} rows, but about.json says {said}: it is not whole; {_AGAIN}")
    if not book.models or not book.prices:
        raise InputError(f"{name}: {'prices.csv' if book.models else 'models.csv'} has no rows; {_AGAIN}")
    priced = {(row.provider, row.model) for row in book.prices}
    bare = next((row for row in book.models if (row.provider, row.model) not in priced), None)
    if bare:
        raise InputError(f"{name}: prices.csv has no row for {bare.model} of {bare.provider}; {_AGAIN}")


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
                except ValueError as error:
                    raise InputError(f"{path}:{number}: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: it is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except csv.Error as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return rows


def _typed(kind: type[R], values: dict[str, Any]) -> R:
    """Raises ValueError that names the column and says what belongs there."""
    if None in values or None in values.values():
        raise ValueError(f"the row must have {len(fields(kind))} columns")
    row: Any
    if kind is PriceRow:
        row = PriceRow(**(values | {"per": _whole_number(values["per"])}))
        if row.unit not in UNITS:
            raise ValueError(f"unit: unknown unit {row.unit!r}; one of {', '.join(UNITS)}")
        _number("price", row.price, _MOST_USD)
        if row.minimum:
            _number("minimum", row.minimum, 10**9)
        _dates(row)
    elif kind is ConflictRow:
        row = ConflictRow(**(values | {"per": _whole_number(values["per"])}))
    elif kind is ModifierRow:
        row = ModifierRow(**(values | {"fallback": values["fallback"] == "yes"}))
        _number("factor", row.factor, 1000)
        _dates(row)
    elif kind is HolidayRow:
        row = HolidayRow(**values)
        try:
            date.fromisoformat(row.day)
        except ValueError as error:
            raise ValueError(f"day: must be a date such as 2026-10-01, not {row.day!r}") from error
        _moment("day", row.day)
    else:
        row = kind(**values)
    return row  # type: ignore[no-any-return]


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 12 and int(text)):
        raise ValueError(f"per: must be a positive whole number below 1000000000000 such as 1000000, not {text!r}")
    return int(text)


def _number(column: str, text: str, below: int) -> None:
    try:
        good = 0 <= Decimal(text) < below
    except ArithmeticError:
        good = False
    if not good:
        raise ValueError(f"{column}: must be a number, positive or 0, below {below}, such as 2.50, not {text!r}")


def _dates(row: PriceRow | ModifierRow) -> None:
    begins, ends = (_moment(column, getattr(row, column)) for column in ("valid_from", "valid_until"))
    if row.valid_until and ends <= begins:
        raise ValueError(f"valid_until: ends on {row.valid_until}, before it begins")


def _moment(column: str, text: str) -> int:
    try:
        seconds = timestamp(text)
    except (ValueError, OverflowError) as error:
        example = "2026-08-16T16:00:00Z"
        raise ValueError(f"{column}: must be empty, a date or a time such as {example}, not {text!r}") from error
    if seconds < 0:
        raise ValueError(f"{column}: must be a time from 1970-01-01 on, the first that a span can have, not {text!r}")
    return seconds
