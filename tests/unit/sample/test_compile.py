from typing import Any

import pytest

from enricher.config import load_text
from enricher.sample.compile import compile_plan


def compiled(policy: str) -> dict[str, Any]:
    settings = load_text(f"sampling: {{policies: [{{name: p, {policy}}}]}}").require()
    (plan,) = compile_plan(settings.sampling)["policies"]
    assert plan.pop("name") == "p"
    result: dict[str, Any] = plan
    return result


@pytest.mark.parametrize(
    ("policy", "plan"),
    [
        ("type: always_sample", {"type": "always_sample"}),
        (
            "type: status_code, status_code: {status_codes: [ok, UNSET]}",
            {"type": "status_code", "status_codes": ["OK", "UNSET"]},
        ),
        (
            "type: latency, latency: {threshold_ms: 500}",
            {"type": "latency", "threshold_ms": 500, "upper_threshold_ms": None},
        ),
        (
            "type: latency, latency: {threshold_ms: 0, upper_threshold_ms: 9}",
            {"type": "latency", "threshold_ms": 0, "upper_threshold_ms": 9},
        ),
        (
            "type: probabilistic, probabilistic: {sampling_percentage: 0.1}",
            {"type": "probabilistic", "sampling_percentage": 0.1},
        ),
        (
            "type: numeric_attribute, numeric_attribute: {key: k, min_value: 0, max_value: 0.05}",
            {"type": "numeric_attribute", "key": "k", "min_value": 0, "max_value": 0.05, "invert_match": False},
        ),
        (
            "type: numeric_attribute, numeric_attribute: {key: k, max_value: 9223372036854775807, invert_match: true}",
            {"type": "numeric_attribute", "key": "k", "min_value": None, "max_value": 2**63 - 1, "invert_match": True},
        ),
        (
            "type: string_attribute, string_attribute: {key: k, values: [a, '5'], enabled_regex_matching: true}",
            {
                "type": "string_attribute",
                "key": "k",
                "values": ["a", "5"],
                "enabled_regex_matching": True,
                "invert_match": False,
            },
        ),
        (
            "type: boolean_attribute, boolean_attribute: {key: k, value: false}",
            {"type": "boolean_attribute", "key": "k", "value": False, "invert_match": False},
        ),
        (
            "type: trace_state, trace_state: {key: k, values: [a]}",
            {"type": "trace_state", "key": "k", "values": ["a"]},
        ),
        ("type: trace_flags", {"type": "trace_flags"}),
        (
            "type: span_count, span_count: {min_spans: 2}",
            {"type": "span_count", "min_spans": 2, "max_spans": None},
        ),
        (
            "type: ottl_condition, ottl_condition: {error_mode: ignore, span: [IsRootSpan()]}",
            {"type": "ottl_condition", "span": ["IsRootSpan()"], "spanevent": []},
        ),
        (
            "type: rate_limiting, rate_limiting: {spans_per_second: 35}",
            {"type": "rate_limiting", "spans_per_second": 35, "burst_capacity": 70},
        ),
        (
            "type: bytes_limiting, bytes_limiting: {bytes_per_second: 10, burst_capacity: 11}",
            {"type": "bytes_limiting", "bytes_per_second": 10, "burst_capacity": 11},
        ),
        (
            "type: cost, cost: {trace_usd: 0.1}",
            {"type": "cost", "trace_pico_usd": "100000000000", "call_pico_usd": None},
        ),
        (
            "type: cost, cost: {call_usd: 0.000000000001, trace_usd: 999999999}",
            {"type": "cost", "trace_pico_usd": "999999999000000000000", "call_pico_usd": "1"},
        ),
    ],
)
def test_a_policys_fields_stand_beside_its_type(policy: str, plan: dict[str, Any]) -> None:
    assert compiled(policy) == plan


def test_sub_policies_are_children_and_get_a_name() -> None:
    body = "type: and, and: {and_sub_policy: [{type: always_sample}, {name: n, type: not, "
    body += "not: {not_sub_policy: {type: cost, cost: {call_usd: 2}}}}]}"
    assert compiled(body) == {
        "type": "and",
        "children": [
            {"name": "p/0", "type": "always_sample"},
            {
                "name": "n",
                "type": "not",
                "children": [
                    {"name": "n/0", "type": "cost", "trace_pico_usd": None, "call_pico_usd": "2000000000000"},
                ],
            },
        ],
    }


def test_a_composite_has_rates_and_an_order() -> None:
    subs = "[{name: a, type: always_sample}, {name: b, type: always_sample}, {name: c, type: trace_flags}]"
    body = f"max_total_spans_per_second: 300, policy_order: [c, a], composite_sub_policy: {subs}"
    body += ", rate_allocation: [{policy: b, percent: 20}, {policy: a}]"
    assert compiled(f"type: composite, composite: {{{body}}}") == {
        "type": "composite",
        "children": [
            {"name": "a", "type": "always_sample"},
            {"name": "b", "type": "always_sample"},
            {"name": "c", "type": "trace_flags"},
        ],
        "rates": [100, 60, 100],
        "order": [2, 0, 1],
    }


def test_waits_are_nanoseconds() -> None:
    text = "sampling: {decision_wait: 1m30s, decision_wait_after_root_received: 250us, "
    text += "decision_cache: {sampled_cache_size: 0, non_sampled_cache_size: 7}}"
    plan = compile_plan(load_text(text).require().sampling)
    assert plan == {
        "decision_wait_ns": 90_000_000_000,
        "decision_wait_after_root_ns": 250_000,
        "cache_sampled": 0,
        "cache_not_sampled": 7,
        "first_match": False,
        "maximum_trace_bytes": None,
        "group_by_conversation": False,
        "limits": [],
        "dry_run": False,
        "policies": [],
    }


def test_options_of_the_section() -> None:
    text = (
        "sampling: {sample_on_first_match: true, maximum_trace_size_bytes: 5, group_by: conversation, dry_run: true, "
    )
    text += "limit: {spans_per_second: 10, bytes_per_second: 1e6}, "
    text += "policies: [{name: p, type: always_sample, dry_run: true}]}"
    plan = compile_plan(load_text(text).require().sampling)
    assert (plan["first_match"], plan["maximum_trace_bytes"], plan["group_by_conversation"]) == (True, 5, True)
    assert plan["limits"] == [
        {"unit": "spans", "per_second": 10, "burst": 20},
        {"unit": "bytes", "per_second": 1e6, "burst": 2e6},
    ]
    longer = compile_plan(load_text("sampling: {limit: {traces_per_second: 3, burst: 10s}}").require().sampling)
    assert longer["limits"] == [{"unit": "traces", "per_second": 3, "burst": 30}]
    assert plan["dry_run"]
    assert plan["policies"] == [{"name": "p", "type": "always_sample", "dry_run": True}]


@pytest.mark.parametrize("usd", ["0.0000000000001", "0", "-1", "nan", "inf", "1e10"])
def test_costs_that_pico_dollars_cannot_hold_are_refused(usd: str) -> None:
    text = f"sampling: {{policies: [{{name: p, type: cost, cost: {{call_usd: '{usd}'}}}}]}}"
    assert [problem.path for problem in load_text(text).errors] == ["sampling.policies[0].cost.call_usd"]
