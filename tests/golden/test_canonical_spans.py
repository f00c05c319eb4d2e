"""The span of every call shows what its call record says, whatever span of the trace told it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from tests.golden.test_dialects import CANONICAL, FIXTURES, request, told
from tests.recordings import requests, scenarios
from tests.support.engines import NOW, plan, spans_of

Record = dict[str, Any]
Attributes = dict[str, Any]
#: Facts that may be the process's: its resource tells them, for all its spans.
OF_PROCESS = {"tenant_id", "feature", "agent_id", "variant"}
#: Where the facts of a record stand on its span.
KEYS = {
    **{fact: key for fact, key in CANONICAL.items() if fact not in OF_PROCESS},
    "cost_state": "enricher.cost.state",
    "dialect": "enricher.dialect",
}
OPTIONS = {
    "as it comes": {},
    "latest": {"conventions": "latest"},
    "no originals": {"keep_originals": False},
    "without content": {"content": "drop"},
}


def traffic() -> Iterator[bytes]:
    """Every fixture and every recorded request."""
    for number, fixture in enumerate(FIXTURES):
        yield request(number, fixture)
    for name in scenarios():
        yield from requests(name)


@cache
def sent() -> dict[tuple[str, str], Attributes]:
    """The attributes of each span before."""
    return {(span.trace_id.hex(), span.span_id.hex()): told(span) for span in spans_of(traffic())}


@cache
def passed(options: str) -> tuple[tuple[Record, Attributes], ...]:
    """Each call record with the attributes of its span."""
    core = CoreEngine(plan(json.dumps({"normalize": json.loads(options)}), call_records=True))
    for message in traffic():
        core.ingest(message, NOW)
    records, payloads, more = [], [], True
    while more:
        report = core.drain(NOW)
        records += [json.loads(line) for line in report.calls.splitlines()]
        payloads += report.payloads
        more = report.more
    spans = {(span.trace_id.hex(), span.span_id.hex()): told(span) for span in spans_of(payloads)}
    return tuple((record, spans[record["trace_id"], record["span_id"]]) for record in records)


@pytest.mark.parametrize("options", OPTIONS)
def test_the_span_of_a_call_says_what_its_record_says(options: str) -> None:
    pairs = passed(json.dumps(OPTIONS[options]))
    assert len(pairs) > len(FIXTURES)
    for record, span in pairs:
        where = record["trace_id"], record["span_id"]
        for fact, key in KEYS.items():
            value = record[fact]
            if value is not None and record["counted_before"] and fact.endswith("_tokens"):
                value += record["counted_before"][fact]
            # What is not believed (zeros of who does not know, "none" for a model) stays as it came.
            unknown = value is None and span.get(key) == sent()[where].get(key)
            assert unknown or span.get(key) == value, (*where, fact)
        assert span.get("enricher.usage.estimated", False) == record["tokens_estimated"], where
        cost = record["cost_usd"]
        assert span.get("gen_ai.usage.cost") == (None if cost is None else float(cost)), where
        first_token = span.get("gen_ai.response.time_to_first_chunk")
        assert record["ttft_ms"] == pytest.approx(None if first_token is None else first_token * 1e3), where


@pytest.mark.parametrize("options", OPTIONS)
def test_what_is_from_elsewhere_says_from_where(options: str) -> None:
    taken = set()
    for record, span in passed(json.dumps(OPTIONS[options])):
        concluded, sources = span.get("enricher.inferred", []), span.get("enricher.inferred.from", [])
        assert len(concluded) == len(sources) == len(set(concluded))
        keyless = {"total_tokens"}
        assert set(record["inferred"]) - keyless == set(concluded), (record["trace_id"], record["span_id"])
        for concept, source in zip(concluded, sources, strict=True):
            assert source, concept
            kind, _, span_id = source.partition(" ")
            if kind in ("report", "wrapper", "span") and len(span_id) == 16:
                assert span_id != record["span_id"]
                taken.add((kind, concept))
    assert {("wrapper", "request_model"), ("wrapper", "agent_name"), ("report", "finish_reason")} <= taken
