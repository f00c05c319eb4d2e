//! The policies that the Collector does not have, asked through the door that the engine uses.

use super::super::summary::CallFacts;
use super::*;
use crate::evaluations::Evaluation;
use serde_json::json;

const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 1_780_000_000 * SECOND;

fn policies(plans: serde_json::Value) -> Policies {
    tests::policies(plans).0
}

fn decide(policies: &Policies, trace: &TraceSummary<'_>, now: u64, states: &mut States) -> (Vec<Option<f64>>, Verdict) {
    let (mut votes, mut verdicts) = (Votes::default(), Vec::new());
    policies.decide(&[trace], now, states, &mut votes, &mut verdicts);
    (votes.of(0).map(Vote::told).collect(), verdicts[0])
}

/// Which policies vote for a trace that is the first of all.
fn voters(policies: &Policies, trace: &TraceSummary<'_>) -> String {
    let (votes, _) = decide(policies, trace, NOW, &mut States::default());
    votes.iter().map(|vote| if vote.is_some() { '1' } else { '0' }).collect()
}

#[test]
fn tokens_of_a_trace_and_of_a_call() {
    let policies = policies(json!([
        {"name": "whole", "type": "tokens", "of": "total", "trace_tokens": 150},
        {"name": "call", "type": "tokens", "of": "output", "call_tokens": 40},
    ]));
    let trace = |calls: &[(i64, i64)]| TraceSummary {
        input_tokens: calls.iter().map(|call| call.0).sum(),
        output_tokens: calls.iter().map(|call| call.1).sum(),
        calls: calls
            .iter()
            .map(|(input, output)| CallFacts { input_tokens: *input, output_tokens: *output, ..CallFacts::default() })
            .collect(),
        ..TraceSummary::default()
    };
    assert_eq!(voters(&policies, &trace(&[(100, 39), (9, 1)])), "00");
    assert_eq!(voters(&policies, &trace(&[(100, 39), (1, 10)])), "10");
    assert_eq!(voters(&policies, &trace(&[(1, 40)])), "01");
}

#[test]
fn classes_guardrails_and_evaluations() {
    let policies = policies(json!([
        {"name": "limits", "type": "error_class", "classes": ["rate_limit", "timeout"]},
        {"name": "blocked", "type": "guardrail", "decisions": ["blocked"], "names": []},
        {"name": "pii", "type": "guardrail", "decisions": ["blocked", "redacted"], "names": ["pii"]},
        {"name": "bad", "type": "evaluation", "names": ["faithful"], "below": 0.5, "labels": ["fail"]},
    ]));
    let mut trace =
        TraceSummary { error_classes: vec!["auth"], guardrails: vec![("pii", "passed")], ..TraceSummary::default() };
    assert_eq!(voters(&policies, &trace), "0000");
    trace.error_classes.push("timeout");
    trace.guardrails.push(("pii", "redacted"));
    assert_eq!(voters(&policies, &trace), "1010");
    trace.guardrails = vec![("toxic", "blocked")];
    let evaluation = |name, score, label| Evaluation { name, score, label };
    trace.evaluations = vec![evaluation("other", Some(0.1), ""), evaluation("faithful", Some(0.5), "")];
    assert_eq!(voters(&policies, &trace), "1100");
    trace.evaluations.push(evaluation("faithful", Some(0.49), ""));
    assert_eq!(voters(&policies, &trace), "1101");
    trace.evaluations = vec![evaluation("faithful", None, "fail")];
    assert_eq!(voters(&policies, &trace), "1101");
}

#[test]
fn sums_over_a_trace() {
    let policies = policies(json!([
        {"name": "loops", "type": "aggregate", "models": [], "sums": [{"of": "tool_calls", "min": 3}, {"of": "errors", "max": 0}]},
        {"name": "mixed", "type": "aggregate", "models": ["claude-*"], "sums": [{"of": "distinct_models", "min": 2}]},
        {"name": "middle", "type": "aggregate", "models": [], "sums": [{"of": "cost_usd", "min": 0.1, "max": 0.2}]},
    ]));
    let call = |model| CallFacts { model, ..CallFacts::default() };
    let mut trace = TraceSummary {
        tools: vec!["search"; 3],
        calls: vec![call("gpt-4o"), call("gpt-4o"), call("claude-sonnet-4")],
        cost_pico: 200_000_000_000,
        ..TraceSummary::default()
    };
    assert_eq!(voters(&policies, &trace), "111");
    (trace.errors, trace.cost_pico) = (1, 200_000_000_001);
    trace.calls.pop();
    assert_eq!(voters(&policies, &trace), "000");
}

#[test]
fn slow_is_what_is_slower_than_others_of_its_key() {
    let policies = policies(json!([{"name": "slow", "type": "slow", "of": "call", "quantile": 0.95,
        "keys": ["service", "model"], "window_ns": 600 * SECOND, "min_count": 100.0, "max_keys": 10}]));
    let mut states = States::default();
    let trace = |model, ms: u64| TraceSummary {
        calls: vec![CallFacts { model, duration_ns: ms * 1_000_000, ..CallFacts::default() }],
        ..TraceSummary::default()
    };
    let mut voted = 0;
    for n in 0..2000u64 {
        let now = NOW + n * SECOND / 10;
        voted += u64::from(decide(&policies, &trace("fast", 100 + n * 37 % 100), now, &mut states).1.keep);
        decide(&policies, &trace("slow", 5000 + n * 37 % 1000), now, &mut states);
    }
    assert!((60..=140).contains(&voted), "one in twenty: {voted}");
    let vote = |model, ms| decide(&policies, &trace(model, ms), NOW + 200 * SECOND, &mut states.restarted()).1.keep;
    assert!(vote("fast", 230) && !vote("slow", 230) && vote("slow", 6300));
    assert!(!vote("unknown", 1 << 40), "what is not known is not slow");
}

#[test]
fn the_first_of_its_kind_is_rare_and_only_a_vote_that_counts_uses_it_up() {
    let rare =
        json!({"name": "r", "type": "rare", "keys": ["model"], "window_ns": 60 * SECOND, "max_fingerprints": 100});
    let policies = policies(json!([
        {"name": "rare", "type": "and", "children": [rare,
            {"name": "failed", "type": "error_class", "classes": ["auth"]}]},
    ]));
    let mut states = States::default();
    let mut keep = |model, class, at| {
        let trace = TraceSummary {
            calls: vec![CallFacts { model, ..CallFacts::default() }],
            error_classes: vec![class],
            ..TraceSummary::default()
        };
        decide(&policies, &trace, NOW + at * SECOND, &mut states).1.keep
    };
    assert!(!keep("a", "none", 0), "does not fail");
    assert!(keep("a", "auth", 1));
    assert!(!keep("a", "auth", 2));
    assert!(keep("b", "auth", 2));
    assert!(keep("a", "auth", 61));
}

#[test]
fn a_budget_changes_the_probability_of_tenants_that_are_over_it() {
    let policies =
        policies(json!([{"name": "budget", "type": "budget", "pico_usd": "100", "tenants": [["big", "1000"]],
        "period": "hour", "factor": 0.1, "max_tenants": 10,
        "children": [{"name": "half", "type": "probabilistic", "sampling_percentage": 50.0}]}]));
    let mut states = States::default();
    let mut probability = |tenant, cost_pico, at: u64| {
        let calls = vec![CallFacts { tenant, cost_pico, ..CallFacts::default() }];
        let trace = TraceSummary { calls, ..TraceSummary::default() };
        decide(&policies, &trace, NOW + at * SECOND, &mut states).1.probability()
    };
    // NOW lies 1600 s into its hour.
    assert_eq!(probability("a", 99, 0), 0.5);
    assert!((probability("a", 1, 1) - 0.05).abs() < 1e-4);
    assert_eq!(probability("big", 999, 1), 0.5);
    assert_eq!(probability("b", 5, 1), 0.5);
    assert_eq!(probability("a", 1, 2000), 0.5, "a new hour");
}

#[test]
fn spans_that_come_late_count_toward_budget_and_target() {
    let policies = policies(json!([
        {"name": "budget", "type": "budget", "pico_usd": "100", "tenants": [], "period": "day", "factor": 0.0,
         "max_tenants": 10, "children": [{"name": "all", "type": "always_sample"}]},
        {"name": "rest", "type": "adaptive", "unit": "spans", "per_second": 100.0, "cost_share": 0.5, "keys": [],
         "window_ns": 30 * SECOND, "max_keys": 10},
    ]));
    let mut states = States::default();
    let trace = TraceSummary {
        calls: vec![CallFacts { tenant: "a", cost_pico: 60, ..CallFacts::default() }],
        span_count: 8,
        ..TraceSummary::default()
    };
    let first = decide(&policies, &trace, NOW, &mut states).1;
    assert_eq!((first.policy, first.keep), (Some(0), true));
    policies.late(&trace, &first, NOW, &mut states);
    assert_eq!(decide(&policies, &trace, NOW, &mut states).1.policy, Some(1), "over its budget now");
    let expected = |states: &States| {
        let mut series = Vec::new();
        states.series(&policies.slots, &mut series);
        let found = series.iter().find(|one| one.name == "enricher_sampling_expected_total").unwrap();
        match found.value {
            crate::measure::Value::Number(value) => value,
            _ => panic!("a counter"),
        }
    };
    assert_eq!(expected(&states), 8.0);
    policies.late(&trace, &Verdict { policy: Some(1), threshold: 1 << 55, ..Verdict::KEEP_ALL }, NOW, &mut states);
    assert_eq!(expected(&states), 12.0);
}

#[test]
fn a_target_pays_for_nothing_that_is_kept_anyway() {
    let policies = policies(json!([
        {"name": "rest", "type": "adaptive", "unit": "traces", "per_second": 10.0, "cost_share": 0.5, "keys": ["service"],
         "window_ns": 30 * SECOND, "max_keys": 10},
        {"name": "errors", "type": "status_code", "status_codes": ["ERROR"]},
    ]));
    let mut states = States::default();
    let (mut by_rest, mut by_errors) = (0.0, 0);
    for n in 0..60_000u64 {
        let trace = TraceSummary { statuses: if n % 2 == 0 { 4 } else { 1 }, ..TraceSummary::default() };
        let (votes, verdict) = decide(&policies, &trace, NOW + n * SECOND / 200, &mut states);
        by_errors += u64::from(verdict.policy == Some(1));
        by_rest += votes[0].unwrap_or(0.0);
    }
    assert_eq!(by_errors, 30_000);
    assert!((0.95..=1.05).contains(&(by_rest / 3000.0)), "{by_rest}");
}

impl States {
    /// What a restart would find.
    fn restarted(&self) -> States {
        let mut other = States::default();
        other.load(self.save());
        other
    }
}
