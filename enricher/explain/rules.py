"""Policies and what they looked at, in words; and the same, joined, for machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enricher.explain import own_rules
from enricher.sample.policies import (
    And,
    BooleanAttribute,
    BytesLimiting,
    Cost,
    Latency,
    NumericAttribute,
    OttlCondition,
    Policy,
    PolicyBody,
    Probabilistic,
    RateLimiting,
    SpanCount,
    StatusCode,
    StringAttribute,
    TraceState,
)

Seen = dict[str, Any]
"""`looked_at` of one policy, as the core tells it."""


def join(told: dict[str, Any], policies: list[Policy]) -> dict[str, Any]:
    """Adds to each vote of each trace the policy's `type`, its settings as `rule`, and whether it was `credited`."""
    for trace in told["traces"]:
        verdict = trace["verdict"]
        for vote, policy in zip(verdict["votes"], policies, strict=True):
            block = policy.block
            vote["type"] = policy.type
            vote["rule"] = block.model_dump(mode="json", by_alias=True, exclude_none=True) if block else {}
            vote["credited"] = vote["policy"] == verdict["policy"]
    return told


def wanted(policy: PolicyBody) -> str:
    """What the policy asks of a trace."""
    match policy.block:
        case StatusCode() as rule:
            return f"a span has status {' or '.join(rule.status_codes)}"
        case Latency() as rule:
            upper = f", at most {rule.upper_threshold_ms:,} ms" if rule.upper_threshold_ms else ""
            return f"longer than {rule.threshold_ms:,} ms{upper}"
        case Probabilistic() as rule:
            return f"{rule.sampling_percentage:g} % of traces"
        case Cost() as rule:
            limits = (("the trace", rule.trace_usd), ("a call", rule.call_usd))
            return " or ".join(f"{what} costs {usd:f} USD or more" for what, usd in limits if usd is not None)
        case NumericAttribute() as rule:
            low = f"{rule.min_value} ≤ " if rule.min_value is not None else ""
            high = f" ≤ {rule.max_value}" if rule.max_value is not None else ""
            return _inverted(rule.invert_match, f"{low}{rule.key}{high}")
        case StringAttribute() as rule:
            sign = "~" if rule.enabled_regex_matching else "="
            return _inverted(rule.invert_match, f"{rule.key} {sign} {' | '.join(rule.values)}")
        case BooleanAttribute() as rule:
            return _inverted(rule.invert_match, f"{rule.key} = {str(rule.value).lower()}")
        case TraceState() as rule:
            return f"a span has {rule.key} = {' | '.join(rule.values)} in its trace state"
        case SpanCount() as rule:
            upper = f", at most {rule.max_spans:,}" if rule.max_spans else ""
            return f"at least {rule.min_spans:,} spans{upper}"
        case OttlCondition() as rule:
            return "a span or event for which " + " or ".join(f"`{text}`" for text in (*rule.span, *rule.spanevent))
        case RateLimiting() as rule:
            return f"{rule.spans_per_second:,} spans a second"
        case BytesLimiting() as rule:
            return f"{rule.bytes_per_second:,} bytes a second"
    own = own_rules.wanted(policy.block)
    if policy.type == "budget":
        return f"{wanted(policy.children[0])}; {own}"
    if own:
        return own
    if policy.type == "trace_flags":
        return "a span has the sampled flag"
    parts = " and ".join(wanted(child) for child in policy.children)
    shared = f"within its share, the first of: {'; '.join(wanted(child) for child in policy.children)}"
    if isinstance(policy.block, And) and policy.block.same_span:
        return f"one span satisfies: {parts}"
    words = {"and": parts, "not": f"not ({parts})", "drop": f"drop when {parts}", "composite": shared}
    return words.get(policy.type, "every trace")


def seen(policy: PolicyBody, looked_at: Seen) -> str:
    """What of the trace the policy looked at."""
    words: dict[str, Callable[[Seen], str]] = {
        "status_code": lambda seen: "status " + (", ".join(seen["status_codes"]) or "none"),
        "latency": lambda seen: milliseconds(seen["duration_ms"]),
        "probabilistic": lambda seen: f"randomness {seen['randomness']}",
        "span_count": lambda seen: f"{seen['spans']:,} spans",
        "rate_limiting": lambda seen: f"{seen['spans']:,.0f} spans, at most {seen['burst_capacity']:,.0f} at once",
        "bytes_limiting": lambda seen: f"{seen['bytes']:,.0f} bytes, at most {seen['burst_capacity']:,.0f} at once",
        "cost": _costs,
    } | own_rules.WORDS
    if policy.type in words:
        return words[policy.type](looked_at)
    if "span_matched" in looked_at:
        return "a span matched" if looked_at["span_matched"] else "no span matched"
    if policy.children:
        told = [seen(child, part) for child, part in zip(policy.children, looked_at["sub_policies"], strict=True)]
        return "; ".join(filter(None, told))
    if "attribute_matched" in looked_at:
        return _witness(looked_at) if looked_at["attribute_matched"] else "no span has it"
    return ""


def _witness(looked_at: Seen) -> str:
    """Which span or resource made the condition hold, and with which value."""
    on = looked_at.get("on")
    if on is None:
        return "a span has it"
    carrier = "the resource" if on == "resource" else f"span {on}"
    value = looked_at.get("value")
    return f"{carrier} has it" if value is None else f"{carrier}: {looked_at['key']} = {value}"


def milliseconds(value: float) -> str:
    """A duration at the precision that matters."""
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _costs(looked_at: Seen) -> str:
    trace, call = looked_at["trace_usd"], looked_at["max_call_usd"]
    return f"{trace} USD" if trace == call else f"{trace} USD, one call {call} USD"


def _inverted(inverted: bool, text: str) -> str:
    return f"no span has {text}" if inverted else f"a span has {text}"
