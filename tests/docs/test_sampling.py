"""Every rule that `docs/sampling.md` shows is valid and does what the page says; its figures are worked out anew."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml

from enricher.config import load_text
from enricher.sample.policies import TYPES
from enricher.trial.run import run

PAGE = (Path(__file__).parents[2] / "docs" / "sampling.md").read_text()
BLOCKS = re.findall(r"```yaml ?(\w*)\n(.*?)```", PAGE, re.DOTALL)


def configuration(kind: str, text: str) -> str:
    return yaml.safe_dump({"sampling": {"policies": yaml.safe_load(text)}}) if kind == "policies" else str(text)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[1].splitlines()[0])
def test_an_example_is_valid_and_its_tests_pass(block: tuple[str, str]) -> None:
    kind, text = block
    assert kind in ("config", "policies")
    loaded = load_text(configuration(kind, text), environ={})
    assert loaded.problems == []
    settings = loaded.require()
    outcomes = run(settings) if settings.tests else []
    assert [problem for one in outcomes for problem in one.problems] == []


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "health_check"])
def test_every_policy_type_is_told_of(kind: str) -> None:
    assert f"`{kind}`" in PAGE or re.search(rf"type: +{kind}\b", PAGE)


def test_the_example_of_a_total_adds_up() -> None:
    rows = re.findall(r"^\| [A-D] \| .*? \| `(\w+)` \| .* \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    traces = cost = variance = 0.0
    for digits, weight, usd, weighted in rows:
        probability = 1 - int(digits, 16) / 16 ** len(digits)
        assert 1 / probability == pytest.approx(int(weight), rel=1e-4)
        assert float(weighted) == pytest.approx(int(weight) * float(usd))
        traces, cost = traces + int(weight), cost + float(weighted)
        variance += float(usd) ** 2 * (1 - probability) / probability**2
    assert f"= {traces:.0f} traces for {cost:.2f} USD" in PAGE
    assert f"= {math.sqrt(variance):.2f} USD" in PAGE


def test_it_stays_short_enough_to_read() -> None:
    assert len(PAGE.splitlines()) < 300
