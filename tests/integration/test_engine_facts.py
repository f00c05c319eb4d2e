"""Policies hold on what a span means, in whatever dialect it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.engines import NOW, attributes, drained, engine, metric, request_of, span, spans_of

OPENINFERENCE: dict[str, Any] = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.provider": "openai",
    "llm.token_count.prompt": 1234,
    "llm.token_count.completion": 5,
}
MISSPELT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "OpenAI",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": "1234",
}


def kept(policy: dict[str, Any], *spans: dict[str, Any], resource: dict[str, str] | None = None) -> list[int]:
    """Which of these spans, each a trace of its own, one policy keeps."""
    core = engine(json.dumps({"sampling": {"policies": [{"name": "p", **policy}]}}))
    core.ingest(request_of(*(span(at + 1, 1, 0, one) for at, one in enumerate(spans)), resource=resource), NOW)
    return sorted(one.trace_id[-1] - 1 for one in spans_of(drained(core)))


def number(key: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    block = {"key": key, "min_value": low, "max_value": high, **more}
    return {"type": "numeric_attribute", "numeric_attribute": block}


def text(key: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"type": "string_attribute", "string_attribute": {"key": key, "values": list(values), **more}}


def test_a_number_that_another_dialect_spells_its_own_way() -> None:
    plain = {"http.route": "/"}
    for key in ("gen_ai.usage.input_tokens", "llm.token_count.prompt"):
        assert kept(number(key, 1000, 2000), OPENINFERENCE, plain) == [0]
        assert kept(number(key, 2000, 3000), OPENINFERENCE, plain) == []
    assert kept(number("gen_ai.usage.input_tokens", 1000, 2000, invert_match=True), OPENINFERENCE, plain) == [1]


@pytest.mark.parametrize("key", ["gen_ai.provider.name", "gen_ai.system"])
def test_a_provider_under_its_new_and_its_old_name(key: str) -> None:
    inferred = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-20250514"}
    assert kept(text(key, "openai"), OPENINFERENCE, inferred) == [0]
    assert kept(text(key, "anthropic"), OPENINFERENCE, inferred) == [1]
    assert kept(text(key, "^anth", enabled_regex_matching=True), OPENINFERENCE, inferred) == [1]


def test_a_value_that_is_put_right_counts_as_it_is_put_right() -> None:
    core = engine()
    core.ingest(request_of(span(1, 1, 0, MISSPELT)), NOW)
    told = attributes(spans_of(drained(core))[0])
    assert (told["gen_ai.provider.name"], told["gen_ai.usage.input_tokens"]) == ("openai", 1234)
    assert kept(text("gen_ai.provider.name", "openai"), MISSPELT) == [0]
    assert kept(text("gen_ai.provider.name", "OpenAI"), MISSPELT) == []
    assert kept(number("gen_ai.usage.input_tokens", 1234, 1234), MISSPELT) == [0]
    # The text that was a number matches as text no more.
    assert kept(text("gen_ai.usage.input_tokens", "1234"), MISSPELT) == []


def test_lists_match_when_an_item_does() -> None:
    canonical = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    ends = [
        {**canonical, "llm.request.type": "chat", "gen_ai.completion.0.finish_reason": reason}
        for reason in ("length", "stop")
    ]
    core = engine()
    core.ingest(request_of(*(span(at + 1, 1, 0, one) for at, one in enumerate(ends))), NOW)
    reasons = {
        one.trace_id[-1] - 1: [item.string_value for item in pair.value.array_value.values]
        for one in spans_of(drained(core))
        for pair in one.attributes
        if pair.key == "gen_ai.response.finish_reasons"
    }
    assert reasons == {0: ["length"], 1: ["stop"]}
    assert kept(text("gen_ai.response.finish_reasons", "length"), *ends) == [0]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ('IsList(attributes["gen_ai.response.finish_reasons"])', [0, 1]),
        ('attributes["gen_ai.response.finish_reasons"][0] == "stop"', [0, 1]),
        ('Len(attributes["gen_ai.response.finish_reasons"]) == 1', [0]),
        ('attributes["gen_ai.response.finish_reasons"][1] == "length"', [1]),
        ('attributes["gen_ai.response.finish_reasons"] == "stop"', []),
        ('IsList(attributes["gen_ai.request.model"])', []),
    ],
)
def test_a_list_of_one_item_is_a_list_to_ottl(condition: str, wanted: list[int]) -> None:
    one = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "llm.request.type": "chat",
        "gen_ai.completion.0.finish_reason": "stop",
    }
    two = {**one, "gen_ai.completion.1.finish_reason": "length"}
    rule = {"type": "ottl_condition", "ottl_condition": {"span": [condition]}}
    assert kept(rule, one, two, {"gen_ai.request.model": "gpt-4o"}) == wanted


def test_attributes_that_nobody_normalizes_count_as_they_are() -> None:
    assert kept(text("llm.model_name", "gpt-4o"), OPENINFERENCE) == [0]
    assert kept(text("tenant", "acme"), {"tenant": "acme"}, {"tenant": "other"}) == [0]
    assert kept(text("tenant", "acme"), {}, resource={"tenant": "acme"}) == [0]


def test_what_a_policy_matched_stands_on_the_kept_span() -> None:
    core = engine(
        json.dumps({"sampling": {"policies": [{"name": "p", **number("gen_ai.usage.input_tokens", 1, 10**6)}]}})
    )
    core.ingest(request_of(span(1, 1, 0, OPENINFERENCE), span(1, 2, 1, MISSPELT)), NOW)
    for one in spans_of(drained(core)):
        assert attributes(one)["gen_ai.usage.input_tokens"] == 1234


@pytest.mark.parametrize("form", [json.dumps, dict])
def test_usage_is_read_of_one_object_whether_text_or_map(form: Any) -> None:
    """Counts of two objects side by side are not mixed."""
    response = {
        "a": {"usage": {"prompt_tokens": 5}},
        "b": {"usage": {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}},
    }
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    core = engine()
    core.ingest(request_of(span(1, 1, 0, chat | {"gen_ai.response": form(response)})), NOW)
    (one,) = spans_of(drained(core))
    found = attributes(one)
    assert (found["gen_ai.usage.input_tokens"], found.get("gen_ai.usage.output_tokens")) == (5, None)


def test_events_beyond_those_that_are_read_are_counted() -> None:
    given = span(1, 1, 0, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    for _ in range(1030):
        given.events.add(name="gen_ai.choice")
    core = engine()
    core.ingest(request_of(given), NOW)
    assert metric(core, "enricher_anomalies_total", "events_beyond") == 6
    assert metric(core, "enricher_anomalies_total", "paths_beyond") == 0
