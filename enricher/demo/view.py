"""The live view: what the service counts, read from its own Prometheus endpoint and drawn as text."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from enricher.cli.style import Style
from enricher.demo.session import Tally

KINDS = {
    "normal": "normal",
    "failing": "failing",
    "slow": "slow",
    "costly": "costly",
    "retry_loop": "retry loops",
    "runaway": "runaways",
}
"""Kinds of recorded units, in words."""

_BAR = 12
_TABLE_COLUMNS = 80


@dataclass
class Model:
    calls: float = 0
    input_tokens: float = 0
    output_tokens: float = 0
    usd: float = 0


@dataclass
class Policy:
    voted: float = 0
    credited: float = 0
    kept: float = 0

    @property
    def dropped(self) -> float:
        """Traces for which its vote was the highest, and too low."""
        return self.credited - self.kept


@dataclass
class Figures:
    """What one scrape says."""

    models: dict[tuple[str, str], Model] = field(default_factory=lambda: defaultdict(Model))
    """By (provider, model)."""
    policies: dict[str, Policy] = field(default_factory=lambda: defaultdict(Policy))
    states: Counter[str] = field(default_factory=Counter)
    """Calls by cost state."""
    unpriced: Counter[str] = field(default_factory=Counter)
    """Unpriced calls by reason."""
    kept: float = 0
    dropped: float = 0
    undecided: float = 0
    """Traces in the buffer."""
    spans: float = 0
    duplicates: float = 0
    errors: float = 0
    usd_kept: float = 0
    recorded: float = 0
    """Calls in the call log."""

    @property
    def usd(self) -> float:
        return sum(model.usd for model in self.models.values())

    @property
    def calls(self) -> float:
        return sum(model.calls for model in self.models.values())

    @property
    def input_tokens(self) -> float:
        return sum(model.input_tokens for model in self.models.values())

    @property
    def output_tokens(self) -> float:
        return sum(model.output_tokens for model in self.models.values())

    @property
    def decided(self) -> float:
        return self.kept + self.dropped


def scrape(url: str) -> str:
    """The text of a Prometheus endpoint. Raises urllib3.exceptions.HTTPError."""
    return urllib3.request("GET", url, timeout=5, retries=False).data.decode()


def read(text: str) -> Figures:
    """The figures in an exposition (names: docs/metrics.md)."""
    figures = Figures()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            _add(figures, sample.name, sample.labels, sample.value)
    return figures


def _add(figures: Figures, name: str, labels: dict[str, str], value: float) -> None:
    model = (labels.get("provider", ""), labels.get("model", ""))
    match name, labels:
        case "llm_cost_usd_total", _:
            figures.models[model].usd += value
        case "llm_request_duration_seconds_count", _:
            figures.models[model].calls += value
        case "llm_tokens_total", {"type": "input"}:
            figures.models[model].input_tokens += value
        case "llm_tokens_total", {"type": "output"}:
            figures.models[model].output_tokens += value
        case "llm_errors_total", _:
            figures.errors += value
        case "enricher_calls_total", {"cost_state": state}:
            figures.states[state] += int(value)
        case "enricher_unpriced_calls_total", {"reason": reason}:
            figures.unpriced[reason] += int(value)
        case "enricher_duplicate_reports_total", _:
            figures.duplicates += value
        case "enricher_call_log_records_total", _:
            figures.recorded += value
        case "enricher_spans_received_total", _:
            figures.spans += value
        case "enricher_buffer_traces", _:
            figures.undecided += value
        case "enricher_sampling_policy_traces_total", {"policy": policy, "outcome": "voted"}:
            figures.policies[policy].voted += value
        case "enricher_sampling_policy_traces_total", {"policy": policy, "outcome": "credited"}:
            figures.policies[policy].credited += value
        case "enricher_sampling_policy_traces_total", {"policy": policy, "outcome": "kept"}:
            figures.policies[policy].kept += value
        case "enricher_traces_total", {"decision": "kept"}:
            figures.kept += value
        case "enricher_traces_total", _:
            figures.dropped += value
        case "enricher_cost_usd_total", {"decision": "kept"}:
            figures.usd_kept += value


def draw(figures: Figures, style: Style, rows: int, columns: int) -> list[str]:
    """Tables of models (at most `rows`, the rest summed) and policies: 78 columns, and bars in what is left of them."""
    heading = f"{'MODEL':28} {'PROVIDER':11} {'CALLS':>6} {'INPUT':>11} {'OUTPUT':>9} {'USD':>8}"
    lines = [style(heading, "bold")]
    ranked = sorted(figures.models.items(), key=lambda item: (-item[1].usd, -item[1].calls, item[0]))
    shown, others = (ranked, []) if len(ranked) <= rows else (ranked[: rows - 1], ranked[rows - 1 :])
    longest = max(min(_BAR, columns - _TABLE_COLUMNS), 0)
    most = max((model.usd for _, model in ranked), default=0)
    for (provider, name), model in shown:
        bar = "█" * round(longest * model.usd / most) if most else ""
        row = _row(name or "(unknown)", provider or "(unknown)", model)
        lines.append(f"{row}  {style(bar, 'cyan')}" if bar else row)
    if others:
        rest = [model for _, model in others]
        lines.append(_row(f"… and {len(rest)} more", "", _sum(rest)))
    lines.append(style(_row("all", "", _sum([model for _, model in ranked])), "bold"))
    share = f"{figures.usd_kept / figures.usd:.0%}" if figures.usd else "-"
    lines += [
        "",
        style(f"{'POLICY':28} {'VOTED':>7} {'DECIDED':>9} {'KEPT':>9} {'DROPPED':>9}", "bold") + "  traces",
        *(
            f"{_cut(name, 28):28} {policy.voted:7,.0f} {policy.credited:9,.0f} {policy.kept:9,.0f} "
            f"{policy.dropped:9,.0f}"
            for name, policy in figures.policies.items()
        ),
        style(f"{'all':28} {'':7} {figures.decided:9,.0f} {figures.kept:9,.0f} {figures.dropped:9,.0f}", "bold")
        + f"  {share} of USD",
    ]
    return lines


def live(figures: Figures, tally: Tally, seconds: tuple[float, float], style: Style, height: int, columns: int) -> str:
    """One screen of at most `height` lines where that is enough, for the time `seconds` (elapsed, planned)."""
    elapsed, planned = seconds
    done = round(20 * min(elapsed / planned, 1))
    state = f"{elapsed:.0f} of {planned:g} s" if elapsed < planned else "deciding the last traces"
    head = [
        f"{style('enricher demo', 'bold')}  {style('━' * done, 'green')}{'─' * (20 - done)}  {state}   "
        f"{tally.spans:,} spans sent, {figures.spans:,.0f} taken in",
        "sent: " + mix(tally),
        "",
    ]
    foot = [
        "",
        f"failed calls {figures.errors:,.0f}   unpriced {figures.states['unpriced']:,}   "
        f"repeated reports merged {figures.duplicates:,.0f}   traces waiting {figures.undecided:,.0f}",
    ]
    around = len(head) + len(foot) + len(figures.policies) + 5
    return "\n".join(head + draw(figures, style, max(height - around, 2), columns) + foot)


def progress(figures: Figures, tally: Tally, elapsed: float) -> str:
    """One line, where nothing can be drawn over."""
    return (
        f"{elapsed:3.0f} s  {tally.spans:6,} spans  {figures.calls:6,.0f} calls  {figures.usd:9.2f} USD  "
        f"{figures.kept:,.0f} of {figures.decided:,.0f} traces kept"
    )


def mix(tally: Tally) -> str:
    """Recorded units sent, by kind."""
    return ", ".join(f"{tally.kinds[kind]:,} {words}" for kind, words in KINDS.items() if tally.kinds[kind])


def _row(name: str, provider: str, model: Model) -> str:
    return (
        f"{_cut(name, 28):28} {_cut(provider, 11):11} {model.calls:6,.0f} {model.input_tokens:11,.0f} "
        f"{model.output_tokens:9,.0f} {model.usd:8.2f}"
    )


def _sum(models: list[Model]) -> Model:
    return Model(
        sum(model.calls for model in models),
        sum(model.input_tokens for model in models),
        sum(model.output_tokens for model in models),
        sum(model.usd for model in models),
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
