"""Rates that no source states: those of copies, and of the tokens of images and sounds in a tier."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from enricher.price import scale, store
from enricher.price.book import PriceRow
from tests.unit.price.test_build import CORRECTIONS, _build
from tests.unit.price.test_merge import CHAT, _prices

BOOK = store.shipped()
ROW = PriceRow("p", "m", "output", "10", 1_000_000, "", "", "", "", "", "", "here", "2026-11-21")


def test_a_price_that_no_decimal_states_is_that_of_more_units() -> None:
    third = scale.scaled(ROW, Fraction(1, 3))
    assert (third.price, third.per, third.source) == ("10", 3_000_000, "here, scaled")
    assert scale.each(scale.scaled(third, Fraction(3))) == scale.each(ROW)
    assert scale.scaled(third, Fraction(3)).source == "here, scaled"


def test_images_are_sold_in_the_tiers_of_the_text_as_long_as_all_three_prices_hold() -> None:
    tier = replace(ROW, price="5", when="batch", valid_from="2026-02-01", valid_until="2026-05-01")
    image = replace(ROW, unit="image_output", price="30", valid_from="2026-03-01")
    *_, twin = scale.with_twins([ROW, tier, image])
    expected = replace(tier, unit="image_output", price="15", valid_from="2026-03-01", source="here, scaled")
    assert twin == expected
    stated = replace(expected, price="20", source="there")
    assert scale.with_twins([ROW, tier, image, stated]) == [ROW, tier, image, stated]
    assert scale.with_twins([ROW, image]) == [ROW, image]


def test_cached_tokens_of_a_batch_cost_what_its_other_input_does() -> None:
    entered = replace(ROW, unit="input", price="4")
    cached = replace(ROW, unit="cache_read", price="1", valid_from="2026-03-01")
    batch = replace(entered, price="2", when="batch", valid_until="2026-05-01")
    rule = scale.BatchCache("p", ["m*"], "there (assumed)")
    *_, added = scale.with_batch_caches([entered, cached, batch], [rule])
    expected = replace(batch, unit="cache_read", valid_from="2026-03-01", source="there (assumed)")
    assert added == expected
    stated = [entered, cached, batch, replace(expected, price="0.5")]
    for rows in (stated, [entered, cached], [entered, batch], [replace(row, model="x") for row in stated[:3]]):
        assert scale.with_batch_caches(rows, [rule]) == rows
    halved = scale.with_batch_caches([entered, cached], [replace(rule, share="0.5")])[-1]
    assert (halved.unit, halved.when, halved.price) == ("cache_read", "batch", "2")


def test_a_copy_keeps_what_its_tiers_are_of_its_standard_price(tmp_path: Path) -> None:
    lists = {
        "deepseek/one": {**CHAT, "input_cost_per_token_priority": 8e-06, "input_cost_per_token_flex": 2e-06},
        "deepseek/one-eu": {**CHAT, "input_cost_per_token": 5e-06, "input_cost_per_token_flex": 3e-06},
    }
    prices = _prices(_build(tmp_path, CORRECTIONS, lists=lists), "one-eu")
    assert prices["input", "service_tier=priority", "", "2026-03-13", ""] == "10"
    assert prices["input", "service_tier=flex", "", "2026-03-13", ""] == "3", "the list states it"


def test_what_a_list_says_beside_a_wrong_standard_price_is_relative_to_it(tmp_path: Path) -> None:
    lists = {"deepseek/one": {**CHAT, "input_cost_per_token": 5e-06, "input_cost_per_token_ultrafast": 1e-05}}
    book = _build(tmp_path, CORRECTIONS, lists=lists)
    assert _prices(book, "one")["input", "service_tier=ultrafast", "", "2026-03-13", ""] == "8"
    assert "litellm, scaled" in {row.source for row in book.prices_of("deepseek", "one")}


def _in_force() -> dict[tuple[str, str], dict[tuple[str, str, str], PriceRow]]:
    models: dict[tuple[str, str], dict[tuple[str, str, str], PriceRow]] = defaultdict(dict)
    for row in BOOK.prices:
        if not row.window and not row.valid_until:
            models[row.provider, row.model][row.unit, row.when, row.context] = row
    return models


MODELS = _in_force()


def test_no_batch_costs_more_than_the_standard_price() -> None:
    for model, rows in MODELS.items():
        for (unit, when, context), row in rows.items():
            # A provider that takes nothing off cached tokens in batches asks for them what it does for others.
            standard = rows.get(("input" if unit == "cache_read" else unit, "", context))
            if when == "batch" and standard is not None:
                assert scale.each(row) <= scale.each(standard), (model, unit, context)


def test_images_and_sounds_are_sold_in_every_tier_of_the_text() -> None:
    for model, rows in MODELS.items():
        tiers = [when for unit, when, context in rows if unit == "output" and when and not context]
        for unit in ("image_output", "audio_output"):
            if (unit, "", "") in rows:
                missing = [when for when in tiers if (unit, when, "") not in rows]
                assert not [when for when in missing if not when.startswith("search")], (model, unit)


def test_regional_copies_sell_tiers_at_the_same_part_of_the_standard_price() -> None:
    compared = 0
    for (provider, name), rows in MODELS.items():
        region, _, base = name.partition("/" if provider == "azure" else ".")
        original = MODELS.get((provider, base)) or MODELS.get(("openai", base))
        if provider not in ("azure", "aws") or region not in ("eu", "us", "apac", "us-gov") or not original:
            continue
        for (unit, when, context), row in rows.items():
            key, plain = (unit, when, context), (unit, "", "")
            if not row.source.endswith("scaled") or unit not in ("input", "output"):
                continue
            here = scale.each(row) / scale.each(rows[plain])
            if key in original:
                assert here == scale.each(original[key]) / scale.each(original[plain]), (name, key)
                compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    ("provider", "model", "unit", "when", "context", "price"),
    [
        ("azure", "eu/gpt-5.6-sol", "input", "service_tier=flex", "", "2.2"),
        ("azure", "eu/gpt-5.6-sol", "cache_write_12h", "", "", "11"),
        ("azure", "us/gpt-5.4", "input", "service_tier=flex", "", "1.375"),
        ("aws", "eu.amazon.nova-lite-v1:0", "input", "batch", "", "0.039"),
        ("aws", "eu.amazon.nova-pro-v1:0", "input", "service_tier=priority", "", "1.8375"),
        ("aws", "regional.anthropic.claude-sonnet-4-5-20250929-v1:0", "output", "batch", "", "8.25"),
        ("vertex", "claude-opus-5-5", "output", "batch", "", "10"),
        ("openai", "gpt-image-1", "image_output", "batch", "", "20"),
        ("google", "gemini-3-pro-image-preview", "image_output", "service_tier=flex", "", "60"),
    ],
)
def test_worked_cases(provider: str, model: str, unit: str, when: str, context: str, price: str) -> None:
    assert MODELS[provider, model][unit, when, context].price == price
