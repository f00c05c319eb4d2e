"""Prices that a list states beyond belief, for another number of tokens, or twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from enricher.price import build, litellm, plausible, store
from enricher.price.book import TOKEN_UNITS
from enricher.price.litellm import Cell
from tests.unit.price.test_build import CORRECTIONS, _build, _wheel, list_wheel

INPUT, OUTPUT = Cell("input", "", ""), Cell("output", "", "")


def _listed(provider: str, name: str, each: str, **more: Any) -> dict[str, Any]:
    return {f"{provider}/{name}": {"litellm_provider": provider, "input_cost_per_token": Decimal(each), **more}}


def _names(lists: list[list[litellm.Entry]]) -> set[tuple[str, str]]:
    return {(entry.provider, entry.name) for entries in lists for entry in entries}


def test_a_price_beyond_any_other_is_refused_and_reported() -> None:
    entries = litellm.entries("9", _listed("groq", "m", "0.0007") | _listed("groq", "n", "0.00071"))
    kept, conflicts = plausible.checked([entries], [])
    assert _names(kept) == {("groq", "m")}
    assert [(row.name, row.litellm, row.found, row.taken) for row in conflicts] == [("n", "710", "refused", "none")]


def test_embeddings_are_cheap() -> None:
    data = _listed("groq", "m", "0.000006", mode="embedding") | _listed("groq", "n", "0.000006", mode="chat")
    assert _names(plausible.checked([litellm.entries("9", data)], [])[0]) == {("groq", "n")}


@pytest.mark.parametrize(("each", "others", "kept"), [
    ("0.000051", 3, False), ("0.000050", 3, True), ("0.000051", 2, True), ("0.000000019", 3, False),
])  # fmt: skip
def test_most_others_tell_what_a_model_costs(each: str, others: int, kept: bool) -> None:
    data = _listed("wandb", "acme/m", each)
    for provider in ("novita", "nebius", "deepinfra")[:others]:
        data |= _listed(provider, "m", "0.000001")
    assert (("wandb", "acme/m") in _names(plausible.checked([litellm.entries("9", data)], [])[0])) is kept


def test_a_refused_tier_leaves_the_rest() -> None:
    entries = litellm.entries("9", _listed("groq", "m", "0.000001", input_cost_per_token_priority=Decimal("0.002")))
    (kept,), conflicts = plausible.checked([entries], [])
    assert kept[0].prices == {INPUT: (Decimal(1), 10**6)}
    assert [row.when for row in conflicts] == ["service_tier=priority"]


def test_prices_for_more_than_one_token_are_put_right_and_reported() -> None:
    data = _listed("wandb", "acme/m", "0.135", output_cost_per_token=Decimal("0.54"))
    (old,), (new,) = litellm.entries("1.80.0", data), litellm.entries("1.109.1", data)
    assert old.prices == {INPUT: (Decimal("1.35"), 10**6), OUTPUT: (Decimal("5.4"), 10**6)}
    (kept,), conflicts = plausible.checked([[old]], [])
    assert kept == [old]
    assert {(row.unit, row.book, row.litellm, row.found) for row in conflicts} == {
        ("input", "1.35", "135000", "misstated"),
        ("output", "5.4", "540000", "misstated"),
    }
    assert plausible.checked([[new]], [])[0] == [[]], "what was put right in a release is not in others"


def test_keys_of_one_name_are_put_together() -> None:
    data = {
        "azure/m": {"litellm_provider": "azure", "input_cost_per_token": Decimal("2e-6"),
                    "output_cost_per_token": Decimal("4e-6"), "input_cost_per_token_batches": Decimal("1e-6")},
        "azure_ai/m": {"litellm_provider": "azure_ai", "input_cost_per_token": Decimal("3e-6"),
                       "input_cost_per_token_priority": Decimal("6e-6")},
    }  # fmt: skip
    (entry,) = litellm.entries("9", data)
    assert {cell: price for cell, (price, _) in entry.prices.items()} == {
        INPUT: 2, OUTPUT: 4, Cell("input", "batch", ""): 1, Cell("input", "service_tier=priority", ""): 6,
    }  # fmt: skip
    _, conflicts = plausible.checked([[entry]], [])
    assert [(row.unit, row.book, row.litellm, row.found, row.taken) for row in conflicts] == [
        ("input", "2", "3", "doubled", "litellm")
    ]


def test_a_rule_names_the_key_that_is_believed() -> None:
    data = {
        "azure/mistral-x": {"litellm_provider": "azure", "input_cost_per_token": Decimal("8e-6"),
                            "output_cost_per_token": Decimal("9e-6")},
        "azure_ai/mistral-x": {"litellm_provider": "azure_ai", "input_cost_per_token": Decimal("2e-6")},
    }  # fmt: skip
    (entry,) = litellm.entries("9", data)
    assert [str(entry.prices[cell][0]) for cell in (INPUT, OUTPUT)] == ["2", "9"]


def test_what_was_never_true_is_no_history(tmp_path: Path) -> None:
    """A book that took a price for that of one token is put right from the start, and forgets what is refused."""
    listed = {"deepseek/kept": {"litellm_provider": "deepseek", "input_cost_per_token": 1e-04}}
    first = _build(tmp_path, CORRECTIONS, lists=listed | {"wandb/a/m": {"litellm_provider": "wandb", **_price(6e-04)}})
    assert first.prices_of("wandb", "a/m")
    path = tmp_path / "corrections.yaml"
    wrong = {"wandb/a/m": {"litellm_provider": "wandb", **_price(6e-03)}}
    wheels = [_wheel(tmp_path), list_wheel(tmp_path, listed | wrong, "9.9.10")]
    second = build.build(wheels, previous=first, today="2026-11-20", fixes_path=path)
    assert not second.prices_of("wandb", "a/m")
    assert second.prices_of("deepseek", "kept") == first.prices_of("deepseek", "kept")


def _price(each: float) -> dict[str, float]:
    return {"input_cost_per_token": each}


def test_no_shipped_price_is_beyond_belief() -> None:
    book = store.shipped()
    dear = [row for row in book.prices if row.unit in TOKEN_UNITS and Decimal(row.price) * 10**6 / row.per > 700]
    assert not dear
    assert {row.found for row in book.conflicts} >= {"refused", "misstated", "doubled"}
