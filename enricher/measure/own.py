"""The program's own counters and gauges (`enricher.measure.events`) as a Prometheus collector."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from enricher.measure import events


class OwnEvents(Collector):
    """Reads the registry of the process at each scrape."""

    def collect(self) -> Iterable[Metric]:
        for reading in events.snapshot():
            family = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
            metric = family(reading.name, reading.help, labels=reading.labels)
            for values, value in sorted(reading.series.items()):
                metric.add_metric(values, value)
            yield metric
