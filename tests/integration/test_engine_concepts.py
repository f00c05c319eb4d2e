"""What rules and metrics need besides tokens: read in its many spellings, stamped, recorded, usable by rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.runtime.engine import CoreEngine
from tests.support.engines import CHAT, NOW, SECOND, drained, engine, metric, request_of, span, spans_of

Attributes = dict[str, Any]

#: Attributes beside a plain call; the field of its record and the value; the canonical attribute.
FACTS: list[tuple[Attributes, str, Any, str]] = [
    ({"session.id": "c-1"}, "session_id", "c-1", "gen_ai.conversation.id"),
    ({"langfuse.session.id": "c-2"}, "session_id", "c-2", "gen_ai.conversation.id"),
    ({"traceloop.association.properties.session_id": "c-3"}, "session_id", "c-3", "gen_ai.conversation.id"),
    ({"enduser.id": "u-1"}, "user_id", "u-1", "user.id"),
    ({"gen_ai.user": "u-2"}, "user_id", "u-2", "user.id"),
    ({"bifrost.customer.id": "t-1"}, "tenant_id", "t-1", "enricher.tenant.id"),
    ({"enricher.tenant.id": "t-2"}, "tenant_id", "t-2", "enricher.tenant.id"),
    ({"ai.feature": "search"}, "feature", "search", "enricher.feature"),
    ({"traceloop.association.properties.feature": "chat"}, "feature", "chat", "enricher.feature"),
    ({"gen_ai.agent.id": "a-1"}, "agent_id", "a-1", "gen_ai.agent.id"),
    ({"llm.agent_id": "a-2"}, "agent_id", "a-2", "gen_ai.agent.id"),
    ({"traceloop.prompt.key": "p"}, "prompt_name", "p", "gen_ai.prompt.name"),
    ({"langfuse.observation.prompt.version": 3}, "prompt_version", "3", "gen_ai.prompt.version"),
    ({"ai.variant": "B"}, "variant", "B", "enricher.variant"),
    ({"http.response.status_code": 200}, "http_status", 200, "http.response.status_code"),
    ({"guard.verdict": "deny"}, "guardrail", "blocked", "enricher.guardrail.decision"),
    ({"litellm.guardrail.status": "guardrail_intervened"}, "guardrail", "blocked", "enricher.guardrail.decision"),
    (
        {"gen_ai.response.finish_reasons": '["guardrail_intervened"]'},
        "guardrail",
        "blocked",
        "enricher.guardrail.decision",
    ),
]


def recorded(core: CoreEngine, *given: Span) -> tuple[list[Attributes], list[Span]]:
    core.ingest(request_of(*given), NOW)
    report = core.drain(NOW)
    return [json.loads(line) for line in report.calls.splitlines()], spans_of(report.payloads)


def told(one: Span, key: str) -> Any:
    value = next(pair.value for pair in one.attributes if pair.key == key)
    return getattr(value, str(value.WhichOneof("value")))


@pytest.mark.parametrize(("attributes", "field", "value", "key"), FACTS, ids=lambda given: str(given)[:60])
def test_a_fact_is_recorded_stamped_and_ruled_by(attributes: Attributes, field: str, value: Any, key: str) -> None:
    kind = "numeric_attribute" if isinstance(value, int) else "string_attribute"
    block = {"min_value": value, "max_value": value} if isinstance(value, int) else {"values": [value]}
    policy = {"name": "p", "type": kind, kind: {"key": key, **block}}
    core = engine(json.dumps({"sampling": {"policies": [policy]}}), call_records=True)
    with_it, without = span(1, 1, 0, CHAT | attributes), span(2, 1, 0, CHAT)
    records, kept = recorded(core, with_it, without)
    assert [record[field] for record in sorted(records, key=lambda record: str(record["trace_id"]))] == [value, None]
    assert [one.trace_id[-1] for one in kept] == [1]
    assert told(kept[0], key) == value


@pytest.mark.parametrize(
    ("attributes", "milliseconds"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.5}, 500),
        # The same key, in the units that SDKs really send.
        ({"gen_ai.response.time_to_first_chunk": 500}, 500),
        ({"gen_ai.response.time_to_first_token": 500_000_000, "bifrost.request.id": "r"}, 500),
        ({"ai.response.msToFirstChunk": 500}, 500),
        ({"lk.response.ttft": 0.5}, 500),
        ({"gen_ai.server.time_to_first_token": 500, "gen_ai.system": "strands-agents"}, 500),
        ({"gen_ai.response.time_to_first_chunk": 1e18}, None),
    ],
    ids=str,
)
def test_the_first_token_in_any_unit_and_the_speed_after_it(attributes: Attributes, milliseconds: int | None) -> None:
    records, _ = recorded(engine(call_records=True), span(1, 1, 0, CHAT | attributes, ms=2500))
    assert records[0]["ttft_ms"] == milliseconds
    # 100 tokens in the two seconds that are left, or in all of the span where nobody knows.
    assert records[0]["tokens_per_second"] == (50 if milliseconds else 40)


@pytest.mark.parametrize(("seconds", "milliseconds"), [(1.0, 1000), (1.0005, 1000.5), (1.2, 1200)])
def test_a_first_token_by_another_clock_stays_what_it_was(seconds: float, milliseconds: float) -> None:
    given = span(1, 1, 0, CHAT | {"gen_ai.response.time_to_first_chunk": seconds}, ms=1000)
    records, kept = recorded(engine(call_records=True), given)
    assert records[0]["ttft_ms"] == milliseconds
    assert told(kept[0], "gen_ai.response.time_to_first_chunk") == seconds


def test_the_first_token_that_only_an_event_tells() -> None:
    attributes: Attributes = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 3,
    }
    given = span(1, 1, 0, attributes, ms=1000)
    for after in (400, 600):
        event = given.events.add(name="First Token Stream Event", time_unix_nano=NOW + after * 10**6)
        event.attributes.add(key="first").value.bool_value = True
    records, kept = recorded(engine(call_records=True), given)
    assert records[0]["ttft_ms"] == 400
    assert told(kept[0], "gen_ai.response.time_to_first_chunk") == 0.4


@pytest.mark.parametrize(
    ("attributes", "message", "expected"),
    [
        ({"error.type": "overloaded_error"}, "", "server_error"),
        ({"http.response.status_code": 529}, "", "server_error"),
        ({"error.type": "529"}, "", "server_error"),
        ({}, "Error code: 529 - {'type': 'overloaded_error'}", "server_error"),
        (
            {"error.type": "BadRequestError"},
            "This model's maximum context length is 128000 tokens",
            "context_length_exceeded",
        ),
        (
            {"http.response.status_code": 400},
            "prompt is too long: 210000 tokens > 200000 maximum",
            "context_length_exceeded",
        ),
        (
            {"error.type": "anthropic.BadRequestError"},
            "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000",
            "context_length_exceeded",
        ),
        (
            {"error.type": "BadRequestError"},
            "too many tokens: size limit exceeded by 3000 tokens. Try using shorter or fewer inputs.",
            "context_length_exceeded",
        ),
        ({"error.type": "ThrottlingException"}, "Too many tokens, please wait before trying again.", "rate_limit"),
        ({"error.type": "content_filter"}, "", "content_filter"),
        ({"error.type": "google.generativeai.types.BlockedPromptException"}, "", "content_filter"),
        ({"error.type": "ClientError"}, "Response blocked: PROHIBITED_CONTENT", "content_filter"),
        ({}, "The response was filtered due to Azure OpenAI's content management policy", "content_filter"),
        ({}, "Request timed out.", "timeout"),
        ({"error.type": "DeadlineExceeded"}, "", "timeout"),
        ({"error.type": "openai.BadRequestError"}, "Error code: 400 - Invalid parameter 'timeout'", "client_error"),
        ({"http.response.status_code": 429}, "", "rate_limit"),
        ({"error.type": "AuthenticationError"}, "", "auth"),
        ({"http.response.status_code": 404}, "", "client_error"),
    ],
    ids=str,
)
def test_errors_are_classed_by_type_status_and_text(attributes: Attributes, message: str, expected: str) -> None:
    failed: Attributes = {key: value for key, value in CHAT.items() if "usage" not in key} | attributes
    given = span(1, 1, 0, failed, error=True)
    given.status.message = message
    policy = {"name": "p", "type": "error_class", "error_class": {"classes": [expected]}}
    records, kept = recorded(engine(json.dumps({"sampling": {"policies": [policy]}}), call_records=True), given)
    assert (records[0]["error_class"], records[0]["status"]) == (expected, "error")
    assert told(kept[0], "enricher.error.class") == expected


def test_a_timeout_that_only_an_exception_event_tells() -> None:
    given = span(1, 1, 0, {key: value for key, value in CHAT.items() if "usage" not in key}, error=True)
    event = given.events.add(name="exception", time_unix_nano=NOW)
    event.attributes.add(key="exception.type").value.string_value = "openai.APITimeoutError"
    records, _ = recorded(engine(call_records=True), given)
    assert records[0]["error_class"] == "timeout"


def test_finish_reasons_and_tools_are_lists() -> None:
    attributes: Attributes = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 3,
        "llm.finish_reason": "tool_calls",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_weather",
        "llm.output_messages.0.message.tool_calls.1.tool_call.function.name": "get_time",
    }
    records, _ = recorded(engine(call_records=True), span(1, 1, 0, attributes))
    assert records[0]["finish_reasons"] == ["tool_calls"]
    assert records[0]["tools"] == ["get_weather", "get_time"]


def test_guardrails_and_evaluations_of_a_trace_are_measured() -> None:
    core = engine()
    given = span(1, 2, 1, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    event = given.events.add(name="gen_ai.evaluation.result", time_unix_nano=NOW)
    event.attributes.add(key="gen_ai.evaluation.name").value.string_value = "relevance"
    event.attributes.add(key="gen_ai.evaluation.score.value").value.double_value = 0.5
    check = span(1, 3, 1, {"guardrail.name": "pii", "guardrail.verdict": "denied"})
    own = span(1, 4, 1, {"enricher.guardrail.name": "toxicity", "enricher.guardrail.decision": "passed"})
    core.ingest(request_of(span(1, 1), given, check, own), NOW)
    drained(core)
    assert metric(core, "llm_guardrail_decisions_total", "pii", "blocked") == 1
    assert metric(core, "llm_guardrail_decisions_total", "toxicity", "passed") == 1
    scores = [series for series in core.metrics() if series[0] == "llm_evaluation_score"]
    assert [series[1] for series in scores] == [("relevance",)]


def evaluated(*told: tuple[str, float]) -> Span:
    """A call with an event for each evaluation."""
    given = span(1, 2, 1, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    for name, score in told:
        event = given.events.add(name="gen_ai.evaluation.result", time_unix_nano=NOW)
        event.attributes.add(key="gen_ai.evaluation.name").value.string_value = name
        event.attributes.add(key="gen_ai.evaluation.score.value").value.double_value = score
    given.attributes.add(key="gen_ai.response.id").value.string_value = "resp-1"
    return given


def test_all_evaluations_of_a_call_are_told_once() -> None:
    told = [("relevance", 0.5), ("toxicity", 0.1), ("relevance", 0.9)]
    low = "sampling: {policies: [{name: low, type: evaluation, evaluation: {names: [toxicity], below: 0.2}}]}"
    core = engine(low, call_records=True)
    body = request_of(evaluated(*told))
    core.ingest(body, NOW)
    core.ingest(body, NOW)  # delivered twice
    report = core.drain(NOW)
    (call,) = map(json.loads, report.calls.splitlines())
    assert [(one["name"], one["score"]) for one in call["evaluations"]] == told
    assert call["policy"] == "low"
    sums = {labels[0]: total for name, labels, _, total, _ in core.metrics() if name == "llm_evaluation_score"}
    assert sums == {"relevance": pytest.approx(1.4), "toxicity": pytest.approx(0.1)}


def test_evaluations_of_a_stranger_are_bounded() -> None:
    core = engine("", call_records=True)
    core.ingest(request_of(evaluated(*[(f"{number}-{'x' * 200}", 0.5) for number in range(1000)])), NOW)
    (call,) = map(json.loads, core.drain(NOW).calls.splitlines())
    assert 1 < len(call["evaluations"]) < 1000


def headers(prefix: str, requests: tuple[str, str], tokens: tuple[str, str]) -> Attributes:
    """Captured response headers, (limit, remaining) of each."""
    names = ("limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens")
    if prefix == "anthropic":
        names = ("requests-limit", "requests-remaining", "tokens-limit", "tokens-remaining")
    prefix = {"openai": "x-ratelimit", "anthropic": "anthropic-ratelimit"}[prefix]
    values = (*requests, *tokens)
    return {f"http.response.header.{prefix}-{name}": value for name, value in zip(names, values, strict=True)}


def as_lists(one: Span) -> Span:
    """With captured headers as HTTP instrumentation writes them."""
    for pair in one.attributes:
        if pair.key.startswith("http.response.header."):
            text = pair.value.string_value
            pair.value.array_value.values.add().string_value = text
    return one


def test_rate_limits_come_from_the_headers_of_the_newest_answer() -> None:
    core = engine()
    openai: Attributes = {"server.address": "api.openai.com", "http.response.status_code": 200}
    first = openai | headers("openai", ("500", "499"), ("30000", "30000"))
    second = openai | headers("openai", ("500", "125"), ("30000", "27000"))
    claude: Attributes = (
        CHAT | {"gen_ai.provider.name": "anthropic"} | headers("anthropic", ("50", "0"), ("80000", "60000"))
    )
    github: Attributes = {"server.address": "api.github.com"} | headers("openai", ("60", "6"), ("9", "9"))
    core.ingest(request_of(as_lists(span(1, 2, 1, second, start=NOW + SECOND)), span(1, 1, 0, CHAT)), NOW)
    claude |= {
        f"http.response.header.anthropic-ratelimit-{kind}-tokens-{what}": value
        for kind, values in {"input": ("2000", "1800"), "output": ("400", "100")}.items()
        for what, value in zip(("limit", "remaining"), values, strict=True)
    }
    core.ingest(request_of(as_lists(span(2, 1, 0, first)), as_lists(span(3, 1, 0, claude)), span(4, 1, 0, github)), NOW)
    drained(core)
    used = {series[1]: series[2] for series in core.metrics() if series[0] == "llm_rate_limit_utilization_ratio"}
    assert used == {
        ("openai", "requests"): 0.75,
        ("openai", "tokens"): pytest.approx(0.1),
        ("anthropic", "requests"): 1.0,
        ("anthropic", "tokens"): 0.25,
        ("anthropic", "input_tokens"): pytest.approx(0.1),
        ("anthropic", "output_tokens"): 0.75,
    }


def test_an_older_name_stays_as_it_is_unless_it_is_to_be_corrected() -> None:
    given = {**CHAT, "gen_ai.system": "OpenAI"}
    _, (left,) = recorded(engine(call_records=True), span(1, 1, 0, given))
    assert (told(left, "gen_ai.system"), told(left, "gen_ai.provider.name")) == ("OpenAI", "openai")
    _, (put_right,) = recorded(engine("normalize: {fix_legacy: true}", call_records=True), span(1, 1, 0, given))
    assert told(put_right, "gen_ai.system") == "openai"
    assert told(put_right, "enricher.original.gen_ai.system") == "OpenAI"
