"""The pipelines that ship: each teaches with a `tests:` block of its own, and all its tests pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.config import load
from enricher.trial.run import run

ROOT = Path(__file__).parents[2]
PIPELINES = sorted((ROOT / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_what_a_pipeline_promises_holds(path: Path) -> None:
    loaded = load([path], environ={})
    outcomes = run(loaded.require())
    assert len(outcomes) >= 3, "a pipeline shows what its rules do"
    assert [str(loaded.place(problem, "tests")) for one in outcomes for problem in one.problems] == []


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_every_policy_of_a_pipeline_decides_or_votes_in_one_of_its_tests(path: Path) -> None:
    settings = load([path], environ={}).require()
    named = {name for test in settings.tests for name in (test.expect.policy, *test.expect.votes)}
    assert {policy.name for policy in settings.sampling.policies} <= named
