"""A name that goes on where a pattern's name has ended is another model's."""

from __future__ import annotations

import json

import pytest

from enricher.price import bounds
from enricher.price.book import ModelRow
from tests.support.rooms import price_book

UNKNOWN = [
    ("anthropic", "claude-opus-4-60"),
    ("anthropic", "claude-sonnet-4-55"),
    ("gcp.vertex_ai", "claude-opus-4-60"),
    ("gcp.gemini", "gemini-3.7-flash-lite"),
    ("gcp.gemini", "models/gemini-3.7-flash-lite"),
    ("gcp.gemini", "gemini-1.5-pro-max"),
    ("aws.bedrock", "amazon.nova-pro-v2:0"),
    ("aws.bedrock", "us.amazon.nova-pro-v2:0"),
    ("aws.bedrock", "us.anthropic.claude-opus-4-60"),
    ("aws.bedrock", "arn:aws:bedrock:us-west-2:1:custom-model/anthropic.claude-3-haiku-20240307-v1:0/abc"),
    ("aws.bedrock", "arn:aws:bedrock:us-west-2:1:custom-model/anthropic.claude-3-haiku-20240307-v1:0:200k/abc12"),
    ("aws.bedrock", "arn:aws:bedrock:us-west-2:1:custom-model/amazon.nova-lite-v1:0:300k/abc12"),
]
KNOWN = [
    ("anthropic", "claude-opus-4-6-20260205", "anthropic/claude-opus-4-6"),
    ("anthropic", "claude-opus-4-6[1m]", "anthropic/claude-opus-4-6"),
    ("gcp.vertex_ai", "claude-opus-4-6@20260205", "vertex/claude-opus-4-6"),
    ("gcp.gemini", "gemini-3.7-flash-preview-11-2026", "google/gemini-3.7-flash"),
    ("gcp.gemini", "gemini-3.5-flash-001", "google/gemini-3.5-flash"),
    ("gcp.gemini", "gemini-3.5-flash-lite-001", "google/gemini-3.5-flash-lite"),
    ("gcp.gemini", "gemini-2.0-flash-001", "google/gemini-2.0-flash"),
    ("aws.bedrock", "amazon.nova-pro-v1:0:300k", "aws/amazon.nova-pro-v1:0"),
    ("aws.bedrock", "us.amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),
    (
        "aws.bedrock",
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "aws/regional.anthropic.claude-3-5-sonnet-20241022-v2:0",
    ),
]


def _matched(provider: str, name: str) -> str | None:
    request = {"provider": provider, "request_model": name, "usage": {"input": 1000, "output": 1000}}
    matched = json.loads(price_book().price(json.dumps(request)))["matched"]
    return matched["book"] if matched else None


@pytest.mark.parametrize(("provider", "name"), UNKNOWN)
def test_what_nobody_lists_has_no_price(provider: str, name: str) -> None:
    assert _matched(provider, name) is None


@pytest.mark.parametrize(("provider", "name", "model"), KNOWN)
def test_dates_serials_and_releases_still_do(provider: str, name: str, model: str) -> None:
    assert _matched(provider, name) == model


@pytest.mark.parametrize(
    ("model", "names", "excluded"),
    [
        ("m", "m-4-6*", "m-4-6*/* m-4-6[0-9]*"),
        ("m", "m-4-2025* m-0*", "m-0*/* m-4-2025*/*"),
        ("m", " ".join(f"m-{digit}*" for digit in range(10)), " ".join(f"m-{digit}*/*" for digit in range(10))),
        ("m", "m-4:* * *-m", ""),
        ("nova-v1:0", "*nova*", "*nova*/* " + " ".join(f"*nova-v{digit}*" for digit in range(2, 10))),
        ("nova-v1:0", "*nova-v1*", "*nova-v1*/* *nova-v1[0-9]*"),
    ],
)
def test_what_a_pattern_excludes(model: str, names: str, excluded: str) -> None:
    (row,) = bounds.bounded([ModelRow("p", model, names, "", "s", "")], {})
    assert row.excluded == excluded


def test_variants_of_a_family_are_other_models() -> None:
    rows = [ModelRow(owner, "m", "flash* flash-live*", "*-tts", "s", "") for owner in ("p", "q")]
    first, second = bounds.bounded(rows, {"p": ["lite", "live"]})
    assert first.excluded == "*-tts flash*/* flash-lite* flash-live*/* flash-live-lite*", "it is a flash-live itself"
    assert second.excluded == "*-tts flash*/* flash-live*/*"
