"""Calls worked by hand (`worked*.yaml`): the arithmetic gives the stated amount, and so does the program."""

from __future__ import annotations

import ast
import json
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rooms import price_book

CASES: list[dict[str, Any]] = [
    case
    for name in ("worked.yaml", "worked_more.yaml", "worked_past.yaml", "worked_invoice.yaml", "worked_lists.yaml")
    for case in yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))
]


def worked(text: str) -> Decimal:
    """The value of an arithmetic expression over decimals."""

    def value(node: ast.expr) -> Decimal:
        if isinstance(node, ast.Constant):
            return Decimal(ast.unparse(node))
        assert isinstance(node, ast.BinOp)
        left, right = value(node.left), value(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        return left * right if isinstance(node.op, ast.Mult) else left / right

    return value(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_cost_is_what_was_worked_out(case: dict[str, Any]) -> None:
    call = dict(case["call"])
    request = call | {"time_unix_ns": int(call.pop("at").timestamp()) * 10**9}
    request.pop("at", None)
    answer = json.loads(price_book(case.get("prices")).price(json.dumps(request)))
    if case["usd"] is None:
        assert (answer["state"], answer["usd"]) == ("unpriced", None)
        return
    exact = worked(case["work"]).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
    assert exact == Decimal(case["usd"]), "the arithmetic of the case itself"
    assert answer["state"] == "computed"
    assert Decimal(answer["usd"]) == Decimal(case["usd"]), answer
    assert answer["usd_double"] == float(case["usd"])


def test_cases_are_many_and_differ() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES) >= 120
