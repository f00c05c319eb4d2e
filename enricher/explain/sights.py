"""What of a trace each type of policy looked at, in words: the value, and what it was held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enricher.sample.policies import PolicyBody, Probabilistic, Runaway

Seen = dict[str, Any]
"""What the core tells of one policy and one trace: `looked_at`, `learned`, `sub_policies` …"""

_RANDOMNESS = 2**56


def seen(policy: PolicyBody, told: Seen) -> str:
    """What of the trace the policy looked at; "" where its parts say it."""
    looked_at = told["looked_at"]
    words = _WORDS.get(policy.type)
    if words is not None:
        return words(policy, looked_at, told.get("learned") or {})
    if "span_matched" in looked_at:
        if not looked_at["span_matched"]:
            return "no span satisfies all"
        return f"span {looked_at['on']} satisfies all" if "on" in looked_at else "a span satisfies all"
    return _condition(looked_at) if "attribute_matched" in looked_at else ""


def share(told: Seen) -> str:
    """What a part of a `composite` has of the bound."""
    return f"its share {rate(told['per_second'], 'spans')}: {_bucket(told)}"


def limit(told: Seen) -> str:
    """What `sampling.limit` had left for a trace."""
    return f"{_counted(told['trace'], told['unit'])}; {_bucket(told)}"


def rate(per_second: float, unit: str) -> str:
    """So many of the unit (a plural) a second."""
    return f"{per_second:,.6g} {_one(unit) if per_second == 1 else unit} a second"


def milliseconds(value: float) -> str:
    """A duration at the precision that matters."""
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _bucket(told: Seen) -> str:
    """A token bucket as the traces that were decided together found and left it."""
    together = told["traces_at_once"]
    left = _amount(told["tokens_left"])
    rest = (left if "owed" in left else f"{left} left") + (
        f" after {together:,} traces at once" if together > 1 else ""
    )
    unit = _one("tokens") if told["burst"] == 1 else "tokens"
    return f"{_amount(told['tokens'])} of {told['burst']:,.6g} {unit}, {rest}"


def _amount(tokens: float) -> str:
    """Below none is what earlier traces took in advance. Below a thousandth is the rest of a sum."""
    rounded = round(tokens, 3)
    return f"{abs(rounded):,.6g}" + (" owed" if rounded < 0 else "")


def _counted(number: float, unit: str) -> str:
    """`unit`: a plural."""
    return f"{number:,.0f} {_one(unit) if number == 1 else unit}"


def _one(unit: str) -> str:
    return unit.removesuffix("s")


def _limited(unit: str) -> Callable[[PolicyBody, Seen, Seen], str]:
    def words(_: PolicyBody, seen: Seen, learned: Seen) -> str:
        size = _counted(seen[unit], unit)
        if seen[unit] > seen["burst_capacity"]:
            return f"{size}, more than may pass at once ({seen['burst_capacity']:,.0f})"
        return f"{size}; {_bucket(learned)}" if learned else size

    return words


def _condition(looked_at: Seen) -> str:
    """Which span or resource made a condition hold and with which value, or which value did not."""
    on, value = looked_at.get("on"), looked_at.get("value")
    if paths := looked_at.get("paths"):
        return f"{_carrier(on)}: {', '.join(f'{path} = {_plain(found)}' for path, found in paths)}"
    if not looked_at["attribute_matched"]:
        return "no span has it" if value is None else f"{_carrier(on)}: {looked_at['key']} = {_plain(value)}"
    if on is None:
        return "a span has it"
    return f"{_carrier(on)} has it" if value is None else f"{_carrier(on)}: {looked_at['key']} = {_plain(value)}"


def _carrier(on: Any) -> str:
    return "the resource" if on == "resource" else f"span {on}"


def _probabilistic(policy: PolicyBody, seen: Seen, _: Seen) -> str:
    randomness = f"randomness {seen['randomness']}"
    rule = policy.block
    if not isinstance(rule, Probabilistic):
        return randomness
    return f"{randomness}: {int(seen['randomness'], 16) / _RANDOMNESS:.4f}, in from {1 - rule.share:.4f}"


def _costs(_: PolicyBody, looked_at: Seen, __: Seen) -> str:
    trace, call = looked_at["trace_usd"], looked_at["max_call_usd"]
    return f"{trace} USD" if trace == call else f"{trace} USD, one call {call} USD"


def _tokens(_: PolicyBody, seen: Seen, __: Seen) -> str:
    call = f", one call {seen['max_call_tokens']:,}" if "max_call_tokens" in seen else ""
    return f"{seen['trace_tokens']:,} tokens{call}"


def _slow(_: PolicyBody, seen: Seen, learned: Seen) -> str:
    compared = [(one["duration_ms"], one["quantile_ms"]) for one in learned.get("compared", ())]
    known = [(duration / limit if limit else 0.0, duration, limit) for duration, limit in compared if limit is not None]
    if not known:
        most = max((one["known"] for one in learned.get("compared", ())), default=0.0)
        counts = f" ({_amount(round(most, 1))} of {_amount(learned['min_count'])})" if "min_count" in learned else ""
        return f"{milliseconds(seen['duration_ms'])}; too few of its key to compare with{counts}"
    longest = max(known)
    return f"{milliseconds(longest[1])}, its key's limit is {milliseconds(longest[2])}"


def _key(key: Seen) -> str:
    return ", ".join(f"{name} {value or 'none'}" for name, value in key.items())


def _adaptive(_: PolicyBody, seen: Seen, learned: Seen) -> str:
    certain = learned.get("certain_from_usd")
    cost = f"{seen['trace_usd']} USD" + (f" (certain from {_rounded(certain)})" if certain is not None else "")
    come = f"; {rate(round(learned['traces_per_second'], 3), 'traces')}" if learned else ""
    comes = " come" if come else ""
    return f"{cost}, volume {seen['volume']:,.0f}{come}{comes}; {_key(seen['key'])}"


def _rounded(usd: str) -> str:
    return f"{float(usd):.4g}"


def _runaway(policy: PolicyBody, seen: Seen, learned: Seen) -> str:
    of = ", ".join(f"{name} {value or 'unknown'}" for name, value in seen.items() if name != "trace")
    rule = policy.block
    if not learned:
        return "; ".join(filter(None, (of, "nothing counted")))
    limits = (rule.repeats, rule.calls, rule.usd) if isinstance(rule, Runaway) else (None, None, None)
    names = (f"repeats of {learned['tool'] or 'a tool'}", "calls", "USD")
    values = (learned["repeats"], learned["calls"], learned["usd"])
    counts = [
        f"{value:,.4g} of {bound:,} {name}"
        for name, value, bound in zip(names, values, limits, strict=True)
        if bound is not None
    ]
    return "; ".join(filter(None, (of, ", ".join(counts))))


def _budget(_: PolicyBody, seen: Seen, learned: Seen) -> str:
    tenant = f"tenant {seen['tenant'] or 'none'}"
    if not learned:
        return tenant
    over = learned["over_budget"]
    if over is not None:
        return f"tenant {over['tenant'] or 'none'} spent {over['spent_usd']} of {over['usd']} USD: over its budget"
    return f"{tenant} spent {learned['spent_usd'] or 0} of {learned['usd']} USD"


def _guardrails(_: PolicyBody, seen: Seen, __: Seen) -> str:
    return ", ".join(f"{name or 'unnamed'}: {said}" for name, said in seen["guardrails"]) or "none"


def _evaluations(_: PolicyBody, seen: Seen, __: Seen) -> str:
    said = [(one["name"], one["label"] if one["score"] is None else f"{one['score']:g}") for one in seen["evaluations"]]
    return ", ".join(f"{name or 'unnamed'}: {text}" for name, text in said) or "none"


def _health(_: PolicyBody, seen: Seen, __: Seen) -> str:
    root = "the root is a probe" if seen["root_is_a_probe"] else "the root is no probe"
    told = ", ".join(f"{one['key']} = {_plain(one['value'])}" for one in seen.get("root", ()))
    root += f" ({told})" if told else ""
    return f"{root}, {_counted(seen['calls'], 'calls')}" if seen["calls"] else root


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value) if isinstance(value, list) else str(value)


_WORDS: dict[str, Callable[[PolicyBody, Seen, Seen], str]] = {
    "status_code": lambda _, seen, __: "status " + (", ".join(seen["status_codes"]) or "none"),
    "latency": lambda _, seen, __: milliseconds(seen["duration_ms"]),
    "probabilistic": _probabilistic,
    "span_count": lambda _, seen, __: _counted(seen["spans"], "spans"),
    "rate_limiting": _limited("spans"),
    "bytes_limiting": _limited("bytes"),
    "composite": lambda _, seen, __: _counted(seen["spans"], "spans"),
    "cost": _costs,
    "tokens": _tokens,
    "error_class": lambda _, seen, __: ", ".join(seen["error_classes"]) or "no failure",
    "guardrail": _guardrails,
    "evaluation": _evaluations,
    "aggregate": lambda _, seen, __: ", ".join(
        f"{name} {_plain(value) if isinstance(value, list) else format(value, ',.6g')}" for name, value in seen.items()
    ),
    "slow": _slow,
    "rare": lambda _, seen, __: _key(seen["key"]),
    "adaptive": _adaptive,
    "runaway": _runaway,
    "budget": _budget,
    "health_check": _health,
}
