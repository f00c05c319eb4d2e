"""Each call is counted once with its true tokens, whatever told of it, in any order and in any number of requests."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from tests.support.engines import NOW, SECOND, engine
from tests.support.programs import Program, requests

PROGRAMS = 25
Told = Counter[tuple[int, ...]]


def programs(seed: int, *, ids_only: bool) -> list[Program]:
    """Programs minutes apart, so that none can be taken for a part of another."""
    apart = 600 * SECOND
    return [
        Program(number, NOW + number * apart, random.Random(seed * 1000 + number)).run(ids_only=ids_only)
        for number in range(PROGRAMS)
    ]


def truth(made: list[Program]) -> Told:
    """How often each (trace, input, cached, output) was called."""
    return Counter((program.number, call.input, call.cached, call.output) for program in made for call in program.calls)


def counted(records: list[dict[str, Any]]) -> Told:
    keys = ("input_tokens", "cache_read_tokens", "output_tokens")
    return Counter((int(one["trace_id"], 16) - 1, *(one[key] or 0 for key in keys)) for one in records)


def decided(core: CoreEngine, now: int) -> list[dict[str, Any]]:
    """The call records of what is decided when all is drained."""
    records: list[dict[str, Any]] = []
    more = True
    while more:
        report = core.drain(now)
        records += map(json.loads, report.calls.splitlines())
        more = report.more
    return records


@pytest.mark.parametrize("seed", range(4))
def test_stacks_of_sdks_in_any_order_and_any_split(seed: int) -> None:
    made = programs(seed, ids_only=False)
    core = engine(call_records=True)
    rng = random.Random(seed)
    for body in requests(made, rng, parts=rng.randint(1, 9)):
        core.ingest(body, NOW)
    found = counted(decided(core, NOW))
    assert found - truth(made) == Counter(), "counted too often, or with other tokens"
    assert truth(made) - found == Counter(), "lost, or with other tokens"


@pytest.mark.parametrize("seed", range(4))
def test_spans_that_come_after_the_verdict(seed: int) -> None:
    """Where the provider's id stands on the spans, a call is one call on both sides of a verdict.

    Spans come as they end, so that no wrapper with a sum is decided before any of its calls has come.
    """
    made = programs(seed, ids_only=True)
    core = engine(call_records=True)
    records: list[dict[str, Any]] = []
    for body in requests(made, random.Random(seed), parts=3, as_they_end=True):
        core.ingest(body, NOW)
        records += decided(core, NOW)
    found = counted(records)
    assert found - truth(made) == Counter(), "counted too often, or with other tokens"
    assert truth(made) - found == Counter(), "lost, or with other tokens"
