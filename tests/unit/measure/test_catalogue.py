"""The catalogue keeps Prometheus' rules for names, which `promtool check metrics` checks as well."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from enricher.measure import catalogue
from enricher.measure.catalogue import METRICS, Metric
from enricher.measure.settings import BucketSettings, Label, MetricsSettings

ALL = pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)


def test_a_name_stands_once() -> None:
    assert sum(len(group) for group in catalogue.GROUPS.values()) == len(METRICS)


@ALL
def test_names_and_texts_follow_the_rules(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"(_count|_sum|_bucket|_info|_milliseconds|_kib|_mib|_usd|_cents)$", metric.name)
    assert not re.search(r"(counter|gauge|histogram)", metric.name)
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    assert metric.name.endswith(metric.unit)


@ALL
def test_histograms_and_only_they_have_buckets(metric: Metric) -> None:
    assert (metric.buckets is not None) == (metric.kind == "histogram")
    assert metric.buckets in (None, "probability") or getattr(BucketSettings(), metric.buckets)


@ALL
def test_labels_are_valid_and_distinct(metric: Metric) -> None:
    labels = metric.label_names(tuple(get_args(Label)))
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) and label not in {"le", "job", "instance"} for label in labels)


def test_the_labels_that_may_be_chosen_are_explained() -> None:
    assert set(get_args(Label)) == set(catalogue.LABELS)
    assert set(MetricsSettings().labels) <= set(catalogue.LABELS)
