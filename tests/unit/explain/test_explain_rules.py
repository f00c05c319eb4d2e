"""Policies in words."""

import pytest
import yaml

from enricher.explain.rules import milliseconds, seen, wanted
from enricher.sample.policies import Policy

CASES = [
    ("{type: always_sample}", "every trace", {}, ""),
    ("{type: status_code, status_code: {status_codes: [error, UNSET]}}", "a span has status ERROR or UNSET",
     {"status_codes": ["OK"]}, "status OK"),
    ("{type: status_code, status_code: {status_codes: [OK]}}", "a span has status OK", {"status_codes": []},
     "status none"),
    ("{type: latency, latency: {threshold_ms: 2000}}", "longer than 2,000 ms", {"duration_ms": 12.34}, "12.3 ms"),
    ("{type: latency, latency: {threshold_ms: 10, upper_threshold_ms: 50}}", "longer than 10 ms, at most 50 ms",
     {"duration_ms": 60_000.0}, "60.0 s"),
    ("{type: probabilistic, probabilistic: {sampling_percentage: 12.5}}", "12.5 % of traces", {"randomness": "0f"},
     "randomness 0f"),
    ("{type: cost, cost: {trace_usd: 0.1}}", "the trace costs 0.1 USD or more",
     {"trace_usd": "0.3", "max_call_usd": "0.2"}, "0.3 USD, one call 0.2 USD"),
    ("{type: cost, cost: {trace_usd: 1, call_usd: 0.5}}",
     "the trace costs 1 USD or more or a call costs 0.5 USD or more",
     {"trace_usd": "0.3", "max_call_usd": "0.3"}, "0.3 USD"),
    ("{type: numeric_attribute, numeric_attribute: {key: n, min_value: 2, max_value: 4}}", "a span has 2 ≤ n ≤ 4",
     {"attribute_matched": True}, "a span has it"),
    ("{type: string_attribute, string_attribute: {key: env, values: [a, b], invert_match: true}}",
     "no span has env = a | b", {"attribute_matched": False}, "no span has it"),
    ("{type: string_attribute, string_attribute: {key: env, values: ['^a'], enabled_regex_matching: true}}",
     "a span has env ~ ^a", {"attribute_matched": False}, "no span has it"),
    ("{type: boolean_attribute, boolean_attribute: {key: vip, value: true}}", "a span has vip = true",
     {"attribute_matched": True}, "a span has it"),
    ("{type: boolean_attribute, boolean_attribute: {key: vip, value: true}}", "a span has vip = true",
     {"attribute_matched": True, "on": "00000000000000a1", "key": "vip", "value": True},
     "span 00000000000000a1: vip = True"),
    ("{type: ottl_condition, ottl_condition: {span: [IsRootSpan()]}}", "a span or event for which `IsRootSpan()`",
     {"attribute_matched": True, "on": "resource"}, "the resource has it"),
    ("{type: not, not: {not_sub_policy: {type: latency, latency: {threshold_ms: 5}}}}", "not (longer than 5 ms)",
     {"sub_policies": [{"duration_ms": 4.0}]}, "4 ms"),
    ("{type: drop, drop: {drop_sub_policy: [{type: latency, latency: {threshold_ms: 5}}, {type: always_sample}]}}",
     "drop when longer than 5 ms and every trace", {"sub_policies": [{"duration_ms": 4.0}, {}]}, "4 ms"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "asked", "looked_at", "saw"), CASES)
def test_words(text: str, asked: str, looked_at: dict[str, object], saw: str) -> None:
    policy = Policy.model_validate({"name": "p", **yaml.safe_load(text)})
    assert wanted(policy) == asked
    assert seen(policy, looked_at) == saw


@pytest.mark.parametrize(
    ("value", "text"), [(0.4561, "0.456 ms"), (99.96, "100 ms"), (2264.9, "2,265 ms"), (31_000, "31.0 s"), (0, "0 ms")]
)
def test_durations(value: float, text: str) -> None:
    assert milliseconds(value) == text
