"""docs/prices.md is current, true, and leaves no much-used model unexplained."""

from __future__ import annotations

import json
from pathlib import Path

from enricher.price import store
from tests.comparison import compare
from tests.comparison.page import RESULT, page, popular

PAGE = Path(__file__).parents[2] / "docs" / "prices.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.comparison.page > docs/prices.md"


def test_the_comparison_is_of_this_book() -> None:
    """Each difference is asked again: what we say has not changed since the comparison, nor why it differs."""
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert result["sources"] == store.shipped().sources
    ours = compare.Ours(store.shipped())
    for one in result["differences"][::7]:
        shape = one["shapes"].split()[0]
        usage = compare.usage_of(one["provider"], one["name"], shape)
        call = {"provider": one["provider"], "name": one["name"], **usage}
        assert (ours.answer(call)["usd"] or "unpriced") == one["ours"], one


def test_the_fifty_most_used_models_are_explained() -> None:
    wanted = popular()
    assert len(set(wanted)) == 50
    differences = json.loads(RESULT.read_text(encoding="utf-8"))["differences"]
    assert not [one for one in differences if (one["provider"], one["name"]) in wanted and not one["why"]]
    assert not [one for one in differences if not one["why"]], "nor does any other"
