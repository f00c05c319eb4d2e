"""From the objects of `genai-prices` to rows of the book."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from enricher.errors import InputError
from enricher.price.book import ModelRow, PriceRow
from enricher.price.upstream import Made, Upstream

SOURCE = "genai-prices"
BACKDATED = "genai-prices, backdated"
"""A tier's price whose start upstream is the day somebody verified it: it is taken to hold since the standard price
that it goes with came into force."""

_MILLION = 1_000_000
_KEYS = {
    "input_mtok": ("input", _MILLION),
    "output_mtok": ("output", _MILLION),
    "cache_read_mtok": ("cache_read", _MILLION),
    "cache_write_mtok": ("cache_write", _MILLION),
    "cache_write_1h_mtok": ("cache_write_1h", _MILLION),
    "input_audio_mtok": ("audio_input", _MILLION),
    "output_audio_mtok": ("audio_output", _MILLION),
    "cache_audio_read_mtok": ("audio_cache_read", _MILLION),
    "input_image_mtok": ("image_input", _MILLION),
    "output_image_mtok": ("image_output", _MILLION),
    "cache_image_read_mtok": ("image_cache_read", _MILLION),
    "input_video_mtok": ("video_input", _MILLION),
    "output_video_mtok": ("video_output", _MILLION),
    "output_reasoning_mtok": ("reasoning", _MILLION),
    "output_citation_mtok": ("citation", _MILLION),
    "audio_hours": ("audio_seconds", 3600),
    "input_audio_hours": ("audio_seconds", 3600),
    "input_mchars": ("characters", _MILLION),
    "input_document_kpages": ("pages", 1000),
    "input_annotated_document_kpages": ("annotated_pages", 1000),
    "web_searches_kcount": ("web_searches", 1000),
    "storage_searches_kcount": ("file_searches", 1000),
    "requests_kcount": ("requests", 1000),
    "input_text_messages_kcount": ("messages", 1000),
}
_PLACES = Decimal("1e-12")
"""Upstream's floats carry binary noise; no list price has more places."""
_REDUCIBLE = (
    (re.compile(r"\\d\{8\}\$$"), ()),
    (re.compile(r"\\d\{4\}-\\d\{2\}-\\d\{2\}\$$"), ()),
    (re.compile(r"\\d$"), tuple(f"{digit}*" for digit in range(10))),
)
_TTS = r"^(?!.*-[tT][tT][sS](?:$|-))"


@dataclass(frozen=True)
class _Period:
    start: str
    prices: Made
    windows: list[tuple[str, Made]]


def convert(upstream: Upstream, free: list[str]) -> tuple[list[ModelRow], list[PriceRow]]:
    """All models and prices. free: globs `provider/model` of models that upstream lists without any price because
    they are free; any other one without a price is a model whose price is unknown. Raises InputError."""
    models: list[ModelRow] = []
    prices: list[PriceRow] = []
    for provider in upstream.providers:
        taken: set[str] = set()
        for model in provider["models"] or []:
            names, excluded = _names(model, taken)
            models.append(ModelRow(provider["id"], model["id"], " ".join(names), " ".join(excluded), SOURCE, ""))
            rows = _merged(list(_rows(provider["id"], model)))
            if not rows and _is_free(provider["id"], model["id"], free):
                free_of = (provider["id"], model["id"])
                rows = [_row(*free_of, unit=unit, price="0", per=_MILLION) for unit in ("input", "output")]
            prices.extend(rows)
    return models, prices


def _row(
    provider: str,
    model: str,
    *,
    unit: str = "",
    price: str = "",
    per: int = 0,
    valid_from: str = "",
    valid_until: str = "",
) -> PriceRow:
    return PriceRow(provider, model, unit, price, per, valid_from, valid_until, "", "", "", "", SOURCE, "")


def _is_free(provider: str, model: str, free: list[str]) -> bool:
    return any(fnmatchcase(f"{provider}/{model}", glob) for glob in free)


def _names(model: Made, taken: set[str]) -> tuple[list[str], list[str]]:
    """Names and exclusions. An exact name that an earlier model of the provider has is left to it: the first wins."""
    names: list[str] = []
    excluded: list[str] = []
    for text in _clause(model["match"], excluded):
        lowered = text.lower()
        if "*" not in lowered:
            if lowered in taken:
                continue
            taken.add(lowered)
        if lowered not in names:
            names.append(lowered)
    if any(" " in name for name in names):
        raise InputError(f"model {model['id']} has a name with a space")
    return sorted(names), excluded


def _clause(clause: Made, excluded: list[str]) -> Iterator[str]:
    kind = clause.kind
    if kind == "ClauseOr":
        for part in clause["or_"]:
            yield from _clause(part, excluded)
    elif kind == "ClauseAnd":
        rest = [part for part in clause["and_"] if part["regex"] != _TTS]
        if len(rest) != 1 or len(clause["and_"]) != 2:
            raise InputError(f"cannot reduce the model match {clause}")
        excluded.extend(["*-tts", "*-tts-*"])
        yield from _clause(rest[0], excluded)
    elif kind == "ClauseEquals":
        yield clause["equals"]
    elif kind == "ClauseStartsWith":
        yield clause["starts_with"] + "*"
    elif kind == "ClauseEndsWith":
        yield "*" + clause["ends_with"]
    elif kind == "ClauseContains":
        yield "*" + clause["contains"] + "*"
    else:
        yield from _reduced(clause["regex"])


def _reduced(regex: str) -> Iterator[str]:
    """A regular expression as names and globs. A date at the end needs none: every lookup drops dates by itself."""
    if regex == r"^(typesafe/)?jev-1\.13(-\d{8})?$" or regex == r"^(typesafe/)?jev-1\.14(-\d{8})?$":
        bare = regex[13:21].replace("\\", "")
        yield from (bare, f"typesafe/{bare}")
        return
    body = regex.removeprefix("^").replace("[-@]", "-")
    for tail, endings in _REDUCIBLE:
        found = tail.search(body)
        if found:
            stem = _literal(body[: found.start()])
            yield from ([stem + ending for ending in endings] if endings else [stem.rstrip("-")])
            return
    yield _literal(body.removesuffix("$"))


def _literal(pattern: str) -> str:
    text = re.sub(r"\\(.)", r"\1", pattern)
    if re.search(r"(?<!\\)[()|?+*^$]", pattern) or re.search(r"\\[dws]", pattern):
        raise InputError(f"cannot reduce the regular expression {pattern!r} to names")
    return text


def _rows(provider: str, model: Made) -> Iterator[PriceRow]:
    periods = _periods(model["prices"])
    starts = [period.start for period in periods]
    for index, period in enumerate(periods):
        until = starts[index + 1] if index + 1 < len(periods) else ""
        base = _row(provider, model["id"], valid_from=period.start, valid_until=until)
        yield from _priced(base, period.prices)
        for window, prices in period.windows:
            yield from _priced(replace(base, window=window), prices)
    for when, variants in _variants(model["price_variants"] or []).items():
        starts = [_since(variant, periods) for variant in variants]
        for index, variant in enumerate(variants):
            verified = _date(variant["constraint"])
            until = starts[index + 1] if index + 1 < len(variants) else _until(verified, periods)
            source = SOURCE if starts[index] == verified else BACKDATED
            base = _row(provider, model["id"], valid_from=starts[index], valid_until=until)
            yield from _priced(replace(base, when=when, source=source), variant["prices"])


def _periods(prices: Made | list[Made]) -> list[_Period]:
    """Upstream: the last entry whose constraint holds wins, else the first. Here: one period after the other."""
    entries = [Made("ConditionalPrice", {"prices": prices})] if isinstance(prices, Made) else prices
    starts = sorted({"", *(_date(entry["constraint"]) for entry in entries)})
    periods = []
    for start in starts:
        base, windows = entries[0], list[tuple[str, Made]]()
        for entry in entries:
            constraint = entry["constraint"]
            if constraint is not None and constraint.kind == "TimeOfDateConstraint":
                windows.extend((hours, entry["prices"]) for hours in _hours(constraint))
            elif _date(constraint) <= start:
                base, windows = entry, []
        periods.append(_Period(start, base["prices"], windows))
    return periods


def _date(constraint: Made | None) -> str:
    if constraint is None or constraint.kind != "StartDateConstraint":
        return ""
    day: datetime.date = constraint["start_date"]
    return day.isoformat()


def _hours(constraint: Made) -> list[str]:
    start, end = (f"{constraint[name]:%H:%M}" for name in ("start_time", "end_time"))
    if end > start:
        return [f"mon-sun {start}-{end}"]
    return [f"mon-sun {start}-24:00"] + ([f"mon-sun 00:00-{end}"] if end > "00:00" else [])


def _variants(variants: list[Made]) -> dict[str, list[Made]]:
    """Variants by the circumstances that they ask for, oldest first. Upstream's first that holds wins."""
    known: dict[tuple[str, str], str] = {("processing", "batch"): "batch", ("speed", "fast"): "speed=fast"}
    for tier in ("flex", "priority"):
        known["service_tier", tier] = f"service_tier={tier}"
    groups: dict[str, list[Made]] = {}
    for variant in variants:
        [(key, value)] = variant["when"].items()
        if (key, value) not in known:
            continue  # `default` repeats the standard price, `fast` is another word for `priority`; routes and search
            # types are not on spans.
        group = groups.setdefault(known[key, value], [])
        if all(_date(other["constraint"]) != _date(variant["constraint"]) for other in group):
            group.append(variant)
    return {when: sorted(group, key=lambda v: _date(v["constraint"])) for when, group in groups.items()}


def _since(variant: Made, periods: list[_Period]) -> str:
    """The start of the standard price that was in force when the variant was verified."""
    verified = _date(variant["constraint"])
    return max((period.start for period in periods if period.start <= verified), default="")


def _until(verified: str, periods: list[_Period]) -> str:
    """The end of the standard price that was in force when the variant was verified: it says nothing of later ones."""
    return min((period.start for period in periods if period.start > verified), default="")


def _priced(base: PriceRow, prices: Made) -> Iterator[PriceRow]:
    for key, value in prices.values.items():
        if value is None:
            continue
        if key not in _KEYS:
            raise InputError(f"unknown price key {key} of {base.provider}/{base.model}")
        unit, per = _KEYS[key]
        if key == "input_audio_hours" and "audio_hours" in prices.values:
            continue
        row = replace(base, unit=unit, per=per)
        if isinstance(value, Made):
            yield replace(row, price=amount(value["base"]))
            for tier in value["tiers"]:
                yield replace(row, price=amount(tier["price"]), context=_context(tier["start"]))
        else:
            yield replace(row, price=amount(value))


def amount(value: Any) -> str:
    """A price as the shortest decimal text."""
    return f"{Decimal(value).quantize(_PLACES).normalize():f}"


def _context(start: int) -> str:
    return f">={start + 1}" if start % 10 == 9 else f">{start}"


def _merged(rows: list[PriceRow]) -> list[PriceRow]:
    """Rows that follow each other at the same price are one."""
    merged: list[PriceRow] = []
    for row in sorted(rows, key=lambda row: row.key):
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.valid_until == row.valid_from != ""
            and last == replace(row, valid_from=last.valid_from, valid_until=last.valid_until)
        ):
            merged[-1] = replace(last, valid_until=row.valid_until)
        else:
            merged.append(row)
    return merged
