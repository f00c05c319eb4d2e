"""The plan's `measure` section, read by `core/src/measure/plan.rs`."""

from __future__ import annotations

from typing import Any

from enricher.measure.catalogue import PROBABILITY_BUCKETS
from enricher.measure.settings import MetricsSettings

_NANOS = 10**9

UNPRICED_MODELS = 100
"""Names that the summary lists under `unpriced_models`."""

SESSIONS = 100_000
"""Sessions told apart at once; further ones are not counted as active."""


def compile_plan(settings: MetricsSettings) -> dict[str, Any]:
    """The `measure` section. Durations are integer nanoseconds, bucket bounds seconds and tokens."""
    return {
        "labels": list(settings.labels),
        "label_limit": settings.label_limit,
        "series_limit": settings.series_limit,
        "duration_buckets": settings.buckets.duration,
        "ttft_buckets": settings.buckets.ttft,
        "token_buckets": settings.buckets.tokens,
        "score_buckets": settings.buckets.scores,
        "probability_buckets": list(PROBABILITY_BUCKETS),
        "unpriced_limit": UNPRICED_MODELS,
        "session_window_ns": round(settings.session_window * _NANOS),
        "session_limit": SESSIONS,
    }
