//! What bounded policies let pass.

use super::*;

const SECOND: u64 = 1_000_000_000;

/// Decides batches under one plan, one state.
pub struct Sampler {
    pub policies: Policies,
    states: States,
}

impl Sampler {
    /// `plan`: the section, or its policies alone.
    pub fn new(plan: serde_json::Value) -> Self {
        let (policies, _) = if plan.is_array() { policies(plan) } else { compiled(plan) };
        Self { policies, states: States::default() }
    }

    pub fn decide(&mut self, now: u64, traces: &[TraceSummary<'_>]) -> Vec<Verdict> {
        let traces: Vec<_> = traces.iter().collect();
        let mut verdicts = Vec::new();
        self.policies.decide(&traces, now, &mut self.states, &mut Votes::default(), &mut verdicts);
        verdicts
    }

    fn kept(&mut self, now: u64, traces: &[TraceSummary<'_>]) -> usize {
        self.decide(now, traces).iter().filter(|verdict| verdict.keep).count()
    }
}

/// Traces of so many spans each, with randomness spread over the range.
fn sized(spans: &[u64]) -> Vec<TraceSummary<'static>> {
    let step = threshold::RANGE / (spans.len() as u64 + 1);
    let at = |(index, spans): (usize, &u64)| TraceSummary {
        span_count: *spans,
        bytes: *spans * 100,
        randomness: (index as u64 + 1) * step,
        ..TraceSummary::default()
    };
    spans.iter().enumerate().map(at).collect()
}

fn rate(spans_per_second: u64, burst: u64) -> serde_json::Value {
    json!({"name": "r", "type": "rate_limiting", "spans_per_second": spans_per_second, "burst_capacity": burst})
}

#[test]
fn a_burst_passes_at_once_and_what_is_larger_never() {
    let mut sampler = Sampler::new(json!([rate(10, 20)]));
    assert_eq!(sampler.kept(SECOND, &sized(&[21])), 0);
    assert_eq!(sampler.kept(SECOND, &sized(&[5, 5, 5, 5])), 4, "the refused trace spent nothing");
    assert_eq!(sampler.kept(SECOND, &sized(&[1])), 0);
    assert_eq!(sampler.kept(100 * SECOND, &sized(&[21])), 0, "however long it was quiet");
    assert_eq!(sampler.kept(100 * SECOND, &sized(&[20])), 1);
}

#[test]
fn the_first_that_does_not_fit_sets_the_threshold() {
    let mut sampler = Sampler::new(json!([rate(10, 10)]));
    let traces = sized(&[4, 1, 4, 4]);
    let verdicts = sampler.decide(SECOND, &traces);
    assert_eq!(verdicts.iter().map(|one| one.keep).collect::<Vec<_>>(), [false, true, true, true]);
    assert!(verdicts.iter().all(|one| one.threshold == traces[0].randomness + 1));
    let mut sampler = Sampler::new(json!([rate(10, 10)]));
    let traces = sized(&[1, 4, 4, 4]);
    let kept: Vec<_> = sampler.decide(SECOND, &traces).iter().map(|one| one.keep).collect();
    assert_eq!(kept, [false, false, true, true], "one behind it that would fit does not pass");
}

#[test]
fn bytes_are_bounded_like_spans() {
    let plan = json!({"name": "b", "type": "bytes_limiting", "bytes_per_second": 300, "burst_capacity": 300});
    let mut sampler = Sampler::new(json!([plan]));
    assert_eq!(sampler.kept(SECOND, &sized(&[1, 1, 1, 1, 1])), 3);
    assert_eq!(sampler.kept(2 * SECOND, &sized(&[1, 1, 1, 1, 1])), 3);
}

#[test]
fn what_another_policy_keeps_costs_a_limit_nothing() {
    let errors = json!({"name": "e", "type": "status_code", "status_codes": ["ERROR"]});
    let mut sampler = Sampler::new(json!([rate(2, 2), errors]));
    let mut traces = sized(&[1; 6]);
    traces.iter_mut().take(4).for_each(|trace| trace.statuses = 1 << STATUS_ERROR);
    let verdicts = sampler.decide(SECOND, &traces);
    assert!(verdicts.iter().all(|verdict| verdict.keep));
    assert_eq!(verdicts.iter().map(|one| one.policy).collect::<Vec<_>>()[3..5], [Some(1), Some(0)]);
}

#[test]
fn inside_an_and_only_what_matches_is_paid_for() {
    let both = json!([{"name": "both", "type": "and", "children": [
        rate(2, 2), {"name": "e", "type": "status_code", "status_codes": ["ERROR"]}]}]);
    let mut sampler = Sampler::new(both);
    let mut traces = sized(&[1; 6]);
    traces.iter_mut().step_by(2).for_each(|trace| trace.statuses = 1 << STATUS_ERROR);
    let kept: Vec<_> = sampler.decide(SECOND, &traces).iter().map(|one| one.keep).collect();
    assert_eq!(kept, [false, false, true, false, true, false]);
}

#[test]
fn over_time_no_more_passes_than_the_rate() {
    // Traces of 10 spans, 160 spans a second, ticks of a quarter second: each tick has room for less than a trace.
    let mut sampler = Sampler::new(json!([rate(20, 40)]));
    let mut seed = 7;
    let mut spans = 0;
    for tick in 0..4_000 {
        let mut traces = sized(&[10; 4]);
        traces.iter_mut().for_each(|trace| trace.randomness = unbiased::random(&mut seed));
        let verdicts = sampler.decide(SECOND + tick * SECOND / 4, &traces);
        spans += 10 * verdicts.iter().filter(|verdict| verdict.keep).count();
    }
    assert!((19_000..20_500).contains(&spans), "{spans} spans in 1000 s at 20 a second");
}

fn composite(total: f64, shares: &[(serde_json::Value, f64)]) -> serde_json::Value {
    let children: Vec<_> = shares.iter().map(|(part, _)| part.clone()).collect();
    let rates: Vec<_> = shares.iter().map(|(_, rate)| rate * total).collect();
    let order: Vec<_> = (0..shares.len()).collect();
    json!([{"name": "c", "type": "composite", "children": children, "rates": rates, "order": order}])
}

fn always() -> serde_json::Value {
    json!({"name": "always", "type": "always_sample"})
}

fn errors() -> serde_json::Value {
    json!({"name": "errors", "type": "status_code", "status_codes": ["ERROR"]})
}

#[test]
fn case_31_a_composite_spends_its_total_each_second() {
    let mut sampler = Sampler::new(composite(10.0, &[(always(), 1.0)]));
    assert_eq!(sampler.kept(SECOND, &sized(&[1; 20])), 10);
    assert_eq!(sampler.kept(2 * SECOND, &sized(&[1; 10])), 10);
}

#[test]
fn case_32_a_share_that_nobody_uses_is_not_passed_on() {
    let mut sampler = Sampler::new(composite(10.0, &[(errors(), 0.5), (always(), 0.5)]));
    assert_eq!(sampler.kept(SECOND, &sized(&[1; 10])), 5);
    assert_eq!(sampler.kept(2 * SECOND, &sized(&[1; 25])), 5);
    assert_eq!(sampler.kept(3 * SECOND, &sized(&[1; 5])), 5);
}

#[test]
fn case_33_over_its_share_a_trace_does_not_fall_through() {
    let mut sampler = Sampler::new(composite(3.0, &[(errors(), 1.0 / 3.0), (always(), 1.0 / 3.0)]));
    let mut traces = sized(&[1; 3]);
    traces.iter_mut().take(2).for_each(|trace| trace.statuses = 1 << STATUS_ERROR);
    let kept: Vec<_> = sampler.decide(SECOND, &traces).iter().map(|one| one.keep).collect();
    assert_eq!(kept, [false, true, true]);
}

#[test]
fn a_bucket_survives_as_bytes() {
    let plan = json!([rate(10, 20)]);
    let mut first = Sampler::new(plan.clone());
    assert_eq!(first.kept(SECOND, &sized(&[10])), 1);
    let mut second = Sampler::new(plan);
    second.states.load(first.states.save());
    assert_eq!(second.kept(SECOND, &sized(&[5, 5, 5])), 2);
    let mut other = Sampler::new(json!([rate(11, 20)]));
    other.states.load(first.states.save());
    assert_eq!(other.kept(SECOND, &sized(&[5, 5, 5])), 3, "another target begins anew");
}

#[test]
fn a_drop_asks_its_limit_of_every_trace() {
    let always = json!({"name": "all", "type": "always_sample"});
    let beyond =
        json!({"name": "d", "type": "drop", "children": [{"name": "n", "type": "not", "children": [rate(2, 2)]}]});
    let within = json!({"name": "d", "type": "drop", "children": [rate(2, 2)]});
    let kept = |policies: serde_json::Value| -> Vec<bool> {
        Sampler::new(policies).decide(SECOND, &sized(&[1; 5])).iter().map(|verdict| verdict.keep).collect()
    };
    assert_eq!(kept(json!([always, beyond])), [false, false, false, true, true], "what is beyond the rate goes");
    assert_eq!(kept(json!([beyond, always])), [false, false, false, true, true]);
    let left = kept(json!([always, within])).iter().filter(|keep| **keep).count();
    assert!((1..5).contains(&left), "a share as large as what is within the rate goes: {left}");
}

#[test]
fn a_not_says_nothing_of_a_trace_that_it_was_not_asked_about() {
    let errors = json!({"name": "e", "type": "status_code", "status_codes": ["ERROR"]});
    let not = json!({"name": "n", "type": "not", "children": [rate(2, 2)]});
    let mut sampler = Sampler::new(json!([errors, not]));
    let mut traces = sized(&[1; 4]);
    traces.iter_mut().take(2).for_each(|trace| trace.statuses = 1 << STATUS_ERROR);
    let verdicts = sampler.decide(SECOND, &traces);
    assert_eq!(verdicts.iter().map(|one| one.policy).collect::<Vec<_>>()[..2], [Some(0), Some(0)]);
}
