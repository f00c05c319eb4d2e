"""The report: medians of the runs in the table of the aims, and whether every answer was right."""

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

from bench.measure import SHAPES, Result
from bench.targets import TARGETS

AIMS = {
    # shape: (share of the ceiling, multiple of the Collector's smaller job)
    "512": (0.50, 4.0),
    "100": (0.50, 2.5),
    "10": (0.85, 0.0),
    "512-gzip": (0.50, 0.0),
}
MEMORY_AIM, P99_AIM_MS = 1.3, 4.0


def median(results: Iterable[Result], figure: str) -> float | None:
    """The median of one figure over runs; None when there was no run."""
    values = [result.figures[figure] for result in results]
    return statistics.median(values) if values else None


def pick(results: list[Result], target: str, measure: str) -> list[Result]:
    """The runs of one target and measure."""
    return [result for result in results if (result.target, result.measure) == (target, measure)]


def thousands(value: float | None) -> str:
    """A rate as `738k`, a dash when it was not measured."""
    return "-" if value is None else f"{value / 1000:,.0f}k"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def speed(results: list[Result]) -> str:
    """Spans per CPU-second, one row a request shape, with the aims beside them."""
    targets = [name for name in TARGETS if any(result.target == name for result in results)]
    rows = []
    for shape in SHAPES:
        if not any(result.measure == shape for result in results):
            continue
        rates = {name: median(pick(results, name, shape), "spans_per_cpu_second") for name in targets}
        ours, ceiling, collector = rates.get("enricher"), rates.get("grpcio"), rates.get("collector-tail")
        share, multiple = AIMS[shape]
        cells = []
        if ours and ceiling:
            cells.append(f"{ours / ceiling:.0%} of the ceiling (aim {share:.0%})")
        if ours and collector:
            cells.append(f"{ours / collector:.1f}x the Collector" + (f" (aim {multiple:g}x)" if multiple else ""))
        rows.append([shape, *(thousands(rates[name]) for name in targets), ", ".join(cells) or "-"])
    return table(["spans a request", *(TARGETS[name].title for name in targets), "enricher against them"], rows)


def memory_and_latency(results: list[Result]) -> str:
    """Memory a byte held, and the percentiles of the export call."""
    rows = []
    for name, target in TARGETS.items():
        held, calls = pick(results, name, "memory"), pick(results, name, "latency")
        if not held and not calls:
            continue
        cells = [target.title]
        for figure, runs in (("rss_per_byte", held), ("peak_rss_per_byte", held), ("floor_mib", held)):
            value = median(runs, figure)
            cells.append("-" if value is None else f"{value:.1f}")
        for figure in ("p50_ms", "p99_ms", "max_ms"):
            value = median(calls, figure)
            cells.append("-" if value is None else f"{value:.1f}")
        rows.append(cells)
    header = ["", "resident bytes a byte held", "at its peak", "floor MiB", "call p50 ms", "p99 ms", "worst ms"]
    return table(header, rows)


def wrong(results: list[Result]) -> list[str]:
    """One line for each check that did not hold."""
    return [
        f"{result.target} {result.measure}: {check.what}: expected {check.expected}, got {check.got}"
        for result in results
        for check in result.checks
        if not check.ok
    ]


def markdown(results: list[Result], seconds: float, load: float) -> str:
    """The whole report; `load` is the machine's load average before the first run."""
    checked = sum(len(result.checks) for result in results)
    faults = wrong(results)
    lines = [
        "# Benchmark report",
        "",
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, load average {load:.1f} before the first run (near 0 is quiet; latencies of a",
        f"busy machine mean little). {seconds:g} s of sending a run, median of the runs.",
        "",
        "Spans per CPU-second of the process under test: 1 KB spans in OpenLLMetry style, 6 to 10 spans a trace, 5 %",
        "of traces with an error. The tail samplers keep errors, slow traces and 10 %, and send them on over OTLP",
        "gRPC, uncompressed.",
        "",
        "## Speed",
        "",
        speed(results),
        "",
        "## Memory and latency",
        "",
        f"Aims: {MEMORY_AIM:g} bytes for each byte of span held; p99 under {P99_AIM_MS:g} ms at 20,000 spans/s.",
        "",
        memory_and_latency(results),
        "",
        "## Answers",
        "",
        f"{checked - len(faults)} of {checked} checks held.",
        *(f"- WRONG: {fault}" for fault in faults),
        "",
    ]
    return "\n".join(lines)


def write(results: list[Result], seconds: float, load: float, folder: Path) -> str:
    """Write `report.md` and `report.json` into `folder` and return the Markdown."""
    text = markdown(results, seconds, load)
    (folder / "report.md").write_text(text)
    (folder / "report.json").write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")
    return text
