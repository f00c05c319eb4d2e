"""The examples of `docs/simulate.md` do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from enricher.config import load_text
from enricher.simulate.traffic.generate import Generator
from enricher.simulate.traffic.settings import load
from enricher.trial.run import run

PAGE = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text()
SLOW = "sampling: {policies: [{name: slow, type: slow, slow: {}}]}\n"


def example(kind: str) -> str:
    (found,) = re.findall(rf"```yaml {kind}\n(.*?)```", PAGE, re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_tests_of_the_page_pass() -> None:
    outcomes = run(load_text(example("config")).require())
    assert [(one.name, one.problems) for one in outcomes] == [(one.name, []) for one in outcomes]
    for one in outcomes:
        assert f"\nok    {one.name}\n" in PAGE


def test_the_test_with_learned_durations_passes() -> None:
    written = yaml.safe_dump({"tests": [yaml.safe_load(example("test"))]})
    assert [one.problems for one in run(load_text(SLOW + written).require())] == [[]]


def test_the_traffic_of_the_page_can_be_sent(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(example("traffic"))
    generator = Generator(load(str(path)))
    assert sum(1 for _ in generator.arrivals()) > 100
    assert generator.spans == pytest.approx(2000 * 1.9, rel=0.05)
