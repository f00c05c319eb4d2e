from typing import Any

import pytest

from enricher.config import load_text
from enricher.errors import Problem
from enricher.sample.compile import compile_plan


def problems(*policies: str, more: str = "") -> list[Problem]:
    lines = "".join(f"    - {{ {policy} }}\n" for policy in policies)
    return load_text(f"sampling:\n{more}  policies:\n{lines}").problems


def found(*policies: str, more: str = "") -> list[tuple[str, str, str]]:
    return [(problem.severity, problem.code, problem.path) for problem in problems(*policies, more=more)]


ERRORS = "name: errors, type: status_code, status_code: {status_codes: [ERROR]}"
ALL = "name: all, type: always_sample"


def test_sensible_rules_are_passed_in_silence() -> None:
    assert found(ERRORS, "name: rest, type: probabilistic, probabilistic: {sampling_percentage: 5}") == []
    assert found(ALL) == []
    assert found(ALL, "name: d, type: drop, drop: {drop_sub_policy: [{type: cost, cost: {call_usd: 1}}]}") == []


def test_always_sample_makes_other_policies_pointless() -> None:
    assert found(ERRORS, ALL) == [("warning", "no-effect", "sampling.policies[1]")]
    assert "`errors`" in problems(ERRORS, ALL)[0].message
    many = [ERRORS.replace("errors", f"e{at}") for at in range(6)]
    assert "`e0`, `e1`, `e2` and 3 others make no difference" in problems(ALL, *many)[0].message


def test_names_are_compared_at_the_top_level_only() -> None:
    sub = "type: and, and: {and_sub_policy: [{name: x, type: always_sample}, {name: x, type: always_sample}]}"
    assert found(f"name: a, {sub}", f"name: b, {sub}") == []


@pytest.mark.parametrize("name", ["", "''", "null"])
def test_a_policy_needs_a_name(name: str) -> None:
    written = f"name: {name}, type: always_sample" if name else "type: always_sample"
    assert [(one.severity, one.path) for one in problems(written)] == [("error", "sampling.policies[0].name")]


def test_blocks_of_sub_policies_are_checked_too() -> None:
    body = "name: p, type: drop, drop: {drop_sub_policy: [{type: not, not: {not_sub_policy: {type: status_code}}}]}"
    path = "sampling.policies[1].drop.drop_sub_policy[0].not.not_sub_policy"
    assert found(ALL, body) == [("error", "missing-key", path)]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("policy_order: [a, x]", "policy_order[1]"),
        ("policy_order: [a, a]", "policy_order[1]"),
        ("rate_allocation: [{policy: x, percent: 5}]", "rate_allocation[0].policy"),
    ],
)
def test_a_composite_names_its_own_policies(more: str, path: str) -> None:
    subs = "composite_sub_policy: [{name: a, type: always_sample}]"
    policy = f"name: p, type: composite, composite: {{max_total_spans_per_second: 1, {subs}, {more}}}"
    assert [one.path for one in problems(policy)] == [f"sampling.policies[0].composite.{path}"]


def test_faults_of_where_policies_stand_come_all_at_once() -> None:
    drop = "name: d, type: drop, drop: {drop_sub_policy: [{type: drop, drop: {drop_sub_policy: [{type: latency}]}}]}"
    subs = "composite_sub_policy: [{name: first, type: nonsense}, {name: second, type: always_sample}]"
    named = "policy_order: [fist, second, second], rate_allocation: [{policy: third, percent: 500}]"
    composite = f"name: c, type: composite, composite: {{max_total_spans_per_second: 1, {subs}, {named}}}"
    one = "name: o, type: and, and: {same_span: true, and_sub_policy: [{type: latency}, {type: not, not: "
    one += "{not_sub_policy: {type: rare}}}]}"
    errors = [(path, code) for severity, code, path in found(drop, composite, one) if severity == "error"]
    above = "sampling.policies"
    assert sorted(errors) == [
        (f"{above}[0].drop.drop_sub_policy[0].type", "misplaced-policy"),
        (f"{above}[1].composite.composite_sub_policy[0].type", "unknown-policy-type"),
        (f"{above}[1].composite.policy_order[0]", "unknown-sub-policy"),
        (f"{above}[1].composite.policy_order[2]", "duplicate-policy-name"),
        (f"{above}[1].composite.rate_allocation[0].percent", "out-of-range"),
        (f"{above}[1].composite.rate_allocation[0].policy", "unknown-sub-policy"),
        (f"{above}[2].and.and_sub_policy[0].type", "misplaced-policy"),
        (f"{above}[2].and.and_sub_policy[1].not.not_sub_policy.type", "misplaced-policy"),
    ]


@pytest.mark.parametrize(
    "policy",
    [
        "type: span_count, span_count: {min_spans: 5, max_spans: 4}",
        "type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 5}",
        "type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 4}",
        "type: numeric_attribute, numeric_attribute: {key: k}",
        "type: composite",
    ],
)
def test_what_can_match_nothing_is_a_fault(policy: str) -> None:
    assert [one.severity for one in problems(f"name: p, {policy}")] == ["error"]


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ("type: probabilistic", "probabilistic.sampling_percentage"),
        ("type: probabilistic, probabilistic: {}", "probabilistic.sampling_percentage"),
        ("type: rate_limiting", "rate_limiting.spans_per_second"),
        ("type: rate_limiting, rate_limiting: {spans_per_second: 0}", "rate_limiting.spans_per_second"),
        (
            "type: rate_limiting, rate_limiting: {spans_per_second: 0, burst_capacity: 9}",
            "rate_limiting.spans_per_second",
        ),
        ("type: bytes_limiting, bytes_limiting: {}", "bytes_limiting.bytes_per_second"),
        ("type: string_attribute, string_attribute: {key: k}", "string_attribute.values"),
        ("type: string_attribute, string_attribute: {key: k, values: ['']}", "string_attribute.values"),
        ("type: trace_state, trace_state: {key: k, values: []}", "trace_state.values"),
        (
            "type: composite, composite: {composite_sub_policy: [{type: always_sample}]}",
            "composite.max_total_spans_per_second",
        ),
    ],
)
def test_defaults_of_the_collector_that_can_match_nothing_are_warned_of(policy: str, path: str) -> None:
    assert found(f"name: p, {policy}") == [("warning", "no-effect", f"sampling.policies[0].{path}")]


@pytest.mark.parametrize("latency", ["", ", latency: {}", ", latency: {threshold_ms: 0}"])
def test_a_latency_of_nothing_is_warned_of(latency: str) -> None:
    path = "sampling.policies[0].latency.threshold_ms"
    assert found(f"name: p, type: latency{latency}") == [("warning", "matches-all", path)]
    assert found("name: p, type: latency, latency: {upper_threshold_ms: 9}") == []


@pytest.mark.parametrize(
    ("policy", "plan"),
    [
        ("type: latency", {"threshold_ms": 0, "upper_threshold_ms": None}),
        ("type: latency, latency: ", {"threshold_ms": 0, "upper_threshold_ms": None}),
        ("type: latency, latency: {upper_threshold_ms: 9}", {"threshold_ms": 0, "upper_threshold_ms": 9}),
        ("type: probabilistic, probabilistic: {sampling_percentage: 150}", {"sampling_percentage": 100}),
        ("type: span_count", {"min_spans": 0, "max_spans": None}),
        ("type: boolean_attribute, boolean_attribute: {key: k}", {"key": "k", "value": False, "invert_match": False}),
        ("type: trace_state, trace_state: {key: k, values: ['', a]}", {"key": "k", "values": ["a"]}),
        ("type: trace_state, trace_state: {key: k, values: a}", {"key": "k", "values": ["a"]}),
        ("type: status_code, status_code: {status_codes: ERROR}", {"status_codes": ["ERROR"]}),
        (
            "type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 0}",
            {"key": "k", "min_value": 5, "max_value": None, "invert_match": False},
        ),
        (
            "type: numeric_attribute, numeric_attribute: {key: k, min_value: 0, max_value: -5}",
            {"key": "k", "min_value": None, "max_value": -5, "invert_match": False},
        ),
        ("type: always_sample, always_sample: {}", {}),
        ("type: trace_flags, trace_flags: ", {}),
    ],
)
def test_what_the_collector_takes_is_taken_with_its_meaning(policy: str, plan: dict[str, Any]) -> None:
    settings = load_text(f"sampling: {{policies: [{{name: p, {policy}}}]}}").require().sampling
    (compiled,) = compile_plan(settings)["policies"]
    assert compiled == {"name": "p", "type": compiled["type"], **plan}


def test_no_bound_on_traces_and_no_policies_are_written_as_the_collector_does() -> None:
    settings = load_text("sampling: {maximum_trace_size_bytes: 0, policies: }").require().sampling
    plan = compile_plan(settings)
    assert (plan["maximum_trace_bytes"], plan["policies"]) == (None, [])


def test_an_expression_is_only_checked_where_expressions_are_read() -> None:
    policy = "name: p, type: string_attribute, string_attribute: {key: k, values: ['('], enabled_regex_matching: "
    assert found(policy + "true}") == [
        ("error", "bad-regex", "sampling.policies[0].string_attribute.values[0]"),
    ]
    assert found(policy + "false}") == []


def test_waiting_for_the_root_can_be_switched_off() -> None:
    assert found(ALL, more="  decision_wait_after_root_received: 0\n") == []
    assert found(ALL, more="  decision_wait_after_root_received: 31s\n")[0][:2] == ("warning", "no-effect")


@pytest.mark.parametrize("value", ["0", "0s"])
def test_decision_wait_must_be_positive(value: str) -> None:
    assert [one.path for one in problems(ALL, more=f"  decision_wait: {value}\n") if one.severity == "error"] == [
        "sampling.decision_wait"
    ]
