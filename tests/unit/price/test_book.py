"""The book as files: it round-trips, refuses nonsense with the line, and the shipped one is sound."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import rules, store
from tests.support.rooms import price_book

BOOK = store.shipped()


def test_the_shipped_book_is_written_as_it_is_read(tmp_path: Path) -> None:
    store.save(BOOK, tmp_path)
    for name in ("models.csv", "prices.csv", "modifiers.csv", "holidays.csv", "about.json"):
        assert (tmp_path / name).read_bytes() == (store.DIRECTORY / name).read_bytes(), name


def test_every_row_has_a_source_and_a_date() -> None:
    for rows in (BOOK.models, BOOK.prices, BOOK.modifiers, BOOK.holidays):
        assert rows
        assert all(row.source and row.date for row in rows)


def test_every_provider_is_known_to_the_rules() -> None:
    known = rules.load().providers
    assert {row.provider for row in BOOK.models} <= set(known)
    assert {other for provider in known.values() for other in provider.fallbacks} <= set(known)
    names = [name for provider in known.values() for name in provider.names]
    assert len(names) == len(set(names)), "one name, one provider"


def test_the_core_knows_every_unit() -> None:
    core = price_book()
    for unit in (*books.UNITS, "total", "text_input", "text_output"):
        core.price(json.dumps({"usage": {unit: 1}}))
    with pytest.raises(ValueError, match="unit"):
        core.price(json.dumps({"usage": {"inputs": 1}}))


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("GPT-4o", ["openai"], "gpt-4o"),
        ("claude-sonnet-4-5-20250929", ["anthropic"], "claude-sonnet-4-5"),
        ("gpt-4o", ["azure", "openai"], "gpt-4o"),
        ("gemini-2.5-pro-x-tts", ["google"], None),
        ("nobody-knows", None, None),
    ],
)
def test_names_are_found(name: str, provider: list[str] | None, model: str | None) -> None:
    found = BOOK.find(name, provider)
    assert (found and found.model) == model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((",output,", ",outputs,"), "unknown unit"),
        ((",10,1000000,", ",-10,1000000,"), "positive"),
        ((",10,1000000,", ",ten,1000000,"), "csv:2: price: must be a number, .* not 'ten'$"),
        ((",10,1000000,", ",NaN,1000000,"), "csv:2: price: must be a number"),
        ((",10,1000000,", ",10,1e6,"), "csv:2: per: must be a positive whole number .* not '1e6'$"),
        ((",10,1000000,,", ",10,1000000,soon,"), "csv:2: valid_from: must be empty, a date or a time .* not 'soon'$"),
        ((",10,1000000,,", ",10,1000000,1960-01-01,"), "csv:2: valid_from: must be a time from 1970-01-01 on"),
        ((",10,1000000,,,", ",10,1000000,,1960-01-01,"), "csv:2: valid_until: must be a time from 1970-01-01 on"),
        ((",10,1000000,,,", ",10,1000000,,1970-01-01,"), "csv:2: valid_until: ends on 1970-01-01, before it begins"),
        ((",s,2026-01-01", ""), "csv:2: the row must have 13 columns$"),
        ((",10,1000000,", ",10,0,"), "positive"),
        (("provider,model", "provider,modell"), "columns"),
    ],
)
def test_nonsense_is_named_with_its_line(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    row = books.PriceRow("p", "m", "output", "10", 10**6, "", "", "", "", "", "", "s", "2026-01-01")
    store.save(books.Book("2026-01-01", {}, [], [row], [], []), tmp_path)
    path = tmp_path / "prices.csv"
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match=message):
        store.load(tmp_path)


def test_a_directory_that_is_no_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a price book"):
        store.load(tmp_path)


def test_columns_are_those_of_the_rows() -> None:
    header = (store.DIRECTORY / "prices.csv").read_text().splitlines()[0]
    assert header == ",".join(column.name for column in fields(books.PriceRow))


def _book(directory: Path, built: str = "2026-01-01") -> None:
    rows = [books.PriceRow("p", "m", unit, "10", 10**6, "", "", "", "", "", "", "s", built) for unit in books.UNITS[:2]]
    models = [books.ModelRow("p", "m", "m", "", "s", built)]
    store.save(books.Book(built, {}, models, rows, [], []), directory)


@pytest.mark.parametrize(("file", "count"), [("prices.csv", 0), ("prices.csv", 1), ("models.csv", 0)])
def test_a_book_cut_at_the_end_of_a_line_is_refused(file: str, count: int, tmp_path: Path) -> None:
    _book(tmp_path)
    lines = (tmp_path / file).read_text().splitlines(keepends=True)
    (tmp_path / file).write_text("".join(lines[: count + 1]))
    with pytest.raises(
        InputError, match=rf"{file} has {count} rows, but about.json says {len(lines) - 1}: .*not whole"
    ):
        store.load(tmp_path)


@pytest.mark.parametrize(
    ("model", "price", "message"),
    [("", "", "models.csv has no rows"), ("m", "", "prices.csv has no rows"), ("m", "n", "no row for m of p")],
)
def test_a_book_that_prices_nothing_is_refused(model: str, price: str, message: str, tmp_path: Path) -> None:
    models = [books.ModelRow("p", model, model, "", "s", "2026-01-01")] if model else []
    row = books.PriceRow("p", price, "input", "1", 10**6, "", "", "", "", "", "", "s", "2026-01-01")
    store.save(books.Book("2026-01-01", {}, models, [row] if price else [], [], []), tmp_path)
    with pytest.raises(InputError, match=message):
        store.load(tmp_path)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ('{"built": "2031-01-01", "sources": {}, "rows": {}}', "still to come"),
        ('{"built": "soon", "sources": {}, "rows": {}}', '`built` must be a date such as 2026-11-21, not "soon"'),
        ('{"built": 7, "sources": {}, "rows": {}}', "`built` must be a date"),
        ('{"sources": {}, "rows": {}}', "`built` must be a date"),
        ('{"built": "2026-01-01", "sources": [], "rows": {}}', "`sources` must be"),
        ('{"built": "2026-01-01", "sources": {}}', "`rows` must be the number of rows"),
        ("[]", "must be an object"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_what_a_book_says_of_itself_is_checked(about: str, message: str, tmp_path: Path) -> None:
    _book(tmp_path)
    (tmp_path / "about.json").write_text(about)
    with pytest.raises(InputError, match=message):
        store.load(tmp_path)


def test_a_book_built_in_a_later_time_zone_is_taken(tmp_path: Path) -> None:
    _book(tmp_path, (datetime.now(UTC).date() + timedelta(days=1)).isoformat())
    store.load(tmp_path)
