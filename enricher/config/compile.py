"""Settings to the plan: the one JSON object that the core is built from."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Lock
from typing import Any

from enricher.config import limits
from enricher.config.model import Settings
from enricher.content.compile import compile_plan as compile_content
from enricher.measure.compile import compile_plan as compile_measure
from enricher.normalize.compile import all_dialects
from enricher.normalize.compile import compile_plan as compile_normalize
from enricher.price import refresh
from enricher.price.book import Book
from enricher.price.compile import compile_plan as compile_price
from enricher.sample.compile import compile_plan as compile_sample
from enricher.tokens.compile import compile_plan as compile_estimate

VERSION = 1
_KEPT = 2
"""Texts of one section that are kept. That of the price book takes 2 MiB."""


class _Written:
    """The texts of a large section for the inputs that it was last asked for.

    Prices and dialects take all of the time of a plan, and a reload seldom changes them.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._latest: list[tuple[tuple[Any, ...], bytes]] = []

    def text(self, inputs: tuple[Any, ...], section: Callable[[], dict[str, Any]]) -> bytes:
        with self._lock:
            for at, (seen, text) in enumerate(self._latest):
                if seen == inputs:
                    self._latest.insert(0, self._latest.pop(at))
                    return text
        text = _json(section())
        with self._lock:
            self._latest = [(inputs, text), *self._latest][:_KEPT]
        return text


_prices = _Written()
_normalize = _Written()


def compile_plan(
    settings: Settings,
    *,
    keep_all: bool = False,
    call_records: bool = False,
    trace_records: bool = False,
    explain: str | None = None,
    book: Book | None = None,
) -> bytes:
    """The plan as UTF-8 JSON. Each section is written by its room and read by `core/src/<room>/plan.rs`.

    keep_all: export every trace whatever the verdict, and write nothing about sampling on it. call_records: have ticks
    return call records. trace_records: have them return trace records. explain: have them return
    explanations of the traces whose id in hex begins so. book: the price book, by default that of the settings.
    """
    reading = limits.compile_reading(settings.limits)
    prices = book or refresh.chosen(settings.prices.book)
    sections = {
        "version": _json(VERSION),
        # As inputs, settings are compared as text: moments and numbers may be equal and yet be written otherwise.
        "normalize": _normalize.text(
            (settings.normalize.model_dump_json(), *reading.values(), str(settings.prices.currencies)),
            lambda: {**compile_normalize(settings.normalize, settings.prices.currencies), **reading},
        ),
        "content": _json(compile_content(settings.normalize.content, all_dialects(settings.normalize))),
        "estimate": _json(compile_estimate(settings.normalize.estimate_tokens)),
        "price": _prices.text(
            (settings.prices.model_dump_json(), prices), lambda: compile_price(settings.prices, prices)
        ),
        "sample": _json(compile_sample(settings.sampling)),
        "measure": _json(compile_measure(settings.metrics)),
        "limits": _json(limits.compile_plan(settings.limits)),
        "output": _json(
            {
                "call_records": call_records,
                "trace_records": trace_records,
                "explain": explain,
                "keep_all": keep_all,
            }
        ),
    }
    return b"{%b}" % b",".join(b"%b:%b" % (_json(name), text) for name, text in sections.items())


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
