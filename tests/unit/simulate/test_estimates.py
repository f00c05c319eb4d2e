"""Estimates of totals and the error to expect of them, against sampling that is really done."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from enricher.simulate.estimates import Estimate

VALUES = [1.0, 2.0, 3.0, 10.0, 100.0, 5.0]
PROBABILITIES = [0.1, 0.5, 0.3, 0.8, 1.0, 0.25]


def sampled(source: random.Random) -> Estimate:
    estimate = Estimate()
    for value, probability in zip(VALUES, PROBABILITIES, strict=True):
        estimate.add(value, probability, source.random() < probability)
    return estimate


def test_the_expected_error_is_that_of_many_samples_and_their_mean_is_the_truth() -> None:
    source = random.Random(5)
    estimates = [sampled(source) for _ in range(20_000)]
    expected = estimates[0].expected_error
    assert expected is not None
    errors = [one.actual_error or 0.0 for one in estimates]
    assert statistics.pstdev(errors) == pytest.approx(expected, rel=0.03)
    assert abs(statistics.fmean(errors)) < 4 * expected / math.sqrt(len(errors))


def test_a_uniform_sample_is_the_case_of_one_probability() -> None:
    estimate = Estimate()
    for value in VALUES:
        estimate.add(value, 0.2, kept=True)
    assert estimate.uniform_error(0.2) == pytest.approx(estimate.expected_error)
    assert estimate.uniform_error(0.0) is None
    assert estimate.uniform_error(1.0) == 0


def test_what_is_never_kept_is_told_apart_and_spoils_no_estimate() -> None:
    estimate = Estimate()
    estimate.add(30.0, 0.0, kept=False)
    estimate.add(70.0, 1.0, kept=True)
    assert (estimate.blind, estimate.expected_error, estimate.actual_error) == (0.3, 0.0, 0.0)
    assert estimate.true == 100


def test_nothing_has_no_error() -> None:
    assert (Estimate().blind, Estimate().expected_error, Estimate().actual_error) == (None, None, None)
    unseen = Estimate()
    unseen.add(1.0, 0.0, kept=False)
    assert (unseen.blind, unseen.expected_error) == (1.0, None)


def test_late_parts_belong_to_their_trace() -> None:
    whole, parts = Estimate(), Estimate()
    whole.add(30.0, 0.25, kept=True)
    parts.add(10.0, 0.25, kept=True)
    parts.add(15.0, 0.25, kept=True, before=10.0)
    parts.add(5.0, 0.25, kept=True, before=25.0)
    assert parts == whole
