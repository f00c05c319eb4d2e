"""Checks of the `tests:` section that look at more than one test."""

from __future__ import annotations

from enricher.errors import Problem
from enricher.trial.settings import Scenario


def check(tests: list[Scenario]) -> list[Problem]:
    """Names that are taken, tests that expect nothing. Paths are relative to the section."""
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for index, test in enumerate(tests):
        if test.name in first:
            message = f"the name {test.name[:60]!r} is taken by tests[{first[test.name]}]"
            problems.append(Problem("duplicate-test-name", f"[{index}].name", message, "names must be unique"))
        first.setdefault(test.name, index)
        if not test.expect.model_fields_set:
            message = "expects nothing, so that it cannot fail"
            problems.append(Problem("expects-nothing", f"[{index}].expect", message, "for example `keep: true`"))
    return problems
