"""Checks of the `prices:` section against the book: names that nothing goes by, discounts on nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from enricher.config.paths import dotted
from enricher.config.shape import nearest
from enricher.errors import InputError, Problem
from enricher.price import refresh
from enricher.price import rules as rules_of
from enricher.price.book import Book, fits
from enricher.price.compile import discounted, region_of, regions, target
from enricher.price.overlaps import overlaps
from enricher.price.rules import Rules
from enricher.price.settings import Alias, PricesSettings

_NEAR = 3
_SLIPS = 2


def check(settings: PricesSettings) -> list[Problem]:
    """All faults that the models alone cannot see. Paths are relative to the section."""
    try:
        (book, missing), rules = refresh.found(settings.book), rules_of.load()
    except InputError as error:
        hint = "write one with `enricher prices update --output`"
        return [Problem("unreadable-file", "book.path", str(error), hint)]
    problems: list[Problem] = []
    if missing:
        message = f"not the book of this address but the package's, of {book.built}, is in use: {missing}"
        hint = "`enricher run` fetches it, and keeps it for the other commands in `prices.book.copy_path`"
        problems.append(Problem("book-not-fetched", "book.url", message, hint, severity="warning"))
    age = refresh.age_days(book)
    if age > settings.book.max_age_days and not settings.book.url:
        message = f"the price book is {age} days old: newer models are unpriced, and prices may have changed"
        hint = "`enricher prices update`, a newer release, or prices.book.url"
        problems.append(Problem("old-price-book", "book.max_age_days", message, hint, severity="warning"))
    for calendar, end in refresh.ended_calendars(book).items():
        message = (
            f"the price book knows the public holidays of {calendar} until {end} only: "
            "on those that followed, hours are billed as on any other day"
        )
        hint = "`enricher prices update`, a newer release, or prices.book.url"
        problems.append(Problem("ended-calendar", "book", message, hint, severity="warning"))
    if settings.currencies.get("USD", 1) != 1:
        message = "prices and costs are in US dollars: they are not converted"
        problems.append(Problem("no-effect", "currencies.USD", message, "remove it; state the rates of the others"))
    problems += _near_misses(settings, book, rules)
    for index, override in enumerate(settings.overrides):
        path = f"overrides[{index}]"
        if override.currency != "USD" and override.currency not in settings.currencies:
            message = f"no rate is known for {override.currency}"
            hint = f"add `currencies: {{{override.currency}: <US dollars for one>}}` to `prices`"
            problems.append(Problem("unknown-value", f"{path}.currency", message, hint))
        for key, spelled in (
            ("service_tier", rules.service_tier),
            ("speed", rules.speed),
            ("inference_geo", rules.inference_geo),
            ("search_context", rules.search_context),
        ):
            said = getattr(override, key)
            if said and said.lower() not in spelled:
                message = f"no call has the {key.replace('_', ' ')} {said!r}"
                problems.append(Problem("unknown-value", f"{path}.{key}", message, _meant(said, list(spelled))))
    problems += overlaps(settings, book, rules)
    for index, discount in enumerate(settings.discounts):
        path = f"discounts[{index}]"
        if discount.provider and rules.provider_of(discount.provider) is None:
            problems.append(_unknown_provider(f"{path}.provider", discount.provider, rules))
        elif not discounted(discount, book, rules):
            hint = _models_hint(discount.model, book, None)
            problems.append(Problem("no-effect", f"{path}.model", "no model of the book matches", hint))
    return problems + list(_aliases(settings, book, rules))


def _near_misses(settings: PricesSettings, book: Book, rules: Rules) -> Iterator[Problem]:
    """Overrides for a provider or model that the book lacks, and has nearly. Yours may be called so: no fault."""
    for index, override in enumerate(settings.overrides):
        path = f"overrides[{index}]"
        owner = rules.provider_of(override.provider)
        if override.provider and owner is None:
            close = nearest(override.provider, _provider_names(rules))
            if close:
                message = f"no provider of the book is called {override.provider!r}"
                hint = f"did you mean `{close}`? A provider of your own may be called so"
                yield Problem("near-miss", f"{path}.provider", message, hint, severity="warning")
            continue
        if owner is not None and rules.providers[owner].self_hosted:
            continue
        model = override.model.strip().lower()
        chain = rules.chain(owner) if owner else None
        if "*" in model or model in settings.aliases or book.find(model, chain) is not None:
            continue
        close = next((name for name in near_models(model, book, chain) if _is_typo(model, name)), "")
        if close:
            where = f" of {override.provider}" if override.provider else ""
            message = f"the book has no model {override.model!r}{where}"
            hint = f"did you mean `{close}`? A model of your own may be called so"
            yield Problem("near-miss", f"{path}.model", message, hint, severity="warning")


def _is_typo(name: str, known: str) -> bool:
    """Whether the names differ by a slip: in a letter or two, and in no digit, which would be another version."""
    slips = [
        max(end - start, to - at)
        for what, start, end, at, to in difflib.SequenceMatcher(None, name, known).get_opcodes()
        if what != "equal"
    ]
    digits = [[char for char in text if char.isdigit()] for text in (name, known)]
    return digits[0] == digits[1] and sum(slips) <= _SLIPS


def _aliases(settings: PricesSettings, book: Book, rules: Rules) -> Iterator[Problem]:
    earlier: dict[str, list[tuple[str, Alias]]] = {}
    for name, aliases in settings.aliases.items():
        for index, alias in enumerate(aliases):
            path = dotted(("aliases", name, index) if len(aliases) > 1 else ("aliases", name))
            before = earlier.setdefault(name.strip().lower(), [])
            yield from _alias(path, alias, settings, book, rules)
            hidden = next((above for above, other in before if _covers(other, alias, rules)), "")
            if hidden:
                message = f"never applies: `{hidden}` holds for every call that it would"
                yield Problem("no-effect", path, message, "put the entry with more conditions first, or remove one")
            before.append((path, alias))


def _covers(one: Alias, other: Alias, rules: Rules) -> bool:
    """Whether `one` holds for every call that `other` holds for."""

    def provider(name: str) -> str:
        return rules.provider_of(name) or name.lower()

    same = not one.when_provider or provider(one.when_provider) == provider(other.when_provider)
    host = other.when_host.lower()
    return same and (not one.when_host or (bool(host) and fits(host, one.when_host.lower())))


def _alias(path: str, alias: Alias, settings: PricesSettings, book: Book, rules: Rules) -> Iterator[Problem]:
    unknown = False
    for key in ("provider", "when_provider"):
        value = getattr(alias, key)
        if value and rules.provider_of(value) is None and value.lower() not in _own_providers(settings):
            unknown = True
            yield _unknown_provider(f"{path}.{key}", value, rules)
    region, known = region_of(alias, rules), _regions(alias, book, rules)
    if region and region not in known:
        hint = _meant(region, sorted(known)) if known else "only Azure and Bedrock have prices by region"
        yield Problem("unknown-value", f"{path}.region", f"the book has no prices for the region {region!r}", hint)
    model, provider = target(alias, rules)
    if not model:
        return
    named = [one for one in settings.overrides if fits(model, one.model.strip().lower())]
    owner = provider or rules.provider_of(alias.when_provider) or alias.when_provider.lower()
    own = [one for one in named if not one.provider or _owner(one.provider, rules) == owner]
    chain = rules.chain(provider) if provider in rules.providers else None
    if unknown or own or book.find(model, chain) is not None:
        return
    if named:
        theirs = named[0].provider
        message = f"your price of {model!r} is for calls of {theirs} alone, which the alias does not name"
        yield Problem("unknown-value", path, message, f"write `provider: {theirs}` beside the model")
    else:
        where = f" of {provider}" if provider else ""
        message = f"the book has no model {model!r}{where}"
        yield Problem("unknown-value", path, message, _models_hint(model, book, chain))


def _owner(provider: str, rules: Rules) -> str:
    return rules.provider_of(provider) or provider.lower()


def _regions(alias: Alias, book: Book, rules: Rules) -> set[str]:
    """The regions and data zones that an alias may name."""
    owner = target(alias, rules)[1] or rules.provider_of(alias.when_provider)
    owners = [owner] if owner in rules.providers else [one for one in rules.providers if rules.providers[one].regions]
    return {region for one in owners for region in regions(one, book, rules)}


def _own_providers(settings: PricesSettings) -> set[str]:
    return {override.provider.lower() for override in settings.overrides}


def _unknown_provider(path: str, name: str, rules: Rules) -> Problem:
    return Problem("unknown-value", path, f"no provider is called {name!r}", _meant(name, _provider_names(rules)))


def _provider_names(rules: Rules) -> list[str]:
    return [name for provider in rules.providers.values() for name in provider.names]


def _meant(name: str, names: list[str]) -> str:
    close = nearest(name, names)
    return f"did you mean `{close}`?" if close else "one of: " + ", ".join(names[:14])


def near_models(name: str, book: Book, providers: list[str] | None, count: int = _NEAR) -> list[str]:
    """Names of the book that look like `name`, best first."""
    names = {
        text
        for row in book.models
        if providers is None or row.provider in providers
        for text in (row.model.lower(), *row.names.split())
        if "*" not in text
    }
    return difflib.get_close_matches(name.lower(), sorted(names), n=count, cutoff=0.6)


def _models_hint(name: str, book: Book, providers: list[str] | None) -> str:
    close = near_models(name, book, providers)
    return "did you mean " + " or ".join(f"`{one}`" for one in close) + "?" if close else "see `enricher prices list`"
