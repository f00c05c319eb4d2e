"""The Collector's tail sampling, case by case: the numbers are those of its own tests as we list them. Its verdicts
beside ours, on the same traces: `tests/e2e/test_tail_sampling_alike.py`.

| cases | where, or why not |
| --- | --- |
| 1-3, 6-15, 35, 38, 44, 46 | here, by number |
| 4, 5 | here; divergence: an inverted match is a plain match (upstream's own default since v0.144) |
| 16 | here; divergence: schema URLs survive |
| 17-21 | here; `span-ingest`, final on a part of a trace, is not offered, and check says so |
| 22, 24-30, 40-43 | `test_sampling_filters.py`, by number |
| 23 | there; divergence: an upper bound of `latency` bounds the whole trace |
| 31-33 | `core/src/sample/policies/tests/limits.rs`, by number |
| 34 | there: `a_burst_passes_at_once_and_what_is_larger_never` |
| 36 | here; divergence: what does not fit is decided early, never lost |
| 37 | does not concern us: undecided traces are in memory, there is no disk to read them from |
| 39 | `test_sampling_filters.py`; divergence: the trace id decides, no salted hash |
| 45 | `test_engine_watches.py`: `same_span` |
| 47-51 | do not concern sampling: the Collector's normalizer |
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.config import load_text
from enricher.runtime.engine import CoreEngine
from tests.support.engines import NOW, SECOND, attributes, drained, engine, metric, plan, request_of, span, spans_of

Policy = dict[str, Any]

YES: Policy = {"name": "yes", "type": "always_sample"}
NO: Policy = {"name": "no", "type": "latency", "latency": {"threshold_ms": 10**9}}


def has(key: str, name: str = "has", *, invert: bool = False) -> Policy:
    block = {"key": key, "value": True, "invert_match": invert}
    return {"name": name, "type": "boolean_attribute", "boolean_attribute": block}


def drop(*subs: Policy) -> Policy:
    return {"name": "drop", "type": "drop", "drop": {"drop_sub_policy": list(subs)}}


def sampling(*policies: Policy, **options: Any) -> str:
    waits = {"decision_wait": 1, "decision_wait_after_root_received": 0}
    return json.dumps({"sampling": {**waits, **options, "policies": list(policies)}})


def kept(*policies: Policy, **flags: bool) -> int:
    """Spans that leave of a trace of one span with these attributes."""
    core = engine(sampling(*policies))
    core.ingest(request_of(span(1, 1, attributes=flags)), NOW)
    return len(spans_of(drained(core)))


def voted(core: CoreEngine, name: str) -> float:
    return metric(core, "enricher_sampling_policy_traces_total", name, "voted")


# --- combining votes ---


def test_case_1_a_trace_is_decided_once_when_its_time_has_come() -> None:
    core = engine(sampling(YES))
    core.ingest(request_of(span(1, 1)), NOW)
    assert core.tick(NOW + SECOND // 2).payloads == []
    assert voted(core, "yes") == 0
    assert len(spans_of(core.tick(NOW + SECOND).payloads)) == 1
    assert core.tick(NOW + 2 * SECOND).payloads == []
    assert voted(core, "yes") == 1


def test_case_2_two_votes_forward_a_span_once() -> None:
    core = engine(sampling(YES, {**YES, "name": "also"}))
    core.ingest(request_of(span(1, 1)), NOW)
    assert len(spans_of(drained(core))) == 1
    assert voted(core, "yes") == voted(core, "also") == 1


def test_case_3_without_a_vote_nothing_leaves() -> None:
    assert kept(NO) == 0


def test_cases_4_and_5_divergence_an_inverted_match_is_a_plain_match() -> None:
    inverted = has("a", invert=True)
    assert kept(inverted, YES, a=True) == 1
    assert kept(inverted, b=True) == 1
    assert kept(inverted, NO, b=True) == 1
    assert kept(inverted, a=True) == 0


def test_case_6_a_drop_wins_wherever_it_stands() -> None:
    assert kept(drop(has("a")), YES, a=True) == 0
    assert kept(YES, drop(has("a")), a=True) == 0
    assert kept(YES, drop(has("a")), b=True) == 1


def test_case_7_after_the_first_match_nobody_is_asked() -> None:
    core = engine(sampling(NO, YES, {**YES, "name": "third"}, sample_on_first_match=True))
    core.ingest(request_of(span(1, 1)), NOW)
    assert len(spans_of(drained(core))) == 1
    assert (voted(core, "yes"), voted(core, "third")) == (1, 0)


def test_case_8_a_policy_that_fails_takes_no_other_along() -> None:
    condition = {"error_mode": "propagate", "span": ['Len(attributes["a"]) > 0']}
    failing = {"name": "failing", "type": "ottl_condition", "ottl_condition": condition}
    core = engine(sampling(failing, YES))
    core.ingest(request_of(span(1, 1, attributes={"a": True})), NOW)
    assert len(spans_of(drained(core))) == 1
    assert metric(core, "enricher_sampling_condition_errors_total") == 1
    assert voted(core, "failing") == 0


@pytest.mark.parametrize("names", [("a", "a"), ("a", "")])
def test_case_9_names_are_unique_and_not_empty(names: tuple[str, str]) -> None:
    policies = [{**YES, "name": name} for name in names]
    assert [one.severity for one in load_text(sampling(*policies)).errors] == ["error"]


def test_case_10_the_first_of_equal_votes_is_credited() -> None:
    core = engine(sampling({**YES, "name": "one"}, {**YES, "name": "other"}))
    core.ingest(request_of(span(1, 1)), NOW)
    (root,) = spans_of(drained(core))
    assert attributes(root)["enricher.sampling.policy"] == "one"


# --- late spans and caches ---


def late(first: Policy, then: Policy | None = None, **cache: int) -> tuple[CoreEngine, int]:
    """What leaves of a span that comes after the verdict, and after a reload to `then`."""
    core = engine(sampling(first, decision_cache=cache))
    core.ingest(request_of(span(1, 1)), NOW)
    drained(core)
    if then is not None:
        core.replace_plan(plan(sampling(then, decision_cache=cache)))
    core.ingest(request_of(span(1, 2, 1)), NOW + SECOND)
    return core, len(spans_of(drained(core, NOW + 5 * SECOND)))


def test_case_11_a_late_span_follows_a_dropped_trace_without_a_vote() -> None:
    core, out = late(NO)
    assert out == 0
    assert metric(core, "enricher_traces_total") == 1


def test_case_12_a_late_span_follows_a_kept_trace_though_the_rules_changed() -> None:
    core, out = late(YES, {**NO, "name": "changed"}, sampled_cache_size=200)
    assert out == 1
    assert metric(core, "enricher_late_spans_total", "kept") == 1
    assert metric(core, "enricher_sampling_policy_traces_total", "changed") == 0


def test_case_13_nor_do_new_rules_bring_a_dropped_trace_back() -> None:
    core, out = late(NO, {**YES, "name": "changed"}, non_sampled_cache_size=200)
    assert out == 0
    assert metric(core, "enricher_late_spans_total", "dropped") == 1


def test_case_14_what_a_drop_policy_dropped_stays_dropped() -> None:
    core, out = late(drop(YES))
    assert out == 0
    assert metric(core, "enricher_sampling_policy_traces_total", "drop", "credited") == 1


def test_case_15_a_verdict_of_former_rules_names_no_policy() -> None:
    core = engine(sampling(YES))
    core.ingest(request_of(span(1, 1)), NOW)
    drained(core)
    core.replace_plan(plan(sampling({**YES, "name": "other"})))
    core.ingest(request_of(span(1, 2, 1)), NOW + SECOND)
    (after,) = spans_of(drained(core, NOW + 5 * SECOND))
    assert "enricher.sampling.policy" not in attributes(after)


def test_case_16_divergence_schema_urls_survive() -> None:
    core = engine(sampling(YES))

    def sent(number: int, parent: int) -> bytes:
        message = ExportTraceServiceRequest.FromString(request_of(span(1, number, parent)))
        message.resource_spans[0].schema_url = "https://example.com/resource"
        message.resource_spans[0].scope_spans[0].schema_url = "https://example.com/scope"
        return message.SerializeToString()

    for number in (1, 2):
        core.ingest(sent(number, number - 1), NOW + number * SECOND)
        (payload,) = drained(core, NOW + number * 5 * SECOND)
        (group,) = ExportTraceServiceRequest.FromString(payload).resource_spans
        assert group.schema_url == "https://example.com/resource"
        assert group.scope_spans[0].schema_url == "https://example.com/scope"


def test_cases_17_to_21_deciding_at_ingest_is_not_offered() -> None:
    notes = load_text(sampling(YES, sampling_strategy="span-ingest")).problems
    assert [one.path for one in notes] == ["sampling.sampling_strategy"]
    assert load_text(sampling(YES, sampling_strategy="trace-complete")).errors == []


# --- bounds and the end ---


def test_case_35_a_trace_over_the_size_is_dropped_at_once() -> None:
    core = engine(sampling(YES, maximum_trace_size_bytes=300))
    core.ingest(request_of(span(1, 1, error=True)), NOW)
    assert core.tick(NOW).decided == 0
    core.ingest(request_of(span(1, 2, 1, {"a": "x" * 300})), NOW)
    assert core.tick(NOW).decided == 1
    assert metric(core, "enricher_traces_total", "dropped", "too_large") == 1
    core.ingest(request_of(span(1, 3, 1)), NOW + SECOND)
    assert drained(core, NOW + 5 * SECOND) == []


def test_case_36_divergence_what_does_not_fit_is_decided_early_never_lost() -> None:
    # Case 46 as well: each cause of an early decision is a real decision that names its trigger.
    core = engine(sampling(YES), buffer_bytes=20_000)
    traces, spans = 0, []
    while not core.ingest(request_of(span(traces + 1, 1, attributes={"a": "x" * 500})), NOW).pressure:
        traces += 1
    spans += spans_of(core.tick(NOW).payloads)
    assert spans
    assert {attributes(one)["enricher.sampling.trigger"] for one in spans} == {"memory_pressure"}
    assert {attributes(one).get("enricher.sampling.incomplete") for one in spans} == {True}
    assert len(spans) + len(spans_of(drained(core))) == traces + 1


def test_case_38_at_shutdown_pending_traces_are_decided_or_dropped_by_option() -> None:
    core = engine(sampling(YES))
    core.ingest(request_of(span(1, 2, 1)), NOW)
    (one,) = spans_of(drained(core))
    assert attributes(one)["enricher.sampling.trigger"] == "shutdown"
    core.ingest(request_of(span(2, 2, 1)), NOW)
    report = core.discard(NOW)
    assert (report.decided, report.payloads) == (1, [])
    assert metric(core, "enricher_traces_total", "dropped", "shutdown") == 1


def test_case_46_the_span_limit_is_a_trigger() -> None:
    core = engine(sampling(YES), trace_spans=2)
    core.ingest(request_of(span(1, 1), span(1, 2, 1), span(1, 3, 1)), NOW)
    report = core.tick(NOW)
    assert attributes(spans_of(report.payloads)[0])["enricher.sampling.trigger"] == "span_limit"
    assert metric(core, "enricher_sampling_incomplete_traces_total", "kept") == 1


def test_case_44_a_catch_all_makes_the_others_pointless_and_check_says_so() -> None:
    (problem,) = load_text(sampling(YES, has("a"))).problems
    assert (problem.severity, problem.code) == ("warning", "no-effect")
