"""Sampling over time, the plain and slow way: policies that share out, learn or count, over batches of traces that are
decided together. Sources: DESIGN of the project (votes, drops, limits), docs of the policies in `enricher.sample`.

What a policy estimates (a quantile) cannot be foretold to the last digit. There the reference says which votes it would
take, and goes on with the one it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import exp
from typing import Any

from enricher.sample.policies import Budget, BytesLimiting, Composite, Policy, Rare, RateLimiting, Runaway, Slow
from enricher.sample.settings import SamplingSettings
from tests.oracle.sampling import RANGE, Bucket, Trace, Verdict, threshold_of, vote

SECOND = 10**9
PERIODS = {"hour": 3600, "day": 86_400}
TOLERANCE = 1.04
"""A learned duration is known to about 1 %; twice over, and the share within a step of it."""


@dataclass
class Asked:
    """A trace of a batch. seen: the core's votes by policy, as thresholds: used where the reference allows several."""

    trace: Trace
    randomness: int
    seen: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """votes: by policy, as thresholds. tried: the verdict with all policies, where some are on trial."""

    votes: dict[str, int]
    verdict: Verdict
    tried: Verdict | None


class Sampler:
    """All policies of a configuration, with what they remember."""

    def __init__(self, settings: SamplingSettings) -> None:
        self.settings = settings
        self.memories: dict[Any, Any] = {}

    def decide(self, now: int, batch: Sequence[Asked]) -> list[Outcome]:
        """The batch in the order in which the traces are decided."""
        votes: dict[str, list[int]] = {}
        left = [0] * len(batch)
        for policy in self.settings.policies:
            self._learn(policy, now, batch)
        for policy in sorted(self.settings.policies, key=_is_limit):
            votes[policy.name] = own = self._votes(policy, now, batch, left)
            if policy.dry_run and not self.settings.dry_run:
                continue
            for at, one in enumerate(own):
                if policy.type == "drop":
                    left[at] = max(left[at], _complement(one))
                elif one == 0:
                    left[at] = RANGE
        outcomes = []
        for at, asked in enumerate(batch):
            ours = {name: own[at] for name, own in votes.items()}
            full = self._verdict(asked, ours, trials=True)
            if self.settings.dry_run or (
                self.settings.policies and all(policy.dry_run for policy in self.settings.policies)
            ):
                outcomes.append(Outcome(ours, Verdict(True, None, 0), full))
            elif any(policy.dry_run for policy in self.settings.policies):
                outcomes.append(Outcome(ours, self._verdict(asked, ours, trials=False), full))
            else:
                outcomes.append(Outcome(ours, full, None))
        return outcomes

    def _verdict(self, asked: Asked, votes: dict[str, int], *, trials: bool) -> Verdict:
        best, credited, ceiling, dropper = RANGE, None, 0, None
        for policy in self.settings.policies:
            if policy.dry_run and not trials:
                continue
            own = votes[policy.name]
            if policy.type == "drop":
                if _complement(own) > ceiling:
                    ceiling, dropper = _complement(own), policy.name
            elif own < best:
                best, credited = own, policy.name
        threshold = max(best, ceiling)
        keep = asked.randomness >= threshold
        dropped = ceiling == RANGE or (not keep and dropper is not None and asked.randomness >= best)
        return Verdict(keep, dropper if dropped else credited, threshold)

    def _learn(self, policy: Policy, now: int, batch: Sequence[Asked]) -> None:
        match policy.block:
            case Slow() as slow:
                known = self.memories.setdefault(policy.name, [])
                for asked in batch:
                    known += [(now, key, duration) for key, duration in _durations(slow, asked.trace)]
            case Budget() as budget:
                period = now // SECOND // PERIODS[budget.period]
                spent = self.memories.setdefault(policy.name, {}).setdefault(period, {})
                for asked in batch:
                    for cost in asked.trace.costs:
                        if cost:
                            spent[asked.trace.tenant] = spent.get(asked.trace.tenant, 0) + cost
            case Runaway() as runaway:
                calls = self.memories.setdefault(policy.name, {})
                for asked in batch:
                    key = asked.trace.trace_id if runaway.per == "trace" else asked.trace.tenant
                    if key:
                        count, usd = calls.get(key, (0, Fraction(0)))
                        calls[key] = (count + len(asked.trace.costs), usd + sum(asked.trace.costs, Fraction(0)))

    def _votes(self, policy: Policy, now: int, batch: Sequence[Asked], left: Sequence[int]) -> list[int]:
        """Thresholds. Asked of a limit for what is left of each trace, of all others for every trace."""
        match policy.block:
            case RateLimiting() | BytesLimiting() as limit:
                return self._limited(policy.name, limit, now, batch, left)
            case Composite() as composite:
                return self._composite(policy.name, composite, now, batch, left)
            case Rare() as rare:
                return [_when(self._is_first(policy.name, rare, asked.trace, now)) for asked in batch]
            case Slow() as slow:
                return [self._slow(policy.name, slow, asked, now) for asked in batch]
            case Budget() as budget:
                (sub,) = policy.children
                return [
                    self._budgeted(policy.name, budget, asked, _threshold(vote(sub, asked.trace)), batch, now)
                    for asked in batch
                ]
            case Runaway() as runaway:
                return [_when(self._runs_away(policy.name, runaway, asked.trace)) for asked in batch]
        return [_threshold(vote(policy, asked.trace)) for asked in batch]

    def _limited(
        self,
        name: str,
        limit: RateLimiting | BytesLimiting,
        now: int,
        batch: Sequence[Asked],
        left: Sequence[int],
    ) -> list[int]:
        plan = limit.plan()
        rate = plan["spans_per_second"] if isinstance(limit, RateLimiting) else plan["bytes_per_second"]
        size = (lambda trace: len(trace.spans)) if isinstance(limit, RateLimiting) else (lambda trace: trace.size)
        bucket = self.memories.setdefault(name, _full(Fraction(rate), Fraction(plan["burst_capacity"])))
        return share_out(bucket, now, [(asked.randomness, size(asked.trace)) for asked in batch], left)

    def _composite(
        self, name: str, composite: Composite, now: int, batch: Sequence[Asked], left: Sequence[int]
    ) -> list[int]:
        """The first sub-policy that wants a trace for certain has it, within its share; a chance falls through."""
        plan = composite.plan()
        votes, left = [RANGE] * len(batch), list(left)
        for at in plan["order"]:
            rate = Fraction(plan["rates"][at])
            bucket = self.memories.setdefault((name, at), _full(rate, rate))
            wanted = [
                RANGE if open_ >= RANGE else _threshold(vote(composite.composite_sub_policy[at], asked.trace))
                for asked, open_ in zip(batch, left, strict=True)
            ]
            opened = [max(open_, own) for open_, own in zip(left, wanted, strict=True)]
            room = share_out(bucket, now, [(asked.randomness, len(asked.trace.spans)) for asked in batch], opened)
            votes = [min(one, max(own, cut)) for one, own, cut in zip(votes, wanted, room, strict=True)]
            left = [RANGE if own == 0 else open_ for own, open_ in zip(wanted, left, strict=True)]
        return votes

    def _is_first(self, name: str, rare: Rare, trace: Trace, now: int) -> bool:
        known = self.memories.setdefault(name, {})
        key = _key(rare.keys, trace)
        first = bool(now - known.get(key, -(10**20)) >= rare.window * SECOND)
        if first:
            known[key] = now
        return first

    def _slow(self, name: str, slow: Slow, asked: Asked, now: int) -> int:
        """The longest of its durations decides."""
        allowed = {RANGE}
        for key, duration in _durations(slow, asked.trace):
            weights = [
                (exp(-(now - then) / SECOND / slow.window), other)
                for then, of, other in self.memories[name]
                if of == key
            ]
            if len(weights) < slow.min_count:
                continue
            share = (1 - slow.quantile) * sum(weight for weight, _ in weights)
            surely = sum(weight for weight, other in weights if other * TOLERANCE >= duration) < share * 0.98
            maybe = sum(weight for weight, other in weights if other > duration * TOLERANCE) <= share * 1.02
            # A weight that faded below the count asked for silences the key.
            enough = sum(weight for weight, _ in weights) * 0.97 >= slow.min_count
            if surely and enough:
                return 0
            if maybe:
                allowed.add(0)
        assert asked.seen[name] in allowed
        return asked.seen[name]

    def _budgeted(
        self, name: str, budget: Budget, asked: Asked, threshold: int, batch: Sequence[Asked], now: int
    ) -> int:
        """Of traces that are decided at the same time any may come first; each comes after its own spend."""
        tenant = asked.trace.tenant
        spent = self.memories[name][now // SECOND // PERIODS[budget.period]].get(tenant, Fraction(0))
        others = sum(sum(one.trace.costs) for one in batch if one is not asked and one.trace.tenant == tenant)
        limit = Fraction(budget.tenants.get(tenant, budget.usd))
        changed = _times(threshold, Fraction(budget.factor))
        if spent < limit:
            return threshold
        return asked.seen[name] if spent - others < limit and asked.seen[name] == threshold else changed

    def _runs_away(self, name: str, runaway: Runaway, trace: Trace) -> bool:
        key = trace.trace_id if runaway.per == "trace" else trace.tenant
        count, usd = self.memories[name].get(key, (0, Fraction(0)))
        return (runaway.calls is not None and count >= runaway.calls) or (
            runaway.usd is not None and usd >= runaway.usd
        )


def share_out(bucket: Bucket, now: int, asked: Sequence[tuple[int, int]], left: Sequence[int]) -> list[int]:
    """Thresholds of a limit for (randomness, cost), `left` being what others leave of each.

    Where the bucket holds less than the largest trace, a probability that spends on average what is left, or half of
    what came in since the last batch (at most of a second) if that is more; else from the highest randomness down, and
    the first that does not fit sets the threshold.
    """
    since = min(Fraction(1), Fraction(max(0, now - bucket.filled_at), SECOND)) if bucket.filled_at else Fraction(0)
    bucket.fill(now)
    fits = [cost <= bucket.size and open_ < RANGE for (_, cost), open_ in zip(asked, left, strict=True)]
    those = [(*one, open_) for one, open_, ok in zip(asked, left, fits, strict=True) if ok]
    cut = 0
    if those and max(cost for _, cost, _ in those) > bucket.tokens:
        room = max(bucket.tokens, bucket.rate * since / 2)
        cut = _threshold(_affordable([(cost, Fraction(RANGE - open_, RANGE)) for _, cost, open_ in those], room))
    else:
        spent = Fraction(0)
        for randomness, cost, _ in sorted((one for one in those if one[0] >= one[2]), reverse=True):
            spent += cost
            if spent > bucket.tokens:
                cut = randomness + 1
                break
    bucket.tokens -= sum(cost for randomness, cost, open_ in those if randomness >= max(cut, open_))
    return [cut if ok else RANGE for ok in fits]


def _affordable(asked: list[tuple[int, Fraction]], room: Fraction) -> Fraction:
    """The probability p at which cost times the smaller of p and what is left adds up to the room; at most 1."""
    below, above = Fraction(0), Fraction(sum(cost for cost, _ in asked))
    for limit in sorted({share for _, share in asked}):
        if below + above * limit >= room:
            return max(Fraction(0), (room - below) / above)
        below += sum(cost * share for cost, share in asked if share == limit)
        above -= sum(cost for cost, share in asked if share == limit)
    return Fraction(1)


def _full(rate: Fraction, size: Fraction) -> Bucket:
    return Bucket(rate, size, size)


def _is_limit(policy: Policy) -> bool:
    return policy.type in ("rate_limiting", "bytes_limiting", "composite")


def _when(matches: bool) -> int:
    return 0 if matches else RANGE


def _threshold(probability: Fraction) -> int:
    return threshold_of(probability)


def _complement(threshold: int) -> int:
    return _threshold(Fraction(threshold, RANGE))


def _times(threshold: int, factor: Fraction) -> int:
    return _threshold(min(Fraction(1), Fraction(RANGE - threshold, RANGE) * factor))


def _key(parts: Sequence[str], trace: Trace) -> tuple[str, ...]:
    return tuple({"service": trace.service, "model": trace.model if trace.costs else ""}[part] for part in parts)


def _durations(slow: Slow, trace: Trace) -> list[tuple[tuple[str, ...], int]]:
    """Of the trace, by its service."""
    assert (slow.of, slow.keys) == ("trace", ["service"])
    return [((trace.service,), max(span.end for span in trace.spans) - min(span.start for span in trace.spans))]


def conversation_randomness(name: str) -> int:
    """FNV-1a of 64 bits, finished as MurmurHash3 does, low 56."""
    found = 0xCBF29CE484222325
    for byte in name.encode():
        found = (found ^ byte) * 0x100000001B3 % 2**64
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        found = (found ^ found >> 33) * factor % 2**64
    return (found ^ found >> 33) % RANGE
