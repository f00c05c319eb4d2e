"""Building the book: reading published data, converting it, laying corrections over it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import build, convert, corrections, store, upstream
from enricher.price.book import Book, ModelRow, PriceRow

DATA = """
import datetime
from decimal import Decimal
from .types import *

providers: list[Provider] = [
    Provider(
        id='deepseek',
        name='DeepSeek',
        api_pattern='x',
        models=[
            ModelInfo(
                id='one',
                match=ClauseOr(or_=[
                    ClauseEquals(equals='One'),
                    ClauseStartsWith(starts_with='one-'),
                    ClauseRegex(regex='^uno-\\\\d{8}$'),
                    ClauseRegex(regex='^ein-\\\\d'),
                ]),
                prices=[
                    ConditionalPrice(constraint=None, prices=ModelPrice(
                        input_mtok=TieredPrices(base=Decimal('5'), tiers=[Tier(start=200000, price=Decimal('10'))]),
                        output_mtok=Decimal('0.18000000000000002'),
                        web_searches_kcount=Decimal('10'),
                    )),
                    ConditionalPrice(
                        constraint=StartDateConstraint(start_date=datetime.date(2026, 3, 13)),
                        prices=ModelPrice(
                            input_mtok=Decimal('4'),
                            output_mtok=TieredPrices(base=Decimal('1'), tiers=[Tier(start=199999, price=Decimal('2'))]),
                            web_searches_kcount=Decimal('10'),
                        ),
                    ),
                ],
                price_variants=[
                    PriceVariant(when={'service_tier': 'default'}, prices=ModelPrice(), constraint=None),
                    PriceVariant(
                        when={'processing': 'batch'},
                        prices=ModelPrice(input_mtok=Decimal('2')),
                        constraint=StartDateConstraint(start_date=datetime.date(2026, 10, 14)),
                    ),
                ],
            ),
            ModelInfo(
                id='two',
                match=ClauseAnd(and_=[
                    ClauseContains(contains='two'),
                    ClauseRegex(regex='^(?!.*-[tT][tT][sS](?:$|-))'),
                ]),
                prices=[
                    ConditionalPrice(constraint=None, prices=ModelPrice(input_mtok=Decimal('1'))),
                    ConditionalPrice(
                        constraint=TimeOfDateConstraint(
                            start_time=datetime.time(16, 30, tzinfo=datetime.timezone.utc),
                            end_time=datetime.time(0, 30, tzinfo=datetime.timezone.utc),
                        ),
                        prices=ModelPrice(input_mtok=Decimal('3')),
                    ),
                ],
            ),
            ModelInfo(id='gift:free', match=ClauseEquals(equals='gift:free'), prices=ModelPrice()),
            ModelInfo(id='secret', match=ClauseEquals(equals='secret'), prices=ModelPrice()),
        ],
    ),
]
"""


@pytest.fixture
def converted() -> tuple[list[books.ModelRow], list[PriceRow]]:
    return convert.convert(upstream.Upstream("1", upstream.parse(DATA)), ["*:free"])


def _of(rows: list[PriceRow], model: str, unit: str) -> list[tuple[str, ...]]:
    return [
        (row.price, row.valid_from, row.valid_until, row.context, row.when, row.window, row.source)
        for row in rows
        if (row.model, row.unit) == (model, unit)
    ]


def test_names_become_names_and_globs(converted: tuple[list[books.ModelRow], list[PriceRow]]) -> None:
    models = {row.model: row for row in converted[0]}
    assert models["one"].names.split() == sorted(["one", "one-*", "uno", *(f"ein-{digit}*" for digit in range(10))])
    assert (models["two"].names, models["two"].excluded) == ("*two*", "*-tts *-tts-*")


def test_periods_tiers_and_variants(converted: tuple[list[books.ModelRow], list[PriceRow]]) -> None:
    rows = converted[1]
    day, plain = "2026-03-13", convert.SOURCE
    assert _of(rows, "one", "input") == [
        ("5", "", day, "", "", "", plain),
        ("4", day, "", "", "", "", plain),
        ("10", "", day, ">200000", "", "", plain),
        ("2", day, "", "", "batch", "", convert.BACKDATED),
    ]
    assert _of(rows, "one", "output") == [
        ("0.18", "", day, "", "", "", plain),
        ("1", day, "", "", "", "", plain),
        ("2", day, "", ">=200000", "", "", plain),
    ]
    assert _of(rows, "one", "web_searches") == [("10", "", "", "", "", "", plain)], "equal neighbors are one row"


def test_daily_hours_that_cross_midnight(converted: tuple[list[books.ModelRow], list[PriceRow]]) -> None:
    windows = {row[5]: row[0] for row in _of(converted[1], "two", "input")}
    assert windows == {"": "1", "mon-sun 16:30-24:00": "3", "mon-sun 00:00-00:30": "3"}


def test_only_what_is_free_is_free(converted: tuple[list[books.ModelRow], list[PriceRow]]) -> None:
    rows = converted[1]
    assert [row.price for row in rows if row.model == "gift:free"] == ["0", "0"]
    assert not [row for row in rows if row.model == "secret"]


@pytest.mark.parametrize(
    "text",
    [
        "providers: list = [Provider(id=open('/etc/passwd').read())]",
        "providers: list = [x for x in ()]",
        "providers: list = 5",
        "other = 1",
    ],
)
def test_code_is_not_data(text: str) -> None:
    with pytest.raises(InputError, match="layout"):
        upstream.parse(text)


def test_unknown_price_keys_and_regexes_are_refused() -> None:
    for old, new in (("web_searches_kcount", "moon_phase"), ("^ein-\\\\d'", "^(a|b)+'")):
        with pytest.raises(InputError):
            convert.convert(upstream.Upstream("1", upstream.parse(DATA.replace(old, new))), [])


def _wheel(directory: Path, data: str = DATA) -> Path:
    path = directory / "genai_prices-9.9.9-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("genai_prices/data.py", data)
    return path


def test_wheels_are_read_without_running_them(tmp_path: Path) -> None:
    found = upstream.read(_wheel(tmp_path))
    assert (found.version, [provider["id"] for provider in found.providers]) == ("9.9.9", ["deepseek"])
    broken = tmp_path / "genai_prices-1-py3-none-any.whl"
    broken.write_bytes(b"no zip")
    for path in (broken, tmp_path / "other.whl"):
        with pytest.raises(InputError):
            upstream.read(path)


def list_wheel(directory: Path, data: dict[str, Any], version: str = "9.9.9") -> Path:
    """A wheel of LiteLLM with this list."""
    path = directory / f"litellm-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("litellm/model_prices_and_context_window_backup.json", json.dumps(data))
    return path


def _build(
    directory: Path, text: str, previous: books.Book | None = None, lists: dict[str, Any] | None = None
) -> books.Book:
    path = directory / "corrections.yaml"
    path.write_text(text)
    today = "2026-11-10" if previous is None else "2026-11-20"
    wheels = [_wheel(directory), list_wheel(directory, lists or {})]
    return build.build(wheels, previous=previous, today=today, fixes_path=path)


CORRECTIONS = """
free: ["*:free"]
holidays:
  - {calendar: china, source: s, days: {New Year: [2026-01-01..2026-01-02, 2026-01-05]}}
models:
  - {provider: deepseek, model: three, names: [three, "three-*"], source: s}
  - {provider: deepseek, model: one, add: [first], remove: [uno], source: s}
  - {provider: deepseek, model: twin, copy: one, names: [twin], source: s}
past: []
prices:
  - provider: deepseek
    models: [three]
    source: s
    rows:
      - {until: "2026-08-16T16:00Z", per_million: {input: "0.28"}}
      - {from: "2026-08-16T16:00Z", window: "mon-fri 01:00-04:00 !china", when: batch, per_thousand: {requests: 5}}
  - {provider: deepseek, models: [one], replace: [output], source: s, rows: [{per_million: {output: 7}}]}
ends: []
minimums:
  - {provider: deepseek, models: [one], unit: web_searches, minimum: 3, source: s}
batch_caches: []
modifiers:
  - {provider: deepseek, name: n, models: ["t*"], tokens: true, hosts: [eu.x], when: batch, factor: "1.1", source: s}
"""


def test_corrections_win(tmp_path: Path) -> None:
    book = _build(tmp_path, CORRECTIONS)
    names = {row.model: row.names.split() for row in book.models}
    assert names["three"] == ["three", "three-*"]
    assert "first" in names["one"]
    assert "uno" not in names["one"]
    assert _of(book.prices, "one", "output") == [("7", "", "", "", "", "", "s")]
    assert [row.minimum for row in book.prices_of("deepseek", "one") if row.unit == "web_searches"] == ["3"]
    third = [
        (r.unit, r.price, r.per, r.valid_from, r.valid_until, r.when, r.window)
        for r in book.prices_of("deepseek", "three")
    ]
    assert third == [
        ("input", "0.28", 10**6, "", "2026-08-16T16:00Z", "", ""),
        ("requests", "5", 1000, "2026-08-16T16:00Z", "", "batch", "mon-fri 01:00-04:00 !china"),
    ]
    assert [row.day for row in book.holidays] == ["2026-01-01", "2026-01-02", "2026-01-05"]
    assert (book.modifiers[0].factor, book.modifiers[0].models) == ("1.1", "t*")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("models: [three]", "models: [threee]"),
        ('models: ["t*"]', 'models: ["z*"]'),
        ("remove: [uno]", "remove: [due]"),
        ("input:", "inputs:"),
        ('"0.28"', "0.28"),
        ("until:", "till:"),
        ("names: [three,", "names: 5 #"),
        ("add: [first]", "names: [first]"),
        ("minimums:", "minima:"),
        ("2026-01-02,", "2026-13-02,"),
        ("provider: deepseek, model: three", "provider: deepsea, model: three"),
    ],
)
def test_wrong_corrections_are_named(old: str, new: str, tmp_path: Path) -> None:
    assert old in CORRECTIONS
    with pytest.raises(InputError):
        _build(tmp_path, CORRECTIONS.replace(old, new))


def test_a_model_goes_with_its_last_name(tmp_path: Path) -> None:
    every = next(row for row in _build(tmp_path, CORRECTIONS).models if row.model == "one").names.split()
    gone = f"  - {{provider: deepseek, model: one, remove: [{', '.join(every)}], source: s}}\npast:"
    kept = (
        CORRECTIONS.replace("past:", gone)
        .replace(
            "  - {provider: deepseek, models: [one], replace: [output], source: s, rows: [{per_million: "
            "{output: 7}}]}\n",
            "",
        )
        .replace("  - {provider: deepseek, models: [one], unit: web_searches, minimum: 3, source: s}\n", "")
    )
    book = _build(tmp_path, kept.replace("minimums:", "minimums: []"))
    assert "one" not in {row.model for row in book.models} | {row.model for row in book.prices}


def test_a_name_that_moved_has_a_past_of_its_own(tmp_path: Path) -> None:
    moved = """past:
  - {provider: deepseek, models: [twin], since: 2024-10-02, source: t,
     before: [{until: 2024-10-02, per_million: {input: 9}}]}
"""
    lines = CORRECTIONS.replace("{provider: deepseek, model: one, add", "{provider: deepseek, model: two, add")
    lines = lines.replace("remove: [uno], ", "").replace("copy: one", "copy: two").replace("past: []\n", moved)
    book = _build(tmp_path, lines)
    dates = [(row.price, row.valid_from, row.valid_until) for row in book.prices_of("deepseek", "twin")]
    original = [row.price for row in book.prices_of("deepseek", "two") if row.unit == "input"]
    assert ("9", "", "2024-10-02") in dates
    assert original
    assert all((price, "2024-10-02", "") in dates for price in original)
    with pytest.raises(InputError, match="no prices"):
        _build(tmp_path, CORRECTIONS.replace("copy: one", "copy: three"))
    ended = moved.replace("models: [twin]", "models: [one]").replace("since: 2024", "since: 2027")
    with pytest.raises(InputError, match="has ended by then"):
        _build(tmp_path, CORRECTIONS.replace("past: []\n", ended))


def test_two_prices_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two prices at once"):
        _build(tmp_path, CORRECTIONS.replace("replace: [output], ", ""))


def test_rows_keep_the_date_of_their_last_change(tmp_path: Path) -> None:
    first = _build(tmp_path, CORRECTIONS)
    again = _build(tmp_path, CORRECTIONS, previous=first)
    assert {row.date for row in again.prices} == {"2026-11-10"}
    changed = _build(tmp_path, CORRECTIONS.replace('"0.28"', '"0.29"'), previous=first)
    assert {row.model for row in changed.prices if row.date == "2026-11-20"} == {"three"}


def test_the_shipped_book_holds_the_corrections() -> None:
    """Corrections that were edited without `enricher prices update` would never reach a user."""
    book, fixes = store.shipped(), corrections.load()
    names = {(row.provider, row.model): row.names.split() for row in book.models}
    for entry in fixes.sections["models"]:
        held = names.get((entry["provider"], entry["model"]), [])
        assert {*entry.get("names", []), *entry.get("add", [])} <= set(held), entry
        assert not set(entry.get("remove", [])) & set(held), entry
    amounts: dict[tuple[str, ...], set[tuple[Decimal, str, str]]] = {}
    for row in book.prices:
        what = (row.provider, row.model, row.unit, row.when, row.context, row.window)
        amounts.setdefault(what, set()).add((Decimal(row.price) / row.per, row.valid_from, row.valid_until))
    for entry in fixes.sections["prices"] + fixes.sections["past"]:
        for model in entry["models"]:
            concerned = [m for p, m in names if p == entry["provider"] and fnmatchcase(m, model)]
            assert concerned, entry
            for key, unit, (price, since, until) in _stated(entry):
                rows = amounts.get((entry["provider"], concerned[0], unit, *key), set())
                assert (price, since, until) in rows, (concerned[0], unit, key)
    *_, modifiers, holidays = corrections.apply(fixes, *_unfixed(book, fixes))
    assert {row.key for row in holidays} == {row.key for row in book.holidays}
    factors = {(row.provider, row.name, row.units): row for row in book.modifiers}
    for factor in modifiers:
        shipped = factors[factor.provider, factor.name, factor.units]
        assert set(factor.models.split()) <= set(shipped.models.split())
        assert (factor.factor, factor.when, factor.hosts) == (shipped.factor, shipped.when, shipped.hosts)


def _stated(entry: dict[str, Any]) -> Iterator[tuple[tuple[str, str, str], str, tuple[Decimal, str, str]]]:
    """What an entry of the corrections states: when, context and window; unit; price and dates."""
    for row in entry.get("rows", []) + entry.get("before", []):
        dates = [str(row[key]) if key in row else "" for key in ("from", "until")]
        for group, per in (("per_million", 10**6), ("per_thousand", 1000)):
            for unit, price in row.get(group, {}).items():
                where = (row.get("when", ""), row.get("context", ""), row.get("window", ""))
                yield where, unit, (Decimal(price) / per, dates[0], dates[1])


def _unfixed(book: Book, fixes: corrections.Corrections) -> tuple[list[ModelRow], list[PriceRow]]:
    """Models that the corrections can be applied to again, with a price each."""
    added = {(one["provider"], one["model"]) for one in fixes.sections["models"] if "names" in one}
    taken: dict[tuple[str, str], list[str]] = {}
    for one in fixes.sections["models"]:
        taken.setdefault((one["provider"], one["model"]), []).extend(one.get("remove", []))
    models = [
        replace(row, names=" ".join([*row.names.split(), *taken.get((row.provider, row.model), [])]))
        for row in book.models
        if (row.provider, row.model) not in added
    ]
    listed = {(row.provider, row.model) for row in book.models}
    gone = [(key, names) for key, names in taken.items() if key not in listed]
    models += [ModelRow(*key, " ".join(names), "", "test", "2026-11-21") for key, names in gone]
    bare = PriceRow("", "", "images", "1", 1, "", "", "", "", "", "", "test", "2026-11-21")
    return models, [replace(bare, provider=row.provider, model=row.model) for row in models]
