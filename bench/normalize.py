"""What reading dialects costs a span, on recorded traffic of every SDK: `python -m bench.normalize [--rounds 15]`.

Three plans ingest the same requests in turn, so that other work on the machine disturbs all alike; the least CPU time
of each counts. Without any table a span is decoded, looked up and buffered; the difference to that is what normalize
costs. The shipped tables, and these with hundreds of users' dialects before them, show whether the number of dialects
matters: it must not. Times are of one thread of this process, and worth something beside each other only.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from enricher.config import compile_plan, load_text
from enricher.runtime.engine import CoreEngine
from enricher.wire import count_items
from tests.recordings import requests, scenarios

NOW_NS = 1_795_000_000 * 10**9
USERS_DIALECTS = 240


def plans() -> dict[str, bytes]:
    """The plans by what is peculiar to each."""
    shipped = compile_plan(load_text("").require())
    return {
        "no tables": json.dumps(_without_tables(json.loads(shipped))).encode(),
        "as shipped": shipped,
        f"{USERS_DIALECTS} more": compile_plan(load_text(json.dumps({"normalize": _users()})).require()),
    }


def _users() -> dict[str, Any]:
    """Dialects of users with keys that no recording has."""
    concepts = ("request_model", "input_tokens", "output_tokens", "session_id", "user_id", "ttft")
    return {
        "dialects": [
            {
                "name": f"acme_{number}",
                "detect": [f"acme.{number}.model"],
                "attributes": {concept: [f"acme.{number}.{concept}"] for concept in concepts},
            }
            for number in range(USERS_DIALECTS)
        ]
    }


def _without_tables(plan: dict[str, Any]) -> dict[str, Any]:
    for section in ("rules", "detection", "carriers"):
        plan["normalize"][section] = []
    return plan


def measured(rounds: int) -> dict[str, float]:
    """Least CPU nanoseconds that a span cost to ingest, by plan."""
    bodies = [body for name in scenarios() for body in requests(name)]
    spans = sum(count_items(body) for body in bodies)
    least = dict.fromkeys(given := plans(), float("inf"))
    for _ in range(rounds):
        for name, plan in given.items():
            engine = CoreEngine(plan)
            begin = time.thread_time_ns()
            for body in bodies:
                engine.ingest(body, NOW_NS)
            least[name] = min(least[name], (time.thread_time_ns() - begin) / spans)
    return least


def table(least: dict[str, float]) -> str:
    """One line for each plan."""
    bare, shipped = least["no tables"], least["as shipped"]
    lines = ["| tables | ns a span | of it normalize | beside the shipped ones |", "| --- | --- | --- | --- |"]
    for name, cost in least.items():
        lines.append(f"| {name} | {cost:,.0f} | {cost - bare:,.0f} | {cost / shipped:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15, help="times that each plan ingests all recordings")
    print(table(measured(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
