"""Nanoseconds of CPU time that a call's price takes in the core: `python -m bench.prices`.

Builds `core/examples/time_price.rs` and runs it over the shipped book: names that the book knows exactly, by a pattern,
after shortening or in a region, names that it does not know, and names never seen before, which no memory of earlier
calls can help. The best of `ROUNDS` runs counts, because what else the machine does can only add to it.

Exit status 1 when a call of the mix takes `MOST_NS` or longer, or when a miss costs more than the hit of its kind.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from enricher.price.compile import compile_plan
from enricher.price.settings import PricesSettings

CORE = Path(__file__).parents[1] / "core"
MOST_NS = 300
ROUNDS = 7
MIX = {
    "known by an exact name": 55,
    "known by a glob or after shortening": 25,
    "known, in a region by host or ARN": 5,
    "unknown": 8,
    "unknown, with every part that can be dropped": 2,
    "known, never the same date twice": 1,
    "known by a glob, never the same name twice": 1,
    "known in a region, never the same account twice": 1,
    "unknown, never the same name twice": 1,
    "unknown in a region, never the same name twice": 1,
}
"""Per cent of the calls of a busy gateway: names that come again and again, a twentieth never seen before."""
PAIRS = [
    ("unknown", "known by an exact name"),
    ("unknown, with every part that can be dropped", "known by a glob or after shortening"),
    ("unknown, never the same name twice", "known by a glob, never the same name twice"),
    ("unknown in a region, never the same name twice", "known in a region, never the same account twice"),
]
"""A miss, and the hit that it must not cost more than."""
_LINE = re.compile(r"^ *(\d+) ns +\d+/\d+ priced  (.+)$", re.MULTILINE)


def main() -> int:
    """Print a line a kind of name, and the mix."""
    best = measured()
    for kind, ns in best.items():
        print(f"{ns:>5} ns  {kind}")
    mean = sum(MIX[kind] * best[kind] for kind in MIX) / sum(MIX.values())
    faults = [f"the mix takes {MOST_NS} ns or longer"] * (mean >= MOST_NS)
    faults += [f"a miss ({miss}) costs more than a hit ({hit})" for miss, hit in PAIRS if best[miss] > best[hit]]
    print(f"{mean:>5.0f} ns  a call of the mix; best of {ROUNDS} runs")
    for fault in faults:
        print(f"too slow: {fault}")
    return 1 if faults else 0


def measured() -> dict[str, int]:
    """The least nanoseconds of CPU time a call, by kind of name."""
    best: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as directory:
        plan = Path(directory) / "plan.json"
        plan.write_text(json.dumps(compile_plan(PricesSettings())), encoding="utf-8")
        command = ["cargo", "run", "--quiet", "--release", "--example", "time_price", str(plan)]
        for _ in range(ROUNDS):
            done = subprocess.run(command, cwd=CORE, capture_output=True, text=True, check=True)
            for ns, kind in _LINE.findall(done.stdout):
                best[kind] = min(best.get(kind, int(ns)), int(ns))
    return best


if __name__ == "__main__":
    raise SystemExit(main())
