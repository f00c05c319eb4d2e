"""A name keeps its price however it is wrapped."""

import json

import pytest

from enricher.price import exact
from enricher.price.book import ModelRow
from tests.support.rooms import price_book


def row(provider: str, model: str) -> str:
    """The model of the book that a name means."""
    request = {"provider": provider, "request_model": model, "usage": {"input": 1000, "output": 500}}
    found: str = json.loads(price_book().price(json.dumps(request)))["matched"]["book"]
    return found


@pytest.mark.parametrize(
    ("provider", "wrapped", "bare"),
    [
        (
            "aws.bedrock",
            "arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/apac.amazon.nova-pro-v1:0",
            "apac.amazon.nova-pro-v1:0",
        ),
        (
            "aws.bedrock",
            "arn:aws-us-gov:bedrock:us-gov-west-1:1:inference-profile/us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("litellm", "bedrock/converse/apac.amazon.nova-pro-v1:0", "apac.amazon.nova-pro-v1:0"),
        ("azure.ai.openai", "azure/eu/o4-mini", "eu/o4-mini"),
    ],
)
def test_a_path_before_an_exact_name_changes_nothing(provider: str, wrapped: str, bare: str) -> None:
    assert row(provider, wrapped).endswith(f"/{bare}")


def test_only_names_that_a_pattern_would_take_are_excluded() -> None:
    rows = [
        ModelRow("p", "family", "*nova-pro* nova-pro", "*-tts", "s", ""),
        ModelRow("p", "regional", "eu.nova-pro", "", "s", ""),
        ModelRow("p", "other", "nova-lite", "", "s", ""),
        ModelRow("q", "elsewhere", "x.nova-pro", "", "s", ""),
    ]
    assert [row.excluded for row in exact.excluded(rows)] == ["*-tts */eu.nova-pro", "", "", ""]
