"""Policies in words."""

import pytest
import yaml

from enricher.explain.rules import wanted
from enricher.explain.sights import limit, milliseconds, seen, share
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
    ("{type: probabilistic, probabilistic: {sampling_percentage: 12.5}}", "12.5 % of traces",
     {"randomness": "40000000000000"}, "randomness 40000000000000: 0.2500, in from 0.8750"),
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
     "a span has env ~ ^a", {"attribute_matched": False, "on": "00000000000000a1", "key": "env", "value": "b"},
     "span 00000000000000a1: env = b"),
    ("{type: boolean_attribute, boolean_attribute: {key: vip, value: true}}", "a span has vip = true",
     {"attribute_matched": True}, "a span has it"),
    ("{type: boolean_attribute, boolean_attribute: {key: vip, value: true}}", "a span has vip = true",
     {"attribute_matched": True, "on": "00000000000000a1", "key": "vip", "value": True},
     "span 00000000000000a1: vip = true"),
    ("{type: ottl_condition, ottl_condition: {span: [IsRootSpan()]}}", "a span or event for which `IsRootSpan()`",
     {"attribute_matched": True, "on": "resource"}, "the resource has it"),
    ("{type: not, not: {not_sub_policy: {type: latency, latency: {threshold_ms: 5}}}}", "not (longer than 5 ms)",
     {}, ""),
    ("{type: drop, drop: {drop_sub_policy: [{type: latency, latency: {threshold_ms: 5}}, {type: always_sample}]}}",
     "drop when longer than 5 ms and every trace", {}, ""),
    ("{type: tokens, tokens: {of: input, trace_tokens: 5000, call_tokens: 90}}",
     "the trace uses 5,000 input tokens or more or a call uses 90 input tokens or more",
     {"trace_tokens": 4000, "max_call_tokens": 9}, "4,000 tokens, one call 9"),
    ("{type: error_class, error_class: {classes: [timeout, auth]}}", "a span failed with timeout or auth",
     {"error_classes": []}, "no failure"),
    ("{type: guardrail}", "a guardrail said blocked", {"guardrails": [["pii", "passed"]]}, "pii: passed"),
    ("{type: evaluation, evaluation: {names: [x], below: 0.5, labels: [bad]}}",
     "an evaluation (x) scored below 0.5 or said bad",
     {"evaluations": [{"name": "x", "score": 0.25, "label": ""}, {"name": "", "score": None, "label": "ok"}]},
     "x: 0.25, unnamed: ok"),
    ("{type: aggregate, aggregate: {calls: {min: 3}, cost_usd: {max: 0.5}, models: [a]}}",
     "cost_usd ≤ 0.5 and 3 ≤ calls and a call used a", {"cost_usd": 0.1, "calls": 2.0, "models": ["a", "b"]},
     "cost_usd 0.1, calls 2, models a b"),
    ("{type: slow}", "the trace is slower than 95 % of its key (service, span_name)", {"duration_ms": 1234.5},
     "1,234 ms; too few of its key to compare with"),
    ("{type: rare, rare: {keys: [model]}}", "the first of its model within 900 s", {"key": {"model": "a, b"}},
     "model a, b"),
    ("{type: adaptive, adaptive: {spans_per_second: 50}}", "what fits 50 spans a second",
     {"trace_usd": "0.1", "volume": 8.0, "key": {"service": "shop", "agent": ""}},
     "0.1 USD, volume 8; service shop, agent none"),
    ("{type: runaway, runaway: {per: session, calls: null, usd: 2}}",
     "20 repeats of a tool or 2 USD of one session within 600 s", {"session": ""}, "session unknown; nothing counted"),
    ("{type: health_check}", "it is a health check",
     {"root_is_a_probe": True, "calls": 0}, "the root is a probe"),
    ("{type: health_check}", "it is a health check",
     {"root_is_a_probe": False, "calls": 1, "root": [{"key": "url.path", "value": "/ask"},
      {"key": "user_agent.original", "value": "curl"}]},
     "the root is no probe (url.path = /ask, user_agent.original = curl), 1 call"),
    ("{type: ottl_condition, ottl_condition: {span: [IsRootSpan()]}}", "a span or event for which `IsRootSpan()`",
     {"attribute_matched": False, "on": "00000000000000a1", "paths": [['attributes["k"]', 2], ["name", "POST"]]},
     'span 00000000000000a1: attributes["k"] = 2, name = POST'),
    ("{type: rate_limiting, rate_limiting: {spans_per_second: 1}}", "1 span a second",
     {"spans": 1.0, "burst_capacity": 2.0}, "1 span"),
    ("{type: budget, budget: {usd: 5, factor: 0.1, budget_sub_policy: {type: always_sample}}}",
     "every trace; probability times 0.1 while the tenant has spent 5 USD in the day",
     {"tenant": "a"}, "tenant a"),
    ("{type: and, and: {same_span: true, and_sub_policy: [{type: trace_flags}]}}",
     "one span satisfies: a span has the sampled flag", {"span_matched": False}, "no span satisfies all"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "asked", "looked_at", "saw"), CASES)
def test_words(text: str, asked: str, looked_at: dict[str, object], saw: str) -> None:
    policy = Policy.model_validate({"name": "p", **yaml.safe_load(text)})
    assert wanted(policy) == asked
    assert seen(policy, {"looked_at": looked_at}) == saw


BUCKET = {"per_second": 5.0, "burst": 10.0, "tokens": 9.5, "tokens_left": 1.5, "traces_at_once": 3}


@pytest.mark.parametrize(
    ("text", "looked_at", "learned", "saw"),
    [
        ("{type: rate_limiting, rate_limiting: {spans_per_second: 5}}", {"spans": 4.0, "burst_capacity": 10.0}, BUCKET,
         "4 spans; 9.5 of 10 tokens, 1.5 left after 3 traces at once"),
        ("{type: bytes_limiting, bytes_limiting: {bytes_per_second: 5}}", {"bytes": 14.0, "burst_capacity": 10.0},
         BUCKET, "14 bytes, more than may pass at once (10)"),
        ("{type: rate_limiting, rate_limiting: {spans_per_second: 1}}", {"spans": 1.0, "burst_capacity": 1.0},
         {**BUCKET, "burst": 1.0, "tokens": 4.44089e-16, "tokens_left": -0.4, "traces_at_once": 1},
         "1 span; 0 of 1 token, 0.4 owed"),
        ("{type: slow}", {"duration_ms": 12.0},
         {"compared": [{"duration_ms": 12.0, "quantile_ms": None, "known": 7.25}], "min_count": 30.0},
         "12 ms; too few of its key to compare with (7.2 of 30)"),
        ("{type: slow}", {"duration_ms": 12.0},
         {"compared": [{"duration_ms": 12.0, "quantile_ms": 24.0}, {"duration_ms": 9.0, "quantile_ms": None}]},
         "12 ms, its key's limit is 24 ms"),
        ("{type: adaptive, adaptive: {traces_per_second: 5}}",
         {"trace_usd": "0.1", "volume": 1.0, "key": {"model": "a"}},
         {"traces_per_second": 50.0, "certain_from_usd": "0.250000000001"},
         "0.1 USD (certain from 0.25), volume 1; 50 traces a second come; model a"),
        ("{type: runaway, runaway: {repeats: 5, calls: 100}}", {"trace": "ab"},
         {"repeats": 7.0, "tool": "search", "calls": 3.0, "usd": 0.5}, "7 of 5 repeats of search, 3 of 100 calls"),
        ("{type: runaway}", {"trace": "ab"}, {"repeats": 2.0, "tool": None, "calls": 3.0, "usd": 0.5},
         "2 of 20 repeats of a tool, 3 of 500 calls"),
        ("{type: budget, budget: {usd: 5, factor: 0.1, budget_sub_policy: {type: always_sample}}}", {"tenant": "a"},
         {"over_budget": None, "spent_usd": "1.5", "usd": "5"}, "tenant a spent 1.5 of 5 USD"),
        ("{type: budget, budget: {usd: 5, factor: 0.1, budget_sub_policy: {type: always_sample}}}", {"tenant": "a"},
         {"over_budget": {"tenant": "b", "spent_usd": "6", "usd": "5"}, "spent_usd": None, "usd": "5"},
         "tenant b spent 6 of 5 USD: over its budget"),
    ],
)  # fmt: skip
def test_words_of_what_was_learned(
    text: str, looked_at: dict[str, object], learned: dict[str, object], saw: str
) -> None:
    policy = Policy.model_validate({"name": "p", **yaml.safe_load(text)})
    assert seen(policy, {"looked_at": looked_at, "learned": learned}) == saw


def test_words_of_limits() -> None:
    assert share(BUCKET) == "its share 5 spans a second: 9.5 of 10 tokens, 1.5 left after 3 traces at once"
    told = {**BUCKET, "traces_at_once": 1, "trace": 4.0, "unit": "spans"}
    assert limit(told) == "4 spans; 9.5 of 10 tokens, 1.5 left"


@pytest.mark.parametrize(
    ("value", "text"), [(0.4561, "0.456 ms"), (99.96, "100 ms"), (2264.9, "2,265 ms"), (31_000, "31.0 s"), (0, "0 ms")]
)
def test_durations(value: float, text: str) -> None:
    assert milliseconds(value) == text
