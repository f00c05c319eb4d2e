"""Work that is like real work: what a build with a profile of the core learns from.

`maturin build --pgo` (`make wheel`) runs `python -m bench.train` against an instrumented core. The traffic is that of
the demo, recorded from many SDKs, not that of the benchmark. Needs nothing but the package itself.
"""

import argparse
import importlib.resources
import random
from collections.abc import Iterator

from enricher.config import compile_plan, load_text
from enricher.demo.recording import load
from enricher.demo.traffic import Traffic
from enricher.runtime.engine import CoreEngine

DECKS = 60
"""Rounds of 200 recorded traces each; with fewer, the work at start would weigh too much."""
REQUESTS = (1, 1, 2, 4, 16, 64)
"""Traces that share a request: agents' batches are small, a gateway's are large."""
BEGIN_NS = 1_795_000_000 * 10**9
STEP_NS = 20_000_000
WAIT_NS = 10 * 10**9


def requests(decks: int, seed: int = 7) -> Iterator[tuple[bytes, int]]:
    """Export requests and the Unix nanoseconds at which they come."""
    traffic, rng, now = Traffic(load(), seed), random.Random(seed), BEGIN_NS
    for _ in range(decks):
        waiting, size = b"", rng.choice(REQUESTS)
        for unit in traffic.deck():
            now += STEP_NS
            # Messages of protobuf that stand one behind the other are one message with the parts of both.
            waiting += traffic.replay(unit, now).SerializeToString()
            size -= 1
            if size == 0:
                yield waiting, now
                waiting, size = b"", rng.choice(REQUESTS)
        if waiting:
            yield waiting, now


def train(decks: int) -> tuple[int, int]:
    """Spans taken in and traces decided."""
    config = importlib.resources.files("enricher.demo").joinpath("pipeline.yaml").read_text()
    engine = CoreEngine(compile_plan(load_text(config).require()))
    spans = decided = 0
    for body, now in requests(decks):
        spans += engine.ingest(body, now).accepted
        decided += engine.tick(now).decided
    while (report := engine.tick(now + WAIT_NS)).decided or report.more:
        decided += report.decided
    return spans, decided


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--decks", type=int, default=DECKS, help="rounds of 200 recorded traces each")
    spans, decided = train(parser.parse_args().decks)
    print(f"{spans:,} spans of {decided:,} traces")


if __name__ == "__main__":
    main()
