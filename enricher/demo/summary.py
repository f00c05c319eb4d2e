"""The end of a demonstration: its figures, whether they agree with each other, and where to look next."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from enricher.cli.style import Style
from enricher.demo import view
from enricher.demo.session import Files, Tally

_CENT = Decimal("0.01")
_ROWS = 14
_LEAST_COLUMNS = 80
_MOST_COLUMNS = 105
_INDENT = 10
_TOGETHER = "\xa0"


@dataclass
class Check:
    """One figure as everybody who knows it says it."""

    what: str
    said: dict[str, int | Decimal]
    """The figure by who says it."""

    @property
    def agrees(self) -> bool:
        return len(set(self.said.values())) == 1

    def line(self, style: Style) -> str:
        sign = style("✓", "green") if self.agrees else style("✗", "red", "bold")
        words = " = " if self.agrees else " ≠ "
        return f"  {sign} {self.what:13} " + words.join(f"{value:,} {who}" for who, value in self.said.items())


class Calls:
    """The call log, added up."""

    def __init__(self, lines: list[str]) -> None:
        self.records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        costs = [(Decimal(record["cost_usd"] or 0), record["sampled"]) for record in self.records]
        self.usd = sum((cost for cost, _ in costs), Decimal(0))
        self.usd_kept = sum((cost for cost, sampled in costs if sampled), Decimal(0))
        new = [record for record in self.records if record["calls"]]
        self.count = len(new)
        self.failed = sum(record["status"] == "error" for record in new)
        self.states = Counter(record["cost_state"] for record in new)
        self.dialects = Counter(record["dialect"] or "(none)" for record in new)

    def total(self, name: str) -> int:
        return sum(record[name] or 0 for record in self.records)

    def telling(self) -> str | None:
        """The trace that shows most: kept, told twice, with something inferred, and dear."""
        if not self.records:
            return None
        best = max(
            self.records,
            key=lambda one: (
                one["sampled"],
                one["duplicates"] > 0,
                "provider" in (one["inferred"] or ()),
                Decimal(one["cost_usd"] or 0),
            ),
        )
        return str(best["trace_id"])


def checks(figures: view.Figures, tally: Tally, calls: Calls) -> list[Check]:
    """Sent, and true by the recording, against counted in the metrics and recorded in the call log."""

    def thrice(sent: int, counted: float, recorded: int) -> dict[str, int | Decimal]:
        return {"sent": sent, "in the metrics": round(counted), "in calls.jsonl": recorded}

    return [
        Check("spans", {"sent": tally.spans, "taken in": round(figures.spans)}),
        Check("traces", {"sent": tally.traces, "decided": round(figures.decided)}),
        Check("model calls", thrice(tally.calls, figures.calls, calls.count)),
        Check("failed calls", thrice(tally.failed_calls, figures.errors, calls.failed)),
        Check("input tokens", _both(figures.input_tokens, calls.total("input_tokens"))),
        Check("output tokens", _both(figures.output_tokens, calls.total("output_tokens"))),
        Check("USD", {"in the metrics": _cents(figures.usd), "in calls.jsonl": _cents(calls.usd)}),
    ]


def _both(counted: float, recorded: int) -> dict[str, int | Decimal]:
    return {"in the metrics": round(counted), "in calls.jsonl": recorded}


def _cents(usd: float | Decimal) -> Decimal:
    return Decimal(usd).quantize(_CENT)


def write(
    figures: view.Figures,
    tally: Tally,
    calls: Calls,
    checked: list[Check],
    files: Files,
    url: str,
    style: Style,
    columns: int,
) -> str:
    """The summary as text, for a terminal with so many columns (80 at least).

    It names commands as this one was called: the program may not be on the path.
    """
    program = called_as(sys.argv[0])
    width = min(max(columns, _LEAST_COLUMNS), _MOST_COLUMNS)
    spent = f"{calls.usd_kept / calls.usd:.0%}" if calls.usd else "none"
    share = figures.kept / figures.decided if figures.decided else 0
    megabytes = files.traces.stat().st_size / 1e6 if files.traces.exists() else 0
    visible = calls.total("input_tokens") + calls.total("output_tokens")
    true = tally.input_tokens + tally.output_tokens
    lines = [
        *view.draw(figures, style, _ROWS, width),
        "",
        *_paragraph("Sent", f"{tally.spans:,} spans of real SDKs: {view.mix(tally)}", width),
        *_paragraph("Dialects", _list(calls.dialects), width),
        *_paragraph(
            "Spent",
            f"{_cents(calls.usd):,} USD on {calls.count:,} calls, each counted once; "
            f"{figures.duplicates:,.0f} spans repeated one",
            width,
        ),
        *_paragraph("", _list(calls.states) + (f" ({_list(figures.unpriced)})" if figures.unpriced else ""), width),
        *_paragraph(
            "Tokens",
            f"{visible:,} of the {true:,} that the models used are on the spans; the rest no SDK reported",
            width,
        ),
        *_paragraph(
            "Kept",
            f"{figures.kept:,.0f} of {figures.decided:,.0f} traces ({share:.0%}, {megabytes:.1f} MB), "
            f"with {spent} of the spend",
            width,
        ),
        "",
        "Checked",
        *(check.line(style) for check in checked),
        "",
        "Look at",
        *_aligned(
            {
                files.calls: "a line a model call: model, tokens, cost …",
                files.traces: "the kept traces, OTLP JSON lines",
                files.sent: "what was sent, as it was sent",
                files.metrics: f"last scrape of {url}",
            }
        ),
        "",
        "Next",
    ]
    example = calls.telling()
    if example:
        lines += [
            *_command(width, f"{program} explain {files.sent}", f"-c {files.config} --trace {example[:8]}"),
            style("      one trace: what was concluded from what, its cost, every vote", "dim"),
        ]
    lines += [
        *_command(width, f"{program} process {files.sent}", f"-c {files.config}"),
        style("      the same traffic again, after you changed a rule in that file", "dim"),
        *_command(width, f"{program} run", f"-c {files.config}"),
        style("      your own traffic; the environment of the app:", "dim"),
        style("      OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "dim"),
        style("      OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "dim"),
        style("      Prometheus: http://127.0.0.1:9464/metrics", "dim"),
    ]
    return "\n".join(lines)


def called_as(path: str) -> str:
    """What to type for the program that was started as `path`."""
    if Path(path).name == "__main__.py":
        return "python -m enricher"
    found = shutil.which("enricher")
    if found and os.path.realpath(found) == os.path.realpath(path):
        return "enricher"
    return min(path, os.path.relpath(path), key=len)


def _aligned(meanings: dict[Path, str]) -> list[str]:
    width = max(len(str(path)) for path in meanings)
    return [f"  {path!s:{width}}  {meaning}" for path, meaning in meanings.items()]


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,}{_TOGETHER}{name}" for name, count in counts.most_common())


def _paragraph(title: str, text: str, width: int) -> list[str]:
    """Text behind its title, in lines of the same indent."""
    lines = textwrap.wrap(text, width - _INDENT, break_long_words=False, break_on_hyphens=False)
    return [
        f"{title if number == 0 else '':{_INDENT}}{line.replace(_TOGETHER, ' ')}" for number, line in enumerate(lines)
    ]


def _command(width: int, start: str, options: str) -> list[str]:
    """A command to paste, over two lines where one is too long."""
    whole = f"  {start} {options}"
    return [whole] if len(whole) <= width else [f"  {start} \\", f"      {options}"]
