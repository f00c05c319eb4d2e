"""The bench of normalize: its plans differ in nothing but their tables, and its table tells what each costs."""

from __future__ import annotations

import json

from bench.normalize import USERS_DIALECTS, plans, table


def test_the_plans_differ_in_their_tables_only() -> None:
    found = {name: json.loads(plan) for name, plan in plans().items()}
    bare, shipped, more = (found.pop(name) for name in ("no tables", "as shipped", f"{USERS_DIALECTS} more"))
    assert not found
    assert not bare["normalize"]["rules"]
    assert len(more["normalize"]["dialects"]) == len(shipped["normalize"]["dialects"]) + USERS_DIALECTS
    for plan in (bare, shipped, more):
        del plan["normalize"]
    assert bare == shipped == more


def test_the_table_sets_each_cost_beside_the_shipped_one() -> None:
    lines = table({"no tables": 500.0, "as shipped": 2000.0, "240 more": 2100.0}).splitlines()
    assert lines[-2:] == ["| as shipped | 2,000 | 1,500 | 1.00 |", "| 240 more | 2,100 | 1,600 | 1.05 |"]
