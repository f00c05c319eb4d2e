"""The core's series as Prometheus sees them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from enricher.measure import catalogue
from enricher.measure.collector import Series, registry
from enricher.measure.settings import BucketSettings, MetricsSettings

SETTINGS = MetricsSettings(
    labels=["service", "model"], buckets=BucketSettings(duration=[0.5, 1.0, 10.0], ttft=[0.1], tokens=[1.0, 1000.0])
)
TRACE = "0af7651916cd43dd8448eb211c80319c"


def scrape(series: Sequence[Series], settings: MetricsSettings = SETTINGS) -> str:
    return exposition.generate_latest(registry(lambda: series, settings)).decode()


def test_counters_carry_the_chosen_labels_then_their_own() -> None:
    text = scrape([("llm_tokens_total", ("web", "gpt-4o", "input"), 12.0, 0.0, [])])
    assert 'llm_tokens_total{model="gpt-4o",service="web",type="input"} 12.0' in text


def test_label_values_are_escaped() -> None:
    text = scrape([("llm_cost_usd_total", ('a"b\n', "x\\y"), 0.25, 0.0, [])])
    samples = [s for f in parse_text(text) for s in f.samples if s.name == "llm_cost_usd_total"]
    assert [(s.labels, s.value) for s in samples] == [({"service": 'a"b\n', "model": "x\\y"}, 0.25)]


def test_histograms_are_cumulative_and_lead_to_traces_in_openmetrics() -> None:
    series: list[Series] = [
        ("llm_request_duration_seconds", ("web", "m"), [1, 0, 2, 1], 33.5, [(2, TRACE, 7.5, 1_700_000_000.25)])
    ]
    made = registry(lambda: series, SETTINGS)
    text = openmetrics.generate_latest(made).decode()  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    family = families["llm_request_duration_seconds"]
    assert (family.type, family.unit) == ("histogram", "seconds")
    buckets = [(s.labels["le"], s.value) for s in family.samples if s.name.endswith("_bucket")]
    assert buckets == [("0.5", 1), ("1.0", 1), ("10.0", 3), ("+Inf", 4)]
    totals = {s.name.rpartition("_")[2]: s.value for s in family.samples if not s.name.endswith("_bucket")}
    assert totals == {"count": 4, "sum": 33.5}
    exemplars = {s.labels["le"]: s.exemplar for s in family.samples if s.exemplar}
    assert list(exemplars) == ["10.0"]
    assert exemplars["10.0"].labels == {"trace_id": TRACE}
    assert exemplars["10.0"].value == 7.5
    assert TRACE not in exposition.generate_latest(made).decode()


def test_every_family_is_announced_before_the_first_call() -> None:
    text = scrape([])
    for name in catalogue.METRICS:
        assert f"# HELP {name} " in text


def test_what_the_catalogue_does_not_know_is_an_error() -> None:
    with pytest.raises(LookupError, match="llm_new_total"):
        scrape([("llm_new_total", (), 1.0, 0.0, [])])
    with pytest.raises(TypeError, match="llm_active_sessions is a gauge"):
        scrape([("llm_active_sessions", (), [1, 2], 1.0, [])])


def test_registering_does_not_ask_the_core() -> None:
    def refuse() -> list[Series]:
        raise AssertionError

    registry(refuse, SETTINGS)
