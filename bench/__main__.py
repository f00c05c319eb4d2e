"""`python -m bench`: measure enricher, its ceiling and its peers in one run, and print the table of the aims."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import measure, report
from bench.peers import build
from bench.peers.recipes import BuildError
from bench.process import ProcessError
from bench.targets import TARGETS, Target

MEASURES = [*measure.SHAPES, "latency", "memory"]
MEMORY_TARGETS = {"enricher", "collector-tail"}
LATENCY_TARGETS = {"grpcio", "enricher", "collector-tail", "rotel-otlp"}


def chosen(text: str, known: list[str], what: str) -> list[str]:
    """Split a comma-separated option and refuse names that do not exist."""
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"bench: no {what} is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return names


def jobs(
    targets: list[Target], measures: list[str], runs: int, seconds: float
) -> Iterator[Callable[[], measure.Result]]:
    """Every run, round by round, so that a slow spell of the machine meets all targets alike."""
    for run in range(runs):
        for shape in measure.SHAPES.values():
            if shape.name in measures:
                for target in targets:
                    yield partial(measure.throughput, target, shape, seconds, run + 1)
        for target in targets:
            if "latency" in measures and target.name in LATENCY_TARGETS:
                yield partial(measure.latency, target, max(5.0, 2 * seconds), run + 1)
        for target in targets:
            if "memory" in measures and target.name in MEMORY_TARGETS:
                yield partial(measure.memory, target, int(40_000 * seconds), run + 1)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark. 0 when every answer was right, 1 when one was wrong or a program failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each instead of three")
    parser.add_argument("--runs", type=int, default=0, help="runs of each measurement (default 3, quick 1)")
    parser.add_argument("--seconds", type=float, default=0.0, help="seconds of sending a run (default 6, quick 2)")
    parser.add_argument("--only", default=",".join(MEASURES), help=f"measurements, of: {','.join(MEASURES)}")
    parser.add_argument("--targets", default=",".join(TARGETS), help=f"programs, of: {','.join(TARGETS)}")
    parser.add_argument("--peers", choices=["all", "none"], default="all", help="none: only the ceiling and enricher")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).resolve().parent, help="folder of report.md, .json"
    )
    options = parser.parse_args(argv)
    measures = chosen(options.only, MEASURES, "measurement")
    targets = [TARGETS[name] for name in chosen(options.targets, list(TARGETS), "program")]
    if options.peers == "none":
        targets = [target for target in targets if target.name in ("grpcio", "enricher")]
    runs = options.runs or (1 if options.quick else 3)
    seconds = options.seconds or (2.0 if options.quick else 6.0)
    options.output.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    results: list[measure.Result] = []
    try:
        for name in ("loadgen", *sorted({target.name.split("-")[0] for target in targets} & {"collector", "rotel"})):
            build.ensure(name)  # before the clock of any run
        for job in jobs(targets, measures, runs, seconds):
            result = job()
            results.append(result)
            figures = "  ".join(f"{key} {value:,.1f}" for key, value in result.figures.items())
            mark = "ok   " if result.correct else "WRONG"
            print(f"{mark} {result.target:16} {result.measure:8} {figures}", file=sys.stderr, flush=True)
            for fault in report.wrong([result]):
                print(f"      {fault}", file=sys.stderr, flush=True)
            report.write(results, seconds, load, options.output)  # an interrupted run keeps what it measured
    except (BuildError, ProcessError) as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    print(report.write(results, seconds, load, options.output))
    return 0 if all(result.correct for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
