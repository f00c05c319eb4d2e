"""The report as one HTML page that needs nothing else: style and charts are in it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from enricher.simulate import charts
from enricher.simulate import rows as told
from enricher.simulate.charts import GRAY, Bar, color
from enricher.simulate.rows import Json, Row

_STYLE = """
:root { color-scheme: light dark; --line: #d1d5db; --soft: #6b7280; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p { color: var(--soft); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; white-space: pre; }
tr.heading td { color: var(--soft); padding-top: .8rem; }
.wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } svg .group { font-weight: 600; }
"""
_SHARES = {"spans": "spans kept", "bytes": "bytes kept"}
_CLASSES = {
    "failed": "failed",
    "slow": "slow",
    "costly": "costly",
    "blocked": "blocked by a guardrail",
    "other": "others",
}
_TOTALS = {"traces": "traces", "failed": "failed traces", "tokens": "tokens", "cost_usd": "spend"}


def render(report: Json, rows: Sequence[Row]) -> str:
    candidates = report["candidates"]
    body = [
        "<h1>What each configuration would keep</h1>",
        f"<p>{_text(told.headline(report['input']))}</p>",
        "<h2>Comparison</h2>",
        _comparison([one["name"] for one in candidates], rows),
        "<h2>Shares kept</h2>",
        charts.bars(_shares(candidates)),
        "<h2>Expected error of totals estimated from kept traces</h2>",
        "<p>One standard error, beside that of a uniform sample of the same size.</p>",
        charts.bars(
            errors := _errors(candidates), max((bar[1] or 0 for _, group in errors for bar in group), default=1)
        ),
        "<h2>Over time</h2>",
    ]
    for one in candidates:
        body += [f"<h3>{_text(one['name'])}</h3>", _timeline(one)]
    body.append("<h2>Which policy keeps what</h2><p>Share of the bytes kept.</p>")
    body.append(charts.stacked(_by_policy(candidates)))
    for one in candidates:
        body.append(f"<h3>{_text(one['name'])}</h3>")
        if one["policies"]:
            body.append(_table(told.POLICY_COLUMNS, told.policies(one)))
        body.append(_table(told.TRIGGER_COLUMNS, told.triggers(one)))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>enricher simulate</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _shares(candidates: Sequence[Json]) -> list[tuple[str, list[Bar]]]:
    def group(label: str, values: Sequence[float | None]) -> tuple[str, list[Bar]]:
        pairs = enumerate(zip(candidates, values, strict=True))
        return label, [(one["name"], value, told.percent(value), color(at)) for at, (one, value) in pairs]

    groups = [group(label, [one["kept_share"][name] for one in candidates]) for name, label in _SHARES.items()]
    groups.append(group("spend captured", [one["spend"]["share"] for one in candidates]))
    for name, label in _CLASSES.items():
        if any(one["classes"][name]["traces"] for one in candidates):
            groups.append(group(f"traces: {label}", [one["classes"][name]["share"] for one in candidates]))
    return groups


def _errors(candidates: Sequence[Json]) -> list[tuple[str, list[Bar]]]:
    groups = []
    for name, label in _TOTALS.items():
        members: list[Bar] = []
        for at, one in enumerate(candidates):
            estimate = one["estimates"][name]
            rows = ((one["name"], "expected_error", color(at)), ("uniform", "uniform_error", GRAY))
            for who, which, fill in rows:
                error = estimate[which]
                members.append((who, error, "-" if error is None else f"±{error:.1%}", fill))
        groups.append((label, members))
    return groups


def _timeline(candidate: Json) -> str:
    found = candidate["timeline"]
    series = [
        (label, [(point["time"], float(point[which])) for point in found["spans"]])
        for label, which in (("spans in", "in"), ("spans kept", "kept"))
    ]
    return charts.timeline(series, found["seconds"])


def _by_policy(candidates: Sequence[Json]) -> list[tuple[str, list[tuple[str, float]]]]:
    return [
        (one["name"], [(name, float(policy["bytes"])) for name, policy in one["policies"].items() if policy["bytes"]])
        for one in candidates
        if one["policies"]
    ]


def _comparison(names: Sequence[str], rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if row.heading:
            lines.append(f'<tr class="heading"><td colspan="{len(names) + 1}">{_text(row.label)}</td></tr>')
        else:
            lines.append(_line("td", [row.label, *row.cells]))
    return _framed(_line("th", ["", *names]), "".join(lines))


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return _framed(_line("th", columns), "".join(_line("td", line) for line in lines))


def _framed(head: str, body: str) -> str:
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _line(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
