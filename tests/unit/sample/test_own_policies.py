"""Settings of the policies that the Collector does not have: defaults, plans and faults."""

from typing import Any

import pytest

from enricher.config import load_text
from enricher.sample.compile import compile_plan

SECOND = 10**9


def compiled(policy: str) -> dict[str, Any]:
    settings = load_text(f"sampling: {{policies: [{{name: p, {policy}}}]}}").require()
    (plan,) = compile_plan(settings.sampling)["policies"]
    return {key: value for key, value in plan.items() if key not in ("name", "type")}


@pytest.mark.parametrize(
    ("policy", "plan"),
    [
        (
            "type: tokens, tokens: {trace_tokens: 5}",
            {"of": "total", "trace_tokens": 5, "call_tokens": None},
        ),
        ("type: error_class, error_class: {classes: [timeout]}", {"classes": ["timeout"]}),
        ("type: guardrail", {"decisions": ["blocked"], "names": []}),
        (
            "type: evaluation, evaluation: {below: 0.5}",
            {"names": [], "below": 0.5, "above": None, "labels": []},
        ),
        (
            "type: aggregate, aggregate: {calls: {min: 3}, cost_usd: {max: 0.5}, models: ['gpt*']}",
            {
                "sums": [{"of": "cost_usd", "min": None, "max": 0.5}, {"of": "calls", "min": 3, "max": None}],
                "models": ["gpt*"],
            },
        ),
        (
            "type: slow, slow: {of: call, window: 1m}",
            {
                "of": "call",
                "quantile": 0.95,
                "keys": ["service", "operation", "model"],
                "window_ns": 60 * SECOND,
                "min_count": 100,
                "max_keys": 500,
            },
        ),
        (
            "type: rare, rare: {keys: [model]}",
            {"keys": ["model"], "window_ns": 900 * SECOND, "max_fingerprints": 10_000},
        ),
        (
            "type: adaptive, adaptive: {spans_per_second: 7}",
            {
                "unit": "spans",
                "per_second": 7,
                "cost_share": 0.5,
                "keys": ["service", "operation", "model", "agent", "error_class"],
                "window_ns": 30 * SECOND,
                "max_keys": 500,
            },
        ),
        (
            "type: runaway",
            {
                "per": "trace",
                "window_ns": 600 * SECOND,
                "repeats": 20,
                "calls": 500,
                "usd": None,
                "max_tracked": 10_000,
            },
        ),
        (
            "type: and, and: {same_span: true, and_sub_policy: [{type: trace_flags}]}",
            {"same_span": True, "children": [{"name": "p/0", "type": "trace_flags"}]},
        ),
        (
            "type: budget, budget: {usd: 1.5, tenants: {b: 2, a: 0.1}, factor: 0.1, "
            "budget_sub_policy: {type: always_sample}}",
            {
                "pico_usd": "1500000000000",
                "tenants": [("a", "100000000000"), ("b", "2000000000000")],
                "period": "day",
                "factor": 0.1,
                "max_tenants": 1000,
                "children": [{"name": "p/0", "type": "always_sample"}],
            },
        ),
    ],
)
def test_plans(policy: str, plan: dict[str, Any]) -> None:
    assert compiled(policy) == plan


def test_gib_per_month_are_bytes_a_second() -> None:
    plan = compiled("type: adaptive, adaptive: {gib_per_month: 100}")
    assert plan["unit"] == "bytes"
    assert plan["per_second"] == pytest.approx(100 * 2**30 / (365.25 / 12 * 86_400))


@pytest.mark.parametrize(
    ("policy", "at"),
    [
        ("type: tokens, tokens: {}", "tokens"),
        ("type: tokens, tokens: {trace_tokens: 0}", "tokens.trace_tokens"),
        ("type: error_class, error_class: {classes: [ratelimit]}", "error_class.classes[0]"),
        ("type: evaluation, evaluation: {names: [x]}", "evaluation"),
        ("type: aggregate, aggregate: {}", "aggregate"),
        ("type: aggregate, aggregate: {calls: {}}", "aggregate.calls"),
        ("type: aggregate, aggregate: {calls: {min: 3, max: 2}}", "aggregate.calls.max"),
        ("type: slow, slow: {quantile: 1}", "slow.quantile"),
        ("type: slow, slow: {of: call, keys: [service, tool]}", "slow.keys[1]"),
        ("type: rare, rare: {keys: []}", "rare.keys"),
        ("type: adaptive, adaptive: {}", "adaptive"),
        ("type: adaptive, adaptive: {traces_per_second: 0}", "adaptive.traces_per_second"),
        ("type: adaptive, adaptive: {traces_per_second: 1, cost_share: 1.1}", "adaptive.cost_share"),
        ("type: adaptive, adaptive: {traces_per_second: 1, keys: [user]}", "adaptive.keys[0]"),
        ("type: runaway, runaway: {repeats: null, calls: null}", "runaway"),
        ("type: runaway, runaway: {repeats: 1}", "runaway.repeats"),
        ("type: and, and: {same_span: true, and_sub_policy: [{type: always_sample}]}", "and.and_sub_policy[0].type"),
        (
            "type: and, and: {same_span: true, and_sub_policy: [{type: not, not: {not_sub_policy: {type: rare}}}]}",
            "and.and_sub_policy[0].not.not_sub_policy.type",
        ),
        ("type: budget, budget: {usd: 1, factor: 0.1}", "budget.budget_sub_policy"),
        (
            "type: budget, budget: {usd: 1, factor: 0.1, budget_sub_policy: {type: status_code}}",
            "budget.budget_sub_policy",
        ),
    ],
)
def test_faults(policy: str, at: str) -> None:
    problems = load_text(f"sampling: {{policies: [{{name: p, {policy}}}]}}").errors
    assert [problem.path for problem in problems] == [f"sampling.policies[0].{at}"]


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("cost, cost: {call_usd: 1}", "known when its trace is decided"),
        ("latency, latency: {threshold_ms: 5}", "the duration of the whole trace"),
    ],
)
def test_what_no_span_tells_is_refused_with_the_reason_and_what_may_stand_there(policy: str, why: str) -> None:
    block = f"{{same_span: true, and_sub_policy: [{{type: {policy}}}]}}"
    (problem,) = load_text(f"sampling: {{policies: [{{name: p, type: and, and: {block}}}]}}").errors
    assert why in problem.message
    assert "`ottl_condition`" in problem.hint


def test_health_checks_are_dropped_by_one_line() -> None:
    def plan(text: str) -> list[tuple[str, str]]:
        settings = load_text(text).require().sampling
        return [(policy["name"], policy["type"]) for policy in compile_plan(settings)["policies"]]

    drops = ("drop_health_checks", "drop")
    assert plan("sampling: {drop_health_checks: true}") == [drops, ("the-rest", "always_sample")]
    rare = "policies: [{name: r, type: rare}]"
    assert plan(f"sampling: {{drop_health_checks: true, {rare}}}") == [drops, ("r", "rare")]
    assert plan(f"sampling: {{{rare}}}") == [("r", "rare")]
    taken = "sampling: {drop_health_checks: true, policies: [{name: drop_health_checks, type: rare}]}"
    assert [one.code for one in load_text(taken).errors] == ["duplicate-policy-name"]
