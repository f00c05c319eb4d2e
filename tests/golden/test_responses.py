"""Billed quantities that only a captured response tells, and costs in other currencies, through `enricher process`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from enricher.cli.main import main
from tests.golden.test_worked import worked

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "responses.yaml").read_text(encoding="utf-8"))
CARRIERS = ("llm.response", "lmnr.sdk.raw.response", "output.value")
RUNS = [
    (case, carrier) for case in CASES for carrier in case.get("carriers", CARRIERS if "response" in case else ("",))
]
CONFIG = "prices: {currencies: {EUR: 1.1}}\n"


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _span(index: int, case: dict[str, Any], carrier: str) -> dict[str, Any]:
    attributes = {
        "gen_ai.provider.name": case["provider"],
        "gen_ai.request.model": case["model"],
        "gen_ai.operation.name": case.get("operation", "chat"),
        **case.get("span", {}),
    }
    if carrier:
        attributes[carrier] = json.dumps(case["response"])
    if carrier == "output.value":
        attributes["openinference.span.kind"] = {"rerank": "RERANKER", "embeddings": "EMBEDDING"}.get(
            case.get("operation", "chat"), "LLM"
        )
    at = case.get("at", datetime(2026, 11, 10, 12, tzinfo=UTC))
    start = int(at.timestamp()) * 10**9
    return {
        "traceId": f"{index + 1:032x}",
        "spanId": f"{index + 1:016x}",
        "name": "call",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 10**9),
        "attributes": [{"key": key, "value": _value(value)} for key, value in attributes.items()],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Call records (`calls.jsonl`) and written spans (`out.jsonl`) of all runs."""
    folder = tmp_path_factory.mktemp("responses")
    spans = [_span(index, case, carrier) for index, (case, carrier) in enumerate(RUNS)]
    batches = [{"resourceSpans": [{"scopeSpans": [{"scope": {"name": "app"}, "spans": [span]}]}]} for span in spans]
    (folder / "spans.jsonl").write_text("".join(f"{json.dumps(batch)}\n" for batch in batches))
    (folder / "config.yaml").write_text(CONFIG)
    arguments = ["process", str(folder / "spans.jsonl"), "-c", str(folder / "config.yaml"), "--keep-all"]
    assert main([*arguments, "--calls", str(folder / "calls.jsonl"), "-o", str(folder / "out.jsonl")]) == 0
    return folder


@pytest.fixture(scope="module")
def calls(folder: Path) -> dict[int, dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    return {int(record["trace_id"], 16) - 1: record for record in records}


@pytest.mark.parametrize("index", range(len(RUNS)), ids=[f"{case['id']}-{carrier}" for case, carrier in RUNS])
def test_costs_what_the_response_says(index: int, calls: dict[int, dict[str, Any]]) -> None:
    case, _ = RUNS[index]
    record = calls[index]
    if case["usd"] is None:
        assert (record["cost_usd"], record["cost_state"]) == (None, "unpriced")
    else:
        assert Decimal(record["cost_usd"]) == Decimal(case["usd"])


def test_what_no_list_prices_is_named_on_the_span(folder: Path) -> None:
    named = {}
    for line in (folder / "out.jsonl").read_text().splitlines():
        for batch in json.loads(line)["resourceSpans"]:
            for span in (span for scope in batch["scopeSpans"] for span in scope["spans"]):
                units = [one["value"] for one in span["attributes"] if one["key"] == "enricher.cost.without_price"]
                values = [item["stringValue"] for unit in units for item in unit["arrayValue"]["values"]]
                named[int(span["traceId"], 16) - 1] = values
    expected = {index: case.get("without_price", []) for index, (case, _) in enumerate(RUNS)}
    assert {index: named[index] for index in expected if expected[index]} == {
        index: units for index, units in expected.items() if units
    }


@pytest.mark.parametrize("case", [case for case in CASES if case["usd"] is not None], ids=lambda case: case["id"])
def test_the_work_comes_to_the_answer(case: dict[str, Any]) -> None:
    assert worked(str(case["work"])) == Decimal(case["usd"])
