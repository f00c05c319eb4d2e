"""Each call is counted once with its true tokens, whatever told of it, in any order and in any number of requests."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from tests.support.engines import NOW, SECOND, engine, request_of, span
from tests.support.programs import Program, requests

PROGRAMS = 25
Told = Counter[tuple[int, ...]]


def programs(seed: int, *, ids_only: bool, lifetime: bool = True) -> list[Program]:
    """Programs minutes apart, so that none can be taken for a part of another."""
    apart = 600 * SECOND
    return [
        Program(number, NOW + number * apart, random.Random(seed * 1000 + number), lifetime=lifetime).run(
            ids_only=ids_only
        )
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


@pytest.mark.parametrize("seed", range(4))
def test_totals_in_any_order_around_verdicts(seed: int) -> None:
    """A wrapper may be counted before its calls come: what is exact is the total."""
    made = programs(seed, ids_only=True, lifetime=False)
    core = engine(call_records=True)
    records: list[dict[str, Any]] = []
    for body in requests(made, random.Random(seed), parts=3):
        core.ingest(body, NOW)
        records += decided(core, NOW)

    def totals(told: Told) -> Counter[tuple[int, str]]:
        found: Counter[tuple[int, str]] = Counter()
        for (trace, given, _, output), times in told.items():
            found[trace, "input"] += given * times
            found[trace, "output"] += output * times
        return found

    assert totals(counted(records)) == totals(truth(made))


LONG_ID = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"


def chat(
    trace: int, number: int, at: int, response_id: str, *, parent: int = 0, ms: int = 50, written: int = 0
) -> bytes:
    """A call of 9 tokens and `written` more, which were written to a cache."""
    told: dict[str, str | int | float | bool] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 9 + written,
        "gen_ai.usage.output_tokens": 12,
    }
    told |= {"gen_ai.response.id": response_id} if response_id else {}
    told |= {"gen_ai.usage.cache_creation.input_tokens": written} if written else {}
    made = span(trace, number, parent, told, start=NOW + at * 10**6, ms=ms)
    resource = {"service.name": "shop", "service.instance.id": "1"}
    return request_of(made, resource=resource, scope=f"opentelemetry.instrumentation.{'genai' if parent else 'openai'}")


@pytest.mark.parametrize("decides", [False, True], ids=["one verdict", "verdicts between"])
@pytest.mark.parametrize("traces", [1, 10])
@pytest.mark.parametrize(
    ("response_id", "differ", "calls"),
    [("chatcmpl-123", False, 10), (LONG_ID, True, 10), (LONG_ID, False, 1)],
    ids=["short", "long, other tokens", "long, told again"],
)
def test_one_id_again_and_again(response_id: str, differ: bool, calls: int, traces: int, decides: bool) -> None:
    """From a test server that always sends one id, or of an answer that is fetched again."""
    core = engine(call_records=True)
    records = []
    for number in range(10):
        written = 1 + number if differ else 0
        core.ingest(chat(1 + number % traces, 1 + number, number * 100, response_id, written=written), NOW)
        records += decided(core, NOW) if decides else []
    assert len(records + decided(core, NOW)) == calls


@pytest.mark.parametrize("outer_first", [True, False])
def test_the_first_call_that_shows_in_two_traces_is_one(outer_first: bool) -> None:
    """LangChain's span and the SDK's in a trace of its own, without an id, one decided before the other has come."""
    core = engine(call_records=True)
    bodies = [chat(1, 1, 0, "", parent=7, ms=50), chat(2, 2, 2, "", ms=45)]
    records = []
    for body in bodies if outer_first else bodies[::-1]:
        core.ingest(body, NOW)
        records += decided(core, NOW)
    assert len(records) == 1


@pytest.mark.parametrize("decides", [False, True], ids=["one verdict", "verdicts between"])
@pytest.mark.parametrize("outer_first", [True, False])
def test_calls_in_two_traces_that_differ_by_cached_tokens_are_two(outer_first: bool, decides: bool) -> None:
    core = engine(call_records=True)
    bodies = [chat(1, 1, 0, "", parent=7, ms=50, written=5), chat(2, 2, 2, "", ms=45)]
    records = []
    for body in bodies if outer_first else bodies[::-1]:
        core.ingest(body, NOW)
        records += decided(core, NOW) if decides else []
    records += decided(core, NOW)
    assert sorted(record["input_tokens"] for record in records) == [9, 14]


@pytest.mark.parametrize(
    ("first", "second", "calls"),
    [
        ("text-embedding-004", "publishers/google/models/text-embedding-005", 2),
        ("text-embedding-004", "models/text-embedding-004", 1),
        ("gemini-2.0-flash", "gemini-2.0-flash-001", 1),
        ("mine-10", "mine-11", 2),
        ("gpt-4o", "gpt-4o-2024-08-06", 1),
    ],
)
def test_versions_of_a_model_are_models(first: str, second: str, calls: int) -> None:
    """Two parallel spans of two SDKs with the same counts."""
    core = engine(call_records=True)
    for number, model in ((2, first), (3, second)):
        told: dict[str, str | int | float | bool] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": 9,
        }
        core.ingest(request_of(span(1, number, 1, told, start=NOW + number, ms=50 - number), scope=f"sdk{number}"), NOW)
    assert len(decided(core, NOW)) == calls
