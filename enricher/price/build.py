"""Build the price book: genai-prices, our corrections laid over it, LiteLLM laid under it, sorted and written as text.

Deterministic: the same wheels, corrections and previous book give the same files. A row carries the date of its last
change, which it keeps from the previous book for as long as nothing else in it changes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import (
    bounds,
    convert,
    corrections,
    exact,
    history,
    litellm,
    merge,
    past,
    plausible,
    rules,
    scale,
    upstream,
)
from enricher.price.book import Book, ModelRow, ModifierRow, PriceRow, timestamp
from enricher.price.compile import compile_plan
from enricher.price.merge import Find, Key, Known
from enricher.price.settings import PricesSettings
from enricher.runtime.engine import CorePrices


def build(
    wheels: Sequence[Path] = (),
    *,
    previous: Book | None = None,
    today: str = "",
    fixes_path: Path = corrections.PATH,
) -> Book:
    """A new book from wheels of genai-prices and litellm; the newest published one of a package that none is given of.
    Older wheels of litellm add what the newest has dropped. Raises InputError.

    previous: the book that history and dates of unchanged rows are taken from. today: ISO date of the build, by default
    the present.
    """
    today = today or datetime.now(UTC).date().isoformat()
    with tempfile.TemporaryDirectory() as directory:
        genai, *lists = _wheels(wheels, Path(directory))
        published = upstream.read(genai)
        sources = {upstream.PACKAGE: published.version}
        read: list[list[litellm.Entry]] = []
        for wheel in lists:
            version, data = litellm.read(wheel)
            sources[litellm.PACKAGE if len(sources) == 1 else f"{litellm.PACKAGE} (retired)"] = version
            read.append(litellm.entries(version, data))
    fixes = corrections.load(fixes_path)
    models, prices = convert.convert(published, fixes.free)
    models, prices, modifiers, holidays = corrections.apply(fixes, models, prices)
    spelled = rules.load()
    models = bounds.bounded(models, {name: provider.variants for name, provider in spelled.providers.items()})
    believed, doubted = plausible.checked(read, prices)
    entries_of = [{(entry.provider, entry.name): entry for entry in of_list} for of_list in believed]
    entries: dict[Key, litellm.Entry] = {}
    for of_list in entries_of:
        entries = of_list | entries
    base = Book(today, sources, models, prices, modifiers, holidays)
    how = litellm.reading()
    merged = merge.merge(
        models,
        prices,
        entries.values(),
        find=_finder(base),
        chain=lambda provider: spelled.chain(provider) if provider in spelled.providers else [provider],
        rules=(how.conflicts, how.fills),
        at=timestamp(today),
        newest=sources[litellm.PACKAGE],
        bares=how.bare,
        apart=how.apart,
        profiles=how.profiles,
    )
    _tell_the_past(merged, entries_of, how, today)
    old = previous or Book("", {}, [], [], [], [])
    listed = {key for key, entry in entries.items() if entry.version == sources[litellm.PACKAGE]}
    complete = scale.with_batch_caches(scale.with_twins(merged.prices), corrections.batch_caches(fixes))
    wrong = {(row.provider, row.name) for row in doubted if row.found != plausible.TWICE}
    models, prices = history.carry(old, merged.models, complete, today, listed, wrong)
    # A name without a price says nothing, and a book that lost its prices must be told from a whole one.
    priced = {(row.provider, row.model) for row in prices}
    models = exact.excluded([row for row in models if (row.provider, row.model) in priced])
    unknown = {row.provider for row in models} - set(spelled.providers)
    if unknown:
        raise InputError(f"providers.yaml does not list {', '.join(sorted(unknown))}")
    _refuse_overlaps(prices)
    return Book(
        built=today,
        sources=sources,
        models=books.dated(models, old.models, today),
        prices=books.dated(prices, old.prices, today),
        modifiers=books.dated(_for_copies(modifiers, merged.copies | _resold(models, modifiers)), old.modifiers, today),
        holidays=books.dated(holidays, old.holidays, today),
        conflicts=merged.conflicts + doubted,
    )


def _wheels(given: Sequence[Path], directory: Path) -> list[Path]:
    """That of genai-prices, then those of litellm, newest first. Missing ones are downloaded."""
    of_package: dict[str, list[Path]] = {upstream.PACKAGE: [], litellm.PACKAGE: []}
    for wheel in given:
        package = wheel.name.partition("-")[0].replace("_", "-")
        if package not in of_package:
            raise InputError(f"{wheel} is a wheel of neither {upstream.PACKAGE} nor {litellm.PACKAGE}")
        of_package[package].append(wheel)
    if len(of_package[upstream.PACKAGE]) > 1:
        raise InputError(f"give one wheel of {upstream.PACKAGE}: its data holds its own history")
    for package, found in of_package.items():
        if not found:
            found.append(upstream.download(package, directory))
    return of_package[upstream.PACKAGE] + sorted(of_package[litellm.PACKAGE], key=upstream.release, reverse=True)


def _tell_the_past(
    merged: merge.Merged, lists: list[dict[Key, litellm.Entry]], how: litellm.Reading, today: str
) -> None:
    """Lay what LiteLLM's older lists (newest first) say of other times under the merged rows."""
    newest, *older = lists
    old = [entry for entries in older for entry in entries.values()]
    releases = {version: day.isoformat() for version, day in how.releases.items()}
    past.tell(merged, old, newest, releases, how.slips, today)
    past.fill(merged, old, newest)


def _finder(book: Book) -> Find:
    """How the core, given this book, reads a name."""
    core = CorePrices(json.dumps(compile_plan(PricesSettings(), book)).encode())
    spelled = rules.load().providers

    def find(provider: str, name: str) -> Known | None:
        said = spelled[provider].names[0] if provider in spelled else provider
        answer = json.loads(core.price(json.dumps({"provider": said, "request_model": name, "usage": {"input": 1}})))
        matched = answer["matched"]
        if not matched:
            return None
        owner, _, model = matched["book"].partition("/")
        return Known((owner, model), matched["name"])

    return find


def _resold(models: list[ModelRow], modifiers: list[ModifierRow]) -> dict[Key, Key]:
    """Models that a provider alone lists, for which an uplift by host of whom it resells holds: as if they were copies
    of that one's model of the same name."""
    spelled = rules.load()
    by_host = [row for row in modifiers if row.hosts and row.models != "*"]
    return {
        (model.provider, model.model): (row.provider, model.model)
        for model in models
        for row in by_host
        if row.provider in spelled.chain(model.provider)[1:] and _concerns(row, model.model)
    }


def _for_copies(modifiers: list[ModifierRow], copies: dict[Key, Key]) -> list[ModifierRow]:
    """Factors hold for the copies of the models that they hold for, unless the copy's provider has its own."""
    by_key = {_form(row): row for row in modifiers}
    own = [(row.provider, row.name) for row in modifiers]
    for (provider, model), (owner, original) in sorted(copies.items()):
        for row in modifiers:
            if row.provider != owner or not _concerns(row, original):
                continue
            if (provider == owner and _concerns(row, model)) or (provider != owner and (provider, row.name) in own):
                continue
            key = _form(replace(row, provider=provider))
            extended = by_key.get(key, replace(row, provider=provider, models=""))
            by_key[key] = replace(extended, models=f"{extended.models} {model}".strip())
    return list(by_key.values())


def _form(row: ModifierRow) -> ModifierRow:
    return replace(row, models="", source="", date="")


def _concerns(row: ModifierRow, model: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in row.models.split())


def _refuse_overlaps(prices: list[PriceRow]) -> None:
    """Raises InputError when two rows claim the same circumstances at one time: one of them would silently win."""
    groups: dict[tuple[str, ...], list[PriceRow]] = {}
    for row in prices:
        key = (row.provider, row.model, row.unit, row.when, row.context, row.window)
        groups.setdefault(key, []).append(row)
    for group in groups.values():
        ordered = sorted(group, key=lambda row: timestamp(row.valid_from))
        for earlier, later in pairwise(ordered):
            if not earlier.valid_until or timestamp(later.valid_from) < timestamp(earlier.valid_until):
                raise InputError(f"two prices at once: {earlier} and {later}")
