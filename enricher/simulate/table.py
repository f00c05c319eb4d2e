"""The report for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enricher.cli.style import Style
from enricher.simulate import rows as told
from enricher.simulate.rows import Json, Row

SHORT_S = 600
"""A rate measured over less than this says little about a month, in seconds."""


def render(report: Json, rows: Sequence[Row], style: Style) -> str:
    names = [one["name"] for one in report["candidates"]]
    lines = [f"input  {told.headline(report['input'])}", ""]
    width = max(len(row.label) for row in rows)
    columns = [max(len(name), *(len(row.cells[at]) for row in rows if row.cells)) for at, name in enumerate(names)]
    lines.append(style(_line("", width, names, columns), "bold"))
    lines += [style(row.label, "dim") if row.heading else _line(row.label, width, row.cells, columns) for row in rows]
    for one in report["candidates"]:
        lines += ["", style(one["name"], "bold")]
        lines += (
            _aligned([told.POLICY_COLUMNS, *told.policies(one)], style) if one["policies"] else ["  keeps everything"]
        )
        lines += _aligned([told.TRIGGER_COLUMNS, *told.triggers(one)], style)
    if report["input"]["seconds"] < SHORT_S:
        lines += ["", f"{told.span_of_time(report['input']['seconds'])} of traffic say little about a month"]
    return "\n".join(lines)


def _line(label: str, width: int, cells: Sequence[str], columns: Sequence[int]) -> str:
    return "  ".join([f"{label:<{width}}", *(f"{cell:>{column}}" for cell, column in zip(cells, columns, strict=True))])


def _aligned(table: Sequence[Sequence[str]], style: Style) -> Iterable[str]:
    widths = [max(len(line[at]) for line in table) for at in range(len(table[0]))]
    for number, line in enumerate(table):
        cells = [f"{cell:<{widths[0]}}" if at == 0 else f"{cell:>{widths[at]}}" for at, cell in enumerate(line)]
        text = "  " + "  ".join(cells)
        yield style(text, "dim") if number == 0 else text
