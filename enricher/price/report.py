"""What `enricher prices` says: models and their rows, what a call costs, what changed between two books."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from enricher.price.book import TOKEN_UNITS, Book, ModelRow, ModifierRow, PriceRow, timestamp
from enricher.price.tables import DAYS, WINDOW

SAMPLE_TOKENS = 1000
"""Input and output tokens of the call that `show` prices."""


@dataclass(frozen=True)
class Change:
    """One difference between two books. what: `added`, `removed` or `changed`; before and after are price texts."""

    what: str
    kind: str
    row: str
    before: str
    after: str


def listed(book: Book, provider: str | None) -> list[dict[str, Any]]:
    """One entry a model: provider, model, and the standard token prices of the newest list per million."""
    entries = []
    rows: dict[tuple[str, str], list[PriceRow]] = {}
    for row in book.prices:
        rows.setdefault((row.provider, row.model), []).append(row)
    for model in book.models:
        if provider in (None, model.provider):
            own = rows.get((model.provider, model.model), [])
            entries.append(
                {
                    "provider": model.provider,
                    "model": model.model,
                    **{unit: newest(own, unit) for unit in ("input", "cache_read", "output")},
                    "other_units": sorted({row.unit for row in own} - {"input", "cache_read", "output"}),
                }
            )
    return entries


def newest(rows: Iterable[PriceRow], unit: str) -> str | None:
    """The standard price of a unit on the newest list, as the book states it; None without one."""
    plain = [row for row in rows if row.unit == unit and not (row.when or row.context or row.window)]
    return max(plain, key=lambda row: timestamp(row.valid_from)).price if plain else None


def ended(rows: Iterable[PriceRow]) -> str:
    """When the last of a retired model's standard prices ended (ISO); "" for a model that has one without an end."""
    ends = [row.valid_until for row in rows if not (row.when or row.context or row.window)]
    return max(ends, key=timestamp) if ends and all(ends) else ""


STANDARD = "*"
CONDITIONAL = "+"


def in_force(rows: Iterable[PriceRow], at: datetime, book: Book) -> dict[PriceRow, str]:
    """Rows of one model that a call at a time may be billed by: STANDARD for those of a short standard request,
    CONDITIONAL for those beyond a context threshold, in a tier, a batch and so on. What a row with hours lies over is
    not in force during them."""
    second = int(at.timestamp())
    held = [
        row
        for row in rows
        if timestamp(row.valid_from) <= second
        and (not row.valid_until or second < timestamp(row.valid_until))
        and (not row.window or _within(row.window, at.astimezone(UTC), book))
    ]
    within = {_circumstances(row) for row in held if row.window}
    return {
        row: CONDITIONAL if row.when or row.context else STANDARD
        for row in held
        if row.window or _circumstances(row) not in within
    }


def _circumstances(row: PriceRow) -> tuple[str, ...]:
    return (row.provider, row.model, row.unit, row.when, row.context)


def _within(window: str, at: datetime, book: Book) -> bool:
    found = WINDOW.fullmatch(window)
    if found is None:
        return False
    days = DAYS[DAYS.index(found[1]) : DAYS.index(found[2]) + 1]
    holidays = {row.day for row in book.holidays if row.calendar == found[7]}
    hours = f"{found[3]}:{found[4]}" <= f"{at:%H:%M}" < f"{found[5]}:{found[6]}"
    return DAYS[at.weekday()] in days and hours and at.date().isoformat() not in holidays


def price_text(row: PriceRow | dict[str, Any]) -> str:
    """`2.5 / 1M input, >200000, batch`: a price as a person reads it."""
    values = row if isinstance(row, dict) else asdict(row)
    per = {1_000_000: "1M", 1000: "1k", 3600: "hour", 1: "one"}.get(values["per"], str(values["per"]))
    parts = [f"{values['price']} / {per}"]
    parts += [values[name] for name in ("context", "when", "window") if values[name]]
    if values["minimum"]:
        parts.append(f"at least {values['minimum']}")
    if values["valid_from"] or values["valid_until"]:
        parts.append(f"{values['valid_from'] or '…'} to {values['valid_until'] or '…'}")
    return ", ".join(parts)


def modifiers_of(book: Book, provider: str, model: str, at: datetime) -> list[ModifierRow]:
    """Factors that a call of the model at a time may be billed with."""
    second = int(at.timestamp())
    return [
        row
        for row in book.modifiers
        if row.provider == provider
        and any(fnmatchcase(model, glob) for glob in row.models.split())
        and timestamp(row.valid_from) <= second
        and (not row.valid_until or second < timestamp(row.valid_until))
    ]


def modifier_text(row: ModifierRow) -> str:
    """`x1.1 US endpoint, at us.api.x.ai, all tokens`: a factor as a person reads it."""
    hosts = row.hosts.split()
    parts = [f"x{row.factor} {row.name}"]
    parts += [row.when] if row.when and row.when != row.name else []
    if at := [host for host in hosts if not host.startswith("!")]:
        parts.append("at " + " or ".join(at))
    if never := [host[1:] for host in hosts if host.startswith("!")]:
        parts.append("not at " + " or ".join(never))
    units = set(row.units.split())
    parts.append("everything" if not units else "all tokens" if units >= set(TOKEN_UNITS) else f"on {row.units}")
    if row.fallback:
        parts.append("where the list has no price of its own for it")
    return ", ".join(parts)


def sample_request(model: ModelRow | str, provider: str, at: datetime) -> str:
    """The request for the core that prices a call of 1,000 input and 1,000 output tokens."""
    name = model if isinstance(model, str) else model.model
    usage = {"input": SAMPLE_TOKENS, "output": SAMPLE_TOKENS}
    request = {"provider": provider, "request_model": name, "usage": usage}
    return json.dumps(request | {"time_unix_ns": int(at.timestamp()) * 10**9})


def differences(old: Book, new: Book) -> list[Change]:
    """All changes of models, prices and factors, sorted."""
    changes: list[Change] = []
    for kind, before, after in (
        ("model", _models(old), _models(new)),
        ("price", _prices(old), _prices(new)),
        ("modifier", _modifiers(old), _modifiers(new)),
        ("holiday", _holidays(old), _holidays(new)),
    ):
        for row in sorted(set(before) | set(after)):
            was, now = before.get(row, ""), after.get(row, "")
            if was != now:
                what = "added" if row not in before else "removed" if row not in after else "changed"
                changes.append(Change(what, kind, row, was, now))
    return changes


def _models(book: Book) -> dict[str, str]:
    return {
        f"{row.provider}/{row.model}": " ".join([row.names, *(f"!{glob}" for glob in row.excluded.split())])
        for row in book.models
    }


def _prices(book: Book) -> dict[str, str]:
    """Prices by everything else that a row says, so that a new price of the same row shows as a change."""
    return {
        ", ".join(
            [f"{row.provider}/{row.model} {row.unit}"]
            + [part for part in (row.context, row.when, row.window) if part]
            + ([f"from {row.valid_from}"] if row.valid_from else [])
        ): ", ".join(
            [f"{Decimal(row.price).normalize():f} per {row.per}"]
            + ([f"until {row.valid_until}"] if row.valid_until else [])
            + ([f"at least {row.minimum}"] if row.minimum else [])
        )
        for row in book.prices
    }


def _modifiers(book: Book) -> dict[str, str]:
    return {
        f"{row.provider} {row.name} ({row.models})": " ".join(
            part for part in (row.factor, row.when, row.hosts, row.units, "fallback" if row.fallback else "") if part
        )
        for row in book.modifiers
    }


def _holidays(book: Book) -> dict[str, str]:
    return {f"{row.calendar} {row.day}": row.name for row in book.holidays}
