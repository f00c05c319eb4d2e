"""The book and the `prices:` section to the plan's `price` section (read by `core/src/price/plan.rs`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from enricher.price import refresh
from enricher.price import rules as rules_of
from enricher.price.book import UNITS, Book, fits
from enricher.price.settings import Alias, Discount, Override, PricesSettings
from enricher.price.tables import Numbers, pico, tables_of

ANY_PROVIDER = 0xFFFF


def compile_plan(settings: PricesSettings, book: Book | None = None) -> dict[str, Any]:
    """The plan section for these settings over a book, by default the one of the file that they name or else the one
    that comes with the package.

    Raises InputError for a book that cannot be compiled, naming the row.
    """
    return _Compiler(settings, book or refresh.chosen(settings.book)).compile()


class _Compiler:
    def __init__(self, settings: PricesSettings, book: Book) -> None:
        self.settings = settings
        self.book = book
        self.rules = rules_of.load()
        self.provider_ids = list(self.rules.providers)
        aliases = [alias for of_name in settings.aliases.values() for alias in of_name]
        for name in (
            *(override.provider for override in settings.overrides),
            *(discount.provider for discount in settings.discounts),
            *(provider for alias in aliases for provider in (alias.provider, alias.when_provider)),
        ):
            if name and self.rules.provider_of(name) is None and name.lower() not in self.provider_ids:
                self.provider_ids.append(name.lower())
        self.tables = tables_of(book).copy()
        self.tenants = Numbers()

    def compile(self) -> dict[str, Any]:
        tables = self.tables
        own = self._overrides()
        modifiers = tables.modifiers + [part for one in self.settings.discounts for part in self._discount(one)]
        return {
            "reported": self.settings.reported,
            "providers": [self._provider(name) for name in self.provider_ids],
            "hints": [
                [glob, index]
                for index, name in enumerate(self.provider_ids)
                if name in self.rules.providers
                for glob in self.rules.providers[name].makes
            ],
            "naming": {
                "prefixes": self.rules.prefixes,
                "suffixes": self.rules.suffixes,
                "request_suffixes": self.rules.request_suffixes,
                "paths": list(self.rules.paths.items()),
                "resources": self.rules.resources,
            },
            "models": {
                "id": [model for _, model in (*tables.models, *own)],
                "provider": tables.owners
                + [self._provider_index(owner) if owner else ANY_PROVIDER for owner, _ in own],
                "overrides_from": len(tables.models),
                "search_tokens": tables.search_tokens,
            },
            "names": tables.names,
            "rows": {"units": list(UNITS), **tables.rows},
            "labels": tables.labels,
            "windows": tables.windows,
            "modifiers": modifiers,
            "aliases": [
                self._alias(name, alias) for name, aliases in self.settings.aliases.items() for alias in aliases
            ],
            "dimensions": self._dimensions(),
        }

    def _provider(self, name: str) -> dict[str, Any]:
        rule = self.rules.providers.get(name)
        if rule is None:
            return {"id": name, "names": [name]}
        return {
            "id": name,
            "names": [*rule.names, *([name] if name not in rule.names else [])],
            "fallbacks": [self.provider_ids.index(other) for other in rule.fallbacks],
            "slashed": rule.slashed,
            "request_first": rule.request_first,
            "regions": regions(name, self.book, self.rules),
            "region_hosts": rule.region_hosts,
            "self_hosted": bool(rule.self_hosted),
            "maker": rule.maker,
            "elsewhere": [
                {"provider": self.provider_ids.index(other), "hosts": there.hosts, "models": there.models}
                for other, there in rule.elsewhere.items()
            ],
        }

    def _provider_index(self, name: str) -> int:
        return self.provider_ids.index(self.rules.provider_of(name) or name.lower())

    def _overrides(self) -> dict[tuple[str, str], int]:
        """The user's models, after the book's: one for each provider and name, with the rows of all its overrides."""
        own: dict[tuple[str, str], int] = {}
        for override in self.settings.overrides:
            text = override.model.strip().lower()
            provider = override.provider and (self.rules.provider_of(override.provider) or override.provider.lower())
            if (provider, text) not in own:
                own[provider, text] = len(self.tables.models) + len(own)
                self.tables.name([text], [], own[provider, text])
            self._override_rows(override, own[provider, text])
        return own

    def _override_rows(self, override: Override, model: int) -> None:
        rate = Decimal(1) if override.currency == "USD" else self.settings.currencies[override.currency]
        start = _seconds(override.valid_from)
        date_part = f"@{override.valid_from:%Y-%m-%d}" if override.valid_from else ""
        prices: list[tuple[str, Decimal, int]] = [(unit, price, 10**6) for unit, price in override.per_million.items()]
        prices += [(unit, price, 1) for unit, price in override.each.items()]
        for unit, price, per in prices:
            self.tables.row(
                f"override/{override.model}{date_part}",
                {
                    "model": model,
                    "unit": UNITS.index(unit),
                    "price": pico(price * rate),
                    "per": per,
                    "from": start,
                    "until": _seconds(override.until),
                    "min_input": override.above_input_tokens + 1 if override.above_input_tokens else 0,
                    "batch": int(override.batch),
                    **{
                        name: self.tables.numbers[name].of(spelled.get(said.lower(), said.lower()))
                        for name, said, spelled in self._circumstances(override)
                    },
                    "tenant": self.tenants.of(override.tenant),
                },
            )

    def _circumstances(self, override: Override) -> list[tuple[str, str, dict[str, str]]]:
        """Dimension, what the user wrote, and the spellings of the dimension's values."""
        return [
            ("service_tier", override.service_tier, self.rules.service_tier),
            ("speed", override.speed, self.rules.speed),
            ("inference_geo", override.inference_geo, self.rules.inference_geo),
            ("search_context", override.search_context, self.rules.search_context),
        ]

    def _discount(self, discount: Discount) -> Iterator[dict[str, Any]]:
        """One modifier for the percentage, one for each amount."""
        common = {
            "num": 1,
            "den": 1,
            "models": [self.tables.models[key] for key in discounted(discount, self.book, self.rules)],
            "from": _seconds(discount.valid_from),
            "until": _seconds(discount.until),
            "tenant": self.tenants.of(discount.tenant),
            "provider": self._provider_index(discount.provider) if discount.provider else None,
        }
        if discount.percent:
            numerator, denominator = ((100 - discount.percent) / 100).as_integer_ratio()
            label = f"discount {discount.percent.normalize():f}%"
            yield {**common, "label": label, "num": numerator, "den": denominator, "units": list(discount.units)}
        amounts = [(unit, price, 10**6) for unit, price in discount.per_million.items()]
        for unit, price, per in [*amounts, *((unit, price, 1) for unit, price in discount.each.items())]:
            label = f"discount {price.normalize():f} USD off {'a million' if per > 1 else 'each'}"
            yield {**common, "label": label, "off": pico(price), "off_per": per, "units": [unit]}

    def _alias(self, name: str, alias: Alias) -> dict[str, Any]:
        model, provider = target(alias, self.rules)
        return {
            "name": name.strip().lower(),
            "model": model,
            "region": region_of(alias, self.rules),
            "model_provider": self._provider_index(provider) if provider else None,
            "provider": self._provider_index(alias.when_provider) if alias.when_provider else None,
            "host": alias.when_host.lower(),
        }

    def _dimensions(self) -> dict[str, Any]:
        spellings = {
            "service_tier": self.rules.service_tier,
            "speed": self.rules.speed,
            "inference_geo": self.rules.inference_geo,
            "search_context": self.rules.search_context,
        }
        plan: dict[str, Any] = {"batch_tiers": self.rules.batch_tiers, "standard": self.rules.standard}
        for name, numbers in self.tables.numbers.items():
            said = {value: value for value in numbers.values} | spellings[name]
            plan[name] = [[word, numbers.values[value]] for word, value in said.items() if value in numbers.values]
        plan["tenant"] = [[name, number] for name, number in sorted(self.tenants.values.items())]
        return plan


def target(alias: Alias, rules: rules_of.Rules) -> tuple[str, str]:
    """The model name, in lower case, and the provider that an alias stands for; `azure/gpt-4o` names both."""
    model = alias.model.strip().lower()
    first, slash, rest = model.partition("/")
    named = rules.provider_of(first) if slash and not alias.provider else None
    if named is not None and not rules.providers[named].slashed:
        return rest, named
    return model, rules.provider_of(alias.provider) or alias.provider.lower()


def region_of(alias: Alias, rules: rules_of.Rules) -> str:
    """The region or data zone that an alias states; "" for none."""
    if alias.region:
        return alias.region.strip().lower()
    model, provider = target(alias, rules)
    owner = provider or rules.provider_of(alias.when_provider)
    found = (rules.split_region(one, model)[0] for one in ([owner] if owner else rules.providers))
    return next(filter(None, found), "")


def regions(provider: str, book: Book, rules: rules_of.Rules) -> list[str]:
    """Regions and data zones that the book has prices of the provider for."""
    if not rules.providers[provider].regions:
        return []
    names = (name for row in book.models if row.provider == provider for name in row.names.split())
    return sorted({region for name in names if (region := rules.split_region(provider, name)[0])})


def discounted(discount: Discount, book: Book, rules: rules_of.Rules) -> list[tuple[str, str]]:
    """Keys of the book's models that a discount concerns: by id or name, in every region, of the provider and those it
    resells."""
    glob = discount.model.strip().lower()
    provider = rules.provider_of(discount.provider) if discount.provider else None
    owners = rules.chain(provider) if provider else None
    return [
        (row.provider, row.model)
        for row in book.models
        if (owners is None or row.provider in owners)
        and any(
            fits(name, glob) or fits(rules.split_region(row.provider, name)[1], glob)
            for name in (row.model.lower(), *row.names.split())
        )
    ]


def _seconds(moment: datetime | None) -> int:
    return int(moment.astimezone(UTC).timestamp()) if moment else 0
