"""Calls that several spans tell of in parts, split around verdicts in every way there is, through the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import pytest

from enricher.runtime.engine import CoreEngine
from tests.oracle.calls import Amounts, sum_and_parts
from tests.support.engines import CHAT, NOW, drained, plan, request_of, span

MS = 10**6
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
ID = {"gen_ai.response.id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"}
ASKED = {name: value for name, value in CHAT.items() if name not in (INPUT, OUTPUT)}
BARE = ASKED | {"gen_ai.response.model": "gpt-4o"}
"""An answer of which nobody tells the tokens."""
AGENT = {"gen_ai.operation.name": "invoke_agent"}


class Sent(NamedTuple):
    """A span of one library."""

    scope: str
    number: int
    parent: int
    attributes: Mapping[str, Any]
    start_ms: int = 0
    ms: int = 10
    trace: int = 1
    error: bool = False

    def request(self) -> bytes:
        start = NOW + self.start_ms * MS
        told = span(self.trace, self.number, self.parent, self.attributes, start=start, ms=self.ms, error=self.error)
        return request_of(told, scope=self.scope, resource={"service.name": "shop"})


def used(thousands: int, attributes: Mapping[str, Any] = ASKED) -> dict[str, Any]:
    """With so many thousand input tokens and hundred output tokens."""
    return dict(attributes) | {INPUT: 1000 * thousands, OUTPUT: 100 * thousands}


@cache
def counting() -> bytes:
    return plan()


def found(spans: Sequence[Sent], decided: Sequence[int]) -> tuple[Amounts, int]:
    """What counts, and how many calls failed, when each span comes before the verdict with its number."""
    core = CoreEngine(counting())
    for verdict in range(max(decided) + 1):
        for one, at in zip(spans, decided, strict=True):
            if at == verdict:
                core.ingest(one.request(), NOW)
        drained(core)
    told = json.loads(core.summary())
    calls, tokens = told["calls"], told["tokens"]
    amounts = Amounts(
        calls["counted"], tokens["input"], tokens["cache_read"], tokens["output"], Decimal(told["cost_usd"])
    )
    return amounts, calls["errors"]


def splits(spans: int) -> Iterator[list[int]]:
    """Every way in which verdicts can fall among spans: the number of the verdict on each of them."""

    def ways(left: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
        if not left:
            yield []
        for size in range(1, len(left) + 1):
            for first in combinations(left, size):
                rest = tuple(one for one in left if one not in first)
                yield from ([first, *others] for others in ways(rest))

    for way in ways(tuple(range(spans))):
        yield [next(at for at, batch in enumerate(way) if one in batch) for one in range(spans)]


@cache
def price() -> Decimal:
    """Of the smallest call here."""
    return found([Sent("sdk", 1, 0, used(1))], [0])[0].usd


def call(thousands: int) -> Amounts:
    return Amounts(1, 1000 * thousands, 0, 100 * thousands, thousands * price())


FRAMEWORK = Sent("framework", 1, 9, used(3), start_ms=5, ms=200)
PARTS = [Sent("sdk", 2, 1, used(1), start_ms=10), Sent("sdk", 3, 1, used(2), start_ms=50)]
AROUND = Sent("agents", 9, 0, used(3, AGENT), ms=300)


@pytest.mark.parametrize("agent", [False, True])
def test_a_sum_and_its_parts(agent: bool) -> None:
    spans = [FRAMEWORK, *PARTS, *([AROUND] if agent else [])]
    for decided in splits(len(spans)):
        expected = sum_and_parts([call(1), call(2)], decided[1:3], sum_decided=decided[0])
        counted, errors = found(spans, decided)
        # A wrapper without a model has no cost, so what it was counted for takes none from those below it.
        assert (counted, errors) == (expected, 0), decided


def test_three_parts_after_their_sum() -> None:
    more = Sent("sdk", 4, 1, used(3), start_ms=90)
    spans = [FRAMEWORK._replace(attributes=used(6)), *PARTS, more]
    for decided in splits(len(spans)):
        expected = sum_and_parts([call(1), call(2), call(3)], decided[1:], sum_decided=decided[0])
        assert found(spans, decided) == (expected, 0), decided


FAILED = [
    Sent("agents", 1, 0, used(1, AGENT), ms=500, error=True),
    Sent("sdk", 2, 1, ASKED, start_ms=5, error=True),
    Sent("sdk", 3, 1, used(1), start_ms=30),
]
OUTER = Sent("framework", 1, 0, BARE, ms=60)
ELSEWHERE = Sent("sdk", 2, 0, used(1), start_ms=5, ms=50, trace=2)


@pytest.mark.parametrize(
    "spans",
    [
        [Sent("sdk", 1, 0, BARE | ID), Sent("sdk", 1, 0, used(1) | ID)],
        [Sent("sdk", 1, 0, BARE), Sent("sdk", 1, 0, used(1))],
        [OUTER._replace(attributes=BARE | ID), ELSEWHERE._replace(attributes=used(1) | ID)],
        [OUTER, ELSEWHERE],
        [OUTER._replace(attributes=used(1)), ELSEWHERE._replace(attributes=BARE)],
    ],
    ids=["sent again", "sent again, no id", "other trace", "other trace, no id", "other trace knows less"],
)
def test_usage_that_comes_after_the_verdict(spans: list[Sent]) -> None:
    for decided in splits(len(spans)):
        assert found(spans, decided) == (call(1), 0), decided


def test_a_failure_counts_once_with_its_wrapper() -> None:
    for decided in splits(len(FAILED)):
        assert found(FAILED, decided) == (call(1)._replace(calls=2), 1), decided


def test_more_tokens_than_32_bits_hold() -> None:
    spans = [AROUND._replace(attributes=used(10**7, AGENT)), Sent("sdk", 2, 9, used(10**7), start_ms=10)]
    for decided in splits(len(spans)):
        assert found(spans, decided) == (call(10**7), 0), decided
