"""The core's verdicts against the plain reference, on generated rules and traces."""

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.config import compile_plan, load_text
from enricher.errors import PlanError
from enricher.price.book import Book
from enricher.runtime.engine import CoreEngine
from enricher.sample.compile import compile_plan as compile_sample
from enricher.sample.policies.combined import ON_ONE_SPAN
from enricher.sample.regex import explain_fault
from enricher.sample.settings import SamplingSettings
from tests.oracle.sampling import BITS, RANGE, Limit, Span, Trace, Value, Verdict, decide
from tests.support.spans import key_values

MS = 10**6
NOW = 1_780_000_000 * 10**9
# One token of this model costs a tenth of a cent.
PRICES = "prices: {overrides: [{model: m, per_million: {input: 1000, output: 0}}]}"
KEYS = ("a", "b.c", "gen_ai.request.model")
TEXTS = ("", "x", "xy", "m")
READ = {"gen_ai.request.model", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.response.id"}
READ |= {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"}
NO_BOOK = Book(built="2026-01-01", sources={}, models=[], prices=[], modifiers=[], holidays=[])


@cache
def base_plan() -> str:
    """A plan without its sampling section, which is written in its place before each use: the rest is large."""
    # No rule asks what a model of the book costs or reads other keys, and hundreds of engines are made.
    plan: dict[str, Any] = json.loads(compile_plan(load_text(PRICES).require(), book=NO_BOOK))
    plan["normalize"]["rules"] = [rule for rule in plan["normalize"]["rules"] if rule["key"] in READ]
    return json.dumps({**plan, "sample": None})


def engine(sampling: SamplingSettings) -> CoreEngine:
    section = json.dumps(compile_sample(sampling))
    return CoreEngine(base_plan().replace('"sample": null', f'"sample": {section}').encode())


# --- rules ---

_key = st.sampled_from(KEYS)
_number = st.sampled_from([-(2**31), -1, 0, 0.5, 1, 7, 2**31 - 1])
_leaves: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"type": "always_sample"}),
    st.just({"type": "trace_flags"}),
    st.lists(st.sampled_from(["1", "2", ""]), min_size=1, max_size=2).map(
        lambda values: {"type": "trace_state", "trace_state": {"key": "a", "values": values}}
    ),
    st.tuples(st.integers(0, 3), st.integers(0, 2)).map(
        lambda bounds: {
            "type": "span_count",
            "span_count": {"min_spans": bounds[0], "max_spans": bounds[1] and bounds[0] + bounds[1]},
        }
    ),
    st.lists(st.sampled_from(["OK", "ERROR", "UNSET"]), min_size=1).map(
        lambda codes: {"type": "status_code", "status_code": {"status_codes": codes}}
    ),
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(
        lambda bounds: {
            "type": "latency",
            "latency": {
                "threshold_ms": bounds[0],
                "upper_threshold_ms": bounds[1] and bounds[0] + bounds[1],
            },
        }
    ),
    st.sampled_from([0, 0.1, 1, 10, 33.3, 50, 99.9, 100]).map(
        lambda share: {"type": "probabilistic", "probabilistic": {"sampling_percentage": share}}
    ),
    st.builds(
        lambda key, low, high, invert: {
            "type": "numeric_attribute",
            "numeric_attribute": {
                "key": key,
                "min_value": min(low, high),
                "max_value": max(low, high),
                "invert_match": invert,
            },
        },
        _key,
        _number,
        _number,
        st.booleans(),
    ),
    st.builds(
        lambda key, values, regex, invert: {
            "type": "string_attribute",
            "string_attribute": {
                "key": key,
                "values": values,
                "enabled_regex_matching": regex,
                "invert_match": invert,
            },
        },
        _key,
        st.lists(st.sampled_from(["x", "xy", "^y", "y$", "m"]), min_size=1, max_size=3),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda key, value, invert: {
            "type": "boolean_attribute",
            "boolean_attribute": {"key": key, "value": value, "invert_match": invert},
        },
        _key,
        st.booleans(),
        st.booleans(),
    ),
    st.tuples(st.sampled_from([None, "0.001", "0.3"]), st.sampled_from(["0.002", "0.1"])).map(
        lambda usd: {"type": "cost", "cost": {"trace_usd": usd[0], "call_usd": usd[1]}}
    ),
)
_own: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda of, total, one: {"type": "tokens", "tokens": {"of": of, "trace_tokens": total, "call_tokens": one}},
        st.sampled_from(["total", "input", "output"]),
        st.none() | st.integers(1, 400),
        st.integers(1, 250),
    ),
    st.builds(
        lambda name, low, more, models: {
            "type": "aggregate",
            "aggregate": {name: {"min": low, "max": low + more}, "models": models},
        },
        st.sampled_from(["calls", "errors", "distinct_models", "tokens", "input_tokens", "output_tokens"]),
        st.integers(0, 3),
        st.sampled_from([0, 1, 200]),
        st.sampled_from([[], ["m"], ["x*"], ["*m", "y"]]),
    ),
    st.sampled_from([0, 0.1, 0.2]).map(lambda usd: {"type": "aggregate", "aggregate": {"cost_usd": {"max": usd}}}),
)


def _one_can_have(subs: list[dict[str, Any]]) -> bool:
    """Whether a span can have a status that is asked for by all: rules that no span can satisfy are refused."""
    left = {"OK", "ERROR", "UNSET"}
    for sub in subs:
        inner = sub.get("not", {}).get("not_sub_policy", sub)
        if codes := set(inner.get("status_code", {}).get("status_codes", ())):
            left = left & codes if inner is sub else left - codes
    return bool(left)


_on_one_span = _leaves.filter(lambda policy: policy["type"] in ON_ONE_SPAN)
_subs_on_one_span = st.lists(
    _on_one_span | _on_one_span.map(lambda sub: {"type": "not", "not": {"not_sub_policy": sub}}), min_size=1, max_size=3
)
_same_span = _subs_on_one_span.filter(_one_can_have).map(
    lambda subs: {"type": "and", "and": {"same_span": True, "and_sub_policy": subs}}
)
_policies = st.recursive(
    _leaves | _own | _same_span,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda subs: {"type": "and", "and": {"and_sub_policy": subs}}),
        inner.map(lambda sub: {"type": "not", "not": {"not_sub_policy": sub}}),
    ),
    max_leaves=4,
)
_rules = st.lists(
    _policies
    | st.lists(_policies, min_size=1, max_size=2).map(lambda subs: {"type": "drop", "drop": {"drop_sub_policy": subs}}),
    max_size=4,
).map(
    lambda policies: SamplingSettings.model_validate(
        {"policies": [{"name": f"p{index}", **policy} for index, policy in enumerate(policies)]}
    )
)

# --- traces ---

_values: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from(TEXTS), st.booleans(), _number, st.lists(st.sampled_from(TEXTS), max_size=2)
)
_attributes = st.dictionaries(st.sampled_from(KEYS[:2]), _values, max_size=2)
_edges = st.sampled_from([0, 1, RANGE - 1, RANGE // 2, RANGE * 9 // 10]) | st.integers(0, RANGE - 1)


@dataclass(frozen=True)
class Sent:
    """A trace and the tokens of those of its spans that are model calls."""

    trace: Trace
    tokens: list[int | None]


@st.composite
def _traces(draw: st.DrawFn) -> Sent:
    spans: list[Span] = []
    tokens: list[int | None] = []
    for index in range(draw(st.integers(1, 4))):
        start = NOW + index * 20 * MS
        count = draw(st.none() | st.sampled_from([0, 1, 2, 100, 200]))
        attributes = draw(_attributes)
        if count is not None:
            attributes = {**attributes, KEYS[2]: "m"}
        state = draw(st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", "x=1"]), max_size=2))
        end, flags = start + draw(st.integers(0, 19)) * MS, draw(st.sampled_from([0, 1, 2, 0x301]))
        spans.append(Span(start, end, draw(st.integers(0, 2)), attributes, state, flags))
        tokens.append(count)
    costs = [Fraction(count, 1000) for count in tokens if count is not None]
    trace_id = draw(st.integers(1, 2**64)) << BITS | draw(_edges)
    pairs = [(count, 1) for count in tokens if count is not None]
    failed = sum(span.status == 2 for span, count in zip(spans, tokens, strict=True) if count is not None)
    resource, randomness = draw(_attributes), draw(st.none() | _edges)
    return Sent(Trace(trace_id, spans, resource, costs, pairs, failed, "m", randomness), tokens)


def request(sent: Sent) -> bytes:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(key_values(sent.trace.resource))
    scope = group.scope_spans.add()
    for index, (span, tokens) in enumerate(zip(sent.trace.spans, sent.tokens, strict=True)):
        one = scope.spans.add(
            trace_id=sent.trace.trace_id.to_bytes(16, "big"),
            span_id=(index + 1).to_bytes(8, "big"),
            parent_span_id=b"" if index == 0 else (1).to_bytes(8, "big"),
            name="s",
            start_time_unix_nano=span.start,
            end_time_unix_nano=span.end,
        )
        one.status.code = span.status  # type: ignore[assignment]
        members = [f"{key}={value}" for key, value in span.trace_state.items()]
        if sent.trace.randomness is not None:
            members.append(f"ot=rv:{sent.trace.randomness:014x}")
        one.trace_state = ",".join(members)
        one.flags = span.flags
        facts: dict[str, Value] = {}
        if tokens is not None:
            facts = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.response.id": f"r{index}",
                "gen_ai.usage.input_tokens": tokens,
                "gen_ai.usage.output_tokens": 1,
            }
        one.attributes.extend(key_values({**span.attributes, **facts}))
    return message.SerializeToString()


def carried_out(core: CoreEngine, sent: Sent) -> Verdict:
    """What the core did with the trace: what is not kept says neither policy nor threshold."""
    core.ingest(request(sent), NOW)
    report = core.drain(NOW)
    assert report.decided == 1
    if not report.payloads:
        return Verdict(False, None, RANGE)
    message = ExportTraceServiceRequest.FromString(report.payloads[0])
    spans = message.resource_spans[0].scope_spans[0].spans
    assert len(spans) == len(sent.trace.spans)
    policies = [one.value.string_value for one in spans[0].attributes if one.key == "enricher.sampling.policy"]
    thresholds = {_threshold(span.trace_state) for span in spans}
    assert len(thresholds) == 1
    return Verdict(True, policies[0] if policies else None, thresholds.pop())


def _threshold(trace_state: str) -> int:
    member = next((one for one in trace_state.split(",") if one.startswith("ot=")), "")
    digits = next((one for one in member.removeprefix("ot=").split(";") if one.startswith("th:")), "th:")
    return int(digits.removeprefix("th:").ljust(14, "0"), 16)


@given(_rules, _traces())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_the_core_decides_as_the_reference_does(rules: SamplingSettings, sent: Sent) -> None:
    expected = decide(rules, sent.trace)
    if not expected.keep:
        expected = Verdict(False, None, RANGE)
    assert carried_out(engine(rules), sent) == expected


_batches = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.lists(
            st.tuples(st.integers(1, 6), st.integers(0, RANGE - 1)),
            min_size=1,
            max_size=6,
            unique_by=lambda one: one[1],
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(st.integers(1, 8), st.integers(1, 12), _batches)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_limits_share_out_as_the_reference_does(rate: int, burst: int, batches: list[Any]) -> None:
    limit = {"spans_per_second": rate, "burst_capacity": burst}
    rules = SamplingSettings.model_validate(
        {"policies": [{"name": "r", "type": "rate_limiting", "rate_limiting": limit}]}
    )
    core, reference = engine(rules), Limit(rate, burst)
    now, trace = NOW, 0
    for quarters, asked in batches:
        now += quarters * 10**9 // 4
        expected = set()
        for (cost, randomness), threshold in zip(asked, reference.decide(now, [(r, c) for c, r in asked]), strict=True):
            trace += 1
            core.ingest(request(Sent(Trace(trace << BITS | randomness, [Span(now, now)] * cost), [None] * cost)), now)
            if randomness >= threshold:
                expected.add((trace << BITS | randomness, threshold))
        kept = set()
        for payload in core.drain(now).payloads:
            for group in ExportTraceServiceRequest.FromString(payload).resource_spans:
                for span in group.scope_spans[0].spans:
                    kept.add((int.from_bytes(span.trace_id, "big"), _threshold(span.trace_state)))
        # Where a probability is chosen beforehand, the core finds it by halving and may be a last digit off.
        assert {one for one, _ in kept} == {one for one, _ in expected}
        for one, threshold in kept:
            (wanted,) = {threshold for other, threshold in expected if other == one}
            assert abs(threshold - wanted) <= max(1, (RANGE - wanted) >> 11)


@given(st.text(st.sampled_from("ab01(){}[]*+?|^$.\\-<>=!:P&iz,dw"), max_size=12))
@settings(max_examples=150)
def test_an_expression_that_check_passes_compiles_in_the_core(pattern: str) -> None:
    policy = {"type": "string_attribute", "string_attribute": {"key": "k", "values": [pattern]}}
    policy["string_attribute"]["enabled_regex_matching"] = True  # type: ignore[index]
    rules = SamplingSettings.model_validate({"policies": [{"name": "p", **policy}]})
    if not explain_fault(pattern):
        engine(rules)
    else:
        with pytest.raises(PlanError):
            engine(rules)


def test_what_only_the_core_sees_is_a_plan_error() -> None:
    values = ["(a{500}){500}"]
    block = {"key": "k", "values": values, "enabled_regex_matching": True}
    rules = SamplingSettings.model_validate(
        {"policies": [{"name": "big", "type": "string_attribute", "string_attribute": block}]}
    )
    with pytest.raises(PlanError, match="big"):
        engine(rules)


def test_statuses_that_no_span_can_have_are_a_plan_error() -> None:
    failed, ok = ({"type": "status_code", "status_code": {"status_codes": [code]}} for code in ("ERROR", "OK"))
    for subs in ([failed, {"type": "not", "not": {"not_sub_policy": failed}}], [failed, ok]):
        assert not _one_can_have(subs)
        policy = {"name": "never", "type": "and", "and": {"same_span": True, "and_sub_policy": subs}}
        with pytest.raises(PlanError, match=r"never: no status code"):
            engine(SamplingSettings.model_validate({"policies": [policy]}))
