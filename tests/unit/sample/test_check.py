import pytest

from enricher.config import load_text
from enricher.errors import Problem


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


def test_names_are_compared_at_the_top_level_only() -> None:
    sub = "type: and, and: {and_sub_policy: [{name: x, type: always_sample}, {name: x, type: always_sample}]}"
    assert found(f"name: a, {sub}", f"name: b, {sub}") == []


@pytest.mark.parametrize("name", ["", "''", "null"])
def test_a_policy_needs_a_name(name: str) -> None:
    written = f"name: {name}, type: always_sample" if name else "type: always_sample"
    assert [(one.severity, one.path) for one in problems(written)] == [("error", "sampling.policies[0].name")]


def test_blocks_of_sub_policies_are_checked_too() -> None:
    body = "name: p, type: drop, drop: {drop_sub_policy: [{type: not, not: {not_sub_policy: {type: latency}}}]}"
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


@pytest.mark.parametrize(
    "policy",
    [
        "type: span_count, span_count: {min_spans: 5, max_spans: 4}",
        "type: rate_limiting, rate_limiting: {spans_per_second: 0}",
        "type: trace_state, trace_state: {key: k, values: []}",
        "type: rate_limiting",
        "type: composite",
    ],
)
def test_what_can_match_nothing_is_a_fault(policy: str) -> None:
    assert [one.severity for one in problems(f"name: p, {policy}")] == ["error"]


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
