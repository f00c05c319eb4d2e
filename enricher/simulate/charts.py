"""Small charts as inline SVG: no script, no fonts, no network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime

PALETTE = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#db2777")
GRAY = "#9ca3af"

Bar = tuple[str, float | None, str, str]
"""Name, value (None for none), text beside the bar, color."""

_LABELS = 190
_BARS = 420
_LINE = 20


def color(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def bars(groups: Sequence[tuple[str, Sequence[Bar]]], most: float = 1.0) -> str:
    """Horizontal bars by group. A bar as long as the chart is `most`."""
    parts: list[str] = []
    y = 0
    for group, members in groups:
        parts.append(f'<text x="0" y="{y + 15}" class="group">{_text(group)}</text>')
        y += _LINE
        for name, value, text, fill in members:
            length = 0.0 if value is None or most <= 0 else min(max(value / most, 0.0), 1.0) * _BARS
            parts.append(f'<text x="12" y="{y + 14}" class="name">{_text(_cut(name))}</text>')
            parts.append(
                f'<rect x="{_LABELS}" y="{y + 3}" width="{length:.1f}" height="14" rx="2" fill="{fill}">'
                f"<title>{_text(name)}: {_text(text)}</title></rect>"
            )
            parts.append(f'<text x="{_LABELS + length + 6:.1f}" y="{y + 14}" class="value">{_text(text)}</text>')
            y += _LINE
        y += 8
    return _svg(_LABELS + _BARS + 150, y, parts)


def timeline(series: Sequence[tuple[str, Sequence[tuple[int, float]]]], width_s: int) -> str:
    """Counts over time as steps: (name, [(Unix second at which a bin begins, count)]); the first series is in gray."""
    points = [point for _, found in series for point in found]
    if not points:
        return ""
    first = min(second for second, _ in points)
    last = max(second for second, _ in points) + width_s
    top = max(count for _, count in points) or 1
    wide, high = 720, 180
    parts = [f'<line x1="0" y1="{high}" x2="{wide}" y2="{high}" stroke="{GRAY}"/>']
    for index, (name, found) in enumerate(series):
        path: list[str] = []
        for second, count in found:
            left = (second - first) / (last - first) * wide
            right = (second + width_s - first) / (last - first) * wide
            up = high - count / top * (high - 16)
            path.append(f"M{left:.1f} {high}V{up:.1f}H{right:.1f}V{high}")
        fill = GRAY if index == 0 else color(index - 1)
        parts.append(
            f'<path d="{"".join(path)}" fill="{fill}" fill-opacity="{0.35 if index == 0 else 0.6}">'
            f"<title>{_text(name)}</title></path>"
        )
        parts.append(f'<rect x="{index * 150}" y="{high + 12}" width="10" height="10" fill="{fill}"/>')
        parts.append(f'<text x="{index * 150 + 15}" y="{high + 21}" class="name">{_text(_cut(name, 18))}</text>')
    parts.append(f'<text x="0" y="12" class="value">{top:,.0f} spans in {width_s:,} s</text>')
    ends = f"{_time(first)} to {_time(last)}"
    parts.append(f'<text x="{wide}" y="{high + 21}" text-anchor="end" class="value">{ends}</text>')
    return _svg(wide, high + 28, parts)


def stacked(groups: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """One bar a group, cut by its members' shares of the group's sum."""
    parts: list[str] = []
    y = 0
    for group, members in groups:
        parts.append(f'<text x="0" y="{y + 15}" class="group">{_text(group)}</text>')
        y += _LINE
        whole = sum(value for _, value in members) or 1.0
        x = 0.0
        for index, (name, value) in enumerate(members):
            length = value / whole * (_LABELS + _BARS)
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="18" fill="{color(index)}">'
                f"<title>{_text(name)}: {value / whole:.1%}</title></rect>"
            )
            x += length
        y += 24
        for index, (name, value) in enumerate(members):
            left = 12 + index % 3 * 240
            top = y + index // 3 * 18
            parts.append(f'<rect x="{left}" y="{top}" width="10" height="10" fill="{color(index)}"/>')
            label = f"{_cut(name)} {value / whole:.1%}"
            parts.append(f'<text x="{left + 15}" y="{top + 9}" class="name">{_text(label)}</text>')
        y += (len(members) + 2) // 3 * 18 + 10
    return _svg(_LABELS + _BARS + 150, y, parts)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{"".join(parts)}</svg>'


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _cut(text: str, width: int = 24) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
