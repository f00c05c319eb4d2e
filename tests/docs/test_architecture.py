"""docs/architecture.md names every room of the house, and nothing that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
ROOMS = sorted(
    str(folder.relative_to(ROOT)) + "/"
    for parent in (ROOT / "enricher", ROOT / "core" / "src")
    for folder in parent.iterdir()
    if folder.is_dir() and folder.name != "__pycache__"
)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_on_the_map(room: str) -> None:
    assert f"`{room}`" in PAGE.read_text()


def test_what_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:enricher|core|tests|bench|pipelines|helm|collector-config)/[^`*]*)`", PAGE.read_text())
    missing = [path for path in named if not (ROOT / path).exists()]
    assert named
    assert not missing


def test_it_stays_short_enough_to_read() -> None:
    assert len(PAGE.read_text().splitlines()) < 200
