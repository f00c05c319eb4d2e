"""The program's own counters and gauges (received, delivered, lost, reloaded), all named `enricher_…`.

Every part declares what it counts where it counts it; the Prometheus collector reads `snapshot()` when it is scraped.
What the core counts (calls, tokens, cost) is not here: it comes from `Engine.metrics`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One instrument at one moment. `series` maps label values (parallel to `labels`) to the value."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    series: dict[tuple[str, ...], float]


class Cell:
    """One series. Cheap to keep and to update from any thread."""

    __slots__ = ("_lock", "_read", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0.0
        self._read: Callable[[], float] | None = None

    def add(self, amount: float = 1.0) -> None:
        with self._lock:
            self._value += amount

    def set(self, value: float) -> None:
        self._value = value

    def read_from(self, read: Callable[[], float]) -> None:
        """Ask `read` for the value at each snapshot, for what is known elsewhere anyway."""
        self._read = read

    @property
    def value(self) -> float:
        return self._value if self._read is None else self._read()


@dataclass(slots=True)
class Instrument:
    """A named family of series. Declaring the same name twice gives the same instrument."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    _cells: dict[tuple[str, ...], Cell] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, *values: str) -> Cell:
        """The series with these label values; keep it where the path is hot."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} takes the labels {self.labels}, got {values}")
        with self._lock:
            return self._cells.setdefault(values, Cell())

    def read(self) -> Reading:
        with self._lock:
            cells = dict(self._cells)
        return Reading(self.name, self.kind, self.help, self.labels, {key: cell.value for key, cell in cells.items()})


class Registry:
    """All instruments of a process; tests make their own."""

    def __init__(self) -> None:
        self._instruments: dict[str, Instrument] = {}
        self._lock = threading.Lock()

    def declare(self, kind: Kind, name: str, help_text: str, labels: tuple[str, ...]) -> Instrument:
        with self._lock:
            known = self._instruments.get(name)
            if known is None:
                known = self._instruments[name] = Instrument(name, kind, help_text, labels)
        if (known.kind, known.labels) != (kind, labels):
            raise ValueError(f"{name} is already declared as a {known.kind} with the labels {known.labels}")
        return known

    def snapshot(self) -> list[Reading]:
        with self._lock:
            instruments = list(self._instruments.values())
        return [instrument.read() for instrument in instruments]


REGISTRY = Registry()


def counter(name: str, help_text: str, *labels: str) -> Instrument:
    """A total that only grows; `name` starts with `enricher_` and ends in `_total`."""
    return REGISTRY.declare("counter", name, help_text, labels)


def gauge(name: str, help_text: str, *labels: str) -> Instrument:
    """A value that goes up and down; `name` starts with `enricher_`."""
    return REGISTRY.declare("gauge", name, help_text, labels)


def snapshot() -> list[Reading]:
    """Every instrument of the process, now."""
    return REGISTRY.snapshot()
