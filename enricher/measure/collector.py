"""The core's series as Prometheus families."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from enricher.measure import catalogue
from enricher.measure.own import OwnEvents
from enricher.measure.settings import BucketSettings, MetricsSettings

Series = tuple[str, tuple[str, ...], float | list[int], float, list[tuple[int, str, float, float]]]
"""One of `Engine.metrics`: instrument, label values, value or bucket counts, sum, exemplars."""


Bucket = tuple[str, float] | tuple[str, float, Exemplar]


def registry(read: Callable[[], Sequence[Series]], settings: MetricsSettings) -> CollectorRegistry:
    """What `/metrics` serves: the core's series, then the program's own counters. `read` is `Engine.metrics`."""
    made = CollectorRegistry()
    made.register(CoreSeries(read, settings))
    made.register(OwnEvents())
    return made


class CoreSeries(Collector):
    """Reads the core at each scrape; a family without series yet is still announced, with its text."""

    def __init__(self, read: Callable[[], Sequence[Series]], settings: MetricsSettings) -> None:
        self._read = read
        self._chosen = tuple(settings.labels)
        self._bounds = {name: _bounds(settings.buckets, name) for name in ("duration", "ttft", "tokens", "scores")}
        self._bounds["probability"] = _written(catalogue.PROBABILITY_BUCKETS)

    def describe(self) -> Iterable[Metric]:
        """The families without series, so that registering does not ask the core."""
        return [self._family(metric) for metric in catalogue.METRICS.values()]

    def collect(self) -> Iterator[Metric]:
        found: dict[str, list[Series]] = defaultdict(list)
        for series in self._read():
            found[series[0]].append(series)
        for metric in catalogue.METRICS.values():
            family = self._family(metric)
            for series in sorted(found.pop(metric.name, ()), key=lambda series: series[1]):
                self._add(metric, family, series)
            yield family
        if found:
            raise LookupError(f"the core measures what the catalogue does not name: {sorted(found)}")

    def _family(self, metric: catalogue.Metric) -> Metric:
        labels = metric.label_names(self._chosen)
        if metric.kind == "histogram":
            return HistogramMetricFamily(metric.name, metric.help, labels=labels, unit=metric.unit)
        if metric.kind == "gauge":
            return GaugeMetricFamily(metric.name, metric.help, labels=labels, unit=metric.unit)
        return CounterMetricFamily(metric.name, metric.help, labels=labels)

    def _add(self, metric: catalogue.Metric, family: Metric, series: Series) -> None:
        _, labels, value, total, exemplars = series
        if isinstance(family, HistogramMetricFamily) and isinstance(value, list) and metric.buckets:
            family.add_metric(labels, self._buckets(metric.buckets, value, exemplars), total)
        elif isinstance(family, (CounterMetricFamily, GaugeMetricFamily)) and not isinstance(value, list):
            family.add_metric(labels, value)
        else:
            raise TypeError(f"{metric.name} is a {metric.kind}, the core gives {value!r}")

    def _buckets(self, kind: str, counts: list[int], exemplars: list[tuple[int, str, float, float]]) -> list[Bucket]:
        """Cumulative counts, each with the exemplar of its bucket."""
        points = {bucket: Exemplar({"trace_id": trace}, value, seconds) for bucket, trace, value, seconds in exemplars}
        buckets: list[Bucket] = []
        cumulative = 0
        for index, (bound, count) in enumerate(zip(self._bounds[kind], counts, strict=True)):
            cumulative += count
            point = points.get(index)
            buckets.append((bound, cumulative) if point is None else (bound, cumulative, point))
        return buckets


def _bounds(buckets: BucketSettings, name: str) -> list[str]:
    return _written(getattr(buckets, name))


def _written(bounds: Sequence[float]) -> list[str]:
    return [*(str(floatToGoString(bound)) for bound in bounds), "+Inf"]  # type: ignore[no-untyped-call]
