"""The user's own terms beside the book, for `enricher prices`: what they change, and what is paid with them."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from enricher.price import refresh, report
from enricher.price import rules as rules_of
from enricher.price.book import Book, fits
from enricher.price.compile import compile_plan, discounted, target
from enricher.price.settings import Alias, Discount, Override, PricesSettings
from enricher.runtime.engine import CorePrices

_LISTED = ("input", "cache_read", "output")


class Terms:
    """A book, by default the one that settings choose, and their overrides, aliases and discounts over it."""

    def __init__(self, settings: PricesSettings, book: Book | None = None) -> None:
        self.settings = settings
        self.book: Book = book or refresh.chosen(settings.book)
        self.rules = rules_of.load()

    @cached_property
    def core(self) -> CorePrices:
        """Prices calls with these terms."""
        return CorePrices(json.dumps(compile_plan(self.settings, self.book)).encode())

    def listed(self, provider: str | None, at: datetime) -> list[dict[str, Any]]:
        """The entries of `report.listed`, then the user's models and names. `yours` says which terms concern an entry;
        its prices are then those paid at the time by who is no tenant, and `list` are the book's."""
        entries = report.listed(self.book, provider)
        concerned = self._concerned()
        for entry in entries:
            yours = concerned.get((entry["provider"], entry["model"]))
            if yours:
                entry["list"] = {unit: entry[unit] for unit in _LISTED}
                entry |= self._paid(entry["provider"], entry["model"], entry["list"], at) | {"yours": yours}
        told = {line for lines in concerned.values() for line in lines}
        for override in self.settings.overrides:
            line = described(override)
            if line not in told and provider in (None, self.rules.provider_of(override.provider)):
                entries.append(self._own(override) | {"yours": [line]})
        return entries

    def of(self, matched: dict[str, Any], tenant: str) -> list[str]:
        """The terms of a tenant ("": of who is none) that concern what the core has matched, a line each."""
        owner, _, model = matched["book"].partition("/")
        terms: list[Override | Discount] = [
            one for one in self.settings.overrides if self._label(one) == matched["own"]
        ]
        terms += [one for one in self.settings.discounts if (owner, model) in discounted(one, self.book, self.rules)]
        return [described(one) for one in terms if one.tenant in ("", tenant)]

    def aliases(self, name: str | None = None) -> list[str]:
        """What the user's names mean, or one of them, a line each."""
        return [
            f"{said} is {_meaning(alias, self.rules)}"
            for said, aliases in self.settings.aliases.items()
            if name is None or said.strip().lower() == name.strip().lower()
            for alias in aliases
        ]

    def _own(self, override: Override) -> dict[str, Any]:
        rate = Decimal(1) if override.currency == "USD" else self.settings.currencies[override.currency]
        prices: dict[str, str | None] = {unit: _plain(price * rate) for unit, price in override.per_million.items()}
        return {
            "provider": override.provider,
            "model": override.model,
            **{unit: prices.get(unit) for unit in _LISTED},
            "other_units": sorted({*prices, *override.each} - set(_LISTED)),
        }

    def _concerned(self) -> dict[tuple[str, str], list[str]]:
        concerned: dict[tuple[str, str], list[str]] = {}
        for override in self.settings.overrides:
            provider, glob = self.rules.provider_of(override.provider), override.model.strip().lower()
            for row in self.book.models:
                if override.provider and provider != row.provider:
                    continue
                if any(fits(name, glob) for name in (row.model.lower(), *row.names.split())):
                    concerned.setdefault((row.provider, row.model), []).append(described(override))
        for discount in self.settings.discounts:
            for key in discounted(discount, self.book, self.rules):
                concerned.setdefault(key, []).append(described(discount))
        return concerned

    def _paid(self, provider: str, model: str, listed: dict[str, Any], at: datetime) -> dict[str, str | None]:
        """USD per million tokens of each kind that the book or an override prices."""
        name = self.rules.providers[provider].names[0]
        paid: dict[str, str | None] = {}
        for unit in _LISTED:
            usage = {"output" if unit == "output" else "input": report.SAMPLE_TOKENS, unit: report.SAMPLE_TOKENS}
            request = json.loads(report.sample_request(model, name, at)) | {"usage": usage}
            part = Decimal(json.loads(self.core.price(json.dumps(request)))[unit])
            paid[unit] = _plain(part * 10**6 / report.SAMPLE_TOKENS) if listed[unit] is not None or part else None
        return paid

    def sellers(self, name: str) -> list[str]:
        """Providers that the book has a model of exactly that name of."""
        said = name.strip().lower()
        rows = (row for row in self.book.models if said in (row.model.lower(), *row.names.split()))
        return sorted({self.rules.providers[row.provider].names[0] for row in rows})

    def _label(self, override: Override) -> str:
        provider = self.rules.provider_of(override.provider) or override.provider.lower()
        model = override.model.strip().lower()
        return f"{provider}/{model}" if provider else model


def described(term: Override | Discount) -> str:
    """An override or a discount in a few words."""
    amounts = [f"{unit} {_plain(price)} / 1M" for unit, price in term.per_million.items()]
    amounts += [f"{unit} {_plain(price)} each" for unit, price in term.each.items()]
    if isinstance(term, Override):
        words = [
            f"override {term.model}: {', '.join(amounts)}" + (f" {term.currency}" if term.currency != "USD" else "")
        ]
        words += [f"above {term.above_input_tokens} input tokens"] * bool(term.above_input_tokens)
        words += ["batch"] * term.batch
        words += [value for value in (term.service_tier, term.speed, term.inference_geo, term.search_context) if value]
    else:
        off = [f"{_plain(term.percent)}%"] if term.percent else []
        words = [f"discount {' and '.join([*off, *amounts])} off {term.model}"]
        words += [f"on {', '.join(term.units)}"] * bool(term.units)
    words += [f"provider {term.provider}"] * bool(term.provider) + [f"tenant {term.tenant}"] * bool(term.tenant)
    words += [f"from {term.valid_from:%Y-%m-%d %H:%M}"] if term.valid_from else []
    words += [f"until {term.until:%Y-%m-%d %H:%M}"] if term.until else []
    return ", ".join(words)


def _meaning(alias: Alias, rules: rules_of.Rules) -> str:
    model, provider = target(alias, rules)
    words = ["/".join(part for part in (provider, model) if part) or "what the span says"]
    words += [f"in {alias.region}"] * bool(alias.region)
    words += [f"for {alias.when_provider}"] * bool(alias.when_provider)
    words += [f"at {alias.when_host}"] * bool(alias.when_host)
    return " ".join(words)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"
