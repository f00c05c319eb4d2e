//! What options of the section do to votes and verdicts.

use super::limits::Sampler;
use super::*;

const SECOND: u64 = 1_000_000_000;

fn always(name: &str) -> serde_json::Value {
    json!({"name": name, "type": "always_sample"})
}

fn rate(name: &str, spans: u64) -> serde_json::Value {
    json!({"name": name, "type": "rate_limiting", "spans_per_second": spans, "burst_capacity": spans})
}

fn errors() -> serde_json::Value {
    json!({"name": "errors", "type": "status_code", "status_codes": ["ERROR"]})
}

fn half(randomness: u64) -> TraceSummary<'static> {
    TraceSummary { span_count: 1, randomness, ..TraceSummary::default() }
}

fn failed(randomness: u64) -> TraceSummary<'static> {
    TraceSummary { statuses: 1 << STATUS_ERROR, ..half(randomness) }
}

#[test]
fn case_7_after_the_first_match_nobody_is_asked() {
    let no = json!({"name": "no", "type": "latency", "threshold_ms": 9.0});
    let plan = json!({"policies": [no, always("yes"), rate("third", 1)], "first_match": true});
    let mut sampler = Sampler::new(plan);
    let (traces, mut votes, mut verdicts) = ([&half(1)], Votes::default(), Vec::new());
    let mut states = States::default();
    sampler.policies.decide(&traces, SECOND, &mut states, &mut votes, &mut verdicts);
    assert_eq!(votes.of(0).map(Vote::told).collect::<Vec<_>>(), [None, Some(1.0), None]);
    assert!(verdicts[0].keep && verdicts[0].policy == Some(1));
    // The other way round the bound stands first and is asked first.
    let plan = json!({"policies": [rate("first", 1), always("all")], "first_match": true});
    sampler = Sampler::new(plan);
    assert_eq!(sampler.decide(SECOND, &[half(1)])[0].policy, Some(0));
}

#[test]
fn a_drop_wins_with_first_match_too() {
    let drop = json!({"name": "drop", "type": "drop", "children": [errors()]});
    let mut sampler = Sampler::new(json!({"policies": [always("all"), drop], "first_match": true}));
    let verdicts = sampler.decide(SECOND, &[failed(1), half(1)]);
    assert_eq!((verdicts[0].keep, verdicts[0].policy, verdicts[1].keep), (false, Some(1), true));
}

#[test]
fn the_bound_on_everything_cuts_the_last_policy_first() {
    let plan = json!({"policies": [errors(), always("rest")],
                      "limits": [{"unit": "traces", "per_second": 10, "burst": 10}]});
    let mut sampler = Sampler::new(plan);
    let at = |n: u64| n * (threshold::RANGE / 20);
    let traces: Vec<_> = (0..16).map(|n| if n % 4 == 0 { failed(at(n)) } else { half(at(n)) }).collect();
    let verdicts = sampler.decide(SECOND, &traces);
    let kept: Vec<_> = (0..16).filter(|at| verdicts[*at].keep).collect();
    assert_eq!(kept, [0, 4, 8, 9, 10, 11, 12, 13, 14, 15], "four errors and six of the rest");
    assert!(verdicts.iter().all(|verdict| verdict.limited == (verdict.policy == Some(1))));
    assert!(sampler.decide(SECOND, &[half(threshold::RANGE - 1)])[0].limited, "nothing is left in this second");
}

#[test]
fn a_policy_on_trial_changes_nothing_and_is_told() {
    let mut trial = always("trial");
    trial["dry_run"] = json!(true);
    let mut sampler = Sampler::new(json!([errors(), trial.clone()]));
    let verdicts = sampler.decide(SECOND, &[failed(1), half(1)]);
    assert!(verdicts[0].keep && verdicts[0].policy == Some(0));
    assert!(!verdicts[1].keep && verdicts[1].policy.is_none());
    assert_eq!(verdicts[1].trial.map(|trial| (trial.keep, trial.policy)), Some((true, Some(1))));
    // A drop on trial keeps; and alone on trial nothing samples.
    let mut drop = json!({"name": "drop", "type": "drop", "children": [errors()]});
    drop["dry_run"] = json!(true);
    let verdicts = Sampler::new(json!([always("all"), drop.clone()])).decide(SECOND, &[failed(1)]);
    assert!(verdicts[0].keep && !verdicts[0].trial.unwrap().keep);
    let verdicts = Sampler::new(json!([drop])).decide(SECOND, &[failed(1)]);
    assert!(verdicts[0].keep && verdicts[0].threshold == 0 && !verdicts[0].trial.unwrap().keep);
}

#[test]
fn with_everything_on_trial_everything_is_kept() {
    let mut sampler = Sampler::new(json!({"policies": [errors()], "dry_run": true}));
    let verdicts = sampler.decide(SECOND, &[failed(1), half(1)]);
    assert!(verdicts.iter().all(|verdict| verdict.keep && verdict.threshold == 0 && verdict.policy.is_none()));
    assert_eq!(verdicts.iter().map(|one| one.trial.unwrap().keep).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn instances_that_see_a_trace_agree() {
    let plan = json!([errors(), {"name": "tenth", "type": "probabilistic", "sampling_percentage": 10.0}]);
    let (mut one, mut other) = (Sampler::new(plan.clone()), Sampler::new(plan));
    let mut seed = 99;
    let traces: Vec<_> = (0..500).map(|_| half(unbiased::random(&mut seed))).collect();
    let together = one.decide(SECOND, &traces);
    let alone: Vec<_> =
        traces.iter().rev().flat_map(|trace| other.decide(7 * SECOND, std::slice::from_ref(trace))).collect();
    assert!(together.iter().eq(alone.iter().rev()));
}
