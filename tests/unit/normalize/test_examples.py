"""Spans as people write them by hand, and blobs as SDKs leave them behind: what must come out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.oracle.normalize import Span
from tests.support.rooms import normalizer
from tests.support.spans import request

RUN_USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


def read(attributes: dict[str, Any], /, *events: tuple[str, dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """What the core finds on a span of an app's own tracer."""
    span = Span(attributes, name="call", scope="app", events=events, start_ns=10**18, end_ns=10**18 + 10**9)
    answer = json.loads(normalizer(settings).read(request(span).SerializeToString()))
    found: dict[str, Any] = answer["spans"][0]
    return found


def tokens(found: dict[str, Any]) -> tuple[int | None, int | None]:
    return found["facts"].get("input_tokens"), found["facts"].get("output_tokens")


@pytest.mark.parametrize(
    ("attributes", "provider", "dialect"),
    [
        ({"ai.model": "gpt-4o", "ai.prompt_tokens": 120, "ai.completion_tokens": 30}, "openai", "handwritten_ai"),
        ({"ai.model": "gpt-4o", "ai.usage.input_tokens": "120", "ai.usage.output_tokens": 30.0}, "openai", None),
        ({"llm.model": "claude-sonnet-4-5", "llm.tokens.prompt": 120, "llm.tokens.completion": 30}, "anthropic", None),
        (
            {"llm.vendor": "Azure", "llm.model": "x", "llm.input_tokens": 120, "llm.output_tokens": 30},
            "azure.ai.openai",
            None,
        ),
        (
            {"claude.model": "claude-haiku-4-5", "claude.input_tokens": 120, "claude.output_tokens": 30},
            "anthropic",
            None,
        ),
        (
            {"claude.model": "claude-haiku-4-5", "claude.input_tokens": 120, "claude.total_tokens": 150},
            "anthropic",
            None,
        ),
    ],
)
def test_hand_written_spans(attributes: dict[str, Any], provider: str, dialect: str | None) -> None:
    found = read(attributes)
    assert tokens(found) == (120, 30)
    assert found["facts"]["provider"] == found["attributes"]["gen_ai.system"] == provider
    assert found["attributes"]["gen_ai.provider.name"] == provider
    assert found["role"] == "inference"
    assert found["facts"]["operation"] == "chat"
    if dialect:
        assert found["dialect"] == dialect


@pytest.mark.parametrize(
    "attributes",
    [
        {"run.usage": json.dumps(RUN_USAGE)},
        {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "run.usage": json.dumps(RUN_USAGE)},
        {"gen_ai.system": "openai", "usage": json.dumps(RUN_USAGE)},
        {"gen_ai.system": "openai", "run": json.dumps({"id": "run_1", "object": "thread.run", "usage": RUN_USAGE})},
        {"gen_ai.system": "openai", "run.usage": json.dumps(json.dumps(RUN_USAGE))},
        {"gen_ai.system": "openai", "run.usage": repr(RUN_USAGE)},
        {"gen_ai.system": "openai", "traceloop.entity.output": json.dumps({"run": {"usage": RUN_USAGE}})},
        {f"run.usage.{key}": value for key, value in RUN_USAGE.items()},
        {"gen_ai.usage.total_tokens": 150, "gen_ai.usage.output_tokens": 30},
    ],
    ids=lambda attributes: " ".join(attributes),
)
def test_usage_left_in_blobs(attributes: dict[str, Any]) -> None:
    assert tokens(read(attributes)) == (120, 30)


def test_usage_in_an_event() -> None:
    found = read({"gen_ai.system": "openai"}, ("response", {"usage": json.dumps(RUN_USAGE)}))
    assert tokens(found) == (120, 30)


def test_raw_responses_mean_what_their_provider_means() -> None:
    anthropic = {"usage": {"input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 30}}
    assert tokens(read({"gen_ai.system": "anthropic", "gen_ai.response": json.dumps(anthropic)})) == (120, 30)
    counts = {"promptTokenCount": 120, "candidatesTokenCount": 20, "thoughtsTokenCount": 10, "totalTokenCount": 150}
    gemini = {"usageMetadata": counts}
    assert tokens(read({"gen_ai.system": "gemini", "gen_ai.response": json.dumps(gemini)})) == (120, 30)


def test_spans_without_a_model_are_left_alone() -> None:
    attributes = {
        "http.route": "/x",
        "user.id": "u",
        "session.id": "s",
        "error.type": "E",
        "tool.name": "t",
        "model": 3,
    }
    found = read(attributes)
    assert found["attributes"] == attributes
    assert found["role"] == "none"


def test_keys_that_others_read_stay_when_originals_go() -> None:
    general = {"session.id": "s-1", "enduser.id": "u-1", "http.status_code": 200}
    attributes = {"llm.model": "gpt-4o", "llm.input_tokens": 5, "llm.session_id": "s-0"} | general
    found = read(attributes, keep_originals=False)["attributes"]
    assert {key: found.get(key) for key in general} == general
    assert "llm.model" not in found
    found = read({"gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 5} | general, keep_originals=False)
    assert {key: found["attributes"].get(key) for key in general} == general
    assert found["facts"]["session_id"] == found["attributes"]["gen_ai.conversation.id"] == "s-1"


@pytest.mark.parametrize(
    ("named", "model", "provider"),
    [
        ("openai", "claude-sonnet-4-5", "anthropic"),
        ("azure.ai.inference", "gpt-4o", "azure.ai.inference"),
        ("gcp.gen_ai", "claude-sonnet-4-5", "gcp.gen_ai"),
        ("anthropic", "gpt-4o", "anthropic"),
    ],
)
def test_behind_a_gateway_the_model_tells_more_than_a_client_that_says_openai(
    named: str, model: str, provider: str
) -> None:
    attributes = {"gen_ai.provider.name": named, "gen_ai.request.model": model, "gen_ai.usage.input_tokens": 5}
    found = read(attributes | {"server.address": "gateway.ai.cloudflare.com"})
    assert found["facts"]["provider"] == provider


def test_users_keys_and_dialects_are_read() -> None:
    acme = {
        "name": "acme",
        "detect": ["acme.llm.model"],
        "includes_cached": "exclusive",
        "implies": {"provider": "anthropic"},
        "attributes": {
            "request_model": ["acme.llm.model"],
            "input_tokens": ["acme.llm.usage#in"],
            "output_tokens": ["acme.llm.usage#out"],
            "cache_read_tokens": ["acme.llm.usage#cached"],
            "ttft": ["acme.llm.ttft | ms"],
        },
    }
    attributes = {
        "acme.llm.model": "claude-haiku-4-5",
        "acme.llm.usage": '{"in": 20, "out": 30, "cached": 100}',
        "acme.llm.ttft": 250,
        "acme.customer": "c-1",
    }
    found = read(attributes, dialects=[acme], attributes={"tenant_id": "acme.customer"})
    assert found["dialect"] == "acme"
    assert tokens(found) == (120, 30)
    assert (found["facts"]["ttft"], found["facts"]["tenant_id"]) == (0.25, "c-1")
    assert found["facts"]["provider"] == "anthropic"
