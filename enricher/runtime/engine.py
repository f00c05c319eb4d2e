"""The door into the core: the only importer of `enricher._core`.

A panic in the core surfaces as a BaseException that `except Exception` would miss; it becomes a `CoreFault` here, is
counted, and the service goes on.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable
from typing import TypeVar

from enricher import _core
from enricher.errors import CoreFault
from enricher.measure import events

VERSION = _core.VERSION
"""The program's version: the package and its core have the same."""

IngestReport = _core.IngestReport
TickReport = _core.TickReport

log = logging.getLogger(__name__)
T = TypeVar("T")

_FAULTS = events.counter(
    "enricher_core_faults_total", "Panics in the core, caught; each is a bug worth reporting.", "where"
)

Series = list[tuple[str, tuple[str, ...], float | list[int], float, list[tuple[int, str, float, float]]]]


def guard(where: str, call: Callable[[], T]) -> T:
    """Run one call into the core. Raises CoreFault instead of the core's panic exception."""
    try:
        return call()
    except BaseException as error:
        raise _translated(where, error) from None


def _translated(where: str, error: BaseException) -> BaseException:
    if type(error).__name__ != "PanicException" or type(error).__module__ != "pyo3_runtime":
        return error
    _FAULTS.of(where).add()
    log.error("the core panicked in %s: %s", where, error)
    return CoreFault(f"the core panicked in {where}: {error}")


class CoreEngine:
    """`_core.Engine` with panics translated. Methods, arguments and errors are those of `_core.pyi`."""

    def __init__(self, plan: bytes) -> None:
        refuse_other_version()
        self._engine = guard("compile", lambda: _core.Engine(plan))

    def ingest(self, payload: bytes, now_ns: int) -> _core.IngestReport:
        # Written out instead of passed to `guard`: this is called for every request.
        try:
            return self._engine.ingest(payload, now_ns)
        except BaseException as error:
            raise _translated("ingest", error) from None

    def take_logs(self, payload: bytes, now_ns: int, keep: bool = False) -> _core.LogsReport:
        return guard("take_logs", lambda: self._engine.take_logs(payload, now_ns, keep))

    def replace_plan(self, plan: bytes) -> None:
        guard("compile", lambda: self._engine.replace_plan(plan))

    def tick(self, now_ns: int) -> _core.TickReport:
        return guard("tick", lambda: self._engine.tick(now_ns))

    def drain(self, now_ns: int) -> _core.TickReport:
        return guard("drain", lambda: self._engine.drain(now_ns))

    def discard(self, now_ns: int) -> _core.TickReport:
        return guard("discard", lambda: self._engine.discard(now_ns))

    def next_due_ns(self) -> int:
        return guard("next_due", self._engine.next_due_ns)

    def metrics(self) -> Series:
        return guard("metrics", self._engine.metrics)

    def save_states(self) -> bytes:
        return guard("save_states", self._engine.save_states)

    def load_states(self, saved: bytes) -> None:
        guard("load_states", lambda: self._engine.load_states(saved))

    def summary(self) -> str:
        return guard("summary", self._engine.summary)

    @staticmethod
    def check_otlp(signal: str, payload: bytes) -> int:
        return guard("check_otlp", lambda: _core.check_otlp(signal, payload))

    @staticmethod
    def otlp_signal(payload: bytes) -> str | None:
        return guard("otlp_signal", lambda: _core.otlp_signal(payload))

    @staticmethod
    def latest_end_ns(payload: bytes) -> int:
        return guard("latest_end_ns", lambda: _core.latest_end_ns(payload))

    @staticmethod
    def otlp_from_json(signal: str, payload: bytes) -> bytes:
        return guard("otlp_from_json", lambda: _core.otlp_from_json(signal, payload))


def otlp_to_json(signal: str, payload: bytes) -> bytes:
    """`_core.otlp_to_json` with panics translated."""
    return guard("otlp_to_json", lambda: _core.otlp_to_json(signal, payload))


def ottl_fault(text: str, context: str) -> tuple[int, str] | None:
    """`_core.ottl_fault` with panics translated."""
    return guard("ottl_fault", lambda: _core.ottl_fault(text, context))


def regex_fault(text: str) -> tuple[int | None, str] | None:
    """`_core.regex_fault` with panics translated."""
    return guard("regex_fault", lambda: _core.regex_fault(text))


def refuse_other_version() -> None:
    """Raises ImportError when the core is not of the installed package's version (a half-finished upgrade)."""
    try:
        installed = importlib.metadata.version("enricher")
    except importlib.metadata.PackageNotFoundError:
        return
    if installed != _core.VERSION:
        raise ImportError(f"enricher is {installed} but its core is {_core.VERSION}: install the package again")


class CorePrices:
    """`_core.PriceBook` with panics translated: the price book by itself."""

    def __init__(self, plan: bytes) -> None:
        self._book = guard("compile", lambda: _core.PriceBook(plan))

    def price(self, request: str) -> str:
        return guard("price", lambda: self._book.price(request))
