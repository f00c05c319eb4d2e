"""The error that `enricher simulate` tells to expect is the one that samples of the real engine have."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pytest

from enricher.config import compile_plan, load
from enricher.runtime.engine import CoreEngine
from enricher.runtime.replay import Replay
from enricher.simulate.tally import Tally
from enricher.simulate.traffic.generate import Generator
from enricher.simulate.traffic.settings import load as load_traffic

SAMPLES = 40
MINIMAL = Path(__file__).parents[2] / "pipelines" / "minimal.yaml"


@pytest.fixture(scope="module")
def misses() -> dict[str, list[float]]:
    """By total: by how many standard errors each of many samples misses it."""
    core = CoreEngine(compile_plan(load([MINIMAL], environ={}).require(), trace_records=True))
    found: dict[str, list[float]] = {}
    for seed in range(SAMPLES):
        tally = Tally([], costly_usd=0.1, slow_ms=None)
        replay = Replay(core, tally.take)
        for arrival in Generator(load_traffic("typical"), traces=100, seed=seed).arrivals():
            replay.take("the sample", arrival.payload)
        replay.finish()
        for name, one in tally.result()["estimates"].items():
            if one["expected_error"]:
                found.setdefault(name, []).append(one["actual_error"] / one["expected_error"])
    return found


@pytest.mark.parametrize("total", ["traces", "spans", "calls", "tokens", "cost_usd"])
def test_estimates_miss_by_as_much_as_told_and_on_average_not_at_all(
    misses: dict[str, list[float]], total: str
) -> None:
    found = misses[total]
    assert len(found) == SAMPLES
    assert abs(statistics.fmean(found)) < 4 / math.sqrt(SAMPLES)
    assert 0.65 < statistics.stdev(found) < 1.4


def test_what_is_always_kept_has_no_error(misses: dict[str, list[float]]) -> None:
    assert "failed" not in misses
