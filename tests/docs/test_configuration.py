"""Pages and example files that speak of the configuration say what the code does."""

import re
from pathlib import Path

import pytest
import yaml

from enricher.config import load, load_text
from enricher.config.codes import CODES
from enricher.config.reference import reference

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*ROOT.glob("pipelines/*.yaml"), *ROOT.glob("collector-config/*/enricher.yaml")])
_CODE = re.compile(r"""(?:fault|Problem|_warning|_problem|_fault|_Fault)\(\s*"([a-z]+(?:-[a-z]+)+)\"""")


def test_the_reference_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == reference(), "run: python -m enricher.config.reference > docs/configuration.md"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_configurations_are_valid_without_a_word(path: Path) -> None:
    assert load([path], environ={}).problems == []


def test_the_charts_configuration_is_valid() -> None:
    values = yaml.safe_load((ROOT / "helm" / "enricher" / "values.yaml").read_text())
    assert load_text(yaml.safe_dump(values["config"]), environ={}).problems == []


def test_the_teaching_pipelines_are_there() -> None:
    assert {"minimal.yaml", "sidecar.yaml", "gateway.yaml"} <= {path.name for path in SHIPPED}


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    used = {code for path in (ROOT / "enricher").rglob("*.py") for code in _CODE.findall(path.read_text())}
    assert used
    assert used <= set(CODES)
