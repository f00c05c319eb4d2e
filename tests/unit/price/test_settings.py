"""The `prices:` section: what it accepts, what it says is wrong, what it does to a price."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from enricher.price.check import check
from enricher.price.settings import PricesSettings
from enricher.price.terms import Terms
from tests.support.rooms import price_book

NOON = 1_795_176_000 * 10**9
"""2026-11-20 12:00 UTC."""


def _settings(**section: Any) -> PricesSettings:
    return PricesSettings.model_validate(section)


def _price(section: dict[str, Any], **request: Any) -> dict[str, Any]:
    settings = _settings(**section)
    assert check(settings) == []
    usage = {"input": 1_000_000, "output": 100_000}
    answer: dict[str, Any] = json.loads(
        price_book(settings).price(json.dumps({"usage": usage, "time_unix_ns": NOON} | request))
    )
    return answer


def _usd(section: dict[str, Any], **request: Any) -> Decimal | None:
    usd = _price(section, **request)["usd"]
    return None if usd is None else Decimal(usd)


GPT_4O = {"provider": "openai", "request_model": "gpt-4o"}
"""2.5 in, 10 out: 3.5 USD for a million in and 100,000 out."""


def test_without_a_word_list_prices_hold() -> None:
    answer = _price({}, **GPT_4O)
    assert (answer["usd"], answer["state"], answer["price"]) == ("3.5", "computed", "openai/gpt-4o@2024-10-02")


def test_an_override_prices_a_model_that_the_book_lacks() -> None:
    section = {"overrides": [{"model": "acme/*", "per_million": {"input": 0.1, "output": "0.25"}}]}
    answer = _price(section, request_model="acme/llama-x")
    assert (answer["usd"], answer["price"]) == ("0.125", "override/acme/*")
    assert _usd(section, request_model="other/llama-x") is None


def test_an_override_replaces_what_it_names_and_leaves_the_rest() -> None:
    section = {"overrides": [{"model": "gpt-4o", "provider": "openai", "per_million": {"output": 20}}]}
    assert _usd(section, **GPT_4O) == Decimal("4.5")
    assert _usd(section, provider="azure.ai.openai", request_model="gpt-4o") == Decimal("3.5")


def test_overrides_by_time_tenant_tier_batch_and_context() -> None:
    tokens = {"input": 1, "output": 0}
    section = {
        "overrides": [
            {"model": "own", "per_million": tokens},
            {"model": "own", "per_million": {"input": 2, "output": 0}, "above_input_tokens": 1_000_000},
            {"model": "own", "per_million": {"input": 3, "output": 0}, "service_tier": "priority"},
            {"model": "own", "per_million": {"input": 4, "output": 0}, "batch": True},
            {
                "model": "own",
                "per_million": {"input": 5, "output": 0},
                "tenant": "acme",
                "from": "2026-11-20",
                "until": "2026-11-21",
            },
        ]
    }
    price = partial(_usd, section, request_model="own")
    assert price() == 1
    assert price(usage={"input": 1_000_001}) == Decimal("2.000002")
    assert price(service_tier="priority") == 3
    assert price(batch=True) == 4
    assert price(tenant="acme") == 5
    assert price(tenant="acme", time_unix_ns=NOON + 86_400 * 10**9) == 1


def test_time_and_requests_have_prices() -> None:
    section = {"overrides": [{"model": "gpu-*", "each": {"duration": 0.0005, "requests": "0.001"}}]}
    answer = _price(section, request_model="gpu-llama", usage={}, duration_ns=2_500_000_000)
    assert answer["usd"] == "0.00225"


def test_other_currencies_convert_at_the_stated_rate() -> None:
    section = {
        "currencies": {"EUR": 1.08},
        "overrides": [{"model": "own", "per_million": {"input": 2}, "currency": "EUR"}],
    }
    assert _usd(section, request_model="own") == Decimal("2.16")


def test_a_free_model_costs_nothing_and_is_computed() -> None:
    answer = _price(
        {"overrides": [{"model": "vllm/*", "per_million": {"input": 0, "output": 0}}]}, request_model="vllm/x"
    )
    assert (answer["state"], answer["usd"]) == ("computed", "0")


def test_local_models_are_free_by_definition() -> None:
    assert _usd({}, provider="ollama", request_model="llama3:8b") == 0
    assert _usd({}, provider="ollama", request_model="gpt-oss:120b-cloud") is None


@pytest.mark.parametrize("alias", ["openai/gpt-4o", {"model": "gpt-4o"}, {"model": "gpt-4o", "provider": "openai"}])
def test_aliases(alias: Any) -> None:
    section = {"aliases": {"My-GPT4o-Prod": alias}}
    answer = _price(section, provider="azure.ai.openai", request_model="my-gpt4o-prod")
    assert answer["usd"] == "3.5"
    assert answer["matched"] == {
        "source": "request_model",
        "name": "gpt-4o",
        "book": "openai/gpt-4o",
        "own": "",
        "alias": True,
    }


def test_aliases_for_one_host_or_provider() -> None:
    section = {"aliases": {"prod": {"model": "openai/gpt-4o", "when_host": "eu.*", "when_provider": "azure.ai.openai"}}}
    call = {"provider": "azure.ai.openai", "request_model": "prod", "host": "eu.acme.com"}
    assert _usd(section, **call) == Decimal("3.5")
    assert _usd(section, **(call | {"host": "us.acme.com"})) is None
    assert _usd(section, **(call | {"provider": "openai"})) is None


def test_an_alias_of_an_override() -> None:
    section = {"overrides": [{"model": "own", "per_million": {"input": 2}}], "aliases": {"prod": "own"}}
    assert _usd(section, request_model="prod") == 2


def test_discounts() -> None:
    section = {
        "discounts": [
            {"provider": "openai", "percent": 10},
            {"model": "gpt-4o*", "percent": 50, "units": ["output"], "tenant": "acme"},
            {"model": "gpt-4o", "percent": 99, "until": "2026-01-01"},
        ]
    }
    assert _usd(section, **GPT_4O) == Decimal("3.15")
    assert _usd(section, **GPT_4O, tenant="acme") == Decimal("2.7")
    assert _usd(section, provider="azure.ai.openai", request_model="gpt-4o") == Decimal("3.5")


@pytest.mark.parametrize(
    ("reported", "by_provider", "expected"),
    [
        ("provider", True, "reported"),
        ("provider", False, "computed"),
        ("always", False, "reported"),
        ("never", True, "computed"),
    ],
)
def test_whose_figure_wins(reported: str, by_provider: bool, expected: str) -> None:
    answer = _price({"reported": reported}, **GPT_4O, reported_usd="9", reported_by_provider=by_provider)
    assert (answer["state"], answer["usd"]) == (expected, "9" if expected == "reported" else "3.5")
    assert answer["computed_usd"] == "3.5"


@pytest.mark.parametrize(
    ("section", "path", "words"),
    [
        ({"aliases": {"prod": "gtp-4o"}}, "aliases.prod", "gpt-4o"),
        ({"aliases": {"my-gpt-4.1": "gtp-4.1"}}, 'aliases["my-gpt-4.1"]', "gpt-4.1"),
        ({"aliases": {"prod": "azure/gpt-4oo"}}, "aliases.prod", "gpt-4o"),
        ({"aliases": {"prod": {"model": "gpt-4o", "provider": "opnai"}}}, "aliases.prod.provider", "openai"),
        ({"aliases": {"prod": {"model": "gpt-4o", "when_provider": "opnai"}}}, "aliases.prod.when_provider", "openai"),
        ({"discounts": [{"provider": "antropic", "percent": 5}]}, "discounts[0].provider", "anthropic"),
        ({"discounts": [{"model": "clade-sonnet-4-5", "percent": 5}]}, "discounts[0].model", "claude"),
        (
            {"overrides": [{"model": "x", "per_million": {"input": 1}, "currency": "EUR"}]},
            "overrides[0].currency",
            "EUR",
        ),
        (
            {"overrides": [{"model": "x", "per_million": {"input": 1}, "service_tier": "priorty"}]},
            "overrides[0].service_tier",
            "priority",
        ),
        ({"overrides": [{"model": "x", "per_million": {"input": 1}}] * 2}, "overrides[1]", "remove one"),
        (
            {
                "overrides": [
                    {"model": "X", "provider": "azure", "per_million": {"input": 1}},
                    {"model": "x", "provider": "azure.ai.openai", "per_million": {"input": 2, "output": 3}},
                ]
            },
            "overrides[1]",
            "remove one",
        ),
        (
            {
                "overrides": [
                    {"model": "gpt-4o-m*", "per_million": {"input": 1}},
                    {"model": "*o-mini-2024", "per_million": {"output": 1}},
                    {"model": "*4o-mini-*", "per_million": {"input": 1}},
                ]
            },
            "overrides[2]",
            "date them",
        ),
        (
            {
                "overrides": [{"model": "own", "provider": "vllm", "per_million": {"input": 1}}],
                "aliases": {"prod": "own"},
            },
            "aliases.prod",
            "provider: vllm",
        ),
        ({"currencies": {"USD": 2, "EUR": 1.1}}, "currencies.USD", "remove it"),
    ],
)
def test_what_the_book_does_not_know_is_a_fault_with_a_hint(section: dict[str, Any], path: str, words: str) -> None:
    [problem] = check(_settings(**section))
    assert problem.path == path
    assert words in problem.hint


@pytest.mark.parametrize(
    "section",
    [
        {"overrides": [{"model": "x", "per_million": {"input": 1}}, {"model": "x", "per_million": {"output": 1}}]},
        {
            "overrides": [
                {"model": "x", "per_million": {"input": 1}},
                {"model": "x", "per_million": {"input": 2}, "from": "2026-02-01"},
            ]
        },
        {
            "overrides": [
                {"model": "x", "per_million": {"input": 1}},
                {"model": "x", "per_million": {"input": 2}, "tenant": "acme"},
            ]
        },
        {
            "overrides": [
                {"model": "gpt-*", "per_million": {"input": 1}},
                {"model": "gpt-4o*", "per_million": {"input": 2}},
            ]
        },
        {
            "overrides": [{"model": "own", "provider": "acme-cloud", "per_million": {"input": 1}}],
            "aliases": {"prod": {"model": "own", "provider": "acme-cloud"}},
        },
        {
            "overrides": [{"model": "own-*", "provider": "azure", "per_million": {"input": 1}}],
            "aliases": {"prod": {"model": "own-1", "when_provider": "azure"}},
        },
    ],
)
def test_terms_that_do_not_hide_each_other_are_no_fault(section: dict[str, Any]) -> None:
    assert check(_settings(**section)) == []


@pytest.mark.parametrize(
    ("override", "path", "meant"),
    [
        ({"model": "gpt-4oo"}, "overrides[0].model", "gpt-4o"),
        ({"model": "claude-sonet-4-5", "provider": "anthropic"}, "overrides[0].model", "claude-sonnet-4-5"),
        ({"model": "gpt-4o", "provider": "azure.ai.opnai"}, "overrides[0].provider", "azure.ai.openai"),
    ],
)
def test_an_override_of_nearly_a_known_name_gets_a_hint(override: dict[str, Any], path: str, meant: str) -> None:
    [problem] = check(_settings(overrides=[override | {"per_million": {"input": 1}}]))
    assert (problem.path, problem.severity) == (path, "warning")
    assert f"did you mean `{meant}`" in problem.hint


@pytest.mark.parametrize(
    "override",
    [
        {"model": "gpt-4.2o"},
        {"model": "acme-gpt-4o"},
        {"model": "gpt-4oo*"},
        {"model": "gpt-4o"},
        {"model": "gpt-4oo", "provider": "vllm"},
        {"model": "my-model", "provider": "acme-cloud"},
    ],
)
def test_an_override_of_a_model_of_your_own_gets_none(override: dict[str, Any]) -> None:
    assert check(_settings(overrides=[override | {"per_million": {"input": 1}}])) == []


def test_an_alias_of_a_provider_of_your_own() -> None:
    section = {
        "overrides": [{"model": "own", "provider": "acme-cloud", "per_million": {"input": 2}}],
        "aliases": {"prod": {"model": "own", "provider": "acme-cloud"}},
    }
    assert _usd(section, provider="openai", request_model="prod") == 2


@pytest.mark.parametrize(
    "section",
    [
        {"overrides": [{"model": "x"}]},
        {"overrides": [{"model": "x", "per_million": {"inputs": 1}}]},
        {"overrides": [{"model": "x", "per_million": {"input": -1}}]},
        {"overrides": [{"model": "x", "per_million": {"input": 0.0000000000001}}]},
        {"overrides": [{"model": "x", "per_million": {"requests": 1}}]},
        {"overrides": [{"model": "x", "per_million": {"input": 1}, "from": "2026-02-01", "until": "2026-01-01"}]},
        {"overrides": [{"model": "", "per_million": {"input": 1}}]},
        {"discounts": [{"percent": 0}]},
        {"discounts": [{"percent": 101}]},
        {"currencies": {"euro": 1}},
        {"currencies": {"EUR": 0}},
        {"reported": "sometimes"},
    ],
)
def test_nonsense_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _settings(**section)


@pytest.mark.parametrize("section", ["overrides", "discounts"])
@pytest.mark.parametrize(
    ("dates", "place", "words"),
    [
        ({"from": "1950-01-01"}, "from", "must be a time from 1970-01-01 on"),
        ({"until": "1969-12-31T23:59:59.5Z"}, "until", "must be a time from 1970-01-01 on"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from", "must be a time from 1970-01-01 on"),
        ({"until": "1970-01-01"}, "", "ends before it begins"),
    ],
)
def test_times_that_no_span_has_are_refused_where_they_stand(
    section: str, dates: dict[str, str], place: str, words: str
) -> None:
    terms = {"per_million": {"input": 1}} if section == "overrides" else {"percent": 10}
    with pytest.raises(ValidationError, match=words) as caught:
        _settings(**{section: [{"model": "gpt-4o"} | terms | dates]})
    (fault,) = caught.value.errors()
    assert fault["loc"] == ((section, 0, place) if place else (section, 0))


@pytest.mark.parametrize("glob", ["gpt-4o[a]*", "gpt-4?*", "gpt-4[o]*"])
def test_a_glob_knows_the_star_alone(glob: str) -> None:
    """As in the core: a model of one's own may be called `mine[1]`."""
    section = {"overrides": [{"model": glob, "per_million": {"input": 7, "output": 7}}]}
    assert _usd(section, **GPT_4O) == Decimal("3.5")
    listed = Terms(_settings(**section)).listed("openai", datetime(2026, 11, 20, tzinfo=UTC))
    assert [entry["model"] for entry in listed if "yours" in entry and entry["model"].startswith("gpt-4o")] == []
    aliased = _settings(**section, aliases={"mine": glob.removesuffix("*")})
    assert [problem.code for problem in check(aliased)] == []
