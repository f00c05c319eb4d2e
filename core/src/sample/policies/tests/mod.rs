//! What each policy type votes, and what the votes come to.

mod limits;
mod options;
mod unbiased;

use super::super::threshold;
use super::*;
use crate::wire::span::{Attr, STATUS_ERROR, STATUS_OK};
use crate::wire::value::Value;
use serde_json::json;

pub fn policies(plans: serde_json::Value) -> (Policies, crate::keys::KeyTable) {
    compiled(json!({"policies": plans}))
}

/// With other parts of the section.
pub fn compiled(mut plan: serde_json::Value) -> (Policies, crate::keys::KeyTable) {
    for name in ["decision_wait_ns", "decision_wait_after_root_ns", "cache_sampled", "cache_not_sampled"] {
        plan[name] = json!(1);
    }
    let plan: SamplePlan = serde_json::from_value(plan).unwrap();
    let mut keys = KeyTableBuilder::default();
    let policies = Policies::compile(&plan, &mut keys).unwrap();
    (policies, keys.build())
}

fn with_attributes(
    policies: &Policies,
    keys: &crate::keys::KeyTable,
    attributes: &[(&str, Value<'_>)],
) -> TraceSummary<'static> {
    let attrs: Vec<_> = attributes
        .iter()
        .map(|(key, value)| Attr { key: key.as_bytes(), value: *value, id: keys.lookup(key.as_bytes()), known: false })
        .collect();
    let mut trace = TraceSummary::default();
    policies.conditions.observe(&attrs, None, &mut trace.bits);
    trace
}

/// The verdict for a trace that is decided alone, and the votes.
fn decided(policies: &Policies, trace: &TraceSummary<'_>) -> (Verdict, Vec<Option<f64>>) {
    let (mut votes, mut verdicts) = (Votes::default(), Vec::new());
    policies.decide(&[trace], 0, &mut States::default(), &mut votes, &mut verdicts);
    (verdicts[0], votes.of(0).map(Vote::told).collect())
}

fn verdict(policies: &Policies, trace: &TraceSummary<'_>) -> Verdict {
    decided(policies, trace).0
}

#[test]
fn the_highest_vote_wins_and_is_credited() {
    let (policies, _) = policies(json!([
        {"name": "tenth", "type": "probabilistic", "sampling_percentage": 10.0},
        {"name": "errors", "type": "status_code", "status_codes": ["ERROR"]},
    ]));
    let mut trace = TraceSummary { statuses: 1 << STATUS_ERROR, ..TraceSummary::default() };
    let kept = verdict(&policies, &trace);
    assert!(kept.keep && kept.policy == Some(1) && kept.threshold == 0);
    trace.statuses = 1 << STATUS_OK;
    let lost = verdict(&policies, &trace);
    assert!(!lost.keep && lost.policy == Some(0));
    trace.randomness = 0xe666 << 40;
    assert!(verdict(&policies, &trace).keep, "randomness equal to the threshold is kept");
    trace.randomness -= 1;
    assert!(!verdict(&policies, &trace).keep);
}

#[test]
fn no_vote_drops_and_no_policy_keeps() {
    let (policies, _) = policies(json!([{"name": "e", "type": "status_code", "status_codes": ["ERROR"]}]));
    let trace = TraceSummary { randomness: threshold::RANGE - 1, ..TraceSummary::default() };
    assert!(!verdict(&policies, &trace).keep);
    let (none, _) = compiled(json!({"policies": []}));
    assert_eq!(verdict(&none, &trace), Verdict::KEEP_ALL);
}

#[test]
fn a_matching_drop_wins_wherever_it_stands() {
    let (policies, keys) = policies(json!([
        {"name": "all", "type": "always_sample"},
        {"name": "health", "type": "drop", "children": [
            {"name": "path", "type": "string_attribute", "key": "url.path", "values": ["/healthz"]},
        ]},
    ]));
    let health = with_attributes(&policies, &keys, &[("url.path", Value::Str(b"/healthz"))]);
    let dropped = verdict(&policies, &health);
    assert!(!dropped.keep && dropped.dropped_by_policy && dropped.policy == Some(1));
    let other = with_attributes(&policies, &keys, &[("url.path", Value::Str(b"/ask"))]);
    assert!(verdict(&policies, &other).keep);
}

#[test]
fn a_drop_by_chance_leaves_an_unbiased_rest() {
    let (policies, _) = policies(json!([
        {"name": "all", "type": "always_sample"},
        {"name": "most", "type": "drop", "children": [
            {"name": "p", "type": "probabilistic", "sampling_percentage": 75.0},
        ]},
    ]));
    let with = |randomness| verdict(&policies, &TraceSummary { randomness, ..TraceSummary::default() });
    assert!(with(3 << 54).keep && (with(3 << 54).probability() - 0.25).abs() < 1e-9);
    let lost = with((3 << 54) - 1);
    assert!(!lost.keep && lost.dropped_by_policy && lost.policy == Some(1));
}

#[test]
fn latency_excludes_its_lower_and_includes_its_upper_bound() {
    let (policies, _) = policies(json!([
        {"name": "slow", "type": "latency", "threshold_ms": 5000.0},
        {"name": "middle", "type": "latency", "threshold_ms": 10.0, "upper_threshold_ms": 50.0},
    ]));
    let votes = |ms: u64| {
        let trace = TraceSummary { start: 7, end: 7 + ms * 1_000_000, ..TraceSummary::default() };
        let votes = decided(&policies, &trace).1;
        (votes[0].is_some(), votes[1].is_some())
    };
    assert_eq!(votes(4500), (false, false));
    assert_eq!(votes(5000), (false, false));
    assert_eq!(votes(5001), (true, false));
    assert_eq!(votes(10), (false, false));
    assert_eq!(votes(50), (false, true));
    assert_eq!(votes(51), (false, false));
    let backwards = TraceSummary { start: 10, end: 5, ..TraceSummary::default() };
    assert!(!verdict(&policies, &backwards).keep);
}

#[test]
fn attributes_match_by_type_value_pattern_and_inversion() {
    let (policies, keys) = policies(json!([
        {"name": "range", "type": "numeric_attribute", "key": "n", "min_value": 2.5, "max_value": 10.0},
        {"name": "text", "type": "string_attribute", "key": "s", "values": ["a", "b"]},
        {"name": "regex", "type": "string_attribute", "key": "r", "values": ["v[0-9]+.HealthCheck$"],
         "enabled_regex_matching": true},
        {"name": "flag", "type": "boolean_attribute", "key": "f", "value": false},
        {"name": "not a", "type": "string_attribute", "key": "s", "values": ["a"], "invert_match": true},
    ]));
    let votes = |attributes: &[(&str, Value<'_>)]| {
        let votes = decided(&policies, &with_attributes(&policies, &keys, attributes)).1;
        votes.iter().map(|vote| if vote.is_some() { '1' } else { '0' }).collect::<String>()
    };
    assert_eq!(votes(&[]), "00001");
    assert_eq!(votes(&[("n", Value::Double(2.5)), ("s", Value::Str(b"a"))]), "11000");
    assert_eq!(votes(&[("n", Value::Int(10)), ("s", Value::Str(b"c"))]), "10001");
    assert_eq!(votes(&[("n", Value::Int(11)), ("n", Value::Str(b"5"))]), "00001");
    assert_eq!(votes(&[("r", Value::Str(b"grpc.v1.HealthCheck"))]), "00101");
    assert_eq!(votes(&[("r", Value::Str(b"grpc.v1.HealthChecks"))]), "00001");
    assert_eq!(votes(&[("f", Value::Bool(false))]), "00011");
    assert_eq!(votes(&[("f", Value::Bool(true))]), "00001");
}

#[test]
fn and_not_and_cost_combine() {
    let (policies, _) = policies(json!([
        {"name": "both", "type": "and", "children": [
            {"name": "a", "type": "status_code", "status_codes": ["OK"]},
            {"name": "b", "type": "probabilistic", "sampling_percentage": 50.0},
        ]},
        {"name": "neither", "type": "not", "children": [
            {"name": "c", "type": "cost", "trace_pico_usd": "100", "call_pico_usd": "60"},
        ]},
    ]));
    let votes = |statuses, trace, call| {
        let summary = TraceSummary { statuses, cost_pico: trace, max_call_cost_pico: call, ..TraceSummary::default() };
        decided(&policies, &summary).1
    };
    assert_eq!(votes(1 << STATUS_OK, 0, 0), [Some(0.5), Some(1.0)]);
    assert_eq!(votes(0, 100, 50), [None, None]);
    assert_eq!(votes(0, 99, 60), [None, None]);
    assert_eq!(votes(0, 99, 59), [None, Some(1.0)]);
}

#[test]
fn more_conditions_than_a_word_has_bits() {
    let plans: Vec<_> = (0..150)
        .map(|n| json!({"name": format!("p{n}"), "type": "string_attribute", "key": format!("k{n}"), "values": ["x"]}))
        .collect();
    let (policies, keys) = policies(json!(plans));
    let trace = with_attributes(&policies, &keys, &[("k149", Value::Str(b"x"))]);
    assert_eq!(verdict(&policies, &trace).policy, Some(149));
}
