"""The policies that the Collector does not have, in words."""

from __future__ import annotations

from enricher.explain.sights import rate
from enricher.sample.policies import (
    Adaptive,
    Aggregate,
    Budget,
    ErrorClass,
    Evaluation,
    Guardrail,
    HealthCheck,
    Rare,
    Runaway,
    Slow,
    Tokens,
)
from enricher.sample.policies.base import PolicySettings
from enricher.sample.policies.facts import Bounds


def wanted(block: PolicySettings | None) -> str:
    """What the policy asks of a trace; "" for one that is not told here."""
    match block:
        case Tokens() as rule:
            kind = "" if rule.of == "total" else f"{rule.of} "
            limits = (("the trace", rule.trace_tokens), ("a call", rule.call_tokens))
            return " or ".join(f"{what} uses {count:,} {kind}tokens or more" for what, count in limits if count)
        case ErrorClass() as rule:
            return f"a span failed with {' or '.join(rule.classes)}"
        case Guardrail() as rule:
            return f"{_named('a guardrail', rule.names)} said {' or '.join(rule.decisions)}"
        case Evaluation() as rule:
            scores = (("below", rule.below), ("above", rule.above))
            beyond = [f"scored {side} {bound:g}" for side, bound in scores if bound is not None]
            labels = [f"said {' or '.join(rule.labels)}"] if rule.labels else []
            return f"{_named('an evaluation', rule.names)} {' or '.join(beyond + labels)}"
        case Aggregate() as rule:
            sums = [_bounded(name, bounds) for name, bounds in rule if isinstance(bounds, Bounds)]
            return " and ".join(sums + ([f"a call used {' or '.join(rule.models)}"] if rule.models else []))
        case Slow() as rule:
            what = "the trace" if rule.of == "trace" else "a call"
            return f"{what} is slower than {rule.quantile * 100:g} % of its key ({', '.join(rule.plan()['keys'])})"
        case Rare() as rule:
            return f"the first of its {', '.join(rule.keys)} within {rule.window:g} s"
        case Adaptive() as rule:
            plan = rule.plan()
            return f"what fits {rate(plan['per_second'], plan['unit'])}"
        case Runaway() as rule:
            bounds = (("repeats of a tool", rule.repeats), ("calls", rule.calls), ("USD", rule.usd))
            counts = " or ".join(f"{limit:,} {what}" for what, limit in bounds if limit is not None)
            return f"{counts} of one {rule.per} within {rule.window:g} s"
        case HealthCheck():
            return "it is a health check"
        case Budget() as rule:
            return f"probability times {rule.factor:g} while the tenant has spent {rule.usd:f} USD in the {rule.period}"
    return ""


def _named(what: str, names: list[str]) -> str:
    return f"{what} ({' or '.join(names)})" if names else what


def _bounded(name: str, bounds: Bounds) -> str:
    low = f"{bounds.min:,} ≤ " if bounds.min is not None else ""
    high = f" ≤ {bounds.max:,}" if bounds.max is not None else ""
    return f"{low}{name}{high}"
