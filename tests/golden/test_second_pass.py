"""Enricher behind enricher: what one wrote, the next reads as the same calls, with the same tokens and costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from tests.golden.test_dialects import FIXTURES, request, told
from tests.recordings import requests, scenarios
from tests.support.engines import NOW, plan, request_of, span, spans_of

Record = dict[str, Any]
Options = dict[str, Any]
Attributes = dict[str, str | int | float | bool]
#: What an instance does with the attributes, and the one behind it.
CHAINS: dict[str, tuple[Options, Options]] = {
    "as it comes": ({}, {}),
    "latest": ({"conventions": "latest"}, {"conventions": "latest"}),
    "fix_legacy": ({"fix_legacy": True}, {"fix_legacy": True}),
    "no originals": ({"keep_originals": False}, {"keep_originals": False}),
    "no originals, latest": (
        {"keep_originals": False, "conventions": "latest"},
        {"keep_originals": False, "conventions": "latest"},
    ),
    "latest, then both": ({"conventions": "latest"}, {}),
    "no originals, then all": ({"keep_originals": False}, {}),
    "all, then no originals": ({}, {"keep_originals": False}),
}
#: A policy leaves its stamps on the spans.
POLICIES = [{"name": "all", "type": "always_sample"}]
#: An answer whose tokens have to be counted.
UNCOUNTED: Attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Say hello"}]}]',
    "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "Hello!"}]}]',
}


def sent() -> Iterator[bytes]:
    """Every fixture, every recorded request, and a call without usage."""
    for number, fixture in enumerate(FIXTURES):
        yield request(number, fixture)
    for name in scenarios():
        yield from requests(name)
    yield request_of(span(0xE571, 1, attributes=UNCOUNTED))


@cache
def compiled(options: str) -> bytes:
    return plan(json.dumps({"normalize": json.loads(options), "sampling": {"policies": POLICIES}}), call_records=True)


def passed(options: Options, messages: Iterable[bytes]) -> tuple[list[Record], list[bytes]]:
    """The call records, and what leaves."""
    core = CoreEngine(compiled(json.dumps(options)))
    for message in messages:
        core.ingest(message, NOW)
    records: list[Record] = []
    payloads: list[bytes] = []
    more = True
    while more:
        report = core.drain(NOW)
        records += [json.loads(line) for line in report.calls.splitlines()]
        payloads += report.payloads
        more = report.more
    for record in records:
        # The total has no attribute: nothing tells whether it was added up before.
        record["inferred"] = [concept for concept in record["inferred"] if concept != "total_tokens"]
    return sorted(records, key=lambda record: (record["trace_id"], record["span_id"])), payloads


@cache
def once(options: str) -> tuple[list[Record], list[bytes]]:
    return passed(json.loads(options), sent())


@cache
def twice(chain: str) -> tuple[list[Record], list[bytes]]:
    first, behind = CHAINS[chain]
    return passed(behind, once(json.dumps(first))[1])


def attributes(payloads: Iterable[bytes]) -> dict[tuple[bytes, bytes], Record]:
    return {(span.trace_id, span.span_id): told(span) for span in spans_of(payloads)}


@pytest.mark.parametrize("chain", CHAINS)
def test_each_pass_tells_the_same_calls(chain: str) -> None:
    first, behind = CHAINS[chain]
    calls, _ = once(json.dumps(first))
    assert len(calls) > len(FIXTURES)
    assert any(call["tokens_estimated"] for call in calls)
    again, payloads = twice(chain)
    assert again == calls
    assert passed(behind, payloads)[0] == calls


@pytest.mark.parametrize("chain", [chain for chain, (first, behind) in CHAINS.items() if first == behind])
def test_a_second_pass_writes_nothing_new(chain: str) -> None:
    options, _ = CHAINS[chain]
    _, payloads = once(json.dumps(options))
    _, again = twice(chain)
    before, after = attributes(payloads), attributes(again)
    assert before.keys() == after.keys()
    for ids, told_before in before.items():
        # Without originals, the second of two spellings of one fact goes on the second pass.
        gone = told_before.keys() - after[ids].keys() if not options.get("keep_originals", True) else set()
        assert {key: value for key, value in told_before.items() if key not in gone} == after[ids]


def test_a_name_that_a_collector_added_makes_no_other_dialect() -> None:
    """Up to version 6, the Vercel AI SDK writes no provider of the new name; only version 7 does."""
    wrapper: Attributes = {
        "ai.operationId": "ai.generateText",
        "ai.model.provider": "openai.chat",
        "ai.model.id": "gpt-4o",
        "ai.usage.promptTokens": 100,
        "ai.usage.completionTokens": 10,
    }
    leaf: Attributes = wrapper | {"ai.operationId": "ai.generateText.doGenerate"}
    named: Attributes = {"gen_ai.provider.name": "openai"}
    sent = request_of(span(7, 1, attributes=wrapper | named), span(7, 2, 1, leaf | named), scope="ai")
    calls, _ = passed({}, [sent])
    assert [(call["dialect"], call["input_tokens"]) for call in calls] == [("vercel_ai_v3_v4", 100)]


@pytest.mark.parametrize(("state", "reported"), [("computed", None), ("reported", "0.5")])
def test_a_cost_that_enricher_wrote_is_nobodys_report(state: str, reported: str | None) -> None:
    """A gateway's cost is what it billed; one that enricher computed for the gateway's span is not."""
    billed: Attributes = {
        "gen_ai.model.provider": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
    }
    given: Attributes = billed | ({"gen_ai.usage.cost": 0.5} if reported else {})
    first, payloads = passed({}, [request_of(span(8, 1, attributes=given))])
    second, _ = passed({}, payloads)
    assert first == second
    assert first[0]["cost_state"] == state
    assert first[0]["cost_usd"] == (reported or "0.0035")


EUROS: Attributes = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.cost": 1.0}
#: What else the span with a cost in euros says, and what that call costs.
IN_EUROS: dict[str, tuple[Attributes, str, str]] = {
    "unknown model": ({"gen_ai.request.model": "nobodys", "gen_ai.usage.input_tokens": 9}, "reported", "2"),
    "no usage": ({"gen_ai.request.model": "gpt-4o", "gen_ai.response.finish_reasons": "stop"}, "reported", "2"),
    "priced": (
        {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100},
        "computed",
        "0.0035",
    ),
}


@pytest.mark.parametrize("keep_originals", [True, False])
@pytest.mark.parametrize("case", IN_EUROS)
def test_a_cost_in_another_currency_is_converted_once(case: str, keep_originals: bool) -> None:
    more, state, usd = IN_EUROS[case]
    given = EUROS | more | {"gen_ai.usage.cost.currency": "EUR"}
    text = json.dumps({"normalize": {"keep_originals": keep_originals}, "prices": {"currencies": {"EUR": 2}}})
    # The outer span repeats the call; its cost stays as it is.
    outer, inner = span(9, 1, attributes=given, ms=20), span(9, 2, 1, given)
    payloads = [request_of(outer, scope="framework"), request_of(inner, scope="sdk")]
    costs = []
    for _ in range(4):
        core = CoreEngine(plan(text, call_records=True))
        for message in payloads:
            core.ingest(message, NOW)
        report = core.drain(NOW)
        payloads = report.payloads
        calls = [json.loads(line) for line in report.calls.splitlines()]
        costs.append([(call["cost_state"], call["cost_usd"]) for call in calls])
    assert costs == [[(state, usd)]] * 4
