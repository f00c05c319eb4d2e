"""The shipped tables hold together: names that they use exist, and what must be told apart is."""

import re
from pathlib import Path

import pytest

from enricher.normalize import tables
from enricher.normalize.compile import is_everyday
from enricher.normalize.names import concepts, maps, operations, providers
from enricher.normalize.notation import parse_source, parse_test
from enricher.normalize.settings import Dialect

CORE = Path(__file__).parents[3] / "core" / "src"
#: The dialects of the main job; the others may grow and shrink.
MAIN = [
    "enricher",
    *("otel_genai_current", "otel_genai_v137_v141", "otel_genai_legacy"),
    *("openllmetry_legacy", "openllmetry", "openinference", "openlit"),
    *("vercel_ai_v3_v4", "vercel_ai_v5", "vercel_ai_v6", "vercel_ai_v7"),
    *("pydantic_ai", "litellm_v1", "litellm_v2", "langfuse", "anthropic_sdk"),
    *("handwritten_ai", "handwritten_llm", "handwritten_claude", "plain_usage"),
]


def by_name() -> dict[str, Dialect]:
    return {dialect.name: dialect for dialect in tables.shipped_dialects()}


def test_concepts_are_those_of_the_core() -> None:
    block = (CORE / "concept.rs").read_text().partition("concepts! {\n")[2]
    core = re.findall(r'^    \w+ = "(\w+)",', block, re.MULTILINE)
    assert set(concepts()) == set(core)


def test_the_main_dialects_are_there_and_detected() -> None:
    named = {rule.dialect for rule in tables.load(tables.Detection).detection}
    assert set(MAIN) <= set(by_name())
    assert set(by_name()) - named == {"enricher"}


@pytest.mark.parametrize("name", MAIN)
def test_a_main_dialect_reads_what_matters(name: str) -> None:
    dialect = by_name()[name]
    if name == "enricher":
        return
    assert {"request_model", "input_tokens", "output_tokens"} <= set(dialect.attributes)
    assert dialect.title
    assert dialect.verified != "unverified"


def test_every_written_key_is_read() -> None:
    """What enricher writes it understands when it meets it again."""
    read = {
        (concept, parse_source(text, maps()).key)
        for dialect in tables.shipped_dialects()
        for concept, texts in dialect.attributes.items()
        for text in texts
    }
    written_only = {"error_class"}
    for name, entry in tables.load(tables.Canonical).concepts.items():
        if entry.key and name not in written_only:
            assert (name, entry.key) in read, f"{entry.key} is written for {name} but never read"


def test_keys_that_every_span_may_have_are_everyday() -> None:
    for key in ("user.id", "session.id", "error.type", "server.address", "http.response.status_code", "agent.name"):
        assert is_everyday(parse_source(key)), key
    for key in ("gen_ai.request.model", "llm.token_count.prompt", "run.usage", "ai.usage.tokens"):
        assert not is_everyday(parse_source(key)), key


def test_no_alias_names_two_providers_and_none_is_a_framework() -> None:
    table = tables.load(tables.Providers)
    owner: dict[str, str] = {}
    for name, aliases in table.aliases.items():
        for alias in (name, *aliases):
            assert owner.setdefault(alias.lower(), name) == name, alias
    assert not set(owner) & {name.lower() for name in table.not_providers}


def test_no_alias_means_two_operations() -> None:
    owner: dict[str, str] = {}
    for name, entry in tables.load(tables.Operations).operations.items():
        for alias in (name, *entry.aliases):
            assert owner.setdefault(alias.lower(), name) == name, alias


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("acme.openai.azure.com", "azure.ai.openai"),
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("evil-openai.com", None),
        ("api.anthropic.com", "anthropic"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("storage.googleapis.com", "gcp.gen_ai"),
        ("api.groq.com", "groq"),
    ],
)
def test_hosts_name_providers(host: str, provider: str | None) -> None:
    found = next((rule.provider for rule in tables.load(tables.Providers).hosts if _matches(rule, host)), None)
    assert found == provider


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-2024-08-06", "openai"),
        ("o3-mini", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("claude-sonnet-4-5@20250929", "gcp.vertex_ai"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "aws.bedrock"),
        ("amazon.nova-pro-v1:0", "aws.bedrock"),
        ("gemini-2.5-flash", "gcp.gen_ai"),
        ("ollama/llama3", "ollama"),
        ("openrouter/openai/gpt-4o", "openrouter"),
        ("codestral-latest", "mistral_ai"),
        ("my-own-model", None),
    ],
)
def test_model_ids_name_providers(model: str, provider: str | None) -> None:
    table = tables.load(tables.Providers)
    prefixed = next((name for prefix, name in table.model_prefixes.items() if model.startswith(prefix)), None)
    found = prefixed or next((rule.provider for rule in table.model_patterns if _matches(rule, model)), None)
    assert found == provider


def _matches(rule: tables.Match, text: str) -> bool:
    if rule.domain is not None:
        return text == rule.domain or text.endswith("." + rule.domain)
    if rule.exact is not None:
        return text == rule.exact
    return re.search(rule.regex or "(?!)", text) is not None


def test_every_provider_named_anywhere_exists() -> None:
    named = {name for dialect in tables.shipped_dialects() for name in dialect.includes_cached if name != "default"}
    assert {name for name in named if not name.startswith("scope:")} <= set(providers())


def test_roles_cover_the_conventions_operations() -> None:
    entries = tables.load(tables.Operations).operations
    assert {"chat", "text_completion", "generate_content", "embeddings", "rerank"} <= {
        name for name, entry in entries.items() if entry.role == "inference"
    }
    assert entries["fetch_response"].role == "never"
    assert entries["invoke_agent"].role == entries["invoke_workflow"].role == "wrapper"
    assert set(operations()) == set(entries)


def test_detection_tests_parse() -> None:
    for rule in tables.load(tables.Detection).detection:
        for test in (*rule.any, *rule.all):
            assert parse_test(test)
