"""Prices by region and data zone: Bedrock's by host and ARN, Azure's by alias, uplifts by host."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from enricher.price.check import check
from enricher.price.settings import PricesSettings
from enricher.runtime.engine import CorePrices
from tests.support.rooms import price_book

NOON = 1_795_176_000 * 10**9
"""2026-11-20 12:00 UTC."""
LLAMA = "meta.llama3-70b-instruct-v1:0"
"""2.65 in, 3.5 out per million; in eu-west-2 3.45 and 4.55, in ca-central-1 3.05 and 4.03."""
HOME, LONDON, CANADA = "0.0044", "0.005725", "0.005065"
CORE = price_book()


def _ask(core: CorePrices, **request: Any) -> dict[str, Any]:
    call = {"time_unix_ns": NOON, "usage": {"input": 1000, "output": 500}} | request
    answer: dict[str, Any] = json.loads(core.price(json.dumps(call)))
    return answer


def _bedrock(model: str, host: str = "", **request: Any) -> str | None:
    usd: str | None = _ask(CORE, provider="aws.bedrock", request_model=model, host=host, **request)["usd"]
    return usd


@pytest.mark.parametrize(
    "host",
    [
        "bedrock-runtime.eu-west-2.amazonaws.com",
        "https://bedrock-runtime.eu-west-2.amazonaws.com:443/model/x/converse",
        "Bedrock-Runtime.EU-WEST-2.amazonaws.com.",
        "bedrock-runtime-fips.eu-west-2.amazonaws.com",
        "bedrock.eu-west-2.amazonaws.com",
        "bedrock-runtime.eu-west-2.api.aws",
        "vpce-0a1b2c3d4e5f-abcdefgh.bedrock-runtime.eu-west-2.vpce.amazonaws.com",
        "vpce-0a1b2c3d4e5f-abcdefgh-eu-west-2a.bedrock-runtime.eu-west-2.vpce.amazonaws.com",
    ],
)
def test_a_bedrock_host_names_the_region(host: str) -> None:
    assert _bedrock(LLAMA, host) == LONDON


@pytest.mark.parametrize(
    "host",
    ["", "bedrock-runtime.us-east-1.amazonaws.com", "eu-west-2.example.com", "proxy.internal", "eu-west-2"],
)
def test_other_hosts_name_none_with_a_price_of_its_own(host: str) -> None:
    assert _bedrock(LLAMA, host) == HOME


@pytest.mark.parametrize("model", ["meta.llama3-70b-instruct", "META.llama3-70b-instruct-v1:0", f"bedrock/{LLAMA}"])
def test_names_are_shortened_as_anywhere_else(model: str) -> None:
    assert _bedrock(model, "bedrock-runtime.eu-west-2.amazonaws.com") == LONDON


def test_an_arn_names_the_region_and_wins_over_the_host() -> None:
    arn = f"arn:aws:bedrock:ca-central-1::foundation-model/{LLAMA}"
    assert _bedrock(arn) == CANADA
    assert _bedrock(arn, "bedrock-runtime.eu-west-2.amazonaws.com") == CANADA
    assert _ask(CORE, request_model=arn)["usd"] == CANADA, "an unknown provider"
    opaque = "arn:aws:bedrock:ca-central-1:123456789012:application-inference-profile/abc123"
    assert _bedrock(opaque, "proxy.internal", response_model=LLAMA) == CANADA


def test_the_names_own_region_stays() -> None:
    assert _bedrock(f"ca-central-1/{LLAMA}", "bedrock-runtime.eu-west-2.amazonaws.com") == CANADA
    assert _bedrock(f"bedrock/ca-central-1/{LLAMA}", "bedrock-runtime.eu-west-2.amazonaws.com") == CANADA


@pytest.mark.parametrize("prefix", ["us.", "eu.", "apac.", "global.", "us-gov."])
def test_inference_profiles_keep_their_price_wherever_they_are_called(prefix: str) -> None:
    model = f"{prefix}anthropic.claude-sonnet-4-5-20250929-v1:0"
    for host in ("bedrock-runtime.us-gov-west-1.amazonaws.com", "bedrock-runtime.eu-west-2.amazonaws.com"):
        assert _bedrock(model, host) == _bedrock(model)
    profile = f"arn:aws:bedrock:us-gov-west-1:123456789012:inference-profile/{model}"
    assert _bedrock(profile) == _bedrock(model)


def test_a_discount_on_a_model_holds_in_every_region() -> None:
    core = price_book({"discounts": [{"model": "meta.llama3-70b-*", "percent": 50}]})
    answer = _ask(core, provider="aws.bedrock", request_model=LLAMA, host="bedrock-runtime.eu-west-2.amazonaws.com")
    assert answer["usd"] == "0.0028625"


@pytest.mark.parametrize(
    ("host", "factor"),
    [
        ("", 1.0),
        ("aiplatform.googleapis.com", 1.0),
        ("global-aiplatform.googleapis.com", 1.0),
        ("europe-west4-aiplatform.googleapis.com", 1.1),
        ("https://Europe-West4-aiplatform.googleapis.com:443/v1/projects/p", 1.1),
        ("aiplatform.eu.rep.googleapis.com", 1.1),
    ],
)
def test_vertex_regions_cost_more(host: str, factor: float) -> None:
    answer = _ask(CORE, provider="gcp.vertex_ai", request_model="claude-sonnet-4-5@20250929", host=host)
    assert float(answer["usd"]) == pytest.approx(0.0105 * factor, abs=1e-12)


@pytest.mark.parametrize("host", ["eu.api.openai.com:443", "EU.api.openai.com", "https://eu.api.openai.com/v1"])
def test_openais_regional_hosts_cost_more_however_they_are_written(host: str) -> None:
    plain, regional = (_ask(CORE, provider="openai", request_model="gpt-5.4", host=h) for h in ("", host))
    assert float(regional["usd"]) == pytest.approx(float(plain["usd"]) * 1.1, abs=1e-12)


AZURE = {"provider": "azure.ai.openai", "request_model": "chat-prod"}
SERVED = {"response_model": "gpt-4o-2024-08-06"}
"""7.5 USD a thousand such calls, 8.25 in the data zones us and eu."""


@pytest.mark.parametrize(
    ("alias", "usd"),
    [
        ("azure/gpt-4o", "0.0075"),
        ("azure/eu/gpt-4o-2024-08-06", "0.00825"),
        ({"model": "us/gpt-4o-2024-08-06"}, "0.00825"),
        ({"model": "gpt-4o", "region": "eu"}, "0.00825"),
        ({"region": "EU"}, "0.00825"),
    ],
)
def test_an_alias_states_the_data_zone_whatever_the_response_says(alias: Any, usd: str) -> None:
    core = _aliased({"chat-prod": alias})
    assert _ask(core, **AZURE, **SERVED)["usd"] == usd
    assert _ask(core, provider="azure.ai.openai", request_model="other", **SERVED)["usd"] == "0.0075"


def test_one_name_means_another_model_at_another_host_or_provider() -> None:
    core = _aliased(
        {
            "chat-prod": [
                {"model": "azure/eu/gpt-4o-2024-08-06", "when_host": "acme-eu.openai.azure.com"},
                {"model": "gpt-4o-mini", "when_provider": "openai"},
                "gpt-4o",
            ]
        }
    )
    assert _ask(core, **AZURE, **SERVED, host="Acme-EU.openai.azure.com:443")["usd"] == "0.00825"
    assert _ask(core, **AZURE, **SERVED, host="acme-us.openai.azure.com")["usd"] == "0.0075"
    assert _ask(core, provider="openai", request_model="chat-prod")["usd"] == "0.00045"
    assert _ask(core, **AZURE)["usd"] == "0.0075"


@pytest.mark.parametrize(
    ("aliases", "code", "path", "words"),
    [
        (
            {"prod": ["gpt-4o", {"model": "gpt-4o-mini", "when_host": "eu.*"}]},
            "no-effect",
            "aliases.prod[1]",
            "aliases.prod[0]",
        ),
        (
            {"prod": [{"model": "gpt-4o", "when_host": "*.acme.com"}, {"model": "gpt-4", "when_host": "EU.acme.com"}]},
            "no-effect",
            "aliases.prod[1]",
            "aliases.prod[0]",
        ),
        (
            {
                "prod": [
                    {"model": "gpt-4o", "when_provider": "azure"},
                    {"model": "gpt-4", "when_provider": "azure.ai.openai"},
                ]
            },
            "no-effect",
            "aliases.prod[1]",
            "aliases.prod[0]",
        ),
        ({"Prod": "gpt-4o", "prod": "gpt-4"}, "no-effect", "aliases.prod", "aliases.Prod"),
        (
            {"prod": [{"model": "gpt-4o-mini", "when_host": "a.*"}, "gtp-4o"]},
            "unknown-value",
            "aliases.prod[1]",
            "gpt-4o",
        ),
        ({"prod": {"region": "eu-wets-2"}}, "unknown-value", "aliases.prod.region", "eu-west-2"),
        ({"prod": {"model": "azure/gpt-4o", "region": "eu-west-2"}}, "unknown-value", "aliases.prod.region", "eu"),
    ],
)
def test_aliases_that_cannot_hold_are_faults(aliases: Any, code: str, path: str, words: str) -> None:
    problems = check(PricesSettings.model_validate({"aliases": aliases}))
    assert [(problem.code, problem.path) for problem in problems if problem.path == path] == [(code, path)]
    assert any(words in f"{problem.message} {problem.hint}" for problem in problems)


def _aliased(aliases: dict[str, Any]) -> CorePrices:
    settings = PricesSettings.model_validate({"aliases": aliases})
    assert check(settings) == []
    return price_book(settings)


@pytest.mark.parametrize("provider", ["gcp.vertex_ai", "gcp.gemini", "anthropic", ""])
@pytest.mark.parametrize(
    ("place", "usd"), [("us-east5", "0.00495"), ("eu", "0.00495"), ("global", "0.0045"), ("", "0.0045")]
)
def test_the_path_of_a_resource_says_where_it_lies(provider: str, place: str, usd: str) -> None:
    model = f"projects/p/locations/{place}/publishers/anthropic/models/claude-sonnet-4-5@20250929"
    call = {"provider": provider, "usage": {"input": 1000, "output": 100}}
    assert _ask(CORE, request_model=model, **call)["usd"] == usd
    if provider:
        assert _ask(CORE, request_model=model, response_model="claude-sonnet-4-5-20250929", **call)["usd"] == usd
    proxied = _ask(CORE, request_model=model, host="europe-west1-aiplatform.googleapis.com", **call)
    assert proxied["usd"] == (usd if place else "0.00495"), "the path wins over the host"


@pytest.mark.parametrize(
    ("call", "found", "usd"),
    [
        ({"request_model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}, "aws/", "0.01155"),
        ({"request_model": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"}, "aws/", "0.0105"),
        ({"request_model": "claude-sonnet-4-5", "host": "us-east5-aiplatform.googleapis.com"}, "vertex/", "0.01155"),
        ({"request_model": "claude-sonnet-4-5@20250929"}, "vertex/", "0.0105"),
        ({"request_model": "claude-sonnet-4-5", "host": "api.anthropic.com"}, "anthropic/", "0.0105"),
    ],
)
def test_a_cloud_serves_what_anthropics_sdk_sends_there(call: dict[str, str], found: str, usd: str) -> None:
    """AnthropicBedrock and AnthropicVertex: the provider of the span is Anthropic all the same."""
    answer = _ask(CORE, provider="anthropic", response_model="claude-sonnet-4-5-20250929", **call)
    assert answer["usd"] == usd
    assert answer["matched"]["book"].startswith(found) or found == "vertex/"


@pytest.mark.parametrize(
    ("call", "usd", "assumed"),
    [
        ({"provider": "openai", "request_model": "gpt-5", "service_tier": "flex"}, "0.003125", []),
        ({"provider": "openai", "request_model": "gpt-4o", "service_tier": "flex"}, "0.0075", ["service_tier"]),
        ({"provider": "openai", "request_model": "gpt-4o", "service_tier": "default"}, "0.0075", []),
        ({"provider": "openai", "request_model": "gpt-4o", "service_tier": "scale"}, "0.0075", ["service_tier"]),
        ({"provider": "anthropic", "request_model": "claude-sonnet-4-5", "speed": "fast"}, "0.0105", ["speed"]),
        (
            {"provider": "anthropic", "request_model": "claude-sonnet-4-5", "inference_geo": "not_available"},
            "0.0105",
            [],
        ),
        ({"provider": "groq", "request_model": "llama-3.3-70b-versatile", "service_tier": "flex"}, "0.000985", []),
    ],
)
def test_a_tier_without_a_price_of_its_own_is_told(call: dict[str, str], usd: str, assumed: list[str]) -> None:
    answer = _ask(CORE, **call)
    assert (answer["usd"], answer["assumed"]) == (usd, assumed)
    assert all(line["assumed"] == assumed for line in answer["lines"])


@pytest.mark.parametrize(("day", "assumed"), [("2026-12-31", []), ("2027-01-01", ["holidays"]), ("2027-01-02", [])])
def test_peak_hours_beyond_the_calendar_are_told(day: str, assumed: list[str]) -> None:
    """2027-01-02 is a Saturday: off-peak whatever the calendar."""
    at = int(datetime.fromisoformat(f"{day}T02:00:00Z").timestamp()) * 10**9
    assert _ask(CORE, provider="deepseek", request_model="deepseek-flash", time_unix_ns=at)["assumed"] == assumed


@pytest.mark.parametrize(
    ("provider", "model", "usd", "assumed"),
    [
        ("openai", "o3", "0.0014", []),
        ("azure.ai.openai", "o4-mini", "0.00077", ["batch"]),
        ("anthropic", "claude-haiku-4-5", "0.000525", []),
        ("gcp.gemini", "gemini-2.5-flash-image", "0.000215", []),
        ("groq", "openai/gpt-oss-120b", "0.000105", []),
    ],
)
def test_cached_tokens_in_a_batch(provider: str, model: str, usd: str, assumed: list[str]) -> None:
    """OpenAI: no discount for caching in batches. Anthropic: both. Gemini: cached tokens as ever. Groq: not both."""
    usage = {"input": 1000, "cache_read": 500, "output": 100}
    answer = _ask(CORE, provider=provider, request_model=model, batch=True, usage=usage)
    assert (answer["usd"], answer["assumed"]) == (usd, assumed)
