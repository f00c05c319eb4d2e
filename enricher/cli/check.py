"""`enricher check`: is this configuration valid, and if not, what is wrong where."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from enricher.cli.common import add_config_arguments
from enricher.config import Loaded, Settings, compile_plan, load
from enricher.config.schema import json_schema
from enricher.errors import PlanError, Problem
from enricher.runtime.engine import CoreEngine
from enricher.trial.run import Outcome, run

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_SEVERITIES = ("error", "warning", "note")


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="check a configuration: all faults at once, with line and column",
        description="Check a configuration. Exit status: 0 valid (warnings and notes may be printed), 1 faults.",
    )
    add_config_arguments(parser)
    parser.add_argument("--tests", action="store_true", help="also run its `tests:`; one that fails is a fault")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the configuration and exit")
    parser.set_defaults(handler=check)


def check(arguments: argparse.Namespace) -> int:
    """Print what is wrong, to stdout: it is what was asked for."""
    if arguments.schema:
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return 0
    loaded = load(arguments.config, arguments.sets)
    problems = loaded.problems + (by_core(loaded.settings) if loaded.settings else [])
    valid = not any(problem.severity == "error" for problem in problems)
    outcomes = _tested(loaded) if arguments.tests and valid else None
    passed = valid and not any(outcome.problems for outcome in outcomes or ())
    if arguments.json:
        result: dict[str, Any] = {"valid": valid, "problems": [asdict(problem) for problem in problems]}
        if arguments.tests:
            result["passed"] = passed
            result["tests"] = None if outcomes is None else [_as_json(outcome) for outcome in outcomes]
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem)
        for outcome in outcomes or ():
            print(f"{'FAIL' if outcome.problems else 'ok  '}  {outcome.name}")
            for problem in outcome.problems:
                print(f"      {problem}")
        name = ", ".join(str(path) for path in arguments.config) or "the default configuration"
        state = "valid" if valid else "not valid"
        tests = "" if outcomes is None else f"; {_passed(outcomes)}"
        if valid and not passed:
            state = "well formed, but does not do what its tests expect"
        print(f"{name}: {state}{_counts(problems)}{tests}")
    return 0 if passed else 1


def _tested(loaded: Loaded) -> list[Outcome]:
    """What became of the configuration's tests, each fault with its place in the files."""
    found = run(loaded.require())
    return [replace(one, problems=[loaded.place(problem, "tests") for problem in one.problems]) for one in found]


def _passed(outcomes: list[Outcome]) -> str:
    if not outcomes:
        return "it has no tests"
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    of = f"{len(outcomes)} test{'s' if len(outcomes) > 1 else ''}"
    return f"{failed} of {of} failed" if failed else f"{of} passed"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    problems = [asdict(problem) for problem in outcome.problems]
    return {"name": outcome.name, "passed": not problems, "problems": problems, "trace": outcome.got}


def by_core(settings: Settings) -> list[Problem]:
    """What only the core can see, such as an expression whose compiled form is too large."""
    try:
        CoreEngine(compile_plan(settings))
    except PlanError as error:
        return [Problem("plan-refused", "", f"the core refuses the rules: {' '.join(str(error).split())}")]
    return []


def _counts(problems: list[Problem]) -> str:
    counts = {severity: sum(problem.severity == severity for problem in problems) for severity in _SEVERITIES}
    parts = [f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts.items() if count]
    return f" ({', '.join(parts)})" if parts else ""
