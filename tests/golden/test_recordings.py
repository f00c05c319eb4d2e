"""Recorded traffic of real SDKs through the real engine, compared with what the model server truly answered."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from enricher.cli.main import main
from tests.recordings import DATA, REQUESTS, scenarios, visible_calls

Call = dict[str, Any]

#: List prices in USD for a million tokens when the recordings were made, read off the providers' pages, not out of the
#: price book: input, cached input, output; for Anthropic also cache writes for five minutes and for an hour.
PRICES = {
    "gpt-4o": ("2.50", "1.25", "10"),
    "gpt-4o-mini": ("0.15", "0.075", "0.60"),
    "gpt-4.1": ("2", "0.50", "8"),
    "gpt-4.1-mini": ("0.40", "0.10", "1.60"),
    "gpt-5": ("1.25", "0.125", "10"),
    "gpt-5-mini": ("0.25", "0.025", "2"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
    "claude-haiku-4-5": ("1", "0.10", "5", "1.25", "2"),
    "claude-sonnet-4-5": ("3", "0.30", "15", "3.75", "6"),
    "claude-opus-4-5": ("5", "0.50", "25", "6.25", "10"),
}
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
#: Facts that stand elsewhere in the trace than on the span that is counted, so that its record may lack them.
ELSEWHERE = {
    ("agno", "chat", "response_id"): "the input of the call after it shows it",
    ("litellm", "chat", "request_model"): "the raw request names the model that answered, the span above it the alias",
    ("litellm", "embeddings", "request_model"): "the same",
    ("haystack", "embeddings", "request_model"): "only the answering model is named, which is the same here",
    ("mastra", "chat", "response_id"): "it stands in the raw answer on the step above",
    ("vercel_ai_v5", "embeddings", "response_model"): "embeddings name the model asked for, which is the same here",
    ("vercel_ai_v6", "embeddings", "response_model"): "the same",
    ("vercel_ai_v7", "embeddings", "response_model"): "the same",
}
#: Facts that the SDK says in words of its own, which are right too.
SAID = {
    ("google_adk", "operation"): {"chat": "generate_content"},
    ("google_adk", "request_model"): {name: f"openai/{name}" for name in ("gpt-4o-mini", "gpt-4o", "gpt-4.1")},
    ("genkit", "request_model"): {
        name: f"openai/{name}" for name in ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini", "gpt-5-mini")
    },
}


@cache
def processed(name: str) -> tuple[Call, ...]:
    """The call records of a scenario."""
    with TemporaryDirectory() as folder:
        calls = Path(folder) / "calls.jsonl"
        assert main(["process", str(DATA / name / REQUESTS), "--calls", str(calls), "--json"]) == 0
        return tuple(json.loads(line) for line in calls.read_text().splitlines())


def answered(name: str) -> list[Call]:
    """The true calls whose counts the recorded spans show."""
    hidden = {"input_tokens", "output_tokens"}
    return [call for call in visible_calls(name) if call["input_tokens"] and not hidden & set(call["not_on_the_wire"])]


def record_of(name: str, call: Call) -> Call:
    """The one record of a true call: input tokens are unique within a recording."""
    found = [record for record in processed(name) if record["input_tokens"] == call["input_tokens"]]
    assert len(found) == 1, f"{len(found)} records of the call with {call['input_tokens']} input tokens"
    return found[0]


def cost(call: Call) -> Decimal:
    """What the provider bills for a true call."""
    model = call["request_model"] if "request_model" not in call["not_on_the_wire"] else call["response_model"]
    fresh, read, output, *writes = (Decimal(price) for price in PRICES[model])
    hour = call["cache_write_1h_tokens"] or 0
    written, cached = call["cache_write_tokens"], call["cache_read_tokens"]
    total = (call["input_tokens"] - cached - written) * fresh + cached * read + call["output_tokens"] * output
    if written:
        total += (written - hour) * writes[0] + hour * writes[1]
    return Decimal(total) / 1_000_000


@pytest.mark.parametrize("name", scenarios())
def test_each_call_is_counted_once(name: str) -> None:
    assert len(processed(name)) == len(visible_calls(name))


@pytest.mark.parametrize("name", scenarios())
def test_tokens_provider_operation_and_model_are_the_servers(name: str) -> None:
    calls = answered(name)
    assert calls
    for call in calls:
        record = record_of(name, call)
        hidden = set(call["not_on_the_wire"])
        for fact in ("provider", "operation", "response_id", "request_model", "response_model", *TOKENS):
            true = SAID.get((name, fact), {}).get(call[fact], call[fact]) or None
            what = f"{fact} of the call with {call['input_tokens']} input tokens"
            if (name, call["operation"], fact) in ELSEWHERE:
                assert record[fact] in (true, None), what
            elif fact not in hidden and true is not None:
                assert record[fact] == true, what
        assert not record["tokens_estimated"]


@pytest.mark.parametrize("name", scenarios())
def test_costs_are_what_the_tokens_cost(name: str) -> None:
    for call in answered(name):
        record = record_of(name, call)
        # Without its lifetime, a cache write is priced as the five-minute one.
        if call["cache_write_1h_tokens"] and "cache_write_1h_tokens" in call["not_on_the_wire"]:
            call = {**call, "cache_write_1h_tokens": 0}
        if {"cache_read_tokens", "cache_write_tokens", "request_model"} & set(call["not_on_the_wire"]):
            continue
        assert Decimal(record["cost_usd"]) == cost(call), f"cost of the call with {call['input_tokens']} input tokens"
        assert record["cost_state"] == "computed"


def test_the_sum_of_an_agent_counts_for_the_steps_that_no_other_span_shows() -> None:
    step, last = (call for call in visible_calls("voltagent") if call["request_model"] == "gpt-4.1")
    assert "input_tokens" in step["not_on_the_wire"]
    record = record_of("voltagent", step)
    assert {fact: record[fact] or 0 for fact in TOKENS} == {fact: step[fact] for fact in TOKENS}
    assert Decimal(record["cost_usd"]) == cost(step)
    assert record["counted_before"] == {
        "trace_id": record["trace_id"],
        "span_id": record_of("voltagent", last)["span_id"],
        "calls": 0,
        "errors": 0,
        "total_tokens": last["input_tokens"] + last["output_tokens"],
        **{fact: last[fact] for fact in TOKENS},
        "cost_usd": f"{cost(last):f}",
    }


@pytest.mark.parametrize("name", scenarios())
def test_failures_are_classed_and_not_billed(name: str) -> None:
    failed = [call for call in visible_calls(name) if call["status"] == "error"]
    records = [record for record in processed(name) if record["status"] == "error"]
    told = [None if "error_class" in call["not_on_the_wire"] else call["error_class"] for call in failed]
    assert Counter(record["error_class"] for record in records) == Counter(told)
    for record in records:
        assert record["cost_state"] == "not_billed", record
        assert Decimal(record["cost_usd"]) == 0
