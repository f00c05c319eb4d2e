import json
from typing import Any

from enricher.config import compile_plan, load_text
from enricher.price.book import Book

MIB = 1 << 20
NO_BOOK = Book(built="2026-01-01", sources={}, models=[], prices=[], modifiers=[], holidays=[])


def plan(text: str = "", **options: Any) -> dict[str, Any]:
    compiled: dict[str, Any] = json.loads(compile_plan(load_text(text).require(), **options))
    return compiled


def test_limits_become_bytes_and_counts() -> None:
    limits = plan("limits: {buffer_mib: 100, trace_mib: 3, payload_kib: 5, shards: 5}")
    assert limits["limits"] == {
        "buffer_bytes": 100 * MIB,
        "trace_bytes": 3 * MIB,
        "log_facts_bytes": 16 * MIB,
        "trace_spans": 100_000,
        "payload_bytes": 5 << 10,
        "request_spans": 1_000_000,
        "attribute_count": 4096,
        "depth": 32,
        "shards": 8,
    }


def test_the_number_of_shards_is_a_power_of_two_chosen_by_processors() -> None:
    shards = plan()["limits"]["shards"]
    assert 4 <= shards <= 64
    assert shards & (shards - 1) == 0


def test_keep_all_and_records_are_options_of_the_plan() -> None:
    text = "sampling: {policies: [{name: e, type: status_code, status_code: {status_codes: [error]}}]}"
    assert plan(text)["sample"]["policies"] == [{"name": "e", "type": "status_code", "status_codes": ["ERROR"]}]
    assert plan(text)["output"] == {
        "call_records": False,
        "trace_records": False,
        "explain": None,
        "keep_all": False,
    }
    given = {"call_records": True, "trace_records": True, "explain": "ab", "keep_all": True}
    assert plan(text, **given)["output"] == given


def test_what_is_read_is_bounded_where_it_is_read() -> None:
    normalize = plan("limits: {json_kib: 3, attribute_kib: 2}")["normalize"]
    assert (normalize["json_bytes"], normalize["text_bytes"]) == (3 << 10, 2 << 10)


def test_the_same_settings_give_the_same_bytes() -> None:
    text = "sampling: {policies: [{name: ü, type: cost, cost: {trace_usd: 0.1}}]}"
    assert compile_plan(load_text(text).require()) == compile_plan(load_text(text).require())
    assert "ü".encode() in compile_plan(load_text(text).require())


def test_a_section_is_compiled_anew_whenever_what_it_rests_on_differs() -> None:
    """Whatever was compiled before."""
    texts = ["", *(f"prices: {{overrides: [{{model: own, per_million: {{input: {price}}}}}]}}" for price in (1, 2))]
    sections = [plan(text)["price"] for text in (*texts, *texts)]
    assert sections[:3] == sections[3:]
    assert [section["rows"]["price"][-1] for section in sections[1:3]] == [10**12, 2 * 10**12]
    assert plan("", book=NO_BOOK)["price"]["labels"] == []
    assert plan()["price"] == sections[0]
    assert plan("normalize: {conventions: latest}")["normalize"]["conventions"] == "latest"
    assert plan()["normalize"]["conventions"] == "both"
