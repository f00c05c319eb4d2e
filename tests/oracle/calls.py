"""What the calls of a program come to however verdicts fall between its spans, the plain, slow way: from what the
program really did, without looking at what its spans say of one another.

A wrapper (agent, workflow) whose usage is decided before any report below it has come is counted for what it shows.
What was counted stays, so such a wrapper and all below it come to the larger of what it shows and what they come to,
kind by kind; everything else comes to the sum of its calls (`docs/calls.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import NamedTuple

from tests.support.programs import Call, Program


class Amounts(NamedTuple):
    """How many calls, their tokens, what they cost in USD."""

    calls: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    usd: Decimal = Decimal(0)
    written: int = 0
    reasoning: int = 0


class Shown(NamedTuple):
    """What one report shows of its call: input and output, with or without the parts that it may leave out."""

    input: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0

    def may_be(self, other: Shown) -> bool:
        """Whether both may report one call, as far as these two tell."""
        sides = [
            (self.input, self.cached + self.written, other.input, other.cached + other.written),
            (self.output, self.reasoning, other.output, other.reasoning),
        ]
        return all(
            own in (theirs, theirs - their_part) or own - part == theirs for own, part, theirs, their_part in sides
        )


def is_told_as_one(reports: Sequence[Shown]) -> bool:
    """Whether each report agrees with another one, that with a further one, until all are found to be one call."""
    found, rest = list(reports[:1]), list(reports[1:])
    while joining := [one for one in rest if any(one.may_be(known) for known in found)]:
        found += joining
        rest = [one for one in rest if one not in joining]
    return not rest


def of_one_call(verdicts: Sequence[Sequence[Shown]], price: Callable[[Shown], Decimal]) -> Amounts:
    """What one call comes to whose reports are decided in these verdicts: the most that any report shows of each kind.

    Of the cost, the most that was known at any verdict: what was counted stays.
    """
    known, usd = Shown(0, 0), Decimal(0)
    for reports in verdicts:
        known = Shown(*map(max, known, *reports)) if reports else known
        usd = max(usd, price(known))
    return Amounts(1, known.input, known.cached, known.output, usd, known.written, known.reasoning)


def amounts(program: Program, verdicts: Sequence[AbstractSet[int]], price: Callable[[Call], Decimal]) -> Amounts:
    """What is counted when the spans of each verdict, by number, have come before it and after the one before.

    price: of one call, in USD. Wrappers tell no model, so they have no cost of their own.
    """
    counted = _counted_wrappers(program, verdicts)
    first = {id(call): number for number, call in reversed(program.told.items())}

    def come_to(number: int) -> Amounts:
        parts = [come_to(below) for below in _below(program, number)]
        if number in program.failures:
            parts.append(Amounts(calls=1))
        call = program.told.get(number)
        if call is not None and first[id(call)] == number:
            parts.append(Amounts(1, call.input, call.cached, call.output, price(call)))
        come = total(parts)
        if number in counted:
            given, output = program.shown[number]
            calls = max(come.calls, 1)
            come = Amounts(calls, max(come.input, given), come.cached, max(come.output, output), come.usd)
        return come

    return total(come_to(number) for number in _below(program, 0))


def sum_and_parts(parts: Sequence[Amounts], decided: Sequence[int], *, sum_decided: int) -> Amounts:
    """What a report of a model call and the calls that it sums up come to; decided: the verdict on each part.

    With some of its parts alone, a sum looks like a call of its own: parts that are decided before it or with it count
    beside it when further ones come later.
    """
    early = [part for part, at in zip(parts, decided, strict=True) if at <= sum_decided]
    beside = [part._replace(calls=0) for part in early] if len(early) < len(parts) else []
    return total([*parts, *beside])


def total(parts: Iterable[Amounts]) -> Amounts:
    """The sum."""
    come = Amounts()
    for one in parts:
        come = Amounts(
            come.calls + one.calls,
            come.input + one.input,
            come.cached + one.cached,
            come.output + one.output,
            come.usd + one.usd,
            come.written + one.written,
            come.reasoning + one.reasoning,
        )
    return come


def _below(program: Program, parent: int) -> list[int]:
    """The spans right below one; 0 stands for what is above all."""
    ids = [int.from_bytes(span.parent_span_id, "big") for _, span in program.spans]
    return [number for number, above in enumerate(ids, 1) if above == parent]


def _all_below(program: Program, number: int) -> set[int]:
    right = _below(program, number)
    return set(right).union(*(_all_below(program, below) for below in right))


def _counted_wrappers(program: Program, verdicts: Sequence[AbstractSet[int]]) -> set[int]:
    """Wrappers that show usage and were decided before any report below them."""
    come: set[int] = set()
    counted: set[int] = set()
    for batch in verdicts:
        come |= batch
        # Spans are numbered as they begin: of two wrappers, the inner one has the higher number.
        for number in sorted(batch & program.shown.keys(), reverse=True):
            reports = program.told.keys() | program.failures | counted
            if not _all_below(program, number) & come & reports:
                counted.add(number)
    return counted
