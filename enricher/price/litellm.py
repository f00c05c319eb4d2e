"""The published price data of the `litellm` package: one JSON file of its wheel, read without importing its code."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Context, Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from enricher.config.base import Section
from enricher.errors import InputError
from enricher.price.book import TOKEN_UNITS

PACKAGE = "litellm"
PATH = Path(__file__).parent / "litellm.yaml"
_DATA = "litellm/model_prices_and_context_window_backup.json"
_MOST_BYTES = 64 * 1024 * 1024
_CONTEXT = re.compile(r"_above_(\d+)k_tokens")
IN_OTHER_WORDS = ("audio_seconds", "images", "characters", "seconds")
"""Units that some lists price instead of tokens, for the same thing."""
_EIGHT_DIGITS = Context(prec=8)
_HOUR = 3600
STAND_INS = {
    "audio_input": "input",
    "image_input": "input",
    "video_input": "input",
    "audio_output": "output",
    "video_output": "output",
    "image_output": "output",
    "reasoning": "output",
    "image_cache_read": "cache_read",
    "audio_cache_read": "cache_read",
}
"""Whose price holds for a unit that the list does not name (as in `core/src/price/lines.rs`)."""


class Key(Section):
    """What one cost key prices."""

    unit: str
    """Unit of the book."""
    per: int
    """The book's denominator for it."""


class Rule(Section):
    """Who is right where the list and the book differ. The first rule that fits is followed."""

    provider: str
    """Provider of the book, `*` for any."""
    names: list[str]
    """Globs of model names."""
    found: list[Literal["exact", "pattern", "shortened", "resold"]] = Field(default_factory=list)
    """How the book knows the name; in any way when empty."""
    cells: Literal["all", "context", "batch"] = "all"
    """Which prices: all, those beyond a context threshold, or those of batches."""
    take: Literal["book", "litellm", "none"]
    """Who is right; `none`: the price is not taken over."""
    since: date | None = None
    """LiteLLM's price holds from this day (UTC), the book's before; for all time without one."""
    until: date | None = None
    """LiteLLM's price no longer holds from this day (UTC)."""
    why: str
    """For the reader of docs/prices.md."""


class Slip(Section):
    """Prices that the list states for another number of tokens than it says."""

    provider: str
    """Provider of the book."""
    names: list[str]
    """Globs of model names."""
    releases: list[str] = Field(default_factory=list)
    """Those that have it wrong; all of them when empty."""
    tokens: int
    """The number of tokens that the stated price buys, in place of one."""
    why: str
    """How it shows."""


class Believed(Section):
    """Whose key is believed where several of the list's keys are one name of the book and contradict each other."""

    provider: str
    """Provider of the book."""
    names: list[str]
    """Globs of model names."""
    source: str
    """The `litellm_provider` of the key that is believed."""
    why: str
    """For the reader of the list of conflicts."""


class Reading(Section):
    """The file `litellm.yaml`."""

    providers: dict[str, str]
    """Providers of the book by `litellm_provider`."""
    taken: list[str]
    """The `litellm_provider` values whose entries are read."""
    prefixes: list[str]
    """First parts of keys that are no part of a model's name."""
    not_names: list[str]
    """Globs of keys that are no model's name."""
    bare: list[str]
    """Providers of the book that know the models of other makers by their bare names as well."""
    profiles: dict[str, str] = Field(default_factory=dict)
    """Beginnings of regions' names on Bedrock, and what the names begin with that mean the same."""
    apart: list[str] = Field(default_factory=list)
    """Globs of names that older releases tell of although the book takes them for those of another model."""
    at_least: list[str]
    """Providers of the book whose thresholds are reached, not passed."""
    releases: dict[str, date] = Field(default_factory=dict)
    """When older releases came out: the last day on which their prices are known to have held."""
    slips: dict[str, list[str]] = Field(default_factory=dict)
    """By provider of the book, globs of names whose prices older releases have wrong: they tell nothing of the past."""
    misstated: list[Slip] = Field(default_factory=list)
    """Prices stated for another number of tokens than one."""
    doubled: list[Believed] = Field(default_factory=list)
    """Whom to believe where keys are one name; where nothing fits, the key that states the most prices."""
    keys: dict[str, Key]
    """Cost keys without their endings."""
    keys_of_mode: dict[str, dict[str, Key]] = Field(default_factory=dict)
    """Cost keys that mean something for models of one `mode` only."""
    tiers: dict[str, str]
    """Endings and the circumstances that they ask for."""
    lifetimes: dict[str, str]
    """Endings of cache writes and their units."""
    conflicts: list[Rule]
    """For prices that both have and state differently; the last ones fit everything."""
    fills: list[Rule]
    """For prices that only the list has."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """What a price is for: the unit and the circumstances, as in a row of the book."""

    unit: str
    when: str
    context: str


Prices = dict[Cell, tuple[Decimal, int]]
"""USD and the number of units that it buys, by what they are for."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two statements of the list about one price (found: `doubled`), or one that was put right (`misstated`): the one
    followed, the other one, why."""

    found: Literal["doubled", "misstated"]
    cell: Cell
    followed: tuple[Decimal, int]
    other: tuple[Decimal, int]
    why: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the list. version: the release. mode: the list's word for what the model does. doubts: what was
    decided when its prices were read."""

    provider: str
    name: str
    prices: Prices
    version: str
    mode: str = ""
    doubts: tuple[Doubt, ...] = field(default=(), compare=False)


@cache
def reading() -> Reading:
    """How the list is read. Raises InputError."""
    try:
        return Reading.model_validate(yaml.safe_load(PATH.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InputError(f"cannot read {PATH}: {error}") from error


def read(wheel: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """The version of a wheel and its list by key. Raises InputError."""
    version = re.match(r"litellm-([^-]+)-", wheel.name)
    if version is None:
        raise InputError(f"{wheel} is not a wheel of {PACKAGE}")
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(_DATA).file_size > _MOST_BYTES:
                raise InputError(f"{_DATA} in {wheel} is larger than {_MOST_BYTES} bytes")
            data = json.loads(archive.read(_DATA), parse_float=Decimal)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read {_DATA} from {wheel}: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{_DATA} in {wheel} is no mapping: its layout has changed")
    return version[1], {key: value for key, value in data.items() if isinstance(value, dict)}


def entries(version: str, data: dict[str, dict[str, Any]]) -> list[Entry]:
    """The models whose price the list knows, sorted. An entry of nothing but zeros is one whose price is unknown. Keys
    for one name (`azure/x`, `azure_ai/x`) are one entry with the prices of all of them."""
    rules = reading()
    found: dict[tuple[str, str], list[tuple[str, Entry]]] = {}
    for key, values in sorted(data.items()):
        source = str(values.get("litellm_provider"))
        if source not in rules.taken or any(fnmatchcase(key, glob) for glob in rules.not_names):
            continue
        provider = rules.providers.get(source, source)
        prices = dict(_prices(values, provider, rules))
        if any(price for price, _ in prices.values()):
            name = name_of(key, source, rules)
            entry = _put_right(Entry(provider, name, prices, version, str(values.get("mode", ""))), rules.misstated)
            found.setdefault((provider, name), []).append((source, entry))
    whole = [_one(keys, rules.doubled) for keys in found.values()]
    return [replace(entry, prices=_told(entry.prices)) for entry in whole]


def _put_right(entry: Entry, slips: list[Slip]) -> Entry:
    """The entry with prices for one token, where the list states those for more."""
    for slip in slips:
        fits = slip.provider == entry.provider and any(fnmatchcase(entry.name, glob) for glob in slip.names)
        if fits and (not slip.releases or entry.version in slip.releases):
            meant = {
                cell: ((price / slip.tokens).normalize(), per) if cell.unit in TOKEN_UNITS else (price, per)
                for cell, (price, per) in entry.prices.items()
            }
            doubts = [Doubt("misstated", cell, meant[cell], price, slip.why) for cell, price in entry.prices.items()]
            return replace(entry, prices=meant, doubts=tuple(one for one in doubts if one.followed != one.other))
    return entry


def _one(keys: list[tuple[str, Entry]], rules: list[Believed]) -> Entry:
    """One entry of those of several keys, each with the key's `litellm_provider`: the prices of all of them, and where
    they differ that of the key that a rule names, else that of the one that states the most."""
    first = keys[0][1]
    if len(keys) == 1:
        return first
    rule = next(
        (
            one
            for one in rules
            if one.provider == first.provider and any(fnmatchcase(first.name, glob) for glob in one.names)
        ),
        None,
    )
    ordered = sorted(keys, key=lambda key: (rule is None or key[0] != rule.source, -len(key[1].prices)))
    why = rule.why if rule is not None else "the key that states the most prices is kept with most care"
    prices: Prices = {}
    doubts = [doubt for _, entry in keys for doubt in entry.doubts]
    for _, entry in ordered:
        for cell, price in entry.prices.items():
            kept = prices.setdefault(cell, price)
            if kept != price:
                doubts.append(Doubt("doubled", cell, kept, price, why))
    return replace(ordered[0][1], prices=prices, doubts=tuple(doubts))


def _told(prices: Prices) -> Prices:
    """Without those that say what holds anyway (a price of images that is the price of the input), and without the
    price of an image or a second where tokens are priced: it says the same in other words and is not owed besides."""
    tokens = any(cell.unit in TOKEN_UNITS for cell in prices)
    return {
        cell: price
        for cell, price in prices.items()
        if (cell.unit not in STAND_INS or prices.get(Cell(STAND_INS[cell.unit], cell.when, cell.context)) != price)
        and not (tokens and cell.unit in IN_OTHER_WORDS)
    }


def name_of(key: str, source: str, rules: Reading) -> str:
    """The model's name in a key of the list, whose `litellm_provider` is `source`."""
    for prefix in (*rules.prefixes, f"{source}/"):
        if key.startswith(prefix):
            return key[len(prefix) :].lower()
    return key.lower()


def _prices(values: dict[str, Any], provider: str, rules: Reading) -> Iterator[tuple[Cell, tuple[Decimal, int]]]:
    keys = rules.keys | rules.keys_of_mode.get(str(values.get("mode")), {})
    for name, value in values.items():
        if isinstance(value, Decimal | int) and not isinstance(value, bool) and value >= 0:
            cell = _cell(name, provider, keys, rules)
            # A zero says that the list has no price, or that there is none of it; a cached token may be free.
            if cell is not None and (value or cell[0].unit == "cache_read"):
                yield cell[0], (_exact(Decimal(value), cell[1]), cell[1])
    yield from _tiered(values.get("tiered_pricing"), keys)
    yield from _searches(values.get("search_context_cost_per_query"), provider)


def _cell(name: str, provider: str, keys: dict[str, Key], rules: Reading) -> tuple[Cell, int] | None:
    """What a cost key prices, and per how many; None for a key that the book has no use for."""
    when = context = ""
    lifetime = None
    for ending, condition in rules.tiers.items():
        if name.endswith(f"_{ending}"):
            name, when = name.removesuffix(f"_{ending}"), condition
    threshold = _CONTEXT.search(name)
    if threshold is not None:
        name = name[: threshold.start()] + name[threshold.end() :]
        context = f"{'>=' if provider in rules.at_least else '>'}{int(threshold[1]) * 1000}"
    for ending, unit in rules.lifetimes.items():
        if name.endswith(f"_{ending}"):
            name, lifetime = name.removesuffix(f"_{ending}"), unit
    key = keys.get(name)
    if key is None or (lifetime is not None and key.unit != "cache_write"):
        return None
    return Cell(lifetime or key.unit, when, context), key.per


def _tiered(tiers: Any, keys: dict[str, Key]) -> Iterator[tuple[Cell, tuple[Decimal, int]]]:
    """Prices by ranges of input tokens, as Alibaba lists them: each holds beyond the start of its range."""
    for tier in tiers if isinstance(tiers, list) else ():
        start = int(tier["range"][0]) if isinstance(tier.get("range"), list) else -1
        for name, value in tier.items():
            if start >= 0 and name in keys and isinstance(value, Decimal | int):
                key = keys[name]
                yield Cell(key.unit, "", f">{start}" if start else ""), (_exact(Decimal(value), key.per), key.per)


def _searches(costs: Any, provider: str) -> Iterator[tuple[Cell, tuple[Decimal, int]]]:
    """Fees for a search by the size of its context. Perplexity's are fees for the request, which corrections have."""
    if not isinstance(costs, dict) or provider == "perplexity":
        return
    unit = "web_searches"
    sizes = {name.removeprefix("search_context_size_"): Decimal(value) for name, value in costs.items()}
    if len(set(sizes.values())) == 1:
        yield Cell(unit, "", ""), (_exact(next(iter(sizes.values())), 1000), 1000)
        return
    for size, value in sizes.items():
        yield Cell(unit, f"search_context={size}", ""), (_exact(value, 1000), 1000)
    if "low" in sizes:
        yield Cell(unit, "", ""), (_exact(sizes["low"], 1000), 1000)


def _exact(price: Decimal, per: int) -> Decimal:
    """The price of `per` units. The list holds doubles; binary noise shows beyond eight digits, and no list price has
    more. What is billed by the minute or the hour is listed by the second, rounded: the price that was rounded is
    meant."""
    if per == _HOUR:
        digits = price.as_tuple()
        half = Decimal((0, (5,), int(digits.exponent) - 1))
        for seconds, places in ((60, "0.0001"), (_HOUR, "0.001")):
            meant = (price * seconds).quantize(Decimal(places))
            if meant and abs(meant / seconds - price) <= half:
                return (meant * _HOUR / seconds).normalize()
    return _EIGHT_DIGITS.create_decimal(price * per).normalize()
