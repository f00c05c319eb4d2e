"""Model names as the world writes them, each to the model of the book that it means."""

from __future__ import annotations

import json

import pytest

from tests.support.rooms import price_book

CASES = [
    ("openai", "gpt-4o-mini-20240718", "openai/gpt-4o-mini"),
    ("openai", "openai/gpt-4o", "openai/gpt-4o"),
    ("openai", "gpt-5.6-sol-2026-12-24", "openai/gpt-5.6-sol"),
    ("openai", "ft:gpt-4.1-2025-04-14:acme::abc123", "openai/ft:gpt-4.1"),
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123", "openai/ft:gpt-4o-mini"),
    ("gcp.gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
    ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", "google/gemini-2.5-flash"),
    ("gcp.vertex_ai", "projects/p/locations/us/publishers/google/models/gemini-2.5-pro", "vertex/gemini-2.5-pro"),
    ("gcp.vertex_ai", "claude-sonnet-4@20250514", "google/claude-4-sonnet"),
    ("gcp.vertex_ai", "gemini-2.0-flash-001", "vertex/gemini-2.0-flash"),
    (
        "aws.bedrock",
        "us.anthropic.claude-opus-4-1-20250805-v1:0",
        "aws/regional.anthropic.claude-opus-4-1-20250805-v1:0",
    ),
    ("aws.bedrock", "us-gov.amazon.nova-lite-v1:0", "aws/amazon.nova-lite-v1:0"),
    ("aws.bedrock", "us.amazon.nova-lite-v1:0", "aws/amazon.nova-lite-v1:0"),
    ("aws.bedrock", "apac.amazon.nova-lite-v1:0", "aws/apac.amazon.nova-lite-v1:0"),
    (
        "aws.bedrock",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    ("aws.bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0", "aws/amazon.nova-micro-v1:0"),
    ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123", None),
    ("openrouter", "anthropic/claude-sonnet-4.5:online", "openrouter/anthropic/claude-sonnet-4.5"),
    ("openrouter", "anthropic/claude-sonnet-4.5:nitro", "openrouter/anthropic/claude-sonnet-4.5"),
    ("openrouter", "acme/never-heard-of:free", "openrouter/any:free"),
    ("openrouter", "acme/never-heard-of", None),
    ("litellm", "azure/gpt-4o", "openai/gpt-4o"),
    ("litellm", "bedrock/us.amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),
    ("", "vertex_ai/claude-sonnet-4-5@20250929", "vertex/claude-sonnet-4-5@20250929"),
    ("", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
    ("", "gpt-4o", "openai/gpt-4o"),
    ("azure.ai.openai", "gpt-35-turbo", "openai/gpt-3.5-turbo-0125"),
    ("azure.ai.openai", "my-gpt4o-prod", None),
    ("mistral_ai", "mistral-large-latest", "mistral/mistral-large-latest"),
    ("x_ai", "GROK-4.7", "x-ai/grok-4.7"),
    ("cohere", "rerank-english-v3.0", "cohere/rerank-v3.0"),
    ("openai", "", None),
    ("openai", "x" * 1_000_000, None),
    ("openai", "gpt-4o\x00", None),
]


@pytest.mark.parametrize(("provider", "name", "model"), CASES, ids=[f"{p}-{n[:60]!r}" for p, n, _ in CASES])
def test_the_name_means_the_model(provider: str, name: str, model: str | None) -> None:
    answer = json.loads(
        price_book().price(json.dumps({"provider": provider, "request_model": name, "usage": {"input": 1}}))
    )
    assert (answer["matched"] or {}).get("book") == model
    if model is None:
        assert answer["reason"] == "unknown_model"


def test_the_request_names_bedrocks_region_where_the_response_does_not() -> None:
    request = {
        "provider": "aws.bedrock",
        "request_model": "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "response_model": "claude-sonnet-4-5-20250929",
        "usage": {"input": 100_000},
    }
    assert json.loads(price_book().price(json.dumps(request)))["usd"] == "0.3"
    regional = request | {"request_model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}
    assert json.loads(price_book().price(json.dumps(regional)))["usd"] == "0.33"
    opaque = request | {"request_model": "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"}
    assert json.loads(price_book().price(json.dumps(opaque)))["usd"] == "0.33"
