"""Recorded traffic in any order, in any requests and around any verdicts: the totals stay what they were."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.runtime.engine import CoreEngine
from tests.recordings import requests, scenarios
from tests.support.engines import NOW, plan

PLAN = plan(call_records=True)
#: Ways to replay each recording; more with `REPLAYS` set.
SEEDS = range(int(os.environ.get("REPLAYS", "1")))
COUNTED = (
    "calls",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_usd",
)
"""What records add up to."""
MORE = {
    "openllmetry_anthropic": "its report adds the tokens that a stream of Anthropic's begins with to those at its end",
}
"""Where one span shows more than the calls, by recording, and why. Decided before the others, that is what was known,
and what has been counted cannot be taken back."""

LOOPS = {"voltagent"}
"""Where a call's span shows the last step of a loop and the agent's that of all steps, which counts for the others."""

Record = dict[str, Any]
Totals = dict[str, Decimal]


def spans(name: str) -> list[tuple[Resource, InstrumentationScope, Span]]:
    """The spans of a recording with what they stand under."""
    messages = map(ExportTraceServiceRequest.FromString, requests(name))
    groups = [group for message in messages for group in message.resource_spans]
    scopes = [(group.resource, scoped) for group in groups for scoped in group.scope_spans]
    return [(resource, scoped.scope, span) for resource, scoped in scopes for span in scoped.spans]


def pieces(name: str, rng: random.Random, *, as_they_end: bool) -> list[bytes]:
    """The spans of a recording in other requests than they came in."""
    items = spans(name)
    rng.shuffle(items)
    if as_they_end:
        items.sort(key=lambda item: item[2].end_time_unix_nano)
    cuts = [0, *sorted(rng.randint(0, len(items)) for _ in range(rng.randint(1, 7))), len(items)]
    made = []
    for begin, end in pairwise(cuts):
        message = ExportTraceServiceRequest()
        for resource, scope, span in items[begin:end]:
            group = message.resource_spans.add(resource=resource)
            group.scope_spans.add(scope=scope, spans=[span])
        made.append(message.SerializeToString())
    return made


def decided(core: CoreEngine) -> list[Record]:
    """The records of the calls found when all is drained."""
    records: list[Record] = []
    more = True
    while more:
        report = core.drain(NOW)
        records += map(json.loads, report.calls.splitlines())
        more = report.more
    return records


def replay(bodies: list[bytes], *, verdicts_between: bool) -> list[Record]:
    """The records of all calls; the summary of the core says the same as they do."""
    core = CoreEngine(PLAN)
    records: list[Record] = []
    for body in bodies:
        core.ingest(body, NOW)
        records += decided(core) if verdicts_between else []
    records += decided(core)
    summary, found = json.loads(core.summary()), totals(records)
    assert found["calls"] == summary["calls"]["counted"]
    assert found["cost_usd"] == Decimal(summary["cost_usd"])
    for kind, tokens in summary["tokens"].items():
        assert found[f"{kind}_tokens"] == tokens, kind
    return records


def calls(records: list[Record]) -> Counter[tuple[Any, ...]]:
    """What is counted, call by call. A wrapper that comes too late may have told that there was none of something."""
    return Counter(tuple(record[name] or 0 for name in COUNTED) for record in records)


def totals(records: list[Record]) -> Totals:
    return {name: sum((Decimal(one[name] or 0) for one in records), Decimal(0)) for name in COUNTED}


@pytest.mark.parametrize("name", scenarios())
def test_orders_requests_and_verdicts_change_no_total(name: str) -> None:
    first = replay(requests(name), verdicts_between=False)
    assert all(record["calls"] == 1 for record in first)
    in_part = [record for record in first if record["counted_before"]]
    assert len(in_part) == (name in LOOPS)
    true = totals(first)
    for seed in SEEDS:
        rng = random.Random(seed)
        shuffled = replay(pieces(name, rng, as_they_end=False), verdicts_between=False)
        assert calls(shuffled) == calls(first), f"seed {seed}, shuffled"
        as_they_end = replay(pieces(name, rng, as_they_end=True), verdicts_between=True)
        assert calls(as_they_end) == calls(first), f"seed {seed}, verdicts between, in order"
        found = totals(replay(pieces(name, rng, as_they_end=False), verdicts_between=True))
        what = f"seed {seed}, verdicts between, shuffled"
        if name in MORE:
            assert found["calls"] == true["calls"], what
            assert all(found[counted] >= true[counted] for counted in COUNTED), what
        else:
            assert found == true, what


@pytest.mark.parametrize("name", MORE)
def test_what_a_span_shows_beyond_its_calls_is_counted_where_it_is_decided_first(name: str) -> None:
    """The exceptions stand where they are named: outermost spans first, a verdict after each span."""
    bodies = []
    for resource, scope, span in sorted(spans(name), key=lambda item: item[2].start_time_unix_nano):
        message = ExportTraceServiceRequest()
        message.resource_spans.add(resource=resource).scope_spans.add(scope=scope, spans=[span])
        bodies.append(message.SerializeToString())
    true = totals(replay(requests(name), verdicts_between=False))
    found = totals(replay(bodies, verdicts_between=True))
    assert found["calls"] == true["calls"]
    assert found["output_tokens"] > true["output_tokens"]
