"""Sampling decided the plain, slow way: straight from the settings, with exact fractions, to compare the core with.

Sources: docs of the policies in `enricher.sample.settings`; thresholds and `th` after OpenTelemetry's specification of
probability sampling in trace state (56 bits, four significant hexadecimal digits, rounded half up).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction

from enricher.sample.policies import (
    Aggregate,
    And,
    BooleanAttribute,
    Cost,
    Latency,
    NumericAttribute,
    OttlCondition,
    PolicyBody,
    Probabilistic,
    SpanCount,
    StatusCode,
    StringAttribute,
    Tokens,
    TraceState,
)
from enricher.sample.policies.facts import Bounds
from enricher.sample.settings import SamplingSettings
from tests.oracle.ottl import holds

Value = str | int | float | bool | list[str]

BITS = 56
RANGE = 1 << BITS
DIGITS = 4
STATUS = ("UNSET", "OK", "ERROR")


@dataclass(frozen=True)
class Span:
    """What sampling looks at. Times in nanoseconds, status as in OTLP (0 unset, 1 ok, 2 error), flags as in W3C."""

    start: int
    end: int
    status: int = 0
    attributes: dict[str, Value] = field(default_factory=dict)
    trace_state: dict[str, str] = field(default_factory=dict)
    flags: int = 0


@dataclass(frozen=True)
class Trace:
    """A whole trace. costs: of its calls, in US dollars. tokens: input and output of each call; failed: how many calls
    did; model: of all of them. randomness: `rv` of its trace state, if it has one."""

    trace_id: int
    spans: list[Span]
    resource: dict[str, Value] = field(default_factory=dict)
    costs: list[Fraction] = field(default_factory=list)
    tokens: list[tuple[int, int]] = field(default_factory=list)
    failed: int = 0
    model: str = ""
    randomness: int | None = None
    service: str = ""
    tenant: str = ""
    size: int = 0
    """Bytes of its spans as they are sent."""


@dataclass(frozen=True)
class Verdict:
    keep: bool
    policy: str | None
    threshold: int


@dataclass
class Bucket:
    """Tokens of a limit. size: what a burst may spend."""

    rate: Fraction
    size: Fraction
    tokens: Fraction
    filled_at: int = 0

    def fill(self, now: int) -> None:
        since = Fraction(max(0, now - self.filled_at), 10**9)
        self.tokens = min(self.size, self.tokens + since * self.rate)
        self.filled_at = max(self.filled_at, now)


class Limit:
    """A `rate_limiting` or `bytes_limiting` policy by itself, over batches of traces.

    Where the bucket holds less than the largest trace, the probability is one that spends on average what is left, or
    half of what came in since the last batch (at most of a second) if that is more; else traces are taken from the
    highest randomness down, and the first that does not fit sets the threshold.
    """

    def __init__(self, rate: int, burst: int) -> None:
        self.bucket = Bucket(Fraction(rate), Fraction(burst), Fraction(burst))

    def decide(self, now: int, asked: list[tuple[int, int]]) -> list[int]:
        """The threshold of each (randomness, cost); RANGE for one that is too large ever to pass."""
        bucket = self.bucket
        since = Fraction(0)
        if bucket.filled_at:
            since = min(Fraction(1), Fraction(max(0, now - bucket.filled_at), 10**9))
        bucket.fill(now)
        fitting = [one for one in asked if one[1] <= bucket.size]
        cut = 0
        if fitting and max(cost for _, cost in fitting) > bucket.tokens:
            total = sum(cost for _, cost in fitting)
            cut = threshold_of(min(Fraction(1), max(bucket.tokens, bucket.rate * since / 2) / total))
        else:
            room = bucket.tokens
            for randomness, cost in sorted(fitting, reverse=True):
                room -= cost
                if room < 0:
                    cut = randomness + 1
                    break
        bucket.tokens -= sum(cost for randomness, cost in fitting if randomness >= cut)
        return [cut if cost <= bucket.size else RANGE for _, cost in asked]


def decide(settings: SamplingSettings, trace: Trace) -> Verdict:
    """The verdict, with the policy that is credited and the threshold that was applied."""
    if not settings.policies:
        return Verdict(True, None, 0)
    best, credited = Fraction(0), None
    ceiling, dropper = Fraction(1), None
    for policy in settings.policies:
        own = vote(policy, trace)
        if policy.type == "drop":
            if 1 - own < ceiling:
                ceiling, dropper = 1 - own, policy.name
        elif own > best:
            best, credited = own, policy.name
    randomness = trace.trace_id % RANGE if trace.randomness is None else trace.randomness
    threshold = threshold_of(min(best, ceiling))
    keep = randomness >= threshold
    dropped = ceiling == 0 or (not keep and dropper is not None and randomness >= threshold_of(best))
    return Verdict(keep, dropper if dropped else credited, threshold)


def threshold_of(probability: Fraction) -> int:
    """The rejection threshold, rounded to its significant digits; leading `f` digits do not count as such."""
    if probability <= 0:
        return RANGE
    exact = _half_up((1 - probability) * RANGE, 1)
    exact = min(exact, RANGE - 1)
    digits = f"{exact:014x}"
    leading = len(digits) - len(digits.lstrip("f"))
    unit = 16 ** max(0, 14 - leading - DIGITS)
    rounded = _half_up(Fraction(exact), unit)
    return exact if rounded >= RANGE else rounded


def _half_up(value: Fraction, unit: int) -> int:
    return int((value + Fraction(unit, 2)) / unit) * unit


def vote(policy: PolicyBody, trace: Trace) -> Fraction:
    """The probability with which a policy wants the trace (`drop`: wants it gone)."""
    if isinstance(policy.block, And) and policy.block.same_span:
        alone = [replace(trace, spans=[span]) for span in trace.spans]
        return max(min(vote(child, one) for child in policy.children) for one in alone)
    children = [vote(child, trace) for child in policy.children]
    match policy.type:
        case "and" | "drop":
            return min(children)
        case "not":
            return 1 - children[0]
        case "probabilistic":
            assert isinstance(policy.block, Probabilistic)
            return Fraction(policy.block.sampling_percentage) / 100
    return Fraction(int(_matches(policy, trace)))


def _matches(policy: PolicyBody, trace: Trace) -> bool:
    match policy.block:
        case None if policy.type == "trace_flags":
            return any(span.flags & 1 for span in trace.spans)
        case None:
            return True
        case TraceState(key=key, values=wanted):
            return any(span.trace_state.get(key) in wanted for span in trace.spans)
        case OttlCondition(span=conditions):
            return any(
                holds(text, {"name": "s", "status.code": span.status}, span.attributes, trace.resource)
                for text in conditions
                for span in trace.spans
            )
        case SpanCount(min_spans=low, max_spans=high):
            return low <= len(trace.spans) and (high == 0 or len(trace.spans) <= high)
        case StatusCode(status_codes=codes):
            return any(STATUS[span.status] in codes for span in trace.spans)
        case Latency(threshold_ms=above, upper_threshold_ms=up_to):
            nanos = max(span.end for span in trace.spans) - min(span.start for span in trace.spans)
            return nanos // 10**6 > above and (up_to == 0 or nanos // 10**6 <= up_to)
        case Cost(trace_usd=total, call_usd=one):
            return (total is not None and sum(trace.costs) >= total) or (
                one is not None and any(cost >= one for cost in trace.costs)
            )
        case Tokens(of=of, trace_tokens=total, call_tokens=one):
            counts = [{"input": got, "output": gave, "total": got + gave}[of] for got, gave in trace.tokens]
            return (total is not None and sum(counts) >= total) or (
                one is not None and any(count >= one for count in counts)
            )
        case Aggregate() as wanted:
            sums = {name: bounds for name, bounds in wanted if isinstance(bounds, Bounds)}
            used = bool(trace.tokens) and any(fnmatchcase(trace.model, model) for model in wanted.models)
            return (used or not wanted.models) and all(_within(sums[name], _sum(name, trace)) for name in sums)
        case NumericAttribute() | StringAttribute() | BooleanAttribute() as condition:
            values = (value for carrier in _carriers(trace) for key, value in carrier.items() if key == condition.key)
            return _holds(condition, values) != condition.invert_match
    raise AssertionError(policy.type)


def _sum(name: str, trace: Trace) -> Fraction | int:
    match name:
        case "cost_usd":
            return sum(trace.costs, Fraction(0))
        case "calls":
            return len(trace.tokens)
        case "errors":
            return trace.failed
        case "distinct_models":
            return int(bool(trace.tokens))
        case "input_tokens":
            return sum(got for got, _ in trace.tokens)
        case "output_tokens":
            return sum(gave for _, gave in trace.tokens)
        case "tokens":
            return sum(got + gave for got, gave in trace.tokens)
    raise AssertionError(name)


def _within(bounds: Bounds, value: Fraction | int) -> bool:
    return (bounds.min is None or value >= bounds.min) and (bounds.max is None or value <= bounds.max)


def _carriers(trace: Trace) -> Iterable[dict[str, Value]]:
    return [trace.resource, *(span.attributes for span in trace.spans)]


def _holds(condition: NumericAttribute | StringAttribute | BooleanAttribute, values: Iterable[Value]) -> bool:
    match condition:
        case BooleanAttribute(value=wanted):
            return any(value is wanted for value in values)
        case NumericAttribute(min_value=low, max_value=high):
            numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
            return any((low is None or value >= low) and (high is None or value <= high) for value in numbers)
        case StringAttribute():
            texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
            strings = [text for text in texts if isinstance(text, str)]
            if condition.enabled_regex_matching:
                return any(re.search(pattern, text) for pattern in condition.values for text in strings)
            return any(text in condition.values for text in strings)
