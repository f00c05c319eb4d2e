"""Checks of the written rules on where a policy may stand and how it names others: all faults, beside those of single
values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from enricher.config.shape import nearest
from enricher.errors import Problem
from enricher.sample.policies import ON_ONE_SPAN

Written = dict[str, Any]

_LATER = "spans are judged as they come, and what a call used is known when its trace is decided"
OF_A_TRACE = {
    "cost": _LATER,
    "tokens": _LATER,
    "latency": "it is the duration of the whole trace",
}
"""Why a type is none of `ON_ONE_SPAN`, where one may expect it to be."""

MAX_POLICIES = 5_000
"""Policies of a configuration, those inside others included: each may take up to twelve of the core's 65,535
conditions."""


def check(policies: list[tuple[str, Written]]) -> Iterator[Problem]:
    """policies: every policy that is a mapping, with its path, in the order of the file."""
    if len(policies) > MAX_POLICIES:
        message = f"{len(policies):,} policies, those inside others included, where {MAX_POLICIES:,} are possible"
        yield Problem("too-many-policies", "policies", message, "ask for several values in one policy")
    for path, policy in policies:
        if policy.get("type") == "drop" and "_sub_policy" in path:
            hint = "make it a policy of its own in `policies`"
            yield Problem("misplaced-policy", f"{path}.type", "`drop` cannot stand inside another policy", hint)
        if policy.get("type") == "and":
            yield from _one_span(policy.get("and"), f"{path}.and")
        if policy.get("type") == "composite":
            yield from _named(policy.get("composite"), f"{path}.composite")


def _one_span(block: Any, path: str) -> Iterator[Problem]:
    if not isinstance(block, dict) or block.get("same_span") is not True:
        return
    for at, sub in _items(block.get("and_sub_policy")):
        inner, place = sub, f"{path}.and_sub_policy[{at}]"
        while isinstance(inner, dict) and inner.get("type") == "not" and isinstance(inner.get("not"), dict):
            inner, place = inner["not"].get("not_sub_policy"), f"{place}.not.not_sub_policy"
        kind = inner.get("type") if isinstance(inner, dict) else None
        if isinstance(kind, str) and kind not in ON_ONE_SPAN:
            allowed = ", ".join(f"`{one}`" for one in ON_ONE_SPAN)
            reason = OF_A_TRACE.get(kind, "it is about the whole trace")
            message = f"`{kind[:60]}` cannot be judged on one span: {reason}"
            hint = f"write it in an `and` without same_span; with it: {allowed}, and `not` of these"
            yield Problem("misplaced-policy", f"{place}.type", message, hint)


def _named(block: Any, path: str) -> Iterator[Problem]:
    if not isinstance(block, dict):
        return
    subs = [sub for _, sub in _items(block.get("composite_sub_policy")) if isinstance(sub, dict)]
    names = tuple(sub["name"] for sub in subs if isinstance(sub.get("name"), str))
    ordered = [(name, f"{path}.policy_order[{at}]") for at, name in _items(block.get("policy_order"))]
    shares = [(at, share) for at, share in _items(block.get("rate_allocation")) if isinstance(share, dict)]
    shared = [(share.get("policy"), f"{path}.rate_allocation[{at}].policy") for at, share in shares]
    for given in (ordered, shared):
        seen: set[str] = set()
        for name, place in given:
            if not isinstance(name, str):
                continue
            if name in seen:
                yield Problem("duplicate-policy-name", place, f"`{name[:60]}` stands here twice", "remove one")
            elif name not in names:
                close = nearest(name, names)
                hint = f"did you mean `{close}`?" if close else "name one of `composite_sub_policy`"
                yield Problem("unknown-sub-policy", place, f"no sub-policy is named `{name[:60]}`", hint)
            seen.add(name)


def _items(value: Any) -> Iterator[tuple[int, Any]]:
    return iter(enumerate(value if isinstance(value, list) else ()))
