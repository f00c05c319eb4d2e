"""Whose terms hold: the user's own beside the book's, servers that nobody lists, names that hide a list price."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from enricher.price.check import check
from enricher.price.settings import PricesSettings
from tests.support.rooms import price_book

NOON = 1_795_176_000 * 10**9
"""2026-11-20 12:00 UTC."""
CACHED = {"input": 1_000_000, "cache_read": 400_000, "cache_write": 100_000, "output": 100_000, "reasoning": 60_000}


def _price(section: dict[str, Any], **request: Any) -> dict[str, Any]:
    settings = PricesSettings.model_validate(section)
    assert check(settings) == []
    answer: dict[str, Any] = json.loads(
        price_book(settings).price(json.dumps({"usage": CACHED, "time_unix_ns": NOON} | request))
    )
    return answer


def _usd(section: dict[str, Any], **request: Any) -> Decimal | None:
    usd = _price(section, **request)["usd"]
    return None if usd is None else Decimal(usd)


def test_free_input_and_output_make_every_token_free() -> None:
    section = {"overrides": [{"model": "claude-sonnet-4-5", "per_million": {"input": 0, "output": 0}}]}
    answer = _price(section, provider="anthropic", request_model="claude-sonnet-4-5")
    assert (answer["state"], answer["usd"]) == ("computed", "0")
    assert {line["row"] for line in answer["lines"]} == {"override/claude-sonnet-4-5"}


def test_what_own_terms_do_not_name_costs_what_they_make_of_it() -> None:
    section: dict[str, Any] = {"overrides": [{"model": "gpt-5", "per_million": {"input": 2, "output": 8}}]}
    answer = _price(section, provider="openai", request_model="gpt-5")
    assert Decimal(answer["usd"]) == 2 + Decimal("0.8")
    billed = {line["unit"]: line["billed_as"] for line in answer["lines"]}
    assert billed == {"input": "input", "cache_read": "input", "cache_write": "input", "output": "output"}
    section["overrides"][0]["per_million"]["cache_read"] = Decimal("0.5")
    assert _usd(section, provider="openai", request_model="gpt-5") == Decimal("1.2") + Decimal("0.2") + Decimal("0.8")


def test_fees_of_the_provider_stay_until_they_are_named() -> None:
    free = {"model": "sonar", "per_million": {"input": 0, "output": 0}}
    call = {"provider": "perplexity", "request_model": "sonar", "search_context_size": "high"}
    assert _usd({"overrides": [free]}, **call) == Decimal("0.012")
    assert _usd({"overrides": [free | {"each": {"requests": 0}}]}, **call) == 0
    searched = {"provider": "openai", "request_model": "gpt-5", "usage": {"input": 1000, "web_searches": 3}}
    assert _usd({"overrides": [free | {"model": "gpt-5"}]}, **searched) == Decimal("0.03")


def test_a_price_for_time_is_all_that_is_owed() -> None:
    section: dict[str, Any] = {"overrides": [{"model": "gpt-oss-120b", "each": {"duration": "0.0005"}}]}
    call = {"provider": "groq", "request_model": "openai/gpt-oss-120b", "duration_ns": 4_000_000_000}
    answer = _price(section, **call)
    assert (answer["usd"], answer["without_price"]) == ("0.002", [])
    assert [line["unit"] for line in answer["lines"]] == ["duration"]
    section["overrides"][0]["per_million"] = {"input": 1, "output": 0}
    assert _usd(section, **call) == Decimal("1.002")


SERVERS = [
    *("vllm", "hosted_vllm", "tgi", "huggingface", "sglang", "nvidia", "nvidia_nim", "triton", "xinference", "localai"),
    *("sagemaker", "infinity", "lmdeploy", "Hosted_vLLM"),
]


@pytest.mark.parametrize("provider", SERVERS)
@pytest.mark.parametrize("model", ["deepseek-chat", "deepseek-ai/DeepSeek-V3.2", "gpt-4o", "openai/gpt-oss-120b"])
def test_servers_that_users_run_have_no_list_price(provider: str, model: str) -> None:
    answer = _price({}, provider=provider, request_model=model)
    assert (answer["state"], answer["reason"]) == ("unpriced", "unknown_model")


@pytest.mark.parametrize("provider", ["", "litellm", "openai", "vllm", "azure.ai.openai"])
@pytest.mark.parametrize("model", ["hosted_vllm/gpt-4o", "vllm/openai/gpt-4o", "Hosted_vLLM/deepseek-chat"])
def test_a_server_before_the_slash_runs_the_model(provider: str, model: str) -> None:
    assert _usd({}, provider=provider, request_model=model) is None
    own: dict[str, Any] = {"overrides": [{"model": model.split("/")[-1], "per_million": {"input": 1, "output": 0}}]}
    assert _usd(own, provider=provider, request_model=model) == 1
    own["overrides"][0]["provider"] = "vllm"
    assert _usd(own, provider=provider, request_model=model) == 1
    own["overrides"][0]["provider"] = "openai"
    assert _usd(own, provider=provider, request_model=model) is None


def test_an_alias_says_what_a_server_runs_for() -> None:
    section = {"aliases": {"team-chat": "openai/gpt-4o"}}
    assert _usd(section, provider="vllm", request_model="team-chat", usage={"input": 1_000_000}) == Decimal("2.5")


def test_makers_before_the_slash_are_no_servers() -> None:
    answer = _price({}, provider="openrouter", request_model="nvidia/nemotron-nano-9b-v2", usage={"input": 1000})
    assert answer["state"] == "computed"
    assert _price({}, provider="groq", request_model="nvidia/llama-3.3-70b-versatile")["matched"]["book"]


@pytest.mark.parametrize("provider", ["ollama", "lm_studio", "llama.cpp", "llamafile", "gpt4all"])
def test_what_runs_on_the_callers_machine_costs_nothing(provider: str) -> None:
    answer = _price({}, provider=provider, request_model="deepseek-r1:8b")
    assert (answer["state"], answer["usd"]) == ("computed", "0")


def test_what_has_no_list_price_is_named() -> None:
    answer = _price({}, provider="openai", request_model="gpt-4o", usage={"input": 1_000_000, "images": 2})
    assert (answer["state"], answer["usd"]) == ("computed", "2.5")
    assert answer["without_price"] == [{"unit": "images", "quantity": 2}]
    alone = _price({}, provider="openai", request_model="gpt-4o", usage={"images": 2})
    assert (alone["state"], alone["reason"]) == ("unpriced", "no_unit_price")


@pytest.mark.parametrize(
    ("request_model", "response_model", "usd"),
    [
        ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1", "0"),
        ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1:free", "0"),
        ("deepseek/deepseek-r1:free", "", "0"),
        ("deepseek/deepseek-r1", "deepseek/deepseek-r1", None),
        ("deepseek/deepseek-r1:free", "openai/gpt-4o", "2.5"),
    ],
)
def test_the_free_variant_is_free_whatever_the_response_calls_it(
    request_model: str, response_model: str, usd: str | None
) -> None:
    call = {"provider": "openrouter", "request_model": request_model, "response_model": response_model}
    cost = _usd({}, **call, usage={"input": 1_000_000})
    assert cost is not None
    assert cost == Decimal(usd) if usd is not None else cost > 0


VERTEX = {
    "publishers/meta/models/llama-3.3-70b-instruct-maas": "0.72",
    "meta/llama-3.3-70b-instruct-maas": "0.72",
    "llama-3.3-70b-instruct-maas": "0.72",
    "projects/p/locations/us-central1/publishers/meta/models/llama-3.1-405b-instruct-maas": "5",
    "deepseek-ai/deepseek-v3.1-maas": "0.6",
    "publishers/deepseek-ai/models/deepseek-r1-0528-maas": "1.35",
    "deepseek-v3.1-maas": "0.6",
    "openai/gpt-oss-120b-maas": "0.09",
    "publishers/openai/models/gpt-oss-20b-maas": "0.07",
    "qwen3-coder-480b-a35b-instruct-maas": "0.22",
    "publishers/qwen/models/qwen3-235b-a22b-instruct-2507-maas": "0.22",
    "kimi-k2-thinking-maas": "0.6",
    "publishers/mistralai/models/mistral-large-2411@001": "2",
    "mistral-medium-3@001": "0.4",
    "codestral-2501@001": "0.2",
    "publishers/anthropic/models/claude-sonnet-4-5@20250929": "3",
    "publishers/google/models/gemini-2.5-flash": "0.3",
    "publishers/minimaxai/models/minimax-m2-maas": "0.3",
}
"""Names as Vertex has them, and what a million tokens of input cost."""


@pytest.mark.parametrize("name", VERTEX)
def test_names_of_vertex(name: str) -> None:
    answer = _price({}, provider="gcp.vertex_ai", request_model=name, usage={"input": 100_000})
    assert answer["usd"] is not None, name
    assert Decimal(answer["usd"]) * 10 == Decimal(VERTEX[name]), answer["matched"]


@pytest.mark.parametrize("provider", ["perplexity", "litellm", ""])
def test_sonar_as_gateways_spell_it(provider: str) -> None:
    call = {"provider": provider, "request_model": "perplexity/sonar", "usage": {"input": 400, "output": 600}}
    assert _usd({}, **call, search_context_size="low") == Decimal("0.006")
    assert _usd({}, **call, search_context_size="medium") == Decimal("0.009")
    agents = {**call, "provider": "perplexity", "request_model": "perplexity/perplexity/sonar"}
    assert _usd({}, **agents) == Decimal("0.0016")
