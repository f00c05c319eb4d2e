"""What the reports tell of each candidate, row by row; the terminal and the page show the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line over all candidates. heading: it begins a group and has no cells of its own."""

    label: str
    cells: tuple[str, ...] = ()
    heading: bool = False


_CLASSES = {
    "failed": "failed",
    "slow": "slow",
    "costly": "costly",
    "blocked": "blocked by a guardrail",
    "other": "none of these",
}
_ESTIMATES = {
    "traces": "traces",
    "failed": "failed traces",
    "spans": "spans",
    "calls": "model calls",
    "tokens": "tokens",
    "cost_usd": "spend",
}


def rows(report: Json, costly_usd: float, slow_ms: float | None) -> list[Row]:
    """The comparison: a row a figure, a cell a candidate."""
    candidates = report["candidates"]

    def row(label: str, cell: Callable[[Json], str]) -> Row:
        return Row(label, tuple(cell(one) for one in candidates))

    told = [row(f"{name} kept", partial(_part, name=name)) for name in ("traces", "spans", "bytes")]
    told += [
        row("stored a month", lambda one: month(one["storage"]["gib_per_month"])),
        row("storage saved", lambda one: percent(one["storage"]["saved_share"])),
        row("spend captured", lambda one: percent(one["spend"]["share"])),
        Row("traces kept of those that", heading=True),
    ]
    notes = {
        "slow": ", slowest 5 % of their operation" if slow_ms is None else f", longer than {slow_ms:g} ms",
        "costly": f", {costly_usd:g} USD or more",
    }
    told += [row(f"  are {label}{notes.get(name, '')}", partial(_class, name=name)) for name, label in _CLASSES.items()]
    told.append(Row("totals estimated from kept traces: expected, actual error", heading=True))
    told += [row(f"  {label}", partial(_error, name=name)) for name, label in _ESTIMATES.items()]
    told.append(Row("a uniform sample of the same size: expected error", heading=True))
    told += [row(f"  {_ESTIMATES[name]}", partial(_uniform, name=name)) for name in ("traces", "failed", "cost_usd")]
    if any(one["dry_run"] for one in candidates):
        told.append(row("traces kept with what is in dry_run", _trial))
    if any(one["late_spans"]["spans"] for one in candidates):
        told.append(row("spans after the verdict", lambda one: _of(_late(one["late_spans"]))))
    return told


POLICY_COLUMNS = ("policy", "voted", "decided", "kept", "mean p", "spans", "bytes", "spend USD")


def policies(candidate: Json) -> list[tuple[str, ...]]:
    """One candidate's policies under `POLICY_COLUMNS`."""
    return [
        (
            name,
            f"{one['voted']:,}",
            f"{one['decided']:,}",
            f"{one['kept']:,}",
            "-" if one["mean_probability"] is None else f"{one['mean_probability']:.3g}",
            f"{one['spans']:,}",
            size(one["bytes"]),
            f"{float(one['cost_usd']):,.4g}",
        )
        for name, one in candidate["policies"].items()
    ]


TRIGGER_COLUMNS = ("decided by", "kept", "dropped")


def triggers(candidate: Json) -> list[tuple[str, ...]]:
    """What made the engine decide when it did, under `TRIGGER_COLUMNS`."""
    return [(name, f"{one['kept']:,}", f"{one['dropped']:,}") for name, one in candidate["triggers"].items()]


def headline(told: Json) -> str:
    """What came in, in one line."""
    line = (
        f"{told['traces']:,} traces, {told['spans']:,} spans, {size(told['bytes'])}, {told['calls']:,} model calls, "
        f"{float(told['cost_usd']):,.4f} USD"
    )
    return f"{line} in {span_of_time(told['seconds'])}, {told['from']} to {told['to']}" if told["to"] else line


def percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:.1%}" if share < 0.9995 or share == 1 else f"{share:.3%}"


def size(count: float) -> str:
    """Bytes in the binary unit that reads best."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:,.0f} B" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def month(gib: float | None) -> str:
    """Storage a month; a little of it in smaller units."""
    return "-" if gib is None else size(gib * 2**30)


def span_of_time(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def _part(one: Json, name: str) -> str:
    count = size(one["kept"][name]) if name == "bytes" else f"{one['kept'][name]:,}"
    return f"{count} ({percent(one['kept_share'][name])})"


def _of(counts: Json) -> str:
    return f"{percent(counts['share'])} of {counts['traces']:,}" if counts["traces"] else "none seen"


def _late(late: Json) -> Json:
    return {"traces": late["spans"], "share": late["kept"] / late["spans"] if late["spans"] else None}


def _trial(one: Json) -> str:
    trial = one["dry_run"]
    return f"{trial['traces']:,} ({size(trial['bytes'])})" if trial else "-"


def _class(one: Json, name: str) -> str:
    return _of(one["classes"][name])


def _uniform(one: Json, name: str) -> str:
    return _plus_minus(one["estimates"][name]["uniform_error"])


def _error(one: Json, name: str) -> str:
    estimate = one["estimates"][name]
    if estimate["expected_error"] is None:
        return "not kept at all" if estimate["blind"] else "-"
    told = f"{_plus_minus(estimate['expected_error'])}, {estimate['actual_error']:+.1%}"
    return f"{told}, blind to {percent(estimate['blind'])}" if estimate["blind"] else told


def _plus_minus(error: float | None) -> str:
    return "-" if error is None else f"±{error:.1%}"
