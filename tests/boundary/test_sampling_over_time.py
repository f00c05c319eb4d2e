"""The core against the plain reference where votes depend on what came before: limits, what is learned, what is spent,
trials, conversations, conditions. Trace records tell every vote, also of what is dropped."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.config import compile_plan, load_text
from enricher.runtime.engine import CoreEngine
from enricher.sample.compile import compile_plan as compile_sample
from enricher.sample.settings import SamplingSettings
from tests.boundary.test_sampling import MS, NOW, PRICES, Sent, request
from tests.oracle.sampling import BITS, RANGE, Span, Trace, threshold_of
from tests.oracle.sampling_batches import Asked, Sampler, conversation_randomness

# A failing case of several batches takes minutes to make smaller; it is small enough as it is drawn.
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
BASE = json.dumps({**json.loads(compile_plan(load_text(PRICES).require(), trace_records=True)), "sample": None})


def engine(sampling: SamplingSettings) -> CoreEngine:
    section = json.dumps(compile_sample(sampling))
    return CoreEngine(BASE.replace('"sample": null', f'"sample": {section}').encode())


_conditions = st.recursive(
    st.sampled_from(
        [
            'attributes["a"] == "x"',
            'attributes["a"] != nil',
            'attributes["a"] > 0',
            'attributes["a"] <= 0.5',
            'attributes["a"] == true',
            'IsMatch(attributes["a"], "^x")',
            'resource.attributes["service.name"] == "s1"',
            'resource.attributes["service.name"] < "s1"',
            "status.code == STATUS_CODE_ERROR",
            'name != "s"',
        ]
    ),
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=4,
)
_shares = st.sampled_from([0, 10, 50, 75, 100])
_plain: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"type": "always_sample"}),
    _shares.map(lambda share: {"type": "probabilistic", "probabilistic": {"sampling_percentage": share}}),
    st.just({"type": "status_code", "status_code": {"status_codes": ["ERROR"]}}),
    st.lists(_conditions, min_size=1, max_size=2).map(
        lambda span: {"type": "ottl_condition", "ottl_condition": {"span": span}}
    ),
)
_rates = st.tuples(st.integers(1, 6), st.integers(0, 9))


def _composite(subs: list[dict[str, Any]], total: int, percents: list[int], backwards: bool) -> dict[str, Any]:
    named = [{"name": f"c{at}", **sub} for at, sub in enumerate(subs)]
    names = [sub["name"] for sub in named]
    shares = [{"policy": name, "percent": percent} for name, percent in zip(names, percents, strict=False)]
    block = {"max_total_spans_per_second": total, "composite_sub_policy": named, "rate_allocation": shares}
    return {"type": "composite", "composite": {**block, "policy_order": names[::-1] if backwards else []}}


_timely: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _rates.map(
        lambda of: {"type": "rate_limiting", "rate_limiting": {"spans_per_second": of[0], "burst_capacity": of[1]}}
    ),
    _rates.map(
        lambda of: {
            "type": "bytes_limiting",
            "bytes_limiting": {"bytes_per_second": 100 * of[0], "burst_capacity": 100 * of[1]},
        }
    ),
    st.builds(
        _composite,
        st.lists(_plain, min_size=1, max_size=3),
        st.integers(2, 12),
        st.lists(st.sampled_from([0, 25, 50]), max_size=3),
        st.booleans(),
    ),
    st.sampled_from([["service"], ["model"], ["service", "model"]]).map(
        lambda keys: {"type": "rare", "rare": {"keys": keys, "window": "3s"}}
    ),
    st.tuples(st.sampled_from([0.5, 0.8]), st.integers(1, 4)).map(
        lambda of: {
            "type": "slow",
            "slow": {"quantile": of[0], "keys": ["service"], "window": "1h", "min_count": of[1]},
        }
    ),
    st.builds(
        lambda usd, own, factor, sub: {
            "type": "budget",
            "budget": {"usd": usd, "tenants": {"t1": own}, "factor": factor, "budget_sub_policy": sub},
        },
        st.sampled_from([0.001, 0.1, 0.3]),
        st.sampled_from([0.2, 5]),
        st.sampled_from([0, 0.5, 2]),
        _plain,
    ),
    st.tuples(st.sampled_from(["trace", "tenant"]), st.sampled_from([(2, None), (None, 0.2), (4, 0.3)])).map(
        lambda of: {
            "type": "runaway",
            "runaway": {"per": of[0], "window": "1h", "repeats": None, "calls": of[1][0], "usd": of[1][1]},
        }
    ),
)
_drops = st.lists(_plain, min_size=1, max_size=2).map(lambda subs: {"type": "drop", "drop": {"drop_sub_policy": subs}})


_rarely = st.sampled_from([False, False, False, True])


@st.composite
def _rules(draw: st.DrawFn) -> SamplingSettings:
    policies = draw(st.lists(_timely | _timely | _plain | _drops, min_size=1, max_size=4))
    named = [{"name": f"p{at}", "dry_run": draw(_rarely), **one} for at, one in enumerate(policies)]
    return SamplingSettings.model_validate(
        {
            "policies": named,
            "dry_run": draw(_rarely),
            "group_by": draw(st.sampled_from(["trace", "conversation"])),
        }
    )


@st.composite
def _batches(draw: st.DrawFn) -> list[tuple[int, list[Sent]]]:
    """Seconds since the batch before in quarters, and its traces."""
    batches, number = [], 0
    for _ in range(draw(st.integers(1, 4))):
        batch = []
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            batch.append(_trace(draw, number))
        batches.append((draw(st.integers(0, 14)), batch))
    return batches


def _trace(draw: st.DrawFn, number: int) -> Sent:
    service, tenant = draw(st.sampled_from(["s1", "s2"])), draw(st.sampled_from(["", "t1", "t2"]))
    conversation = draw(st.sampled_from(["", "c1"]))
    tokens = draw(st.lists(st.none() | st.sampled_from([1, 100, 200]), min_size=1, max_size=3))
    ms = draw(st.sampled_from([10, 20, 40, 80]))
    spans = []
    for count in tokens:
        attributes: dict[str, Any] = (
            {"a": draw(st.sampled_from(["x", "xy", 1, 0.5, True, ["x"]]))} if draw(st.booleans()) else {}
        )
        if count is not None:
            attributes |= {"gen_ai.request.model": "m"}
            attributes |= {"enricher.tenant.id": tenant} if tenant else {}
            attributes |= {"gen_ai.conversation.id": conversation} if conversation else {}
        spans.append(Span(NOW, NOW + ms * MS, draw(st.sampled_from([0, 0, 2])), attributes))
    called = any(count is not None for count in tokens)
    costs = [Fraction(count, 1000) for count in tokens if count is not None]
    randomness = draw(st.integers(0, RANGE - 1))
    shared = conversation_randomness(conversation) if conversation and called else None
    trace = Trace(number << BITS | randomness, spans, {"service.name": service}, costs, randomness=shared, model="m")
    return Sent(replace(trace, service=service, tenant=tenant if called else ""), tokens)


def _sent(sent: Sent) -> tuple[bytes, Trace]:
    """The request, each of whose calls has an answer of its own, and the trace with its size."""
    message = ExportTraceServiceRequest.FromString(request(replace(sent, trace=replace(sent.trace, randomness=None))))
    spans = message.resource_spans[0].scope_spans[0].spans
    for span in spans:
        for pair in span.attributes:
            if pair.key == "gen_ai.response.id":
                pair.value.string_value += f"-{sent.trace.trace_id >> BITS}"
    return message.SerializeToString(), replace(sent.trace, size=sum(span.ByteSize() for span in spans))


@given(_rules(), _batches())
@settings(max_examples=100, phases=WITHOUT_SHRINKING, suppress_health_check=[HealthCheck.too_slow])
def test_the_core_decides_over_time_as_the_reference_does(rules: SamplingSettings, batches: list[Any]) -> None:
    core, reference, now = engine(rules), Sampler(rules), NOW
    for quarters, batch in batches:
        now += quarters * 10**9 // 4
        traces = {}
        for sent in batch:
            message, trace = _sent(sent)
            traces[f"{trace.trace_id:032x}"] = trace
            core.ingest(message, now)
        records = [json.loads(line) for line in core.drain(now).traces.splitlines()]
        # The core decides what is due at the same time in an order of its own.
        asked = [_asked(traces[record["trace_id"]], rules, record) for record in records]
        assert len(asked) == len(batch)
        for record, one, outcome in zip(records, asked, reference.decide(now, asked), strict=True):
            for name, threshold in outcome.votes.items():
                assert _near(one.seen[name], threshold), (name, record)
            wanted, told = outcome.verdict, record["dry_run"] or record
            assert (record["kept"], record["policy"]) == (wanted.keep, wanted.policy)
            assert _near(_threshold(record["probability"]), wanted.threshold)
            if outcome.tried:
                assert (told["kept"], told["policy"]) == (outcome.tried.keep, outcome.tried.policy)
                assert _near(_threshold(told["probability"]), outcome.tried.threshold)
            else:
                assert record["dry_run"] is None


def _asked(trace: Trace, rules: SamplingSettings, record: dict[str, Any]) -> Asked:
    assert record["bytes"] == trace.size
    shared = trace.randomness if rules.group_by == "conversation" else None
    votes = {policy.name: _threshold(record["votes"].get(policy.name, 0)) for policy in rules.policies}
    return Asked(trace, trace.trace_id % RANGE if shared is None else shared, votes)


def _threshold(probability: float) -> int:
    return round((1 - Fraction(probability)) * RANGE)


def _near(found: int, wanted: int) -> bool:
    """Where a probability is chosen beforehand, the core finds it by halving and may be a last digit off."""
    return abs(found - wanted) <= max(1, (RANGE - wanted) >> 11)


_limits = st.sampled_from(
    [
        {"traces_per_second": 1},
        {"traces_per_second": 1, "burst": "4s"},
        {"spans_per_second": 3},
        {"bytes_per_second": 300},
    ]
)


@given(_batches(), _limits, st.sampled_from([100, 50]))
@settings(max_examples=40, phases=WITHOUT_SHRINKING, suppress_health_check=[HealthCheck.too_slow])
def test_a_bound_on_everything_only_ever_makes_verdicts_stricter(
    batches: list[Any], limit: dict[str, Any], share: int
) -> None:
    some = {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": share}}
    core, now = engine(SamplingSettings.model_validate({"policies": [some], "limit": limit})), NOW
    (unit, rate), burst = next(iter(limit.items())), int(str(limit.get("burst", "2s")).removesuffix("s"))
    tokens = Fraction(rate * burst)
    for quarters, batch in batches:
        now += quarters * 10**9 // 4
        tokens = min(Fraction(rate * burst), tokens + Fraction(quarters, 4) * rate)
        for sent in batch:
            core.ingest(_sent(sent)[0], now)
        records = [json.loads(line) for line in core.drain(now).traces.splitlines()]
        cost = {"traces_per_second": lambda _: 1, "spans_per_second": lambda one: one["spans"]}.get(
            unit, lambda one: one["bytes"]
        )
        wanted = [one for one in records if int(one["trace_id"], 16) % RANGE >= threshold_of(Fraction(share, 100))]
        kept = [one for one in records if one["kept"]]
        assert all(one in wanted and one["probability"] <= share / 100 for one in kept)
        if sum(map(cost, wanted)) <= tokens and max(map(cost, records)) <= tokens:
            assert kept == wanted
        elif max(map(cost, records)) <= tokens:
            assert sum(map(cost, kept)) <= tokens
        # Where the largest may not fit, a probability spends what is left on average; what is over is owed.
        tokens -= sum(map(cost, kept))


def test_thresholds_are_read_back_from_probabilities() -> None:
    assert all(_threshold(1 - threshold_of(Fraction(n, 7)) / RANGE) == threshold_of(Fraction(n, 7)) for n in range(8))
