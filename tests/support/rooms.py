"""The core's normalizer and price book by themselves, each made once for the same settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from enricher._core import Normalizer
from enricher.normalize.compile import compile_plan as compile_normalize
from enricher.normalize.settings import NormalizeSettings
from enricher.price.compile import compile_plan as compile_prices
from enricher.price.settings import PricesSettings
from enricher.runtime.engine import CorePrices


def normalizer(settings: Mapping[str, Any] | None = None) -> Normalizer:
    """Of a `normalize:` section, by default an empty one."""
    return _normalizer(NormalizeSettings.model_validate(settings or {}).model_dump_json(by_alias=True))


def price_book(settings: PricesSettings | Mapping[str, Any] | None = None) -> CorePrices:
    """The shipped book under a `prices:` section, by default an empty one."""
    if not isinstance(settings, PricesSettings):
        settings = PricesSettings.model_validate(settings or {})
    return _prices(settings.model_dump_json(by_alias=True))


@lru_cache(maxsize=8)
def _normalizer(settings: str) -> Normalizer:
    return Normalizer(json.dumps(compile_normalize(NormalizeSettings.model_validate_json(settings))).encode())


@lru_cache(maxsize=8)
def _prices(settings: str) -> CorePrices:
    return CorePrices(json.dumps(compile_prices(PricesSettings.model_validate_json(settings))).encode())
