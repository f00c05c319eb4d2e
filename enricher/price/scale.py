"""Prices that no source states, worked out from those that one does: a tier of a regional copy, a tier of image tokens.

What a list says of a tier it says relative to its standard price. So where one of two standard prices is 10% above the
other, the tiers stand 10% apart as well, unless a source states them. What a provider says of all its models (cached
tokens of a batch) holds for each of which its list says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import product

from enricher.price.book import PriceRow
from enricher.price.convert import amount

ASSUMED = "(assumed)"
"""Ends the source of a row that nobody states of this provider; its calls say so (`enricher.cost.assumed`)."""

SCALED = "scaled"
"""Ends the source of a row whose price was worked out: `litellm, scaled`."""

_TWINS = {
    "image_output": "output",
    "audio_output": "output",
    "video_output": "output",
    "image_input": "input",
    "audio_input": "input",
    "video_input": "input",
}
"""Units that are sold in the tiers of another one, and that one."""


_NEVER = "9999"


def each(row: PriceRow) -> Fraction:
    """USD for one unit."""
    return Fraction(row.price) / row.per


def scaled(row: PriceRow, ratio: Fraction) -> PriceRow:
    """The row at `ratio` times its price, exactly: where no decimal is, for a larger number of units."""
    price = Fraction(row.price) * ratio
    rest = price.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    source = row.source if row.source.endswith(f", {SCALED}") else f"{row.source}, {SCALED}"
    return replace(row, price=amount(_decimal(price * rest)), per=row.per * rest, source=source)


def with_twins(prices: Sequence[PriceRow]) -> list[PriceRow]:
    """The rows, and for image, audio and video tokens those of the tiers that the text beside them is sold in, where no
    source states one and the standard price is stated: at the same part of it."""
    by_model: dict[tuple[str, str], list[PriceRow]] = defaultdict(list)
    for row in prices:
        by_model[row.provider, row.model].append(row)
    return [*prices, *(twin for rows in by_model.values() for twin in _twins(rows))]


def _twins(rows: list[PriceRow]) -> Iterator[PriceRow]:
    standard: dict[str, list[PriceRow]] = defaultdict(list)
    tiers: dict[str, list[PriceRow]] = defaultdict(list)
    for row in rows:
        if not row.context and not row.window:
            (tiers if _is_tier(row) else standard)[row.unit].append(row)
    for unit, text in _TWINS.items():
        stated = {row.when for row in tiers[unit]}
        for tier, base, own in product(tiers[text], standard[text], standard[unit]):
            since = max(tier.valid_from, base.valid_from, own.valid_from)
            until = min(row.valid_until or _NEVER for row in (tier, base, own))
            if tier.when not in stated and since < until and Fraction(base.price):
                twin = scaled(own, each(tier) / each(base))
                yield replace(twin, when=tier.when, valid_from=since, valid_until=until.removesuffix(_NEVER))


@dataclass(frozen=True, slots=True)
class BatchCache:
    """Cached tokens of a batch cost what others of its input do, at the providers of which this is known or assumed.

    models: globs of model ids. source: where that is stated; it ends in `(assumed)` where it is of another provider.
    share: what a batch costs of the standard price, for models without a batch price in the lists; "" for no such.
    """

    provider: str
    models: list[str]
    source: str
    share: str = ""


def with_batch_caches(prices: Sequence[PriceRow], rules: Sequence[BatchCache]) -> list[PriceRow]:
    """The rows, and those of cached tokens in batches at the batch's price of input, of the models that have a price
    for both and none for that."""
    by_model: dict[tuple[str, str], list[PriceRow]] = defaultdict(list)
    for row in prices:
        if not row.context and not row.window:
            by_model[row.provider, row.model].append(row)
    added: list[PriceRow] = []
    for (provider, model), rows in by_model.items():
        rule = next((one for one in rules if one.provider == provider and _any(model, one.models)), None)
        if rule is None or any((row.unit, row.when) == ("cache_read", "batch") for row in rows):
            continue
        cached = [row for row in rows if (row.unit, row.when) == ("cache_read", "")]
        batch = [row for row in rows if (row.unit, row.when) == ("input", "batch")]
        if not batch and rule.share:
            entered = [row for row in rows if (row.unit, row.when) == ("input", "")]
            batch = [replace(scaled(row, Fraction(rule.share)), when="batch") for row in entered]
        for plain, other in product(cached, batch):
            since = max(plain.valid_from, other.valid_from)
            until = min(row.valid_until or _NEVER for row in (plain, other))
            if since < until:
                row = replace(other, unit="cache_read", source=rule.source)
                added.append(replace(row, valid_from=since, valid_until=until.removesuffix(_NEVER)))
    return [*prices, *added]


def _any(model: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(model, glob) for glob in globs)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / value.denominator


def _is_tier(row: PriceRow) -> bool:
    return row.when == "batch" or row.when.startswith("service_tier=")
