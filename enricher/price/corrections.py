"""Our own dated corrections (`corrections.yaml`), laid over the published data. They win."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from enricher.errors import InputError
from enricher.price.book import TOKEN_UNITS, UNITS, HolidayRow, ModelRow, ModifierRow, PriceRow, timestamp
from enricher.price.convert import amount
from enricher.price.scale import BatchCache

PATH = Path(__file__).parent / "corrections.yaml"

_PER = {"per_million": 1_000_000, "per_thousand": 1000}
_SECTIONS = {"free", "holidays", "models", "past", "prices", "ends", "minimums", "batch_caches", "modifiers"}


@dataclass(frozen=True)
class Corrections:
    """The file as plain data, its sections checked for existence only: `apply` names what is wrong in an entry."""

    sections: dict[str, list[Any]]

    @property
    def free(self) -> list[str]:
        return [str(glob) for glob in self.sections["free"]]


def load(path: Path = PATH) -> Corrections:
    """Read the file. Raises InputError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if not isinstance(data, dict) or set(data) != _SECTIONS:
        raise InputError(f"{path}: the sections must be {', '.join(sorted(_SECTIONS))}")
    return Corrections(data)


def apply(
    corrections: Corrections, models: list[ModelRow], prices: list[PriceRow]
) -> tuple[list[ModelRow], list[PriceRow], list[ModifierRow], list[HolidayRow]]:
    """Models and prices with the corrections laid over them, and the rows that only corrections have.

    Raises InputError for an entry that names a model that is not there, or that says nothing understandable.
    """
    sections = corrections.sections
    by_key = {(row.provider, row.model): row for row in models}
    for entry in sections["models"]:
        prices = _guard(entry, _correct_model, entry, by_key, prices)
    for entry in sections["past"]:
        prices = _guard(entry, _begin, entry, by_key, prices)
    for entry in sections["prices"]:
        prices = _guard(entry, _correct_prices, entry, by_key, prices)
    for entry in sections["ends"]:
        prices = _guard(entry, _end, entry, by_key, prices)
    for entry in sections["minimums"]:
        prices = _guard(entry, _set_minimum, entry, by_key, prices)
    modifiers = [_guard(entry, _modifier, entry, by_key) for entry in sections["modifiers"]]
    holidays = [row for entry in sections["holidays"] for row in _guard(entry, lambda e: list(_holidays(e)), entry)]
    return list(by_key.values()), prices, modifiers, holidays


def _guard(entry: Any, work: Any, *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise InputError(f"corrections.yaml: {error!r} in {entry}") from error


def batch_caches(corrections: Corrections) -> list[BatchCache]:
    """What cached tokens cost in batches where no list says so. Raises InputError."""
    return [_guard(entry, lambda e: BatchCache(**e), entry) for entry in corrections.sections["batch_caches"]]


def _correct_model(
    entry: dict[str, Any], models: dict[tuple[str, str], ModelRow], prices: list[PriceRow]
) -> list[PriceRow]:
    key = (entry["provider"], entry["model"])
    if "names" in entry:
        if key in models:
            raise ValueError("the model is there already; use add and remove")
        excluded = " ".join(entry.get("excluded", ()))
        models[key] = ModelRow(*key, " ".join(sorted(entry["names"])), excluded, entry["source"], "")
        if "copy" not in entry:
            return prices
        copied = [row for row in prices if (row.provider, row.model) == (entry["provider"], entry["copy"])]
        if not copied:
            raise ValueError("the model to copy has no prices")
        return prices + [replace(row, model=entry["model"]) for row in copied]
    row = models[key]
    gone = set(entry.get("remove", ()))
    if not gone <= set(row.names.split()):
        raise ValueError("a name to remove is not there")
    names = (set(row.names.split()) - gone) | set(entry.get("add", ()))
    if not names:
        del models[key]
        return [row for row in prices if (row.provider, row.model) != key]
    models[key] = replace(row, names=" ".join(sorted(names)), source=entry["source"])
    return prices


def _begin(entry: dict[str, Any], models: dict[tuple[str, str], ModelRow], prices: list[PriceRow]) -> list[PriceRow]:
    """Begin the token prices of the models where they are taken to have held ever since, and add those of before."""
    chosen, since = _chosen(entry, models), _time(entry["since"])
    concerned = {(entry["provider"], model) for model in chosen}

    def begun(row: PriceRow) -> PriceRow:
        ours = (row.provider, row.model) in concerned and row.unit in TOKEN_UNITS
        return replace(row, valid_from=since) if ours and timestamp(row.valid_from) < timestamp(since) else row

    over = [
        row
        for row in prices
        if (row.provider, row.model) in concerned and row.valid_until and timestamp(row.valid_until) <= timestamp(since)
    ]
    if over:
        raise ValueError(f"a price has ended by then: {over[0]}")
    before = [row for model in chosen for source in entry["before"] for row in _rows(entry, model, source)]
    return [begun(row) for row in prices] + before


def _chosen(entry: dict[str, Any], models: dict[tuple[str, str], ModelRow]) -> list[str]:
    """Ids of the entry's models, each of which must be there; globs must match something."""
    provider = entry["provider"]
    chosen: list[str] = []
    for glob in entry["models"]:
        found = [model for owner, model in models if owner == provider and fnmatchcase(model, glob)]
        if not found:
            raise ValueError(f"{provider} has no model {glob}")
        chosen.extend(model for model in found if model not in chosen)
    return chosen


def _correct_prices(
    entry: dict[str, Any], models: dict[tuple[str, str], ModelRow], prices: list[PriceRow]
) -> list[PriceRow]:
    chosen = set(_chosen(entry, models))
    gone = entry.get("replace", [])
    kept = [
        row
        for row in prices
        if row.provider != entry["provider"] or row.model not in chosen or (gone != "all" and row.unit not in gone)
    ]
    return kept + [row for model in sorted(chosen) for source in entry["rows"] for row in _rows(entry, model, source)]


def _rows(entry: dict[str, Any], model: str, source: dict[str, Any]) -> Iterator[PriceRow]:
    unknown = set(source) - {*_PER, "from", "until", "window", "context", "when"}
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    for group, per in _PER.items():
        for unit, price in source.get(group, {}).items():
            if unit not in UNITS:
                raise ValueError(f"unknown unit {unit}")
            yield PriceRow(
                provider=entry["provider"],
                model=model,
                unit=unit,
                price=_exact(price),
                per=per,
                valid_from=_time(source.get("from")),
                valid_until=_time(source.get("until")),
                window=source.get("window", ""),
                context=source.get("context", ""),
                when=source.get("when", ""),
                minimum="",
                source=entry["source"],
                date="",
            )


def _end(entry: dict[str, Any], models: dict[tuple[str, str], ModelRow], prices: list[PriceRow]) -> list[PriceRow]:
    """End the rows of the models that ask for a context, where they have no end yet."""
    chosen, until = _chosen(entry, models), _time(entry["until"])
    if entry["rows"] != "context":
        raise ValueError("rows must be `context`")
    return [
        replace(row, valid_until=until, source=entry["source"])
        if row.provider == entry["provider"] and row.model in chosen and row.context and not row.valid_until
        else row
        for row in prices
    ]


def _set_minimum(
    entry: dict[str, Any], models: dict[tuple[str, str], ModelRow], prices: list[PriceRow]
) -> list[PriceRow]:
    chosen = _chosen(entry, models)
    return [
        replace(row, minimum=str(entry["minimum"]))
        if (row.provider, row.unit) == (entry["provider"], entry["unit"]) and row.model in chosen
        else row
        for row in prices
    ]


def _modifier(entry: dict[str, Any], models: dict[tuple[str, str], ModelRow]) -> ModifierRow:
    if "models" in entry:
        _chosen(entry, models)
    units = TOKEN_UNITS if entry.get("tokens") else entry.get("units", ())
    return ModifierRow(
        provider=entry["provider"],
        name=entry["name"],
        models=" ".join(entry.get("models", ["*"])),
        units=" ".join(units),
        factor=_exact(entry["factor"]),
        valid_from=_time(entry.get("from")),
        valid_until=_time(entry.get("until")),
        hosts=" ".join(entry.get("hosts", ())),
        when=entry.get("when", ""),
        fallback=bool(entry.get("fallback", False)),
        source=entry["source"],
        date="",
    )


def _holidays(entry: dict[str, Any]) -> Iterator[HolidayRow]:
    for name, ranges in entry["days"].items():
        for text in ranges:
            first, _, last = str(text).partition("..")
            day, end = date.fromisoformat(first), date.fromisoformat(last or first)
            while day <= end:
                yield HolidayRow(entry["calendar"], day.isoformat(), name, entry["source"], "")
                day += timedelta(days=1)


def _exact(value: Any) -> str:
    if isinstance(value, float):
        raise ValueError(f"quote {value}, so that it stays a decimal")
    return amount(Decimal(value))


def _time(value: Any) -> str:
    """ISO text of what YAML read: a date, a timestamp, or text."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    moment = datetime.fromisoformat(value)
    return f"{moment:%Y-%m-%dT%H:%MZ}"
