"""Generated programs, shuffled and split by requests and verdicts: nothing is counted twice, and nothing is lost."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.runtime.engine import CoreEngine
from tests.integration.test_count_once import decided
from tests.support.engines import NOW, SECOND, plan
from tests.support.programs import Program, requests

PROGRAMS = 6
Totals = Counter[tuple[int, str]]


@cache
def call_records() -> bytes:
    return plan(call_records=True)


def programs(seed: int) -> list[Program]:
    """Agents with sums of any dialect, inside one another, around steps that tell nothing, retries and equal calls.

    Each call is told by one or two libraries. Programs are minutes apart.
    """
    apart = 600 * SECOND
    return [
        Program(number, NOW + number * apart, random.Random(seed * 1000 + number), lifetime=False, deep=True).run(
            ids_only=True
        )
        for number in range(PROGRAMS)
    ]


def true_totals(made: list[Program]) -> Totals:
    totals: Totals = Counter()
    for program in made:
        totals[program.number, "failed"] += program.failed
        for call in program.calls:
            totals[program.number, "input"] += call.input
            totals[program.number, "output"] += call.output
    return +totals


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), parts=st.integers(2, 7), in_order=st.booleans())
def test_any_order_around_any_verdicts(seed: int, parts: int, in_order: bool) -> None:
    """Wrappers before their calls, sums before their parts, links after both."""
    made = programs(seed)
    core = CoreEngine(call_records())
    found: Totals = Counter()
    counted: Counter[int] = Counter()
    for body in requests(made, random.Random(seed), parts=parts, as_they_end=in_order):
        core.ingest(body, NOW)
        for record in decided(core, NOW):
            trace = int(record["trace_id"], 16) - 1
            found[trace, "input"] += record["input_tokens"] or 0
            found[trace, "output"] += record["output_tokens"] or 0
            found[trace, "failed"] += record["calls"] and record["cost_state"] == "not_billed"
            counted[trace] += record["calls"]
    assert +found == true_totals(made)
    assert counted == {program.number: len(program.calls) + program.failed for program in made}
