"""The `metrics:` section: what is measured, by which labels, and where it can be read."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from enricher.config.base import Duration, Section
from enricher.endpoint import HostPort
from enricher.export.settings import Rotation

Label = Literal[
    "service",
    "provider",
    "model",
    "request_model",
    "response_model",
    "operation",
    "feature",
    "tenant",
    "team",
    "user",
    "agent",
    "workflow",
    "prompt",
    "variant",
    "environment",
    "service_tier",
    "gateway",
]

_LABELS: list[Label] = ["service", "provider", "model", "feature", "tenant"]
_OPERATION_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS = [float(4**power) for power in range(14)]
_SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def _ascending(bounds: list[float]) -> list[float]:
    if any(low >= high for low, high in itertools.pairwise(bounds)):
        raise ValueError("must be in ascending order, each bound once")
    return bounds


def _distinct(labels: list[Label]) -> list[Label]:
    if len(set(labels)) < len(labels):
        raise ValueError("lists a label twice")
    return labels


Bounds = Annotated[
    list[Annotated[float, Field(gt=0, allow_inf_nan=False)]],
    Field(min_length=1, max_length=64),
    AfterValidator(_ascending),
]
"""Upper bounds of a histogram's buckets, without +Inf."""


class PrometheusSettings(Section):
    """The endpoint that Prometheus scrapes, `/metrics`."""

    enabled: bool = True
    """Serve it."""
    endpoint: HostPort = "127.0.0.1:9464"
    """Address to listen on, `host:port`; port 0 takes a free one."""


class BucketSettings(Section):
    """Upper bounds of histogram buckets. The defaults are OpenTelemetry's."""

    duration: Bounds = _OPERATION_SECONDS
    """Durations of calls, seconds."""
    ttft: Bounds = _OPERATION_SECONDS
    """Time to the first chunk of an answer, seconds."""
    tokens: Bounds = _TOKENS
    """Tokens of a call."""
    scores: Bounds = _SCORES
    """Scores of evaluations; the default suits scores between 0 and 1."""


class CallLogSettings(Section):
    """One JSON object a line for every counted model call, kept or not; never content."""

    path: Annotated[str, Field(min_length=1)]
    """The file. Its directory is made when it is missing."""
    rotation: Rotation = Rotation()
    """When the file is put aside, and how many are kept."""


class MetricsSettings(Section):
    """What is measured, from all traffic before sampling, and where it can be read."""

    prometheus: PrometheusSettings = PrometheusSettings()
    """The scrape endpoint."""
    labels: Annotated[list[Label], Field(max_length=12), AfterValidator(_distinct)] = _LABELS
    """Labels of the spend metrics (`llm_…`), listed in `docs/metrics.md`. A label that a call has no value for is
    left out of its series."""
    label_limit: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Distinct values of each label; what comes after the first ones is counted under `other`."""
    series_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Distinct combinations of label values; further ones are counted under `other` in every label. One holds about
    1 KB."""
    buckets: BucketSettings = BucketSettings()
    """Buckets of the histograms."""
    session_window: Annotated[Duration, Field(gt=0)] = 300.0
    """A session counts as active for so long after its last call."""
    call_log: CallLogSettings | None = None
    """Call records; none are written when unset."""
