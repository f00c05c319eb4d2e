"""Settings to the plan: the one JSON object that the core is built from."""

from __future__ import annotations

import json
from typing import Any

from enricher.config import limits
from enricher.config.model import Settings
from enricher.content.compile import compile_plan as compile_content
from enricher.measure.compile import compile_plan as compile_measure
from enricher.normalize.compile import all_dialects
from enricher.normalize.compile import compile_plan as compile_normalize
from enricher.price.book import Book
from enricher.price.compile import compile_plan as compile_price
from enricher.sample.compile import compile_plan as compile_sample
from enricher.tokens.compile import compile_plan as compile_estimate

VERSION = 1


def compile_plan(
    settings: Settings,
    *,
    keep_all: bool = False,
    call_records: bool = False,
    trace_records: bool = False,
    book: Book | None = None,
) -> bytes:
    """The plan as UTF-8 JSON. Each section is written by its room and read by `core/src/<room>/plan.rs`.

    keep_all: export every trace whatever the verdict, and write nothing about sampling on it. call_records: have ticks
    return call records. trace_records: have them return trace records. book: the price book, by default that of the
    settings.
    """
    bounds = limits.compile_plan(settings.limits)
    plan: dict[str, Any] = {
        "version": VERSION,
        "normalize": {**compile_normalize(settings.normalize), "json_bytes": bounds["json_bytes"]},
        "content": compile_content(settings.normalize.content, all_dialects(settings.normalize)),
        "estimate": compile_estimate(settings.normalize.estimate_tokens),
        "price": compile_price(settings.prices, book),
        "sample": compile_sample(settings.sampling),
        "measure": compile_measure(settings.metrics),
        "limits": bounds,
        "output": {"call_records": call_records, "trace_records": trace_records, "keep_all": keep_all},
    }
    return json.dumps(plan, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
