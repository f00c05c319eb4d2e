"""LiteLLM's list under the book: how it is read, what fills gaps, who wins, what stays when it is gone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import build, litellm
from enricher.price.litellm import Cell
from tests.unit.price.test_build import CORRECTIONS, _build, _wheel, list_wheel

CHAT = {"litellm_provider": "deepseek", "mode": "chat"}


def _read(**values: Any) -> dict[Cell, tuple[Decimal, int]]:
    data = {"deepseek/m": {**CHAT, **{name: _decimal(value) for name, value in values.items()}}}
    return litellm.entries("1", data)[0].prices


def _decimal(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def test_keys_become_units_tiers_contexts_and_lifetimes() -> None:
    prices = _read(
        input_cost_per_token=1e-06,
        output_cost_per_token_batches=2e-06,
        cache_read_input_token_cost_above_200k_tokens_priority=3e-07,
        cache_creation_input_token_cost_above_1hr_above_200k_tokens=4e-06,
        cache_read_input_token_cost=0,
        cache_creation_input_token_cost=0,
        output_cost_per_reasoning_token=5e-06,
        input_cost_per_pixel=1e-09,
        max_input_tokens=1000,
    )
    assert prices == {
        Cell("input", "", ""): (Decimal(1), 10**6),
        Cell("output", "batch", ""): (Decimal(2), 10**6),
        Cell("cache_read", "service_tier=priority", ">200000"): (Decimal("0.3"), 10**6),
        Cell("cache_write_1h", "", ">200000"): (Decimal(4), 10**6),
        Cell("cache_read", "", ""): (Decimal(0), 10**6),
        Cell("reasoning", "", ""): (Decimal(5), 10**6),
    }


def test_binary_noise_goes_and_prices_that_say_nothing_new_too() -> None:
    prices = _read(input_cost_per_token=1.0999999999999998e-07, input_cost_per_image_token=1.0999999999999998e-07)
    assert prices == {Cell("input", "", ""): (Decimal("0.11"), 10**6)}


def test_ranges_searches_and_units_of_a_mode() -> None:
    ranges = _read(tiered_pricing=[{"input_cost_per_token": Decimal("1e-6"), "range": [0, 32000]},
                                   {"input_cost_per_token": Decimal("2e-6"), "range": [32000, 128000]}])  # fmt: skip
    assert ranges == {Cell("input", "", ""): (Decimal(1), 10**6), Cell("input", "", ">32000"): (Decimal(2), 10**6)}
    sizes = {f"search_context_size_{size}": Decimal(cost) for size, cost in (("low", "0.005"), ("high", "0.01"))}
    searches = _read(input_cost_per_token=1e-06, search_context_cost_per_query=sizes)
    assert searches[Cell("web_searches", "search_context=high", "")] == (Decimal(10), 1000)
    assert searches[Cell("web_searches", "", "")] == (Decimal(5), 1000)
    heard = {"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": Decimal("0.0001")}
    [entry] = litellm.entries("1", {"whisper-9": heard})
    assert entry.prices == {Cell("audio_seconds", "", ""): (Decimal("0.36"), 3600)}


def test_names_lose_their_provider_and_nothing_but_zeros_is_no_price() -> None:
    priced = {"input_cost_per_token": Decimal("1e-6")}
    data = {
        "azure/eu/GPT-x": {"litellm_provider": "azure", **priced},
        "azure_ai/eu/gpt-x": {"litellm_provider": "azure_ai", "input_cost_per_token": Decimal("9e-6")},
        "xai/grok-x": {"litellm_provider": "xai", "input_cost_per_token_above_200k_tokens": Decimal("1e-6")},
        "deepseek/gone": {**CHAT, "input_cost_per_token": 0},
        "ollama/x": {"litellm_provider": "ollama", **priced},
        "512-x-512/dall-e": {"litellm_provider": "openai", **priced},
    }
    found = {(entry.provider, entry.name): entry.prices for entry in litellm.entries("1", data)}
    assert set(found) == {("azure", "eu/gpt-x"), ("x-ai", "grok-x")}
    assert found["azure", "eu/gpt-x"] == {Cell("input", "", ""): (Decimal(1), 10**6)}
    assert set(found["x-ai", "grok-x"]) == {Cell("input", "", ">=200000")}


def _prices(book: books.Book, model: str, provider: str = "deepseek") -> dict[tuple[str, ...], str]:
    return {
        (row.unit, row.when, row.context, row.valid_from, row.valid_until): row.price
        for row in book.prices_of(provider, model)
    }


def test_gaps_are_filled_from_the_start_of_the_standard_price(tmp_path: Path) -> None:
    lists = {"deepseek/one": {**CHAT, "input_cost_per_token": 4e-06, "input_cost_per_token_priority": 8e-06}}
    prices = _prices(_build(tmp_path, CORRECTIONS, lists=lists), "one")
    assert prices["input", "service_tier=priority", "", "2026-03-13", ""] == "8"
    assert prices["input", "", "", "2026-03-13", ""] == "4"


def test_conflicts_follow_the_rules_and_are_recorded(tmp_path: Path) -> None:
    lists = {
        "deepseek/one": {**CHAT, "input_cost_per_token": 5e-06},
        "deepseek/one-turbo": {**CHAT, "input_cost_per_token": 9e-06},
        "deepseek/three": {**CHAT, "input_cost_per_token": 1e-06},
        "moonshot/brand-new": {"litellm_provider": "moonshot", "input_cost_per_token": 7e-06},
    }
    book = _build(tmp_path, CORRECTIONS, lists=lists)
    assert _prices(book, "one")["input", "", "", "2026-03-13", ""] == "4"
    assert _prices(book, "brand-new", "moonshotai") == {("input", "", "", "", ""): "7"}
    found = {(row.name, row.unit): (row.book, row.litellm, row.taken) for row in book.conflicts}
    assert found == {("one", "input"): ("4", "5", "book"), ("one-turbo", "input"): ("4", "9", "litellm")}
    assert all(row.why for row in book.conflicts)
    own = _prices(book, "one-turbo")
    assert own["input", "", "", "2026-03-13", ""] == "9"
    assert own["input", "", "", "", "2026-03-13"] == "5", "the history of the model that it was taken for"


def test_what_a_maker_has_retired_is_sold_on_at_the_resellers_price(tmp_path: Path) -> None:
    lists = {"azure_ai/three": {"litellm_provider": "azure_ai", "input_cost_per_token": 8e-06}}
    book = _build(tmp_path, CORRECTIONS, lists=lists)
    assert _prices(book, "three", "azure") == {("input", "", "", "", ""): "8"}


def test_vertex_knows_the_models_of_other_makers_by_their_bare_names_too(tmp_path: Path) -> None:
    sold = {"litellm_provider": "vertex_ai-llama_models", "input_cost_per_token": 1e-06}
    lists = {"vertex_ai/meta/llama-9-maas": sold, "vertex_ai/mine-x": sold, "vertex_ai/acme/mine-x": sold}
    lists["deepseek/acme/four"] = {**CHAT, "input_cost_per_token": 1e-06}
    names = {row.model: row.names for row in _build(tmp_path, CORRECTIONS, lists=lists).models}
    assert names["meta/llama-9-maas"] == "meta/llama-9-maas llama-9-maas"
    assert (names["mine-x"], names["acme/mine-x"]) == ("mine-x", "acme/mine-x"), "another model has the bare name"
    assert names["acme/four"] == "acme/four"


def test_what_is_retired_stays_and_undated_changes_begin_today(tmp_path: Path) -> None:
    first = {name: {**CHAT, "input_cost_per_token": price} for name, price in (("kept", 1e-06), ("retired", 2e-06))}
    old = _build(tmp_path, CORRECTIONS, lists=first)
    new = _build(tmp_path, CORRECTIONS, old, {"kept": {**CHAT, "input_cost_per_token": 3e-06}})
    assert _prices(new, "retired") == {("input", "", "", "", ""): "2"}
    assert _prices(new, "kept") == {("input", "", "", "", "2026-11-20"): "1", ("input", "", "", "2026-11-20", ""): "3"}
    again = _build(tmp_path, CORRECTIONS, new, {"kept": {**CHAT, "input_cost_per_token": 3e-06}})
    assert _prices(again, "kept") == _prices(new, "kept"), "an update without news changes nothing"


def test_older_lists_only_add_what_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text(CORRECTIONS)
    older = {
        "deepseek/one": {**CHAT, "input_cost_per_token": 77e-06},
        "deepseek/veteran": {**CHAT, "input_cost_per_token": 6e-06},
    }
    wheels = [_wheel(tmp_path), list_wheel(tmp_path, older, "1.10.0"), list_wheel(tmp_path, {}, "1.9.0")]
    book = build.build(wheels, today="2026-11-21", fixes_path=path)
    assert (book.sources["litellm"], book.sources["litellm (retired)"]) == ("1.10.0", "1.9.0")
    assert _prices(book, "veteran") == {("input", "", "", "", ""): "6"}
    wheels = [_wheel(tmp_path), list_wheel(tmp_path, {"x": {}}, "1.11.0"), list_wheel(tmp_path, older, "1.10.0")]
    book = build.build(wheels, today="2026-11-21", fixes_path=path)
    assert [row.source for row in book.models if row.model == "veteran"] == ["litellm, retired"]
    assert not book.conflicts


def test_wheels_of_anything_else_are_refused(tmp_path: Path) -> None:
    for name in ("requests-2.0-py3-none-any.whl", "litellm.whl"):
        with pytest.raises(InputError):
            build.build([_wheel(tmp_path), tmp_path / name], today="2026-11-21")
    broken = list_wheel(tmp_path, {})
    broken.write_bytes(b"no zip")
    with pytest.raises(InputError, match="cannot read"):
        litellm.read(broken)
