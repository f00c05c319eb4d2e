"""`docs/metrics.md`, written from the catalogue: `python -m enricher.measure.reference > docs/metrics.md`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import enricher
from enricher.measure import catalogue, events
from enricher.measure.settings import MetricsSettings

_HEAD = """# Metrics

<!-- Written by `python -m enricher.measure.reference`; a test compares. Change the catalogue, not this page. -->

Served for Prometheus at `http://127.0.0.1:9464/metrics` (`metrics.prometheus.endpoint`). Everything about model calls
is recorded from all traffic, before sampling, when the trace of a call is decided, and each call once, whatever stack
of SDKs reported it. Histograms carry exemplars for scrapers that ask for OpenMetrics (Prometheus:
`--enable-feature=exemplar-storage`); they hold trace ids of kept traces only, so that each leads somewhere.

## Labels of the spend metrics

`metrics.labels` chooses them; the default is {default}.
Each label holds `metrics.label_limit` values; what comes after the first ones is counted under `other`. A label that a
call has no value for is left out of its series.

| label | shows |
| --- | --- |
{labels}
"""

_OWN = {
    "enricher_receiver_": "Receivers",
    "enricher_exporter_": "Exporters",
    "enricher_call_log_": "Call log",
    "enricher_config_": "Configuration",
    "enricher_price_book_": "Price book",
}
_OWN_REST = "Program"


def reference() -> str:
    """The page, in Markdown."""
    default = ", ".join(f"`{label}`" for label in MetricsSettings().labels)
    labels = "\n".join(f"| `{name}` | {text} |" for name, text in catalogue.LABELS.items())
    lines = [_HEAD.format(default=default, labels=labels)]
    for heading, metrics in catalogue.GROUPS.items():
        rows = ((metric.name, metric.kind, _labels(metric), metric.help) for metric in metrics)
        lines += _table(heading, rows)
    for heading, readings in _own().items():
        rows = ((reading.name, reading.kind, _names(reading.labels), reading.help) for reading in readings)
        lines += _table(heading, rows)
    return "\n".join(lines).rstrip() + "\n"


def _table(heading: str, rows: Iterator[tuple[str, str, str, str]]) -> Iterator[str]:
    yield f"## {heading}\n"
    yield "| metric | type | labels | |"
    yield "| --- | --- | --- | --- |"
    for name, kind, labels, text in rows:
        yield f"| `{name}` | {kind} | {labels} | {text} |"
    yield ""


def _labels(metric: catalogue.Metric) -> str:
    chosen = ["those of `metrics.labels`"] if metric.spend else []
    return ", ".join([*chosen, *filter(None, [_names(metric.labels)])])


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _own() -> dict[str, list[events.Reading]]:
    """The program's own instruments by heading; every module is imported, because each declares its own."""
    for module in pkgutil.walk_packages(enricher.__path__, "enricher."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    headings: dict[str, list[events.Reading]] = {heading: [] for heading in (*_OWN.values(), _OWN_REST)}
    for reading in sorted(events.snapshot(), key=lambda reading: reading.name):
        if reading.name.startswith("enricher_"):
            known = (heading for prefix, heading in _OWN.items() if reading.name.startswith(prefix))
            headings[next(known, _OWN_REST)].append(reading)
    return {heading: readings for heading, readings in headings.items() if readings}


if __name__ == "__main__":
    print(reference(), end="")
