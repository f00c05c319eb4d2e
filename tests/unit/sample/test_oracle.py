"""The reference that the core is compared with is itself held against the specification and the upstream cases."""

from fractions import Fraction

import pytest

from enricher.config import load_text
from tests.oracle.sampling import RANGE, Span, Trace, Value, Verdict, decide, threshold_of

MS = 10**6
TENTH = threshold_of(Fraction(1, 10))


@pytest.mark.parametrize(
    ("probability", "digits"),
    [("1", "0"), ("1/2", "8"), ("1/3", "aaab"), ("1/10", "e666"), ("1/100", "fd70a"), ("1/1000", "ffbe77")],
)
def test_thresholds_of_the_specification(probability: str, digits: str) -> None:
    written = f"{threshold_of(Fraction(probability)):014x}".rstrip("0")
    assert (written or "0") == digits


def verdict(policies: str, trace: Trace) -> Verdict:
    return decide(load_text(f"sampling: {{policies: [{policies}]}}").require().sampling, trace)


def trace(*spans: Span, randomness: int = 0, **attributes: Value) -> Trace:
    return Trace(randomness, list(spans) or [Span(0, MS, 0, attributes)])


ERRORS = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}"
TENTHS = "{name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10}}"
PROBE = "{type: string_attribute, string_attribute: {key: p, values: [h]}}"
HEALTH = f"{{name: health, type: drop, drop: {{drop_sub_policy: [{PROBE}]}}}}"


def test_without_policies_all_is_kept() -> None:
    assert verdict("", trace()) == Verdict(True, None, 0)


def test_the_highest_vote_is_credited_and_no_vote_drops() -> None:
    failed = trace(Span(0, MS, 2))
    assert verdict(f"{TENTHS}, {ERRORS}", failed) == Verdict(True, "errors", 0)
    assert verdict(TENTHS, trace(randomness=TENTH)) == Verdict(True, "tenth", TENTH)
    assert verdict(TENTHS, trace(randomness=TENTH - 1)) == Verdict(False, "tenth", TENTH)
    assert verdict(ERRORS, trace()) == Verdict(False, None, RANGE)


def test_drop_wins_wherever_it_stands() -> None:
    probe = Trace(RANGE - 1, [Span(0, MS, 2, {"p": "h"})])
    assert (
        verdict(f"{ERRORS}, {HEALTH}", probe)
        == verdict(f"{HEALTH}, {ERRORS}", probe)
        == Verdict(False, "health", RANGE)
    )


def test_latency_counts_the_whole_trace_and_its_lower_bound_is_exclusive() -> None:
    # Cases 22 and 23 of upstream's tests, the second as it should be.
    over = "{name: slow, type: latency, latency: {threshold_ms: 5000}}"
    assert not verdict(over, trace(Span(0, 5000 * MS))).keep
    assert verdict(over, trace(Span(0, 3000 * MS), Span(2500 * MS, 5500 * MS))).keep
    fast = "{name: fast, type: latency, latency: {threshold_ms: 0, upper_threshold_ms: 50}}"
    assert not verdict(fast, trace(Span(0, 30 * MS), Span(0, 200 * MS))).keep


def test_parts_of_an_and_may_match_on_different_spans() -> None:
    both = "{name: both, type: and, and: {and_sub_policy: [%s, %s]}}"
    parts = ("{type: boolean_attribute, boolean_attribute: {key: a, value: true}}", TENTHS.replace("name: tenth, ", ""))
    policy = both % parts
    spans = [Span(0, MS, 0, {"a": True}), Span(0, MS)]
    assert verdict(policy, Trace(TENTH, spans)) == Verdict(True, "both", TENTH)
    assert verdict(policy, Trace(TENTH - 1, spans)).keep is False


def test_calls_and_traces_are_costly_from_the_threshold_on() -> None:
    policy = "{name: costly, type: cost, cost: {trace_usd: 0.3, call_usd: 0.2}}"
    tenths = [Fraction(1, 10)] * 3
    assert verdict(policy, Trace(0, [Span(0, 1)], costs=tenths)).keep
    assert not verdict(policy, Trace(0, [Span(0, 1)], costs=tenths[:2])).keep
    assert verdict(policy, Trace(0, [Span(0, 1)], costs=[Fraction(1, 5)])).keep
