"""The `metrics:` section and its part of the plan."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from enricher.measure.compile import compile_plan
from enricher.measure.settings import MetricsSettings


def test_the_plan_holds_bounds_as_numbers_and_times_in_nanoseconds() -> None:
    settings = MetricsSettings.model_validate(
        {"labels": ["tenant"], "label_limit": 7, "session_window": "1m", "buckets": {"tokens": [1, 2]}}
    )
    plan = compile_plan(settings)
    assert plan["labels"] == ["tenant"]
    assert plan["label_limit"] == 7
    assert plan["session_window_ns"] == 60 * 10**9
    assert plan["token_buckets"] == [1.0, 2.0]
    assert plan["duration_buckets"] == settings.buckets.duration


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"labels": ["colour"]}, "'service'"),
        ({"labels": ["model", "model"]}, "twice"),
        ({"label_limit": 0}, "greater than or equal to 1"),
        ({"buckets": {"duration": [1, 1]}}, "ascending"),
        ({"buckets": {"duration": [0, 1]}}, "greater than 0"),
        ({"buckets": {"duration": [1, float("inf")]}}, "finite"),
        ({"buckets": {"ttft": []}}, "at least 1"),
        ({"session_window": 0}, "greater than 0"),
        ({"call_log": {}}, "Field required"),
        ({"call_log": {"path": ""}}, "at least 1"),
    ],
)
def test_faults_are_refused(section: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        MetricsSettings.model_validate(section)
