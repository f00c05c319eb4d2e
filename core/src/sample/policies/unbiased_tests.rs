//! Totals weighted by the inverse of each kept trace's probability (Horvitz and Thompson) come out right on average,
//! whatever the policies: over many draws the mean error is nothing within its confidence interval.

use super::super::summary::CallFacts;
use super::super::threshold::RANGE;
use super::*;
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;
const TRACES: u64 = 400;

/// How many draws; `UNBIASED_RUNS=20000 cargo test --release unbiased -- --nocapture` prints figures of a longer run.
fn runs() -> u64 {
    std::env::var("UNBIASED_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn unit(state: &mut u64) -> f64 {
    ((random(state) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// The same traffic in every run: heavy-tailed costs and a few services, some of them rare.
fn traffic() -> Vec<TraceSummary<'static>> {
    const SERVICES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let mut state = 42;
    let trace = |at: u64| {
        let normal = (-2.0 * unit(&mut state).ln()).sqrt() * (std::f64::consts::TAU * unit(&mut state)).cos();
        let (cost_pico, service) = ((1e9 * (1.5 * normal).exp()) as i128, (unit(&mut state).powi(3) * 6.0) as usize);
        let call =
            CallFacts { service: SERVICES[service], cost_pico, tenant: SERVICES[service], ..CallFacts::default() };
        let mut trace = TraceSummary {
            start: at * SECOND / 20,
            end: at * SECOND / 20 + random(&mut state) % SECOND,
            statuses: if at.is_multiple_of(19) { 4 } else { 1 },
            span_count: 3 + at % 7,
            bytes: 3000 + at % 7000,
            call_count: 1,
            cost_pico,
            max_call_cost_pico: cost_pico,
            calls: vec![call],
            ..TraceSummary::default()
        };
        trace.origin.service = SERVICES[service];
        trace
    };
    (0..TRACES).map(trace).collect()
}

/// Mean relative error of the weighted totals of cost and of count, each with its standard error. `plans`: policies, or
/// the section of the plan.
fn bias(plans: &Value) -> [(f64, f64); 2] {
    let plan = if plans.is_array() { json!({"policies": plans}) } else { plans.clone() };
    let (policies, _) = tests::compiled(plan);
    let mut traces = traffic();
    let cost: f64 = traces.iter().map(|trace| trace.cost_pico as f64).sum();
    let mut errors: [Vec<f64>; 2] = Default::default();
    for run in 0..runs() {
        let mut state = 1000 + run;
        traces.iter_mut().for_each(|trace| trace.randomness = random(&mut state) % RANGE);
        let (mut states, mut votes, mut verdicts) = (States::default(), Votes::default(), Vec::new());
        let mut sums = [0.0; 2];
        for batch in traces.chunks(5) {
            let batch: Vec<_> = batch.iter().collect();
            policies.decide(&batch, batch[0].start, &mut states, &mut votes, &mut verdicts);
            for (trace, verdict) in batch.iter().zip(&verdicts).filter(|(_, verdict)| verdict.keep) {
                sums[0] += trace.cost_pico as f64 / verdict.probability();
                sums[1] += 1.0 / verdict.probability();
            }
        }
        errors[0].push(sums[0] / cost - 1.0);
        errors[1].push(sums[1] / TRACES as f64 - 1.0);
    }
    errors.map(|errors| {
        let count = errors.len() as f64;
        let mean = errors.iter().sum::<f64>() / count;
        let variance = errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, (variance / count).sqrt())
    })
}

fn check(plans: &Value) {
    for (of, (mean, error)) in ["cost", "count"].iter().zip(bias(plans)) {
        println!("{of}: {:+.3} % ± {:.3} % (95 %) with {plans}", 100.0 * mean, 196.0 * error);
        assert!(mean.abs() < 3.5 * error.max(1e-12), "{of}: off by {mean} ± {error} (one standard error) with {plans}");
    }
}

fn adaptive(unit: &str, per_second: f64) -> Value {
    json!({"name": "adaptive", "type": "adaptive", "unit": unit, "per_second": per_second, "cost_share": 0.5,
           "keys": ["service"], "window_ns": 5 * SECOND, "max_keys": 4})
}

fn tenth() -> Value {
    json!({"name": "tenth", "type": "probabilistic", "sampling_percentage": 10.0})
}

#[test]
fn weighted_totals_are_right_on_average() {
    let errors = json!({"name": "errors", "type": "status_code", "status_codes": ["ERROR"]});
    let costly = json!({"name": "costly", "type": "cost", "trace_pico_usd": "4000000000"});
    let rare =
        json!({"name": "rare", "type": "rare", "keys": ["service"], "window_ns": 5 * SECOND, "max_fingerprints": 9});
    let slow = json!({"name": "slow", "type": "slow", "of": "trace", "quantile": 0.9, "keys": ["service"],
        "window_ns": 60 * SECOND, "min_count": 20.0, "max_keys": 4});
    let budget = json!({"name": "budget", "type": "budget", "pico_usd": "20000000000", "tenants": [], "period": "day",
        "factor": 0.5, "max_tenants": 3, "children": [adaptive("traces", 4.0)]});
    let both = json!({"name": "both", "type": "and", "children": [
        {"name": "not costly", "type": "not", "children": [costly]}, adaptive("traces", 2.0)]});
    let some = json!({"name": "some", "type": "drop", "children": [
        {"name": "third", "type": "probabilistic", "sampling_percentage": 33.0}]});
    for plans in [
        json!([tenth()]),
        json!([adaptive("traces", 2.0)]),
        json!([adaptive("spans", 10.0)]),
        json!([adaptive("bytes", 9000.0)]),
        json!([errors, costly, adaptive("traces", 1.0)]),
        json!([rare, slow, tenth()]),
        json!([budget, tenth()]),
        json!([both, tenth()]),
        json!([some, errors, adaptive("traces", 3.0)]),
    ] {
        check(&plans);
    }
}

#[test]
fn so_they_are_under_a_bound_on_everything() {
    let errors = json!({"name": "errors", "type": "status_code", "status_codes": ["ERROR"]});
    for (unit, per_second) in [("traces", 2.0), ("traces", 0.4), ("spans", 8.0), ("bytes", 15_000.0)] {
        let limits = json!([{"unit": unit, "per_second": per_second, "burst": 2.0 * per_second}]);
        for policies in [
            json!([adaptive("traces", 3.0), tenth()]),
            json!([tenth(), adaptive("bytes", 20_000.0)]),
            json!([errors, adaptive("spans", 12.0), tenth()]),
        ] {
            check(&json!({"policies": policies, "limits": limits}));
        }
    }
}

#[test]
fn a_wrong_weight_would_show() {
    // The same test refuses a policy whose probability depends on the randomness that decides.
    let mut state = 7;
    let mut sums = (0.0, 0.0);
    for _ in 0..300 * TRACES {
        let randomness = unit(&mut state);
        let probability = if randomness > 0.9 { 0.5 } else { 0.1 };
        sums.0 += if randomness >= 1.0 - probability { 1.0 / probability } else { 0.0 };
        sums.1 += 1.0;
    }
    assert!(sums.0 / sums.1 < 0.5);
}
