"""Nanoseconds of CPU time that a call's price takes in the core: `python -m bench.prices`.

Builds and runs `core/examples/time_price.rs` over the shipped book: names that the book knows exactly, by a pattern or
after shortening, names that it does not know, and names never seen before, which no memory of earlier calls can help.
Exit status 1 when a kind takes `MOST_NS` or longer.
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
_LINE = re.compile(r"^ *(\d+) ns +\d+/\d+ priced  (.+)$", re.MULTILINE)


def main() -> int:
    """Print a line a kind of name."""
    with tempfile.TemporaryDirectory() as directory:
        plan = Path(directory) / "plan.json"
        plan.write_text(json.dumps(compile_plan(PricesSettings())), encoding="utf-8")
        command = ["cargo", "run", "--quiet", "--release", "--example", "time_price", str(plan)]
        done = subprocess.run(command, cwd=CORE, capture_output=True, text=True, check=True)
    found = [(int(ns), kind) for ns, kind in _LINE.findall(done.stdout)]
    for ns, kind in found:
        print(f"{ns:>5} ns  {kind}")
    slow = [kind for ns, kind in found if ns >= MOST_NS]
    print(f"{'over' if slow else 'all under'} {MOST_NS} ns of CPU time a call{': ' + ', '.join(slow) if slow else ''}")
    return 1 if slow or not found else 0


if __name__ == "__main__":
    raise SystemExit(main())
