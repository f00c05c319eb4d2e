"""What older releases of LiteLLM's list tell of the past, and what they are not believed in."""

from __future__ import annotations

from decimal import Decimal

from enricher.price import past
from enricher.price.book import ModelRow, PriceRow
from enricher.price.litellm import Cell, Entry
from enricher.price.merge import RETIRED, SOURCE, Key, Merged

RELEASES = {"1.0": "2025-11-16"}
TODAY = "2026-11-21"
INPUT, OUTPUT, CACHED = Cell("input", "", ""), Cell("output", "", ""), Cell("cache_read", "", "")
LONG = Cell("input", "", ">200000")


def _row(unit: str, price: str, **other: str) -> PriceRow:
    row = PriceRow("p", "m", unit, price, 10**6, "", "", "", "", "", "", SOURCE, "")
    values = {name: getattr(row, name) for name in row.__slots__} | other
    return PriceRow(**values)


def _entry(version: str, **prices: str) -> Entry:
    cells = {"input": INPUT, "output": OUTPUT, "cached": CACHED, "long": LONG}
    return Entry("p", "m", {cells[name]: (Decimal(price), 10**6) for name, price in prices.items()}, version)


def _told(
    rows: list[PriceRow], old: Entry, new: Entry, *, slips: dict[str, list[str]] | None = None, names: str = "m"
) -> list[tuple[str, str, str, str, str]]:
    merged = Merged([ModelRow("p", "m", names, "", SOURCE, "")], rows)
    latest: dict[Key, Entry] = {("p", "m"): new}
    past.tell(merged, [old], latest, RELEASES, slips or {}, TODAY)
    return sorted((row.unit, row.price, row.valid_from, row.valid_until, row.context) for row in merged.prices)


def test_a_changed_price_held_until_the_old_release() -> None:
    rows = [_row("input", "2"), _row("output", "8"), _row("cache_read", "0.2")]
    old, new = _entry("1.0", input="1", output="8"), _entry("2.0", input="2", output="8", cached="0.2")
    assert _told(rows, old, new) == [
        ("cache_read", "0.2", "2025-11-16", "", ""),
        ("input", "1", "", "2025-11-16", ""),
        ("input", "2", "2025-11-16", "", ""),
        ("output", "8", "", "", ""),
    ]


def test_long_contexts_that_only_the_old_list_has_end_with_it() -> None:
    rows = [_row("input", "2"), _row("output", "8")]
    old, new = _entry("1.0", input="1", output="8", long="3"), _entry("2.0", input="2", output="8")
    assert ("input", "3", "", "2025-11-16", ">200000") in _told(rows, old, new)


def test_slips_errata_dates_and_undated_releases_tell_nothing() -> None:
    rows = [_row("input", "2"), _row("output", "8")]
    new = _entry("2.0", input="2", output="8")
    plain = [("input", "2", "", "", ""), ("output", "8", "", "", "")]
    changed = _entry("1.0", input="1", output="8")
    assert _told(rows, changed, new) != plain
    assert _told(rows, changed, new, slips={"p": ["m*"]}) == plain
    assert _told(rows, changed, new, slips={"q": ["m*"]}) != plain
    assert _told(rows, _entry("1.0", input="0.1", output="8"), new) == plain, "off by more than a price ever changed"
    assert _told(rows, _entry("0.9", input="1", output="8"), new) == plain, "a release without a date"
    assert _told(rows, _entry("1.0", input="2", output="8"), new) == plain, "nothing changed"
    assert _told(rows, _entry("1.0", input="0", output="8"), new) == plain, "free is no price"
    other = _entry("2.0", input="5", output="8")
    assert _told(rows, changed, other) == plain, "today's price is another source's"
    dated = [_row("input", "2", valid_from="2026-01-01"), _row("input", "3", valid_until="2026-01-01"), rows[1]]
    assert len(_told(dated, changed, new)) == 3, "the book's own dates stand"
    ours = [_row("input", "2", source="provider.example/pricing"), rows[1]]
    assert _told(ours, changed, new) == plain, "a correction stands"


def test_one_name_of_a_model_has_its_own_past() -> None:
    rows = [_row("input", "2"), _row("output", "8")]
    merged = Merged([ModelRow("p", "m", "m m-latest", "", "genai-prices", "")], rows)
    latest: dict[Key, Entry] = {("p", "m"): _entry("2.0", input="2", output="8")}
    past.tell(merged, [_entry("1.0", input="1", output="8")], latest, RELEASES, {}, TODAY)
    assert {row.model: row.names for row in merged.models} == {"m": "m-latest", "m (litellm)": "m"}
    assert [row.price for row in merged.prices if row.model == "m" and row.unit == "input"] == ["2"]


def test_retired_names_get_the_long_context_of_the_list_they_agree_with() -> None:
    old = _entry("1.0", input="2", output="8", long="4")
    for price, expected in (("2", True), ("3", False)):
        merged = Merged([ModelRow("p", "m", "m", "", RETIRED, "")], [_row("input", price), _row("output", "8")])
        past.fill(merged, [old], {})
        added = [(row.price, row.context, row.source) for row in merged.prices if row.context]
        assert added == ([("4", ">200000", RETIRED)] if expected else [])
    merged = Merged([ModelRow("p", "m", "m", "", RETIRED, "")], [_row("input", "2")])
    past.fill(merged, [old], {("p", "m"): old})
    assert len(merged.prices) == 1, "the newest list has it still"
