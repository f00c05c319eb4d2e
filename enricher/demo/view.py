"""The live view: what the service counts, drawn from its own Prometheus endpoint."""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families


@dataclass
class Model:
    calls: float = 0
    input_tokens: float = 0
    output_tokens: float = 0
    usd: float = 0


@dataclass
class Figures:
    """What one scrape says."""

    models: dict[tuple[str, str], Model] = field(default_factory=lambda: defaultdict(Model))
    """By (provider, model)."""
    policies: dict[str, float] = field(default_factory=dict)
    """Kept traces by credited policy."""
    kept: float = 0
    dropped: float = 0
    spans: float = 0
    duplicates: float = 0
    errors: float = 0

    @property
    def usd(self) -> float:
        return sum(model.usd for model in self.models.values())

    @property
    def calls(self) -> float:
        return sum(model.calls for model in self.models.values())


def scrape(url: str) -> str:
    """The text of a Prometheus endpoint. Raises OSError."""
    with urllib.request.urlopen(url, timeout=5) as response:
        text: str = response.read().decode()
    return text


def read(text: str) -> Figures:
    figures = Figures()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels, value = sample.labels, sample.value
            model = (labels.get("provider", ""), labels.get("model", ""))
            match sample.name:
                case "llm_cost_usd_total":
                    figures.models[model].usd += value
                case "llm_request_duration_seconds_count":
                    figures.models[model].calls += value
                case "llm_tokens_total" if labels.get("type") == "input":
                    figures.models[model].input_tokens += value
                case "llm_tokens_total" if labels.get("type") == "output":
                    figures.models[model].output_tokens += value
                case "llm_errors_total":
                    figures.errors += value
                case "enricher_duplicate_reports_total":
                    figures.duplicates += value
                case "enricher_spans_received_total":
                    figures.spans += value
                case "enricher_sampling_policy_traces_total" if labels.get("outcome") == "kept":
                    figures.policies[labels["policy"]] = figures.policies.get(labels["policy"], 0) + value
                case "enricher_traces_total" if labels.get("decision") == "kept":
                    figures.kept += value
                case "enricher_traces_total":
                    figures.dropped += value
    return figures


def draw(figures: Figures, elapsed: float, sent: int) -> str:
    """The view as plain text, one screen."""
    lines = [
        f"enricher demo   {elapsed:4.0f} s   spans sent {sent:,}   received {figures.spans:,.0f}",
        "",
        f"{'model':34} {'provider':16} {'calls':>7} {'input':>11} {'output':>10} {'USD':>11}",
    ]
    ranked = sorted(figures.models.items(), key=lambda item: (-item[1].usd, item[0]))
    for (provider, name), model in ranked[:14]:
        lines.append(
            f"{_cut(name or '(unknown)', 34):34} {_cut(provider or '(unknown)', 16):16} {model.calls:7,.0f} "
            f"{model.input_tokens:11,.0f} {model.output_tokens:10,.0f} {model.usd:11.4f}"
        )
    if len(ranked) > 14:
        lines.append(f"… and {len(ranked) - 14} more")
    lines += [
        f"{'all':34} {'':16} {figures.calls:7,.0f} {'':11} {'':10} {figures.usd:11.4f}",
        "",
        f"failed calls {figures.errors:,.0f}   repeated reports merged {figures.duplicates:,.0f}",
        f"traces kept {figures.kept:,.0f}   dropped {figures.dropped:,.0f}   kept by: "
        + (", ".join(f"{name} {count:,.0f}" for name, count in sorted(figures.policies.items())) or "-"),
    ]
    return "\n".join(lines)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
