"""Hand-worked costs (`costs.csv`): facts of a call as a span shows them, and what the provider bills for it.

Expected values and the arithmetic behind them come from the providers' price pages (column `price_source`), not from
this program.
"""

from __future__ import annotations

import csv
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.rooms import price_book

CASES = list(csv.DictReader((Path(__file__).parent / "costs.csv").read_text(encoding="utf-8").splitlines()))
TOKENS = {
    "input_tokens_total": "input",
    "output_tokens_total": "output",
    "cache_read": "cache_read",
    "cache_write_total": "cache_write",
    "cache_write_5m": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "input_audio": "audio_input",
    "output_audio": "audio_output",
    "reasoning_output": "reasoning",
}
CONTEXT = {"server.address": "host"}


def request_of(case: dict[str, str]) -> dict[str, Any]:
    start = datetime.fromisoformat(case["start_time_utc"])
    usage: dict[str, Any] = {unit: int(case[column]) for column, unit in TOKENS.items() if case[column]}
    others = json.loads(case["other_units"] or "{}")
    reported = others.pop("reported_cost", None)
    context = json.loads(case["context"] or "{}")
    return {
        "provider": case["provider_name"],
        "request_model": case["model_as_reported"],
        "time_unix_ns": int(start.timestamp()) * 10**9,
        "usage": usage | others,
        "reported_usd": reported,
        "reported_by_provider": reported is not None,
        **{CONTEXT.get(name, name): value for name, value in context.items()},
    }


@pytest.mark.parametrize("case", CASES, ids=[case["case_id"] for case in CASES])
def test_cost_is_what_the_provider_bills(case: dict[str, str]) -> None:
    answer = json.loads(price_book().price(json.dumps(request_of(case))))
    if case["expected_usd"] == "NULL":
        assert (answer["state"], answer["usd"]) == ("unpriced", None)
        assert answer["reason"] == "unknown_model"
    else:
        assert Decimal(answer["usd"] or "NaN") == Decimal(case["expected_usd"]), answer
        assert answer["usd_double"] == float(case["expected_usd"])


def test_every_case_is_there() -> None:
    assert len(CASES) == 25
