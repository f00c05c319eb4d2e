"""Generated programs, shuffled and split by requests and verdicts: nothing is counted twice, and nothing is lost."""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from functools import cache
from typing import Literal, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.runtime.engine import CoreEngine
from tests.integration.test_count_once import decided
from tests.oracle.calls import Amounts, amounts, total
from tests.support.engines import CHAT, NOW, SECOND, plan, request_of, span
from tests.support.programs import Call, Program, requests

PROGRAMS = 6
Order = Literal["any", "inner first", "outer first"]


@cache
def call_records() -> bytes:
    return plan(call_records=True)


@cache
def price(call: Call) -> Decimal:
    """What the price book says of one call when nothing else is known."""
    told = CHAT | {
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
        "gen_ai.usage.input_tokens": call.input,
        "gen_ai.usage.output_tokens": call.output,
        "gen_ai.usage.cache_read.input_tokens": call.cached,
    }
    core = pricing()
    trace = int.from_bytes(call.response_id.encode()[-15:], "big")
    core.ingest(request_of(span(trace, 1, attributes=told)), NOW)
    [record] = decided(core, NOW)
    return Decimal(record["cost_usd"])


@cache
def pricing() -> CoreEngine:
    return CoreEngine(call_records())


def programs(seed: int, *, lifetime: bool) -> list[Program]:
    """Agents with sums of any dialect, inside one another, around steps that tell nothing, retries and equal calls.

    Each call is told by one or two libraries. Programs are minutes apart.
    """
    apart = 600 * SECOND
    return [
        Program(number, NOW + number * apart, random.Random(seed * 1000 + number), lifetime=lifetime, deep=True).run(
            ids_only=True
        )
        for number in range(PROGRAMS)
    ]


def bodies(made: list[Program], seed: int, parts: int, order: Order) -> list[bytes]:
    rng = random.Random(seed)
    return requests(made, rng, parts, as_they_end=order == "inner first", as_they_begin=order == "outer first")


def counted(sent: list[bytes]) -> dict[int, Amounts]:
    """What the records of each program come to, with a verdict after each request."""
    core = CoreEngine(call_records())
    found: dict[int, Amounts] = defaultdict(Amounts)
    for body in sent:
        core.ingest(body, NOW)
        for record in decided(core, NOW):
            added = Amounts(
                record["calls"],
                record["input_tokens"] or 0,
                record["cache_read_tokens"] or 0,
                record["output_tokens"] or 0,
                Decimal(record["cost_usd"] or 0),
            )
            number = int(record["trace_id"], 16) - 1
            found[number] = total([found[number], added])
    return dict(found)


def verdicts(sent: list[bytes], number: int) -> list[set[int]]:
    """The spans of one program in each request."""
    trace = (number + 1).to_bytes(16, "big")
    messages = [ExportTraceServiceRequest.FromString(body) for body in sent]
    return [
        {
            int.from_bytes(one.span_id, "big")
            for group in message.resource_spans
            for scoped in group.scope_spans
            for one in scoped.spans
            if one.trace_id == trace
        }
        for message in messages
    ]


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), parts=st.integers(2, 7), order=st.sampled_from(get_args(Order)))
def test_any_order_around_any_verdicts(seed: int, parts: int, order: Order) -> None:
    """Wrappers before their calls, sums before their parts, links after both: calls, tokens and cost are the truth."""
    made = programs(seed, lifetime=False)
    found = counted(bodies(made, seed, parts, order))
    for program in made:
        used = program.calls
        assert found[program.number] == Amounts(
            len(used) + program.failed,
            sum(call.input for call in used),
            sum(call.cached for call in used),
            sum(call.output for call in used),
            sum((price(call) for call in used), Decimal(0)),
        )


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), parts=st.integers(2, 7), order=st.sampled_from(get_args(Order)))
def test_what_a_wrapper_shows_beyond_its_calls_counts(seed: int, parts: int, order: Order) -> None:
    """Agents that show all that they have used since they were made among the others."""
    made = programs(seed, lifetime=True)
    sent = bodies(made, seed, parts, order)
    found = counted(sent)
    for program in made:
        assert found[program.number] == amounts(program, verdicts(sent, program.number), price)
