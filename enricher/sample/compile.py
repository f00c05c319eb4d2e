"""The plan's `sample` section, read by `core/src/sample/plan.rs`."""

from __future__ import annotations

from typing import Any

from enricher.sample.policies import Policy, PolicyBody
from enricher.sample.settings import Limit, SamplingSettings

_NANOS = 10**9


def compile_plan(settings: SamplingSettings) -> dict[str, Any]:
    """The `sample` section. Without policies the core keeps every trace.

    Durations are integer nanoseconds, latencies milliseconds as in YAML, costs decimal strings of pico-dollars; a
    policy's settings stand beside its name and type, its sub-policies under `children`.
    """
    return {
        "decision_wait_ns": round(settings.decision_wait * _NANOS),
        "decision_wait_after_root_ns": round(settings.decision_wait_after_root_received * _NANOS),
        "cache_sampled": settings.decision_cache.sampled_cache_size,
        "cache_not_sampled": settings.decision_cache.non_sampled_cache_size,
        "first_match": settings.sample_on_first_match,
        "maximum_trace_bytes": settings.maximum_trace_size_bytes or None,
        "group_by_conversation": settings.group_by == "conversation",
        "limits": _limits(settings.limit),
        "dry_run": settings.dry_run,
        "policies": [_policy(policy, policy.name) for policy in in_force(settings)],
    }


def _limits(limit: Limit | None) -> list[dict[str, Any]]:
    if limit is None:
        return []
    return [{"unit": unit, "per_second": rate, "burst": limit.burst * rate} for unit, rate in limit.rates().items()]


DROPS_HEALTH_CHECKS = "drop_health_checks"
"""Name of the policy that `sampling.drop_health_checks` stands for."""


def in_force(settings: SamplingSettings) -> list[Policy]:
    """The policies as the core has them: those that options stand for, and those that are written."""
    if not settings.drop_health_checks:
        return settings.policies
    probes = {"drop_sub_policy": [{"type": "health_check"}]}
    drop = Policy.model_validate({"name": DROPS_HEALTH_CHECKS, "type": "drop", "drop": probes})
    # Without policies everything else is kept, as it would be without this one.
    rest = settings.policies or [Policy.model_validate({"name": "the-rest", "type": "always_sample"})]
    return [drop, *rest]


def _policy(policy: PolicyBody, name: str) -> dict[str, Any]:
    plan: dict[str, Any] = {"name": name, "type": policy.type}
    if isinstance(policy, Policy) and policy.dry_run:
        plan["dry_run"] = True
    children = policy.children
    if children:
        plan["children"] = [_policy(child, child.name or f"{name}/{index}") for index, child in enumerate(children)]
    block = policy.block
    return plan if block is None else plan | block.plan()
