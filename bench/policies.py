"""`python -m bench.policies`: what sampling rules cost, with 1, 10 and 50 of them.

The whole job runs in this process, without network: requests of 512 spans of the benchmark's traffic go in, every trace
is decided and what is kept is written. CPU time of the process, not wall time; rounds go through the rule sets in turn,
so that a slow spell meets all alike, and the median counts. Use a release build of the core.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench.corpus import Writer, encode
from enricher.config import compile_plan, load_text
from enricher.runtime.engine import CoreEngine

SPANS_PER_REQUEST = 512
START = 1_800_000_000 * 10**9

RULES: tuple[dict[str, Any], ...] = (
    {"type": "probabilistic", "probabilistic": {"sampling_percentage": 10}},
    {"type": "string_attribute", "string_attribute": {"key": "deployment.ring", "values": ["canary-7"]}},
    {"type": "latency", "latency": {"threshold_ms": 20_000}},
    {"type": "numeric_attribute", "numeric_attribute": {"key": "gen_ai.usage.input_tokens", "min_value": 1e6}},
    {"type": "cost", "cost": {"trace_usd": 5}},
    {"type": "tokens", "tokens": {"call_tokens": 1_000_000}},
    {"type": "error_class", "error_class": {"classes": ["rate_limit"]}},
    {"type": "slow", "slow": {"of": "call", "quantile": 0.9999}},
    {"type": "adaptive", "adaptive": {"traces_per_second": 0.1}},
    {
        "type": "and",
        "and": {
            "and_sub_policy": [
                {
                    "type": "string_attribute",
                    "string_attribute": {
                        "key": "gen_ai.request.model",
                        "values": ["^gpt-4o-mini-2099"],
                        "enabled_regex_matching": True,
                    },
                },
                {"type": "probabilistic", "probabilistic": {"sampling_percentage": 50}},
            ]
        },
    },
)
"""What a set is made of, over and over; a second of its kind asks for another value.

The first keeps a tenth, the others next to nothing: what is kept costs much more than any decision, so sets that keep
more could not be compared.
"""


def rules(count: int) -> str:
    """A configuration with so many policies."""
    policies = []
    for number in range(count):
        policy = json.loads(json.dumps(RULES[number % len(RULES)]))
        if policy["type"] == "string_attribute":
            policy["string_attribute"]["values"] = [f"canary-{number}"]
        policies.append({"name": f"rule-{number}", **policy})
    return json.dumps({"sampling": {"policies": policies}, "limits": {"buffer_mib": 4096}})


def corpus(traces: int) -> tuple[list[bytes], int]:
    """Requests, and the number of their spans."""
    writer = Writer(7)
    spans = [span for index in range(traces) for span in writer.trace(index).spans]
    parts = [spans[at : at + SPANS_PER_REQUEST] for at in range(0, len(spans), SPANS_PER_REQUEST)]
    return [encode(part) for part in parts], len(spans)


def run(plan: bytes, requests: Sequence[bytes]) -> tuple[float, float, int]:
    """CPU seconds of taking the requests in, of deciding and writing, and the number of traces kept."""
    engine = CoreEngine(plan)
    now = START
    begun = time.process_time()
    for request in requests:
        now += 10**8
        engine.ingest(request, now)
    taken = time.process_time()
    kept, more = 0, True
    while more:
        report = engine.drain(now)
        kept += report.kept
        more = report.more
    return taken - begun, time.process_time() - taken, kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.policies", description=__doc__)
    parser.add_argument("--traces", type=int, default=4096, help="traces of a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds; the median counts")
    options = parser.parse_args()
    requests, spans = corpus(options.traces)
    plans = {count: compile_plan(load_text(rules(count)).require()) for count in (0, 1, 10, 50)}
    found: dict[int, list[tuple[float, float, int]]] = {count: [] for count in plans}
    for _ in range(options.rounds):
        for count, plan in plans.items():
            found[count].append(run(plan, requests))
    print("| policies | in, µs a span | out, µs a trace | the whole job, µs a span | of the job with 1 | kept |")
    print("| --- | --- | --- | --- | --- | --- |")
    whole = {count: statistics.median(taken + decided for taken, decided, _ in all_) for count, all_ in found.items()}
    for count, all_ in found.items():
        taken = statistics.median(one[0] for one in all_) / spans * 1e6
        decided = statistics.median(one[1] for one in all_) / options.traces * 1e6
        job, ratio = whole[count] / spans * 1e6, whole[count] / whole[1]
        print(f"| {count} | {taken:.2f} | {decided:.2f} | {job:.2f} | {ratio:.2f} | {all_[0][2]} |")


if __name__ == "__main__":
    main()
