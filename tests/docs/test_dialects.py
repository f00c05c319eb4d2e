"""The page of dialects says what the tables say."""

from pathlib import Path

from enricher.normalize.docs import render

PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "run: python -m enricher.normalize.docs > docs/dialects.md"
