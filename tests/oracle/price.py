"""A plain, slow reference of pricing: the rules of the design over the rows of the book, in `decimal.Decimal`.

It shares with the program under test the row types and nothing else: names are matched by trying every row, rows are
chosen by filtering all of them, money is decimal until one rounding a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fnmatch import fnmatchcase

from enricher.price.book import TOKEN_UNITS, UNITS, Book, ModelRow, PriceRow
from enricher.price.rules import Rules
from enricher.price.settings import Discount, Override, PricesSettings
from tests.oracle import price_models as models

PICO = Decimal("1e-12")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
INSTEAD = {
    "cache_read": ["input"],
    "audio_cache_read": ["cache_read", "input"],
    "image_cache_read": ["cache_read", "input"],
    "cache_write": ["cache_write_5m", "input"],
    "cache_write_5m": ["cache_write", "input"],
    "cache_write_1h": ["cache_write", "input"],
    "cache_write_12h": ["cache_write_1h", "cache_write", "input"],
    "audio_input": ["input"],
    "image_input": ["input"],
    "video_input": ["input"],
    "reasoning": ["output"],
    "audio_output": ["output"],
    "image_output": ["output"],
    "video_output": ["output"],
}
PARTS = {
    "input": {"input", "audio_input", "image_input", "video_input"},
    "output": {"output", "reasoning", "audio_output", "image_output", "video_output", "citation"},
    "cache_read": {"cache_read", "audio_cache_read", "image_cache_read"},
    "cache_write": {"cache_write", "cache_write_5m", "cache_write_1h", "cache_write_12h"},
}


@dataclass(frozen=True)
class Call:
    """One call; `usage` holds whole tokens and decimal quantities by unit name."""

    provider: str
    model: str
    start: datetime
    usage: dict[str, Decimal]
    host: str = ""
    tenant: str = ""
    circumstances: dict[str, str] = field(default_factory=dict)
    duration: Decimal = Decimal(0)
    reported: Decimal | None = None
    by_provider: bool = False
    estimated: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Answer:
    state: str
    reason: str | None
    usd: Decimal | None
    parts: dict[str, Decimal]
    suspect: bool = False
    without_price: frozenset[str] = frozenset()
    """What was counted, has no price and is left out of a computed cost."""


class Unpriced(Exception):
    """The reason, as its only argument."""


def price(call: Call, book: Book, rules: Rules, settings: PricesSettings) -> Answer:
    """What the call costs."""
    believed = call.reported if settings.reported != "never" else None
    if call.failed and not any(call.usage.values()) and not call.reported:
        return Answer("not_billed", None, Decimal(0), {})
    try:
        parts, left_out = _compute(call, book, rules, settings)
    except Unpriced as unpriced:
        reason = str(unpriced.args[0])
        if believed is None:
            return Answer("unpriced", reason, None, {})
        if believed == 0 and not call.by_provider:
            return Answer("unpriced", reason, None, {}, suspect=any(call.usage.values()))
        return Answer("reported", None, believed, {})
    total = sum(parts.values(), Decimal(0))
    suspect = believed == 0 and total > 0
    if believed is not None and not suspect and (call.by_provider or settings.reported == "always"):
        return Answer("reported", None, believed, {})
    return Answer("estimated" if call.estimated else "computed", None, total, parts, suspect, left_out)


def _compute(
    call: Call, book: Book, rules: Rules, settings: PricesSettings
) -> tuple[dict[str, Decimal], frozenset[str]]:
    provider = models.provider(call, rules)
    named = _named(call, settings, provider, rules)
    own = _in_force(named, call)
    model = models.find(call.model, provider, book, rules)
    region = models.region(call, provider, rules)
    model = models.there(call.model, region, provider, book, rules, model) or model
    if model is None and not named:
        raise Unpriced("unknown_model")
    if any("duration" in one.each for one in own) and not any(one.per_million for one in own):
        return _by_time(call, own), frozenset()
    rows = [row for row in book.prices if model and (row.provider, row.model) == (model.provider, model.model)]
    units = {row.unit for row in rows} | {
        unit for override in named for unit in (*override.per_million, *override.each)
    }
    if not units or (not call.usage and not units <= {"duration", "requests"}):
        raise Unpriced("no_usage" if units else "no_unit_price")
    quantities = _quantities(call, units)
    parts: dict[str, Decimal] = {}
    left_out: set[str] = set()
    billed = False
    for unit, quantity in quantities.items():
        if not quantity:
            continue
        line = _line(unit, quantity, call, own, rows, book, settings, model, provider, rules)
        if line is None:
            if unit in units and unit not in ("requests", "duration"):
                raise Unpriced("no_unit_price")
            left_out |= {unit} - {"requests", "duration"}
            continue
        billed = True
        part = next((name for name, members in PARTS.items() if unit in members), "other")
        parts[part] = parts.get(part, Decimal(0)) + line
    if left_out and not billed:
        raise Unpriced("no_unit_price")
    stated = any("web_searches" in override.each for override in named)
    if model and not stated and (searches := call.usage.get("web_searches", Decimal(0))):
        block = next(
            (
                tokens
                for glob, tokens in rules.providers[model.provider].search_tokens.items()
                if fnmatchcase(model.model.lower(), glob)
            ),
            0,
        )
        line = _line("input", searches * block, call, own, rows, book, settings, model, provider, rules)
        parts["input"] = parts.get("input", Decimal(0)) + (line or Decimal(0))
    return parts, frozenset(left_out)


def _by_time(call: Call, own: list[Override]) -> dict[str, Decimal]:
    """Who pays for the time of a call pays for that, and for what else their own terms name, and not the book's."""
    amounts = {"duration": call.duration, "requests": Decimal(1), **call.usage}
    prices: dict[str, Decimal] = {}
    for override in own:
        for unit, price in override.each.items():
            prices.setdefault(unit, price)
    total = Decimal(0)
    with localcontext(Context(prec=80)):
        for name, amount in prices.items():
            total += _round(amounts.get(name, Decimal(0)) * amount)
    return {"other": total}


def _line(
    unit: str,
    quantity: Decimal,
    call: Call,
    own: list[Override],
    rows: list[PriceRow],
    book: Book,
    settings: PricesSettings,
    model: ModelRow | None,
    provider: str | None,
    rules: Rules,
) -> Decimal | None:
    tokens = _input_total(call.usage)
    with localcontext(Context(prec=80)):
        # The user's terms first, stand-ins among them; only then the book's.
        for wanted in (unit, *INSTEAD.get(unit, [])):
            for override in own:
                prices = [*override.per_million.items(), *override.each.items()]
                price = next((amount for name, amount in prices if name == wanted), None)
                if price is not None:
                    return _round(quantity * price / (10**6 if wanted in TOKEN_UNITS else 1))
        for wanted in (unit, *INSTEAD.get(unit, [])):
            held = [row for row in rows if row.unit == wanted and _holds(row, call, tokens, book)]
            if not held:
                continue
            row = max(held, key=_strength)
            quantity = max(quantity, Decimal(row.minimum or 0))
            assert model is not None
            globs = rules.providers[row.provider].once.get(unit, ()) if row.provider in rules.providers else ()
            if any(fnmatchcase(row.model.lower(), glob) for glob in globs):
                quantity = min(quantity, Decimal(1))
            price = Decimal(row.price) / row.per
            for discount in _discounts(call, settings, model, provider, rules):
                off = {name: amount / 10**6 for name, amount in discount.per_million.items()} | discount.each
                price -= next((amount for name, amount in off.items() if name == unit), Decimal(0))
            price = max(price, Decimal(0))
            return _round(quantity * price * _factor(unit, row, call, book, settings, model, provider, rules))
    return None


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(PICO, ROUND_HALF_EVEN)


def _reader(usage: dict[str, Decimal]) -> Callable[[str], Decimal]:
    return lambda unit: usage.get(unit, Decimal(0))


def _quantities(call: Call, units: set[str]) -> dict[str, Decimal]:
    """How much is billed as what: every token once."""
    usage, zero = call.usage, Decimal(0)
    got = _reader(usage)
    bill: dict[str, Decimal] = {}
    if "input" not in usage and "output" not in usage and got("total"):
        if "output" in units or "input" not in units:
            raise Unpriced("no_usage")
        bill["input"] = got("total")
    else:
        lifetimes = ["cache_write_5m", "cache_write_1h", "cache_write_12h"]
        written = max(got("cache_write"), sum(map(got, lifetimes), zero))
        cached = got("cache_read")
        bill["audio_cache_read"] = min(got("audio_cache_read"), cached)
        bill["image_cache_read"] = min(got("image_cache_read"), cached - bill["audio_cache_read"])
        bill["cache_read"] = cached - bill["audio_cache_read"] - bill["image_cache_read"]
        bill |= {unit: got(unit) for unit in lifetimes}
        bill["cache_write"] = written - sum(map(got, lifetimes), zero)
        left = max(_input_total(usage) - cached - written, zero)
        for unit, gone in (("audio", "audio_cache_read"), ("image", "image_cache_read"), ("video", "")):
            taken = min(max(got(f"{unit}_input") - bill.get(gone, zero), zero), left)
            bill[f"{unit}_input"] = taken
            left -= taken
        bill["input"] = left
        outputs = ["audio_output", "image_output", "video_output"]
        left = usage.get("output", got("text_output") + sum(map(got, outputs), zero))
        for unit in [*outputs, *(["reasoning"] if "reasoning" in units else [])]:
            bill[unit] = min(got(unit), left)
            left -= bill[unit]
        bill["output"] = left
    for unit in UNITS[UNITS.index("citation") :]:
        bill[unit] = got(unit)
    bill["requests"] = usage.get("requests", Decimal(1)) if "requests" in units else zero
    bill["duration"] = call.duration if "duration" in units else zero
    return bill


def _input_total(usage: dict[str, Decimal]) -> Decimal:
    if "input" in usage:
        return usage["input"]
    got = _reader(usage)
    written = max(got("cache_write"), got("cache_write_5m") + got("cache_write_1h") + got("cache_write_12h"))
    return (
        got("text_input") + got("audio_input") + got("image_input") + got("video_input") + got("cache_read") + written
    )


def _holds(row: PriceRow, call: Call, tokens: Decimal, book: Book) -> bool:
    if row.valid_from and call.start < _moment(row.valid_from):
        return False
    if row.valid_until and call.start >= _moment(row.valid_until):
        return False
    if row.context.startswith(">=") and tokens < int(row.context[2:]):
        return False
    if row.context.startswith(">") and "=" not in row.context and tokens <= int(row.context[1:]):
        return False
    return _asked(row.when, call) and (not row.window or _within(row.window, call.start, book))


def _asked(when: str, call: Call) -> bool:
    for word in when.split():
        name, _, value = word.partition("=")
        said = call.circumstances.get(name)
        if name == "service_tier":
            said = {"fast": "priority"}.get(said or "", said)
        if said != (value or "yes"):
            return False
    return True


def _within(window: str, moment: datetime, book: Book) -> bool:
    days, hours, *calendar = window.split()
    first, last = (DAYS.index(day) for day in days.split("-"))
    start, end = (timedelta(hours=int(text[:2]), minutes=int(text[3:])) for text in hours.split("-"))
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    holiday = any(
        row.calendar == name[1:] and date.fromisoformat(row.day) == moment.date()
        for name in calendar
        for row in book.holidays
    )
    return first <= moment.weekday() <= last and start <= moment - midnight < end and not holiday


def _strength(row: PriceRow) -> tuple[int, ...]:
    asked = {word.partition("=")[0] for word in row.when.split()}
    order = ["batch", "speed", "service_tier", "inference_geo", "search_context"]
    threshold = int(row.context.strip(">=")) + (not row.context.startswith(">=")) if row.context else 0
    return (*(int(name in asked) for name in order), int(bool(row.window)), threshold)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _factor(
    unit: str,
    row: PriceRow,
    call: Call,
    book: Book,
    settings: PricesSettings,
    model: ModelRow,
    provider: str | None,
    rules: Rules,
) -> Decimal:
    factor = Decimal(1)
    for rule in book.modifiers:
        hosts = rule.hosts.split()
        on = [host for host in hosts if not host.startswith("!")]
        conditions = {word.partition("=")[0] for word in rule.when.split()}
        answered = rule.fallback and conditions & {word.partition("=")[0] for word in row.when.split()}
        if (
            rule.provider == model.provider
            and any(fnmatchcase(model.model, glob) for glob in rule.models.split())
            and (not rule.units or unit in rule.units.split())
            and _asked(rule.when, call)
            and (not on or any(fnmatchcase(models.host(call), host) for host in on))
            and not any(fnmatchcase(models.host(call), host[1:]) for host in hosts if host.startswith("!"))
            and not answered
        ):
            factor *= Decimal(rule.factor)
    for discount in _discounts(call, settings, model, provider, rules):
        if not discount.units or unit in discount.units:
            factor *= (100 - (discount.percent or Decimal(0))) / 100
    return factor


def _discounts(
    call: Call, settings: PricesSettings, model: ModelRow, provider: str | None, rules: Rules
) -> list[Discount]:
    names = (model.model.lower(), *model.names.split())
    return [
        discount
        for discount in settings.discounts
        if (not discount.provider or rules.provider_of(discount.provider) == provider)
        and any(fnmatchcase(name, discount.model.lower()) for name in names)
        and discount.tenant in ("", call.tenant)
        and (discount.valid_from is None or call.start >= discount.valid_from)
        and (discount.until is None or call.start < discount.until)
    ]


def _named(call: Call, settings: PricesSettings, provider: str | None, rules: Rules) -> list[Override]:
    """Overrides for the model: those for the provider before those for any, by the least shortened spelling
    that any has."""
    named: list[Override] = []
    for scope in (True, False):
        for spelling in models.spellings(call.model.lower(), rules):
            named = named or [
                override
                for override in settings.overrides
                if override.model.lower() == spelling
                and bool(override.provider) == scope
                and (not scope or rules.provider_of(override.provider) == provider)
            ]
    return named


def _in_force(named: list[Override], call: Call) -> list[Override]:
    """A tenant's before everybody's, then higher thresholds, then later starts."""
    held = [
        override
        for override in named
        if override.tenant in ("", call.tenant)
        and (override.valid_from is None or call.start >= override.valid_from)
        and (override.until is None or call.start < override.until)
        and _input_total(call.usage) > (override.above_input_tokens or -1)
    ]
    ever = datetime(1970, 1, 1, tzinfo=UTC)
    return sorted(held, key=lambda o: (bool(o.tenant), o.above_input_tokens, o.valid_from or ever), reverse=True)
