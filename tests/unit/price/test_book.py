"""The book as files: it round-trips, refuses nonsense with the line, and the shipped one is sound."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import rules
from tests.support.rooms import price_book

BOOK = books.shipped()


def test_the_shipped_book_is_written_as_it_is_read(tmp_path: Path) -> None:
    books.save(BOOK, tmp_path)
    for name in ("models.csv", "prices.csv", "modifiers.csv", "holidays.csv", "about.json"):
        assert (tmp_path / name).read_bytes() == (books.DIRECTORY / name).read_bytes(), name


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
        ((",10,1000000,", ",ten,1000000,"), "csv:2"),
        ((",10,1000000,", ",10,0,"), "positive"),
        (("provider,model", "provider,modell"), "columns"),
    ],
)
def test_nonsense_is_named_with_its_line(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    row = books.PriceRow("p", "m", "output", "10", 10**6, "", "", "", "", "", "", "s", "2026-01-01")
    books.save(books.Book("2026-01-01", {}, [], [row], [], []), tmp_path)
    path = tmp_path / "prices.csv"
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match=message):
        books.load(tmp_path)


def test_a_directory_that_is_no_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a price book"):
        books.load(tmp_path)


def test_columns_are_those_of_the_rows() -> None:
    header = (books.DIRECTORY / "prices.csv").read_text().splitlines()[0]
    assert header == ",".join(column.name for column in fields(books.PriceRow))
