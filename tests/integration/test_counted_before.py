"""Calls that come after the wrapper around them was counted, at every door where they show."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.cli.style import Style
from enricher.config import compile_plan, load_text
from enricher.explain.text import Teller
from enricher.runtime.engine import CoreEngine
from tests.support.engines import CHAT, NOW, attributes, metric, request_of, span, spans_of

SETTINGS = """
prices: {overrides: [{model: gpt-4o, per_million: {input: "1", output: "10"}}]}
"""
AGENT: dict[str, str | int | float | bool] = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "a",
    "gen_ai.usage.input_tokens": 3000,
    "gen_ai.usage.output_tokens": 300,
}


def call(number: int, input_tokens: int, output_tokens: int) -> Span:
    used = {"gen_ai.usage.input_tokens": input_tokens, "gen_ai.usage.output_tokens": output_tokens}
    return span(1, number, 1, CHAT | used, start=NOW + number * 10**6)


def told(*batches: list[Span]) -> tuple[CoreEngine, list[dict[str, Any]], list[Span], list[dict[str, Any]]]:
    """Records, spans and explanations when each batch is decided before the next one comes."""
    core = CoreEngine(compile_plan(load_text(SETTINGS).require(), call_records=True, explain=""))
    records, spans, explanations = [], [], []
    for batch in batches:
        core.ingest(request_of(*batch), NOW)
        more = True
        while more:
            report = core.drain(NOW)
            records += [json.loads(line) for line in report.calls.splitlines()]
            explanations += [json.loads(line) for line in report.explanations.splitlines()]
            spans += spans_of(report.payloads)
            more = report.more
    return core, records, spans, explanations


def test_records_spans_and_metrics_say_what_is_added() -> None:
    agent = span(1, 1, 0, AGENT, ms=500)
    core, records, spans, _ = told([agent], [call(2, 1000, 100)], [call(3, 2000, 200), call(4, 500, 50)])
    shown = [(one["calls"], one["input_tokens"], one["total_tokens"], one["cost_usd"]) for one in records]
    assert shown == [(1, 3000, 3300, None), (0, 0, 0, "0.002"), (1, 0, 0, "0.004"), (1, 500, 550, "0.001")]
    assert records[0]["counted_before"] is None
    assert records[3]["counted_before"] is None
    assert records[1]["counted_before"] == {
        "trace_id": f"{1:032x}",
        "span_id": f"{1:016x}",
        "calls": 1,
        "errors": 0,
        "input_tokens": 1000,
        "output_tokens": 100,
        "total_tokens": 1100,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "cost_usd": "0",
    }
    assert records[2]["counted_before"]["calls"] == 0
    summary = json.loads(core.summary())
    assert summary["calls"]["counted"] == sum(one["calls"] for one in records) == 3
    assert summary["calls"]["by_state"]["computed"] == 2
    assert summary["tokens"]["input"] == sum(one["input_tokens"] for one in records) == 3500
    assert Decimal(summary["cost_usd"]) == sum(Decimal(one["cost_usd"] or 0) for one in records)
    for name in ("llm_request_duration_seconds", "gen_ai_client_operation_duration_seconds"):
        found = [series[2] for series in core.metrics() if series[0] == name]
        assert sum(sum(counts) for counts in found if isinstance(counts, list)) == 3
    used = [series for series in core.metrics() if series[0] == "gen_ai_client_token_usage"]
    assert sum(series[3] for series in used) == 3850
    assert metric(core, "enricher_duplicate_reports_total", "wrapper") == 1

    on_span = {int.from_bytes(one.span_id, "big"): attributes(one) for one in spans}
    assert on_span[2]["gen_ai.usage.cost"] == 0.002
    assert on_span[2]["enricher.counted_before"] == f"{1:016x}"
    assert on_span[2]["enricher.counted_before.calls"] == 1
    assert on_span[3]["enricher.counted_before.input_tokens"] == 2000
    assert on_span[3]["gen_ai.usage.input_tokens"] == 2000
    assert "enricher.counted_before" not in on_span[4]


def test_a_call_that_adds_nothing_is_a_duplicate() -> None:
    core, records, spans, _ = told([span(1, 1, 0, CHAT | AGENT, ms=500)], [call(2, 3000, 300)])
    assert len(records) == 1
    assert attributes(spans[1])["enricher.duplicate_of"] == f"{1:016x}"
    assert "gen_ai.usage.cost" not in attributes(spans[1])
    assert json.loads(core.summary())["calls"]["duplicates"] == 1


def test_the_parts_of_a_cost_come_to_what_it_adds() -> None:
    priced = span(1, 1, 0, CHAT | AGENT | {"gen_ai.usage.output_tokens": 1}, ms=500)
    _, records, spans, _ = told([priced], [call(2, 3000, 300)])
    cost = attributes(spans[1])
    assert [one["cost_usd"] for one in records] == ["0.00301", "0.00299"]
    parts = Decimal(str(cost["enricher.cost.input"])) + Decimal(str(cost["enricher.cost.output"]))
    assert parts == Decimal("0.00299")


def test_explain_says_in_words_what_was_counted_before() -> None:
    _, _, _, explanations = told([span(1, 1, 0, AGENT, ms=500)], [call(2, 1000, 100)], [call(3, 2000, 200)])
    settings = load_text(SETTINGS).require()
    teller = Teller(list(settings.sampling.policies), Style(colored=False), 200)
    text = ["\n".join(teller.trace(trace)) for trace in explanations]
    before = f"the call, 1,000 + 100 tokens, 0 USD were counted before with {1:016x}"
    assert "counted in part" in text[1]
    assert f"{before}, added now: 0 + 0 tokens, 0.002 USD" in text[1]
    assert "added now: the call, 0 + 0 tokens, 0.004 USD" in text[2]
    assert "= 0.002" in text[2], "the whole call is priced"
    _, _, _, explanations = told([span(1, 1, 0, CHAT | AGENT, ms=500)], [call(2, 3000, 300)])
    text = ["\n".join(teller.trace(trace)) for trace in explanations]
    assert f"not counted: the call, 3,000 + 300 tokens, 0.006 USD were counted before with {1:016x}" in text[1]


#: An agent that shows the usage of its only call, and the model.
KNOWING = AGENT | {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}


def bare(*usage: int) -> Span:
    """A call that says nothing of its model."""
    keys = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    said: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.response.id": "resp-0123456789abcdef"}
    return span(1, 2, 1, said | dict(zip(keys, usage, strict=False)), start=NOW + 10**6)


def test_a_wrapper_after_the_verdict_adds_the_cost_of_a_call_without_a_model() -> None:
    agent = span(1, 1, 0, KNOWING, ms=500)
    core, records, spans, explanations = told([bare(3000, 300)], [agent], [agent])
    shown = [(one["span_id"][-1], one["calls"], one["input_tokens"], one["cost_usd"]) for one in records]
    assert shown == [("2", 1, 3000, None), ("1", 0, 0, "0.006")]
    assert records[1]["counted_before"]["span_id"] == f"{2:016x}"
    assert (records[1]["provider"], records[1]["request_model"]) == ("openai", "gpt-4o")
    summary = json.loads(core.summary())
    assert (summary["calls"]["counted"], summary["cost_usd"]) == (1, "0.006")
    assert summary["tokens"]["input"] == 3000
    assert metric(core, "llm_cost_usd_total") == 0.006
    cost = attributes(spans[1])
    assert (cost["gen_ai.usage.cost"], cost["enricher.counted_before"]) == (0.006, f"{2:016x}")
    assert cost["gen_ai.operation.name"] == "invoke_agent"
    assert "gen_ai.usage.cost" not in attributes(spans[2]), "the third is the same span again"
    teller = Teller([], Style(colored=False), 200)
    text = "\n".join(teller.trace(explanations[1]))
    assert f"the call, 3,000 + 300 tokens, 0 USD were counted before with {2:016x}, added now: 0 + 0 tokens" in text


def test_a_wrapper_after_the_verdict_adds_the_usage_of_a_call_that_showed_none() -> None:
    _, records, spans, _ = told([bare()], [span(1, 1, 0, KNOWING, ms=500)])
    shown = [(one["calls"], one["input_tokens"], one["output_tokens"], one["cost_usd"]) for one in records]
    assert shown == [(1, None, None, None), (0, 3000, 300, "0.006")]
    assert attributes(spans[1])["gen_ai.usage.cost"] == 0.006


def test_what_the_price_of_a_counted_call_depends_on_and_is_forgotten_leaves_it_without_a_price() -> None:
    tiered = bare(3000, 300)
    tiered.attributes.add(key="openai.response.service_tier").value.string_value = "flex"
    _, records, _, _ = told([tiered], [span(1, 1, 0, KNOWING, ms=500)])
    assert [one["cost_usd"] for one in records] == [None]
