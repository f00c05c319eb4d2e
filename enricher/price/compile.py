"""The book and the `prices:` section to the plan's `price` section (read by `core/src/price/plan.rs`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fnmatch import fnmatchcase
from typing import Any

from enricher.errors import InputError
from enricher.price import refresh
from enricher.price import rules as rules_of
from enricher.price.book import TOKEN_UNITS, UNITS, Book, ModifierRow, PriceRow, fits, timestamp
from enricher.price.scale import ASSUMED
from enricher.price.settings import Alias, Discount, Override, PricesSettings

ANY_PROVIDER = 0xFFFF
_PICO = 10**12
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW = re.compile(r"(\w{3})-(\w{3}) (\d\d):(\d\d)-(\d\d):(\d\d)(?: !(\w+))?")
_COLUMNS = (
    *("model", "unit", "price", "per", "from", "until", "min_input", "minimum", "maximum", "window"),
    *("service_tier", "batch", "speed", "inference_geo", "search_context", "tenant", "assumed"),
)


def compile_plan(settings: PricesSettings, book: Book | None = None) -> dict[str, Any]:
    """The plan section for these settings over a book, by default the one of the file that they name or else the one
    that comes with the package.

    Raises InputError for a book that cannot be compiled, naming the row.
    """
    return _Compiler(settings, book or refresh.chosen(settings.book)).compile()


@dataclass
class _Numbers:
    """Numbers for the values of one dimension, from 1 in the order in which they turn up."""

    values: dict[str, int] = field(default_factory=dict)

    def of(self, value: str) -> int:
        return self.values.setdefault(value, len(self.values) + 1) if value else 0


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
        self.models: dict[tuple[str, str], int] = {}
        self.rows: dict[str, list[int]] = {name: [] for name in _COLUMNS}
        self.labels: list[str] = []
        self.windows: dict[str, int] = {}
        self.numbers = {name: _Numbers() for name in ("service_tier", "speed", "inference_geo", "search_context")}
        self.tenants = _Numbers()

    def compile(self) -> dict[str, Any]:
        names: dict[str, Any] = {"text": [], "model": [], "except": {}}
        for row in self.book.models:
            index = self.models.setdefault((row.provider, row.model), len(self.models))
            self._name(names, row.names.split(), row.excluded.split(), index)
        for price in self.book.prices:
            self._book_row(price)
        modifiers = [self._modifier(row) for row in self.book.modifiers]
        own = self._overrides(names)
        modifiers += [part for discount in self.settings.discounts for part in self._discount(discount)]
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
                "id": [model for _, model in self.models] + [model for _, model in own],
                "provider": [self.provider_ids.index(owner) for owner, _ in self.models]
                + [self._provider_index(owner) if owner else ANY_PROVIDER for owner, _ in own],
                "overrides_from": len(self.models),
                "search_tokens": self._search_tokens(),
            },
            "names": names,
            "rows": {"units": list(UNITS), **self.rows},
            "labels": self.labels,
            "windows": [self._window(text) for text in self.windows],
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

    def _name(self, names: dict[str, Any], texts: Sequence[str], excluded: Sequence[str], model: int) -> None:
        stems = [text.removesuffix("*") for text in texts if text.endswith("*")]
        for text in texts:
            # What bounds another of the model's patterns alone says nothing of this one.
            own = text.removesuffix("*")
            met = [one for one in excluded if one.startswith(own) or not one.startswith(tuple(stems))]
            if met and "*" in text:
                names["except"][str(len(names["text"]))] = [one for glob in met for one in _digits(glob)]
            names["text"].append(text)
            names["model"].append(model)

    def _book_row(self, row: PriceRow) -> None:
        model = self.models.get((row.provider, row.model))
        if model is None:
            raise InputError(f"the book prices {row.provider}/{row.model}, which it does not list")
        when = self._conditions(row.when)
        scale = 1 if row.unit in TOKEN_UNITS else 10**6
        self._row(
            f"{row.provider}/{row.model}" + (f"@{row.valid_from}" if row.valid_from else ""),
            {
                "model": model,
                "unit": UNITS.index(row.unit),
                "price": _pico(Decimal(row.price)),
                "per": row.per,
                "from": timestamp(row.valid_from),
                "until": timestamp(row.valid_until),
                "min_input": _min_input(row.context),
                "minimum": int(Decimal(row.minimum or 0) * scale),
                "maximum": scale if self._once(row) else 0,
                "window": self.windows.setdefault(row.window, len(self.windows) + 1) if row.window else 0,
                "assumed": int(row.source.endswith(ASSUMED)),
                **when,
            },
        )

    def _search_tokens(self) -> list[tuple[int, int]]:
        """(model, tokens) of the models whose web searches are billed as input tokens, too."""
        return [
            (index, tokens)
            for (provider, model), index in self.models.items()
            if provider in self.rules.providers
            for glob, tokens in self.rules.providers[provider].search_tokens.items()
            if fnmatchcase(model.lower(), glob)
        ]

    def _once(self, row: PriceRow) -> bool:
        """Whether a call pays one of the unit, however many were counted."""
        rule = self.rules.providers.get(row.provider)
        globs = rule.once.get(row.unit, ()) if rule else ()
        return any(fnmatchcase(row.model.lower(), glob) for glob in globs)

    def _row(self, label: str, values: dict[str, int]) -> None:
        for name, column in self.rows.items():
            column.append(values.get(name, 0))
        self.labels.append(label)

    def _conditions(self, when: str) -> dict[str, int]:
        """`batch service_tier=flex` as numbers of values."""
        found: dict[str, int] = {}
        for word in when.split():
            name, _, value = word.partition("=")
            if name == "batch" and not value:
                found["batch"] = 1
            elif name in self.numbers and value:
                found[name] = self.numbers[name].of(value)
            else:
                raise InputError(f"the book asks for {word!r}, which is no condition")
        return found

    def _overrides(self, names: dict[str, Any]) -> dict[tuple[str, str], int]:
        """The user's models, after the book's: one for each provider and name, with the rows of all its overrides."""
        own: dict[tuple[str, str], int] = {}
        for override in self.settings.overrides:
            text = override.model.strip().lower()
            provider = override.provider and (self.rules.provider_of(override.provider) or override.provider.lower())
            if (provider, text) not in own:
                own[provider, text] = len(self.models) + len(own)
                self._name(names, [text], [], own[provider, text])
            self._override_rows(override, own[provider, text])
        return own

    def _override_rows(self, override: Override, model: int) -> None:
        rate = Decimal(1) if override.currency == "USD" else self.settings.currencies[override.currency]
        start = _seconds(override.valid_from)
        date_part = f"@{override.valid_from:%Y-%m-%d}" if override.valid_from else ""
        prices: list[tuple[str, Decimal, int]] = [(unit, price, 10**6) for unit, price in override.per_million.items()]
        prices += [(unit, price, 1) for unit, price in override.each.items()]
        for unit, price, per in prices:
            self._row(
                f"override/{override.model}{date_part}",
                {
                    "model": model,
                    "unit": UNITS.index(unit),
                    "price": _pico(price * rate),
                    "per": per,
                    "from": start,
                    "until": _seconds(override.until),
                    "min_input": override.above_input_tokens + 1 if override.above_input_tokens else 0,
                    "batch": int(override.batch),
                    **{
                        name: self.numbers[name].of(spelled.get(said.lower(), said.lower()))
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

    def _modifier(self, row: ModifierRow) -> dict[str, Any]:
        globs = row.models.split()
        hosts = row.hosts.split()
        numerator, denominator = Decimal(row.factor).as_integer_ratio()
        return {
            "label": f"{row.name} x{row.factor}",
            "num": numerator,
            "den": denominator,
            "models": [
                index
                for (provider, model), index in self.models.items()
                if provider == row.provider and any(fnmatchcase(model, glob) for glob in globs)
            ],
            "units": row.units.split(),
            "from": timestamp(row.valid_from),
            "until": timestamp(row.valid_until),
            "hosts": [host for host in hosts if not host.startswith("!")],
            "except_hosts": [host[1:] for host in hosts if host.startswith("!")],
            "fallback": row.fallback,
            **self._conditions(row.when),
        }

    def _discount(self, discount: Discount) -> Iterator[dict[str, Any]]:
        """One modifier for the percentage, one for each amount."""
        common = {
            "num": 1,
            "den": 1,
            "models": [self.models[key] for key in discounted(discount, self.book, self.rules)],
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
            yield {**common, "label": label, "off": _pico(price), "off_per": per, "units": [unit]}

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

    def _window(self, text: str) -> dict[str, Any]:
        found = WINDOW.fullmatch(text)
        if found is None or found[1] not in DAYS or found[2] not in DAYS:
            raise InputError(f"the book has the window {text!r}; write it as `mon-fri 01:00-04:00 !calendar`")
        first, last = DAYS.index(found[1]), DAYS.index(found[2])
        start, end = (int(found[at]) * 3600 + int(found[at + 1]) * 60 for at in (3, 5))
        epoch = date(1970, 1, 1)
        known_until = self.book.calendars().get(found[7] or "")
        return {
            "days": sum(1 << day for day in range(first, last + 1)),
            "spans": [[start, end]],
            "holidays": [
                (date.fromisoformat(row.day) - epoch).days for row in self.book.holidays if row.calendar == found[7]
            ],
            "known_until": (known_until - epoch).days if known_until else 0,
        }

    def _dimensions(self) -> dict[str, Any]:
        spellings = {
            "service_tier": self.rules.service_tier,
            "speed": self.rules.speed,
            "inference_geo": self.rules.inference_geo,
            "search_context": self.rules.search_context,
        }
        plan: dict[str, Any] = {"batch_tiers": self.rules.batch_tiers, "standard": self.rules.standard}
        for name, numbers in self.numbers.items():
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


def _digits(glob: str) -> Iterator[str]:
    """The globs that a glob with the class `[0-9]` stands for: the core knows stars only."""
    first, found, rest = glob.partition("[0-9]")
    yield from ((f"{first}{digit}{rest}" for digit in range(10)) if found else (glob,))


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


def _pico(price: Decimal) -> int:
    return int((price * _PICO).to_integral_value(ROUND_HALF_EVEN))


def _seconds(moment: datetime | None) -> int:
    return int(moment.astimezone(UTC).timestamp()) if moment else 0


def _min_input(context: str) -> int:
    """The least total of input tokens for which a row holds."""
    if not context:
        return 0
    if context.startswith(">="):
        return int(context[2:])
    if context.startswith(">"):
        return int(context[1:]) + 1
    raise InputError(f"the book has the context {context!r}; write it as `>200000` or `>=200000`")
