"""What one candidate's engine decided, counted from its trace records."""

from __future__ import annotations

import json
import operator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from enricher.runtime.engine import TickReport
from enricher.simulate.classes import Classes, Place
from enricher.simulate.estimates import Estimate
from enricher.simulate.timeline import Timeline

MONTH_S = 365.25 / 12 * 86_400
ESTIMATED = ("traces", "failed", "spans", "calls", "tokens", "cost_usd")
"""Totals whose estimate is compared with the truth."""
_NOTHING = (0.0,) * len(ESTIMATED)
_FAILED = ESTIMATED.index("failed")
# Traces whose values are remembered, so that spans which come late are added to those of their trace.
_RECENT = 100_000


@dataclass(slots=True)
class PolicyTally:
    """voted: traces the policy voted for. decided: those it was credited with. Spans, bytes and cost are of what it
    kept. probabilities: their sum over the decided traces."""

    voted: int = 0
    decided: int = 0
    kept: int = 0
    spans: int = 0
    bytes: int = 0
    cost: Decimal = Decimal()
    probabilities: float = 0.0


@dataclass(frozen=True, slots=True)
class _Known:
    """A trace whose late spans may still come. values: what was added to each of `ESTIMATED`."""

    values: tuple[float, ...]
    place: Place


class Tally:
    """`take` every report of the engine's ticks, then ask for `result`."""

    def __init__(self, policies: list[str], *, costly_usd: float, slow_ms: float | None) -> None:
        self._policies = {name: PolicyTally() for name in policies}
        self._classes = Classes(costly_usd, slow_ms)
        self._estimates = {name: Estimate() for name in ESTIMATED}
        self._timeline = Timeline()
        self._recent: dict[str, _Known] = {}
        self._triggers: dict[str, list[int]] = {}
        self._all = {"traces": 0, "spans": 0, "bytes": 0, "calls": 0, "unpriced_calls": 0}
        self._kept = {"traces": 0, "spans": 0, "bytes": 0}
        self._late_spans = [0, 0]
        self._cost = [Decimal(), Decimal()]
        self._exported_bytes = 0
        self._trial: dict[str, int] | None = None
        self._first_s = float("inf")
        self._last_s = 0.0

    def take(self, report: TickReport) -> None:
        self._exported_bytes += sum(map(len, report.payloads))
        for line in report.traces.splitlines():
            self._record(json.loads(line))

    def _record(self, record: dict[str, Any]) -> None:
        kept, late, spans, size = record["kept"], record["late"], record["spans"], record["bytes"]
        cost = Decimal(record["cost_usd"] or 0)
        begun = datetime.fromisoformat(record["time"]).timestamp()
        if begun > 0:
            self._first_s = min(self._first_s, begun)
            self._last_s = max(self._last_s, begun + record["duration_ms"] / 1e3)
            self._timeline.add(begun, spans, kept)
        self._all["spans"] += spans
        self._all["bytes"] += size
        self._all["calls"] += record["calls"] or 0
        self._all["unpriced_calls"] += record["unpriced_calls"] or 0
        self._cost[0] += cost
        if kept:
            self._kept["spans"] += spans
            self._kept["bytes"] += size
            self._cost[1] += cost
        known = self._recent.pop(record["trace_id"], None)
        place = None if known is None else known.place
        if late:
            self._late_spans[0] += spans
            self._late_spans[1] += spans if kept else 0
            if place is not None:
                self._classes.add_late(place, record, float(cost))
        else:
            self._all["traces"] += 1
            self._kept["traces"] += kept
            self._triggers.setdefault(record["trigger"], [0, 0])[0 if kept else 1] += 1
            place = self._classes.add(record, float(cost))
        if record["dry_run"] is not None:
            self._try(record)
        self._vote(record, cost)
        values = self._estimate(record, float(cost), known)
        if place is not None:
            self._recent[record["trace_id"]] = _Known(values, place)
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]

    def _try(self, record: dict[str, Any]) -> None:
        """What would have been kept with what is in `dry_run`. Late spans follow what was decided, and say nothing."""
        if self._trial is None:
            self._trial = {"traces": 0, "spans": 0, "bytes": 0}
        if record["dry_run"]["kept"]:
            self._trial["traces"] += 1
            self._trial["spans"] += record["spans"]
            self._trial["bytes"] += record["bytes"]

    def _vote(self, record: dict[str, Any], cost: Decimal) -> None:
        for name in record["votes"]:
            self._policies.setdefault(name, PolicyTally()).voted += 1
        if (name := record["policy"]) is None:
            return
        tally = self._policies.setdefault(name, PolicyTally())
        if not record["late"]:
            tally.decided += 1
            tally.probabilities += record["probability"]
            tally.kept += record["kept"]
        if record["kept"]:
            tally.spans += record["spans"]
            tally.bytes += record["bytes"]
            tally.cost += cost

    def _estimate(self, record: dict[str, Any], cost: float, known: _Known | None) -> tuple[float, ...]:
        """Returns what was added of the trace by now.

        A trace that came with probability q (its `th`) stands for 1/q traces, and is kept of those that came with p/q.
        """
        first = not record["late"]
        before = _NOTHING if known is None else known.values
        # Of a trace that is not known any more nobody can say whether it had failed before.
        fails = bool(record["error"] or record["failed_calls"]) and (
            first or (known is not None and not before[_FAILED])
        )
        counts = (
            int(first),
            int(fails),
            record["spans"],
            record["calls"] or 0,
            (record["input_tokens"] or 0) + (record["output_tokens"] or 0),
            cost,
        )
        incoming = record["incoming_probability"] or 1.0
        values = tuple(count / incoming for count in counts)
        probability = min(record["probability"], incoming) / incoming
        for name, value, earlier in zip(ESTIMATED, values, before, strict=True):
            if value:
                self._estimates[name].add(value, probability, record["kept"], earlier)
        return tuple(map(operator.add, before, values))

    def result(self) -> dict[str, Any]:
        """Everything counted, as plain data; shares and errors are fractions, None where there is nothing to share."""
        seconds = max(self._last_s - self._first_s, 0.0)
        share = {name: _share(self._kept[name], self._all[name]) for name in self._kept}
        uniform = share["bytes"] or 0.0
        return {
            "input": {
                **self._all,
                "cost_usd": _decimal(self._cost[0]),
                "from": None if not self._last_s else _time(self._first_s),
                "to": None if not self._last_s else _time(self._last_s),
                "seconds": seconds,
            },
            "kept": dict(self._kept),
            "kept_share": share,
            "dry_run": self._trial,
            "storage": {
                "exported_bytes": self._exported_bytes,
                "gib_per_month": self._exported_bytes / seconds * MONTH_S / 2**30 if seconds else None,
                "saved_share": None if share["bytes"] is None else 1 - share["bytes"],
            },
            "classes": {
                name: {**counts, "share": _share(counts["kept"], counts["traces"])}
                for name, counts in self._classes.counts().items()
            },
            "spend": {
                "usd": _decimal(self._cost[0]),
                "kept_usd": _decimal(self._cost[1]),
                "share": float(self._cost[1] / self._cost[0]) if self._cost[0] else None,
            },
            "estimates": {name: one.as_dict(uniform) for name, one in self._estimates.items()},
            "policies": {name: _policy(one) for name, one in self._policies.items()},
            "triggers": {
                name: {"kept": kept, "dropped": dropped} for name, (kept, dropped) in sorted(self._triggers.items())
            },
            "late_spans": {"spans": self._late_spans[0], "kept": self._late_spans[1]},
            "timeline": {
                "seconds": self._timeline.width_s,
                "spans": [{"time": time, "in": count, "kept": kept} for time, count, kept in self._timeline.points()],
            },
        }


def _policy(tally: PolicyTally) -> dict[str, Any]:
    return {
        "voted": tally.voted,
        "decided": tally.decided,
        "kept": tally.kept,
        "spans": tally.spans,
        "bytes": tally.bytes,
        "cost_usd": _decimal(tally.cost),
        "mean_probability": tally.probabilities / tally.decided if tally.decided else None,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
