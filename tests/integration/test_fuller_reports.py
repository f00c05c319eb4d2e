"""Reports of one call of which some leave cached input or reasoning out.

What all of them know together counts, whichever comes first, stands inside, or is decided before the others.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.runtime.engine import CoreEngine
from tests.golden.test_dialects import told as told_attributes
from tests.integration.test_count_once import decided
from tests.oracle.calls import Amounts, Shown, is_told_as_one, of_one_call, total
from tests.support.engines import NOW, engine, request_of, span, spans_of

MS = 10**6
CALLS = 60
#: USD for a million of each kind, as the configuration below says.
PRICES = """
prices:
  overrides:
    - {model: m, per_million: {input: "3", output: "15", cache_read: "0.3", cache_write: "3.75"}}
"""
ASKED = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "m"}


def price(shown: Shown) -> Decimal:
    fresh = shown.input - shown.cached - shown.written
    parts = (fresh, "3"), (shown.cached, "0.3"), (shown.written, "3.75"), (shown.output, "15")
    return sum((count * Decimal(rate) for count, rate in parts), Decimal(0)) / 10**6


def shows(shown: Shown) -> dict[str, Any]:
    told = {
        "gen_ai.usage.input_tokens": shown.input,
        "gen_ai.usage.output_tokens": shown.output,
        "gen_ai.usage.cache_read.input_tokens": shown.cached,
        "gen_ai.usage.cache_write.input_tokens": shown.written,
        "gen_ai.usage.reasoning.output_tokens": shown.reasoning,
    }
    return ASKED | {key: count for key, count in told.items() if count}


def views(rng: random.Random) -> list[Shown]:
    """A call as two or three instrumentations report it."""
    fresh, cached, written = rng.randint(1, 50), rng.choice([0, rng.randint(60, 900)]), rng.choice([0, 1000])
    said, reasoning = rng.randint(1, 50), rng.choice([0, rng.randint(60, 900)])
    whole = fresh + cached + written
    inputs = [(whole, cached, written), (whole, 0, 0), (whole, cached, 0), (whole, 0, written), (fresh, 0, 0)]
    outputs = [(said + reasoning, reasoning), (said + reasoning, 0), (said, 0)]
    made = []
    for _ in range(rng.choice([2, 3, 3])):
        (given_in, read, wrote), (given_out, thought) = rng.choice(inputs), rng.choice(outputs)
        made.append(Shown(given_in, given_out, read, wrote, thought))
    return made


def spans(trace: int, reports: list[Shown], rng: random.Random) -> list[Span]:
    """One below the other, beside one another, or both; each lies within those before it."""
    made: list[Span] = []
    for number, shown in enumerate(reports, 1):
        parent = rng.choice([number - 1, number - 1, rng.randrange(number)]) or 99
        told = span(trace, number, parent, shows(shown), start=NOW + number * MS, ms=1000 - 2 * number)
        made.append(told)
    return made


def record_amounts(record: dict[str, Any]) -> Amounts:
    kinds = ("input", "cache_read", "output", "cache_write", "reasoning")
    given, cached, output, written, reasoning = (record[f"{kind}_tokens"] or 0 for kind in kinds)
    return Amounts(record["calls"], given, cached, output, Decimal(record["cost_usd"] or 0), written, reasoning)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_what_the_reports_of_a_call_know_together_counts(seed: int) -> None:
    rng = random.Random(seed)
    core = engine(PRICES, call_records=True)
    batches: list[list[tuple[int, Span]]] = [[], [], []]
    wanted: dict[int, Amounts] = {}
    for trace in range(1, CALLS + 1):
        reports = views(rng)
        verdict = [rng.choice([0, 0, 1, 2]) for _ in reports]
        by_verdict = [[one for one, at in zip(reports, verdict, strict=True) if at == now] for now in range(3)]
        if not all(is_told_as_one([one for batch in by_verdict[: now + 1] for one in batch]) for now in range(3)):
            continue
        wanted[trace] = of_one_call(by_verdict, price)
        for number, (told, at) in enumerate(zip(spans(trace, reports, rng), verdict, strict=True)):
            batches[at].append((number, told))
    assert len(wanted) > CALLS / 4
    found: dict[int, Amounts] = defaultdict(Amounts)
    for batch in batches:
        rng.shuffle(batch)
        for number, told in batch:
            core.ingest(request_of(told, scope=f"sdk{number}"), NOW)
        for record in decided(core, NOW):
            trace = int(record["trace_id"], 16)
            found[trace] = total([found[trace], record_amounts(record)])
    assert found == wanted


POOR, MEDIUM, FULL = Shown(10, 20), Shown(1000, 20), Shown(1000, 20, 990)
PLACES = ["one below the other", "beside one another"]


def told(*batches: list[Span]) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
    """The records, and the attributes of each span, when each batch is decided before the next one comes."""
    core: CoreEngine = engine(PRICES, call_records=True)
    records: list[dict[str, Any]] = []
    written: dict[int, dict[str, Any]] = {}
    for batch in batches:
        for one in batch:
            number = int.from_bytes(one.span_id, "big")
            core.ingest(request_of(one, scope=f"sdk{number}"), NOW)
        more = True
        while more:
            report = core.drain(NOW)
            records += map(json.loads, report.calls.splitlines())
            written |= {int.from_bytes(one.span_id, "big"): told_attributes(one) for one in spans_of(report.payloads)}
            more = report.more
    return records, written


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reports", list(itertools.permutations([POOR, MEDIUM, FULL])), ids=str)
def test_three_reports_are_one_call_wherever_each_stands(reports: tuple[Shown, ...], place: str) -> None:
    nested = place == PLACES[0]
    made = [
        span(
            1, number, (number - 1 or 99) if nested else 99, shows(shown), start=NOW + number * MS, ms=1000 - 2 * number
        )
        for number, shown in enumerate(reports, 1)
    ]
    [record], written = told(made)
    assert record_amounts(record) == of_one_call([reports], price)
    own = written[int(record["span_id"], 16)]
    assert (own["gen_ai.usage.input_tokens"], own["gen_ai.usage.cache_read.input_tokens"]) == (1000, 990)
    assert own["gen_ai.usage.cost"] == float(price(FULL))
    if reports[-1] == POOR:
        full = reports.index(FULL) + 1
        assert own["enricher.original.gen_ai.usage.input_tokens"] == 10
        assert f"report {full:016x}" in own["enricher.inferred.from"]


@pytest.mark.parametrize("inner", [POOR, FULL])
def test_what_a_late_report_knows_more_is_added(inner: Shown) -> None:
    outer = FULL if inner == POOR else POOR
    below = span(1, 2, 1, shows(inner), start=NOW + MS, ms=900)
    above = span(1, 1, 0, shows(outer), ms=1000)
    for first, late in (below, above), (above, below):
        is_full = first is (below if inner == FULL else above)
        records, _ = told([first], [late])
        added = [(one["calls"], one["input_tokens"], one["cache_read_tokens"], one["cost_usd"]) for one in records]
        whole, poor = price(FULL), price(POOR)
        if is_full:
            assert added == [(1, 1000, 990, str(whole))]
        else:
            assert added == [(1, 10, None, str(poor)), (0, 990, 990, str(whole - poor))]
            assert records[1]["counted_before"]["input_tokens"] == 10


def test_cached_tokens_that_come_late_count_and_cost_nothing_less() -> None:
    medium, full = span(1, 2, 1, shows(MEDIUM), start=NOW + MS, ms=900), span(1, 1, 0, shows(FULL), ms=1000)
    records, _ = told([medium], [full])
    added = [(one["calls"], one["input_tokens"], one["cache_read_tokens"], one["cost_usd"]) for one in records]
    assert added == [(1, 1000, None, str(price(MEDIUM))), (0, 0, 990, "0")]


def test_equal_calls_at_the_same_time_go_to_their_like() -> None:
    """Each of two calls is told twice, and the one may be the other without its cached input."""
    first, second = Shown(3, 1), Shown(8003, 1, 8000)
    made = [
        span(1, number, 99, shows(shown), start=NOW + start * MS, ms=100)
        for number, (shown, start) in enumerate([(first, 0), (second, 1), (first, 4), (second, 5)], 1)
    ]
    core = engine(PRICES, call_records=True)
    for number, one in enumerate(made):
        core.ingest(request_of(one, scope=f"sdk{number // 2}"), NOW)
    found = sorted((one["input_tokens"], one["cache_read_tokens"] or 0) for one in decided(core, NOW))
    assert found == [(3, 0), (8003, 8000)]


@pytest.mark.parametrize("late", [False, True])
def test_an_agent_that_shows_what_its_only_call_leaves_out_is_the_fuller_report(late: bool) -> None:
    shown = shows(FULL) | {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    call, agent = span(1, 2, 1, shows(POOR), start=NOW + MS, ms=900), span(1, 1, 0, shown, ms=1000)
    records, _ = told(*([[call], [agent]] if late else [[call, agent]]))
    assert total(map(record_amounts, records)) == of_one_call([[POOR, FULL]], price)
