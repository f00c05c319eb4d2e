"""The core against the plain reference in decimal arithmetic, on generated calls over the shipped book."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.price import book as books
from enricher.price import rules as rules_of
from enricher.price import store
from enricher.price.book import TOKEN_UNITS, UNITS
from enricher.price.settings import PricesSettings
from tests.oracle import price as oracle
from tests.support.rooms import price_book

BOOK = store.shipped()
RULES = rules_of.load()
NAMED = [
    (provider.names[0], name)
    for row in BOOK.models
    if (provider := RULES.providers[row.provider])
    for name in (row.names.replace("*", "").split() if len(row.names) < 2000 else [row.model])
    if name
]
MAJOR = [
    pair
    for pair in NAMED
    if pair[0] in {"openai", "anthropic", "deepseek", "gcp.gemini", "x_ai", "perplexity", "aws.bedrock"}
]
BEGINNINGS = [
    "models/",
    "us.",
    "global.",
    "openai/",
    "vllm/",
    "a/b/c/",
    "azure/",
    "arn:aws:bedrock:eu-west-2::foundation-model/",
]
HOSTS = [
    "",
    "eu.api.openai.com",
    "https://EU.api.openai.com:443/v1",
    "us-east5-aiplatform.googleapis.com",
    "us-east-1.api.x.ai",
    "bedrock-runtime.eu-west-2.amazonaws.com",
    "bedrock-runtime.us-gov-west-1.amazonaws.com.",
    "vpce-1-a.bedrock-runtime.us-west-2.vpce.amazonaws.com:443",
]
EVENTFUL = sorted({books.timestamp(text) for row in BOOK.prices for text in (row.valid_from, row.valid_until) if text})
LONG = [199_999, 200_000, 200_001, 272_000, 272_001, 100_001]

SETTINGS = PricesSettings.model_validate(
    {
        "overrides": [
            {"model": "gpt-4o", "per_million": {"input": 1.5}, "from": "2026-01-01", "until": "2026-06-01"},
            {"model": "gpt-4o", "per_million": {"input": 1.25, "output": 3}, "tenant": "acme"},
            {
                "model": "claude-opus-5",
                "provider": "anthropic",
                "per_million": {"output": "7.77"},
                "each": {"requests": 0.01},
            },
            {"model": "gpt-4.1", "per_million": {"input": 0, "output": 0}},
            {"model": "gpt-5", "each": {"duration": 0.0005}},
            {"model": "gpt-5", "per_million": {"output": 4}, "from": "2026-06-01", "tenant": "acme"},
            {"model": "o3", "each": {"duration": 0.0005, "web_searches": 0.01, "requests": 0.002}},
            {"model": "gpt-5-mini", "each": {"duration": 0.0005}, "until": "2026-01-01"},
            {"model": "my-own", "per_million": {"input": 3}, "each": {"duration": 0.01}, "from": "2026-01-01"},
        ],
        "discounts": [
            {"provider": "openai", "percent": 7.5, "tenant": "acme"},
            {"model": "claude-*", "percent": 12, "units": ["cache_read", "output"], "from": "2026-03-01"},
            {"provider": "openai", "per_million": {"input": "0.333", "output": 30}, "each": {"web_searches": "0.0015"}},
        ],
    }
)
PLANS = {
    policy: PricesSettings.model_validate(SETTINGS.model_dump(by_alias=True) | {"reported": policy})
    for policy in ("provider", "always", "never")
}

tokens = st.one_of(st.integers(0, 5_000), st.sampled_from(LONG), st.integers(0, 10**9))
whole = st.integers(0, 50)
seconds = st.decimals(0, 100_000, places=6)
usages = st.dictionaries(
    st.sampled_from((*UNITS[:-1], "total", "text_input", "text_output")),
    st.none(),
    max_size=8,
).flatmap(
    lambda wanted: st.fixed_dictionaries(
        {
            unit: tokens
            if unit in (*TOKEN_UNITS, "total", "text_input", "text_output")
            else seconds
            if "seconds" in unit
            else whole
            for unit in wanted
        }
    )
)
prompts = st.fixed_dictionaries(
    {"input": tokens, "output": tokens}, optional={"cache_read": tokens, "cache_write": tokens, "reasoning": tokens}
)
starts = st.one_of(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),
    st.sampled_from(EVENTFUL).flatmap(
        lambda second: st.integers(-2, 2).map(lambda by: datetime.fromtimestamp(second + by, UTC))
    ),
)


@st.composite
def names(draw: st.DrawFn) -> tuple[str, str]:
    provider, name = draw(st.one_of(st.sampled_from(MAJOR), st.sampled_from(NAMED)))
    name = draw(st.sampled_from([name, name, name, "gpt-4o", "gpt-4.1", "gpt-5", "o3", "my-own", "claude-opus-5"]))
    name = draw(st.sampled_from(["", "", "", *BEGINNINGS])) + name
    name += draw(
        st.sampled_from(["", "", "", "-20260105", "-2026-01-05", "@20260105", ":online", "-v1:0", "-x", ":free"])
    )
    return draw(st.sampled_from([provider, provider, provider, "azure.ai.openai", "gcp.vertex_ai", "vllm"])), name


@st.composite
def calls(draw: st.DrawFn) -> oracle.Call:
    provider, model = draw(names())
    circumstances = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "batch": st.just("yes"),
                "service_tier": st.sampled_from(["flex", "priority", "fast", "default"]),
                "speed": st.sampled_from(["fast", "standard"]),
                "inference_geo": st.sampled_from(["us", "eu", "not_available"]),
                "search_context": st.sampled_from(["low", "medium", "high"]),
            },
        )
    )
    reported = draw(st.one_of(st.none(), st.decimals(0, 100, places=12), st.just(Decimal(0))))
    return oracle.Call(
        provider=provider,
        model=model,
        start=draw(starts),
        usage={unit: Decimal(str(count)) for unit, count in draw(st.one_of(prompts, usages)).items()},
        host=draw(st.sampled_from(HOSTS)),
        tenant=draw(st.sampled_from(["", "acme", "other"])),
        circumstances=circumstances,
        duration=Decimal(draw(st.integers(0, 10**9))) / 10**6,
        reported=reported,
        by_provider=draw(st.booleans()),
        estimated=draw(st.booleans()),
        failed=draw(st.booleans()),
    )


def request_of(call: oracle.Call) -> dict[str, Any]:
    since = call.start - datetime(1970, 1, 1, tzinfo=UTC)
    circumstances = dict(call.circumstances)
    return {
        "provider": call.provider,
        "request_model": call.model,
        "time_unix_ns": since // timedelta(microseconds=1) * 1000,
        "duration_ns": int(call.duration * 10**9),
        "usage": {unit: int(count) if count == int(count) else float(count) for unit, count in call.usage.items()},
        "host": call.host,
        "tenant": call.tenant,
        "batch": circumstances.pop("batch", "") == "yes",
        "search_context_size": circumstances.pop("search_context", ""),
        "reported_usd": None if call.reported is None else f"{call.reported:f}",
        "reported_by_provider": call.by_provider,
        "estimated": call.estimated,
        "failed_without_answer": call.failed,
        **circumstances,
    }


@given(calls(), st.sampled_from(sorted(PLANS)))
@settings(max_examples=300, deadline=None)
def test_the_core_agrees_with_the_reference(call: oracle.Call, policy: str) -> None:
    want = oracle.price(call, BOOK, RULES, PLANS[policy])
    got = json.loads(price_book(PLANS[policy]).price(json.dumps(request_of(call))))
    assert (got["state"], got["reason"]) == (want.state, want.reason), got
    assert (None if got["usd"] is None else Decimal(got["usd"])) == want.usd, got
    for part in ("input", "output", "cache_read", "cache_write", "other"):
        assert Decimal(got[part]) == want.parts.get(part, 0), got
    assert got["suspect_zero"] == want.suspect
    if want.state in ("computed", "estimated"):
        assert {left["unit"] for left in got["without_price"]} == want.without_price
    if want.usd is not None:
        assert got["usd_double"] == float(want.usd)
