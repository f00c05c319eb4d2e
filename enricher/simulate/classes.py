"""The kinds of traces that people ask after: failed, slow, costly, blocked by a guardrail, and all others."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Any

KEPT, FAILED, COSTLY, BLOCKED = 1, 2, 4, 8
SLOW = 16
CLASSES = {"failed": FAILED, "slow": SLOW, "costly": COSTLY, "blocked": BLOCKED}

# Operations beyond share one distribution, so that names with ids in them cannot fill the memory.
_OPERATIONS = 1_000
# With fewer traces than this, an operation's slowest twentieth would be one trace or none.
_ENOUGH = 20
_OTHERS = ("", "")


@dataclass(slots=True)
class _Operation:
    """Nine bytes a trace: the slowest are only known when all have been seen."""

    durations: array[float] = field(default_factory=lambda: array("d"))
    flags: bytearray = field(default_factory=bytearray)

    def join(self, other: _Operation) -> None:
        self.durations.extend(other.durations)
        self.flags.extend(other.flags)


@dataclass(slots=True)
class Place:
    """Where a decided trace stands, so that what comes late is added to it. cost: USD so far."""

    operation: _Operation
    index: int
    cost: float = 0.0


class Classes:
    """Counts traces by class. costly_usd: from which cost a trace is costly. slow_ms: above which duration it is slow;
    None takes the slowest twentieth of each operation (service and name of the root)."""

    def __init__(self, costly_usd: float, slow_ms: float | None = None) -> None:
        self._costly_usd = costly_usd
        self._slow_ms = slow_ms
        self._operations: dict[tuple[str, str], _Operation] = {}

    def add(self, record: dict[str, Any], cost: float) -> Place:
        """One decided trace. Returns its place, for `add_late`."""
        key = (record["service"] or "", record["root"] or "")
        operation = self._operations.get(key)
        if operation is None:
            key = key if len(self._operations) < _OPERATIONS else _OTHERS
            operation = self._operations.setdefault(key, _Operation())
        operation.durations.append(record["duration_ms"])
        operation.flags.append(KEPT if record["kept"] else 0)
        place = Place(operation, len(operation.flags) - 1)
        self.add_late(place, record, cost)
        return place

    def add_late(self, place: Place, record: dict[str, Any], cost: float) -> None:
        """Spans that came after the verdict: what fails late has failed. A trace is as slow as it was decided to be."""
        place.cost += cost
        if record["error"] or record["failed_calls"]:
            place.operation.flags[place.index] |= FAILED
        if place.cost >= self._costly_usd:
            place.operation.flags[place.index] |= COSTLY
        if record["guardrail"] == "blocked":
            place.operation.flags[place.index] |= BLOCKED

    def counts(self) -> dict[str, dict[str, int]]:
        """`{class: {"traces", "kept"}}`; a trace may be of several classes, `other` ones are of none."""
        found = {name: {"traces": 0, "kept": 0} for name in (*CLASSES, "other")}
        for operation in self._grouped():
            limit = self._slow_ms if self._slow_ms is not None else _p95(operation.durations)
            for duration, flags in zip(operation.durations, operation.flags, strict=True):
                flags |= SLOW if duration > limit else 0
                names = [name for name, bit in CLASSES.items() if flags & bit] or ["other"]
                for name in names:
                    found[name]["traces"] += 1
                    found[name]["kept"] += flags & KEPT
        return found

    def _grouped(self) -> list[_Operation]:
        """Operations with enough traces by themselves, all others together."""
        others, groups = _Operation(), []
        for operation in self._operations.values():
            if len(operation.flags) >= _ENOUGH:
                groups.append(operation)
            else:
                others.join(operation)
        return [*groups, others] if others.flags else groups


def _p95(durations: array[float]) -> float:
    """The 95th percentile by nearest rank."""
    ordered = sorted(durations)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]
