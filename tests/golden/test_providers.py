"""Who is behind a call, by what a span says: names, hosts, ports, models, scopes. Frameworks are nobody's provider."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from enricher.normalize.tables import Providers, load
from tests.oracle.normalize import Span
from tests.support.rooms import normalizer
from tests.support.spans import request

FACTS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("providers.yaml").read_text())
USAGE = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2}


def facts(*spans: Span) -> list[dict[str, Any]]:
    """What each span comes to."""
    found = json.loads(normalizer().read(request(*spans).SerializeToString()))["spans"]
    return [span["facts"] for span in found]


def provider_of(attributes: dict[str, Any], scope: str = "app") -> str | None:
    found: str | None = facts(Span(USAGE | attributes, "chat", scope))[0].get("provider")
    return found


def pairs(kind: str) -> list[tuple[str, str]]:
    return [(value, name) for name, values in FACTS[kind].items() for value in values]


def wrong(kind: str, *keys: str) -> dict[str, str | None]:
    """The values of a kind that do not come to their provider, under any of the keys."""
    cases = [(key, value, name) for key in keys for value, name in pairs(kind)]
    found = facts(*(Span(USAGE | {key: value}, "chat", "app") for key, value, _ in cases))
    said = zip(cases, (one.get("provider") for one in found), strict=True)
    return {f"{key}={value}": told for (key, value, name), told in said if told != name}


def test_every_spelling_of_a_name() -> None:
    assert wrong("names", "gen_ai.provider.name", "gen_ai.system", "llm.provider", "ai.provider") == {}


def test_every_host() -> None:
    assert wrong("hosts", "server.address") == {}


def test_every_model_id() -> None:
    assert wrong("models", "gen_ai.request.model", "gen_ai.response.model") == {}


def test_every_scope() -> None:
    for scope, name in pairs("scopes"):
        assert provider_of({}, scope) == name, scope


def test_the_tables_have_no_provider_that_nothing_here_comes_to() -> None:
    assert set(load(Providers).aliases) == set(FACTS["names"])


@pytest.mark.parametrize("key", ["gen_ai.provider.name", "gen_ai.system"])
def test_frameworks_are_no_providers(key: str) -> None:
    # This one is known by its name to run in Azure.
    names = [name for name in FACTS["frameworks"] if (key, name) != ("gen_ai.system", "az.ai.agents")]
    alone = facts(*(Span(USAGE | {key: name}, "chat", "app") for name in names))
    assert {name: one.get("provider") for name, one in zip(names, alone, strict=True) if "provider" in one} == {}
    model = {"gen_ai.request.model": "claude-sonnet-4-5"}
    behind = facts(*(Span(USAGE | model | {key: name}, "chat", "app") for name in names))
    assert {one.get("provider") for one in behind} == {"anthropic"}


def test_a_gateways_host_leaves_the_question_to_the_model() -> None:
    for host in FACTS["gateway_hosts"]:
        assert provider_of({"server.address": host}) is None
        assert provider_of({"server.address": host, "gen_ai.request.model": "gpt-4o"}) == "openai"


@pytest.mark.parametrize("told", [{}, {"gen_ai.system": "openai"}, {"gen_ai.provider.name": "anthropic"}])
def test_a_gateways_path_names_the_provider(told: dict[str, Any]) -> None:
    """Whatever SDK asked, and whatever the model is called."""
    host, begin = "gateway.ai.cloudflare.com", "/v1/0123456789abcdef/my-gateway/"
    asked = told | {"gen_ai.request.model": "house-model"}
    for segment, name in pairs("gateway_paths"):
        path = f"{begin}{segment}/chat/completions"
        for where in (
            {"server.address": host, "url.path": path},
            {"url.full": f"https://{host}{path}?beta=true"},
            {"gen_ai.openai.api_base": f"https://{host}{begin}{segment}/"},
            {"server.address": f"https://{host}{begin}{segment}"},
        ):
            assert provider_of(asked | where) == name, (segment, where)


def test_a_gateways_path_without_a_providers_name_says_nothing() -> None:
    """One URL for all providers, others' gateways, and providers that only an account knows."""
    asked = {"gen_ai.system": "openai", "gen_ai.request.model": "claude-sonnet-4-5"}
    host = {"server.address": "gateway.ai.cloudflare.com"}
    for path in ("/v1/a/g/compat/chat/completions", "/v1/a/g", "/v1/a/g/", "/v1/a/g/custom-ours/x", "/", "", "groq"):
        assert provider_of(asked | host | {"url.path": path}) == "anthropic", path
    compat = host | {"url.path": "/v1/a/g/compat", "gen_ai.request.model": "google-ai-studio/gemini-2.5-flash"}
    assert provider_of({"gen_ai.system": "openai"} | compat) == "gcp.gemini"
    assert provider_of(asked | {"server.address": "example.test", "url.path": "/v1/a/g/groq"}) == "openai"
    # The SDK of a provider that has no compatible hosts knows whom it asks.
    assert provider_of({"gen_ai.system": "groq"} | host | {"url.path": "/v1/a/g/openai"}) == "groq"


def test_hosts_that_only_look_like_a_providers() -> None:
    assert {host: provider_of({"server.address": host}) for host in FACTS["other_hosts"]} == dict.fromkeys(
        FACTS["other_hosts"]
    )


def test_local_ports_count_on_this_machine_only() -> None:
    for port, name in FACTS["ports"].items():
        assert provider_of({"server.address": "localhost", "server.port": port}) == name
        assert provider_of({"server.address": "example.test", "server.port": port}) is None


def test_what_says_more_wins() -> None:
    """The name, then the host, then the scope, then the model; but a compatible host corrects OpenAI's own SDK."""
    openai = "opentelemetry.instrumentation.openai_v2"
    name, host = {"gen_ai.system": "groq"}, {"server.address": "api.mistral.ai"}
    model = {"gen_ai.request.model": "claude-sonnet-4-5"}
    assert provider_of(name | host | model, openai) == "groq"
    assert provider_of(host | model, openai) == "mistral_ai"
    assert provider_of({"gen_ai.system": "openai"} | host, openai) == "mistral_ai"
    assert provider_of(model, "opentelemetry.instrumentation.ollama") == "ollama"
    assert provider_of(model) == "anthropic"


def test_what_was_inferred_from_what_is_on_the_span() -> None:
    span = Span(USAGE | {"gen_ai.request.model": "gpt-4o", "server.address": "api.groq.com"}, "chat", "app")
    body = request(span).SerializeToString()
    told = json.loads(normalizer().read(body))["spans"][0]["attributes"]
    assert told["gen_ai.provider.name"] == told["gen_ai.system"] == "groq"
    sources = dict(zip(told["enricher.inferred"], told["enricher.inferred.from"], strict=True))
    assert sources["provider"] == "server address"
