"""The policies that the Collector does not have, on spans that come in through the engine's door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.runtime.engine import CoreEngine
from tests.support.engines import (
    CHAT,
    NOW,
    SECOND,
    drained,
    engine,
    explained,
    metric,
    plan,
    request_of,
    span,
    spans_of,
)
from tests.support.spans import key_values

TOOL: dict[str, Any] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
BLOCKED: dict[str, Any] = {"litellm.guardrail.name": "pii", "litellm.guardrail.status": "guardrail_intervened"}
SCORED: dict[str, Any] = {"gen_ai.evaluation.name": "faithful", "gen_ai.evaluation.score.value": 0.2}
LIMITED: dict[str, Any] = {**CHAT, "error.type": "RateLimitError"}
LARGE: dict[str, Any] = {**CHAT, "gen_ai.usage.input_tokens": 100_000}
PLAIN: dict[str, Any] = {"http.route": "/"}


def core_with(*policies: dict[str, Any]) -> CoreEngine:
    named = [{"name": f"p{at}", **policy} for at, policy in enumerate(policies)]
    return engine(json.dumps({"sampling": {"policies": named}}))


def kept(core: CoreEngine, *traces: list[dict[str, Any]], now: int = NOW, first: int = 1) -> list[int]:
    """Which of these traces, each given as the attributes of its spans, are kept."""
    for number, trace in enumerate(traces, first):
        spans = [
            span(number, at + 1, min(at, 1), one, error="error.type" in one, start=now) for at, one in enumerate(trace)
        ]
        core.ingest(request_of(*spans, resource={"service.name": "shop"}), now)
    return sorted({one.trace_id[-1] - first for one in spans_of(drained(core, now))})


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ({"type": "tokens", "tokens": {"trace_tokens": 50_000}}, [3]),
        ({"type": "tokens", "tokens": {"call_tokens": 1100}}, [1, 2, 3]),
        ({"type": "error_class", "error_class": {"classes": ["rate_limit"]}}, [2]),
        ({"type": "guardrail"}, [4]),
        ({"type": "guardrail", "guardrail": {"names": ["toxicity"]}}, []),
        ({"type": "evaluation", "evaluation": {"below": 0.5}}, [5]),
        ({"type": "evaluation", "evaluation": {"names": ["faithful"], "above": 0.5}}, []),
        ({"type": "aggregate", "aggregate": {"tool_calls": {"min": 2}}}, [1]),
        ({"type": "aggregate", "aggregate": {"calls": {"max": 0}}}, [0, 4, 5]),
        ({"type": "aggregate", "aggregate": {"cost_usd": {"min": 0.2}, "models": ["gpt-*"]}}, [3]),
        ({"type": "aggregate", "aggregate": {"models": ["claude-*"]}}, []),
    ],
)
def test_what_is_kept(policy: dict[str, Any], wanted: list[int]) -> None:
    traces = [[PLAIN], [PLAIN, CHAT, TOOL, TOOL], [LIMITED], [LARGE], [BLOCKED], [SCORED]]
    assert kept(core_with(policy), *traces) == wanted


@pytest.mark.parametrize("actions", [["allow", "deny"], ["deny", "allow"]])
def test_each_verdict_of_a_span_counts_and_votes(actions: list[str]) -> None:
    core = core_with({"type": "guardrail"})
    one = span(1, 1, 0, CHAT)
    for number, action in enumerate(actions):
        attributes = key_values({"guard.name": f"g{number}", "guard.action": action})
        one.events.add(name="guard.evaluation").attributes.extend(attributes)
    core.ingest(request_of(one), NOW)
    assert len(spans_of(drained(core, NOW))) == 1
    for number, action in enumerate(actions):
        decision = {"allow": "passed", "deny": "blocked"}[action]
        assert metric(core, "llm_guardrail_decisions_total", f"g{number}", decision) == 1
    assert metric(core, "llm_guardrail_decisions_total") == 2


def test_one_of_each_kind() -> None:
    core = core_with({"type": "rare", "rare": {"keys": ["model"], "window": "1m"}})
    with_model, without = kept(core, [CHAT], [PLAIN], [CHAT], [PLAIN]), kept(core, [PLAIN], [PLAIN], first=9)
    assert len(with_model) == 2
    assert sum(with_model) % 2 == 1
    assert without == []
    assert len(kept(core, [CHAT], [LARGE], now=NOW + 61 * SECOND, first=20)) == 1


def test_they_stand_inside_other_policies() -> None:
    large = {"type": "tokens", "tokens": {"trace_tokens": 50_000}}
    tools = {"type": "aggregate", "aggregate": {"tool_calls": {"min": 1}}}
    both = {"type": "and", "and": {"and_sub_policy": [large, {"type": "not", "not": {"not_sub_policy": tools}}]}}
    gone = {"type": "drop", "drop": {"drop_sub_policy": [tools]}}
    shared = {
        "type": "composite",
        "composite": {"max_total_spans_per_second": 100, "composite_sub_policy": [{"name": "x", **large}]},
    }
    traces = [[LARGE], [LARGE, TOOL], [CHAT], [CHAT, TOOL]]
    assert kept(core_with(both), *traces) == [0]
    assert kept(core_with({"type": "always_sample"}, gone), *traces) == [0, 2]
    assert kept(core_with(shared), *traces) == [0, 1]


def test_slow_calls_are_those_above_the_quantile_of_their_model() -> None:
    policy = {"type": "slow", "slow": {"of": "call", "keys": ["model"], "min_count": 50}}
    core = core_with(policy)
    found = []
    for number in range(1, 400):
        slow = number > 300 and number % 20 == 0
        one = span(number, 1, 0, CHAT, ms=5000 if slow else 100 + number % 50)
        core.ingest(request_of(one), NOW + number * SECOND)
        core.tick(NOW + number * SECOND)
        found += spans_of(core.tick(NOW + number * SECOND + 3 * SECOND).payloads)
    long = {int.from_bytes(one.trace_id, "big") for one in found}
    assert {320, 340, 360, 380} <= long
    assert len(long) < 40


def test_a_target_is_met_and_told() -> None:
    core = core_with({"type": "adaptive", "adaptive": {"traces_per_second": 10}})
    total = 0
    for second in range(1, 121):
        now = NOW + second * SECOND
        spans = [span((second * 7919 + at) * 0x9E3779B97F4A7C15 % 2**64, 1, 0, CHAT, start=now) for at in range(100)]
        core.ingest(request_of(*spans), now)
        total += core.tick(now + SECOND // 2).kept
    for _ in range(4):
        total += core.tick(NOW + 125 * SECOND).kept
    assert 1000 < total < 1400
    assert metric(core, "enricher_sampling_target_per_second", "p0") == 10
    assert metric(core, "enricher_sampling_expected_total", "p0") == pytest.approx(1180, rel=0.05)
    assert metric(core, "enricher_sampling_keys", "p0") == 1


def test_a_tenant_over_its_budget() -> None:
    sub = {"type": "always_sample"}
    budget = {"usd": 0.3, "tenants": {"big": 1000}, "factor": 0, "budget_sub_policy": sub}
    core = core_with({"type": "budget", "budget": budget})
    # A large call costs 0.251 USD.
    of = {name: {**LARGE, "enricher.tenant.id": name} for name in ("small", "big")}
    traces = [[of["small"]], [of["big"]], [of["big"]]]
    assert kept(core, *traces) == [0, 1, 2]
    assert metric(core, "llm_budget_usd_spent", "p0", "small") == pytest.approx(0.251)
    assert kept(core, [of["small"]], [of["big"]], [PLAIN], first=9) == [1, 2]
    assert metric(core, "llm_budget_utilization_ratio", "p0", "small") == pytest.approx(0.502 / 0.3)
    assert metric(core, "llm_budget_usd_limit", "p0", "big") == 1000


def test_spend_of_a_trace_that_never_ends_counts_after_the_wait_and_then_within_a_second() -> None:
    budget = {"usd": 0.3, "factor": 0, "budget_sub_policy": {"type": "always_sample"}}
    policies = [{"name": "b", "type": "budget", "budget": budget}]
    core = engine(json.dumps({"sampling": {"decision_wait": "30s", "policies": policies}}))

    def call(number: int, now: int) -> float:
        """USD spent a second after a call below an open root has come."""
        core.ingest(request_of(span(1, number, 99, {**LARGE, "enricher.tenant.id": "t"}, start=now)), now)
        core.tick(now + SECOND)
        return metric(core, "llm_budget_usd_spent", "b", "t")

    assert call(1, NOW) == 0
    core.tick(NOW + 30 * SECOND)
    assert metric(core, "llm_budget_usd_spent", "b", "t") == pytest.approx(0.251)
    assert call(2, NOW + 600 * SECOND) == pytest.approx(0.502)
    other = {**CHAT, "enricher.tenant.id": "t"}
    assert kept(core, [other], now=NOW + 602 * SECOND, first=9) == []


def test_what_was_learned_outlives_a_reload_and_is_explained() -> None:
    text = json.dumps({"sampling": {"policies": [{"name": "r", "type": "rare", "rare": {"keys": ["model"]}}]}})
    core = engine(text)
    assert kept(core, [CHAT]) == [0]
    core.replace_plan(plan(text))
    assert kept(core, [PLAIN], [CHAT], first=9) == [0]
    slow = json.dumps({"sampling": {"policies": [{"name": "s", "type": "slow"}]}})
    (told,) = explained(slow, request_of(span(1, 1, 0, CHAT)))
    (vote,) = told["verdict"]["votes"]
    assert vote["vote"] is None
    compared = [{"duration_ms": 10.0, "quantile_ms": None, "known": 1}]
    assert vote["learned"] == {"compared": compared, "min_count": 100}
