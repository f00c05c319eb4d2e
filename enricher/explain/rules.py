"""What policies ask of a trace, in words; and settings joined to votes, for machines."""

from __future__ import annotations

from typing import Any

from enricher.explain import own_rules
from enricher.explain.sights import rate
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


def join(told: dict[str, Any], policies: list[Policy]) -> dict[str, Any]:
    """Adds to each vote of each trace, and to those of sub-policies, the policy's `type` and its settings as `rule`; to
    each vote whether it was `credited`."""
    for trace in told["traces"]:
        verdict = trace["verdict"]
        # Spans that came after the verdict are not voted on.
        for vote, policy in zip(verdict["votes"], policies if verdict["votes"] else (), strict=True):
            _join(vote, policy)
            vote["credited"] = vote["policy"] == verdict["policy"]
    return told


def _join(vote: dict[str, Any], policy: PolicyBody) -> None:
    block = policy.block
    vote["type"] = policy.type
    vote["rule"] = block.model_dump(mode="json", by_alias=True, exclude_none=True) if block else {}
    for part, child in zip(vote.get("sub_policies", ()), policy.children, strict=True):
        _join(part, child)


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
            least = "1 span" if rule.min_spans == 1 else f"{rule.min_spans:,} spans"
            return f"at least {least}{upper}"
        case OttlCondition() as rule:
            return "a span or event for which " + " or ".join(f"`{text}`" for text in (*rule.span, *rule.spanevent))
        case RateLimiting() as rule:
            return rate(rule.spans_per_second, "spans")
        case BytesLimiting() as rule:
            return rate(rule.bytes_per_second, "bytes")
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


def _inverted(inverted: bool, text: str) -> str:
    return f"no span has {text}" if inverted else f"a span has {text}"
