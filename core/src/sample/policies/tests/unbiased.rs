//! Totals estimated from kept traces: over many seeds their mean error is zero within its confidence interval, for each
//! policy type that leaves traces to chance and for combinations. The estimate of a total weighs each kept trace by
//! 1 / probability (Horvitz and Thompson).

use super::limits::Sampler;
use super::*;

const SECOND: u64 = 1_000_000_000;
const SEEDS: u64 = 400;
const TICKS: u64 = 8;
const TRACES: usize = 12;

/// 56 random bits (xorshift64*).
pub fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
}

/// Traffic of one run: the same sizes, costs and statuses in each, other randomness. `upstream`: some of it was sampled
/// before at one half, and what did not pass does not come.
fn traffic(tick: u64, seed: &mut u64, upstream: bool) -> Vec<TraceSummary<'static>> {
    let mut traces = Vec::new();
    for index in 0..TRACES as u64 {
        let shape = tick * 31 + index * 7;
        let trace = TraceSummary {
            span_count: 1 + shape % 5,
            bytes: 300 + 17 * (shape % 11),
            statuses: if shape.is_multiple_of(6) { 1 << STATUS_ERROR } else { 1 << STATUS_OK },
            cost_pico: i128::from(1 + shape % 9),
            end: (shape % 4) * SECOND,
            randomness: random(seed),
            passed: if upstream && shape.is_multiple_of(2) { 1 << 55 } else { 0 },
            ..TraceSummary::default()
        };
        if trace.randomness >= trace.passed {
            traces.push(trace);
        }
    }
    traces
}

/// True totals over all traffic, sampled upstream or not: traces, spans, cost.
fn truth() -> [f64; 3] {
    let mut sums = [0.0; 3];
    for tick in 0..TICKS {
        for index in 0..TRACES as u64 {
            let shape = tick * 31 + index * 7;
            for (sum, value) in sums.iter_mut().zip([1.0, (1 + shape % 5) as f64, (1 + shape % 9) as f64]) {
                *sum += value;
            }
        }
    }
    sums
}

fn check(what: &str, plans: serde_json::Value, upstream: bool) {
    let truth = truth();
    let (mut mean, mut square, mut kept) = ([0.0; 3], [0.0; 3], 0);
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..SEEDS {
        let mut sampler = Sampler::new(plans.clone());
        let mut sums = [0.0; 3];
        for tick in 0..TICKS {
            let traces = traffic(tick, &mut seed, upstream);
            let verdicts = sampler.decide(SECOND * 10 + tick * SECOND / 2, &traces);
            for (trace, verdict) in traces.iter().zip(verdicts).filter(|(_, verdict)| verdict.keep) {
                kept += 1;
                let weight = 1.0 / threshold::probability(verdict.threshold.max(trace.passed));
                for (sum, value) in sums.iter_mut().zip([1.0, trace.span_count as f64, trace.cost_pico as f64]) {
                    *sum += weight * value;
                }
            }
        }
        for at in 0..3 {
            let error = sums[at] / truth[at] - 1.0;
            mean[at] += error / SEEDS as f64;
            square[at] += error * error / SEEDS as f64;
        }
    }
    assert!(kept > SEEDS, "{what}: hardly anything is kept");
    for at in 0..3 {
        let deviation = ((square[at] - mean[at] * mean[at]) / SEEDS as f64).sqrt();
        // Four deviations: one run in some ten thousand would be beyond by chance, and the seeds are fixed.
        assert!(mean[at].abs() <= 4.0 * deviation + 1e-3, "{what}: total {at} is off by {} ± {deviation}", mean[at]);
    }
}

fn fifth() -> serde_json::Value {
    json!({"name": "fifth", "type": "probabilistic", "sampling_percentage": 20.0})
}

fn rate(spans: f64, burst: f64) -> serde_json::Value {
    json!({"name": "rate", "type": "rate_limiting", "spans_per_second": spans, "burst_capacity": burst})
}

fn errors() -> serde_json::Value {
    json!({"name": "errors", "type": "status_code", "status_codes": ["ERROR"]})
}

fn rest() -> serde_json::Value {
    json!({"name": "rest", "type": "probabilistic", "sampling_percentage": 10.0})
}

#[test]
fn each_type_alone() {
    for upstream in [false, true] {
        check("probabilistic", json!([fifth()]), upstream);
        check("roomy rate", json!([rate(30.0, 30.0)]), upstream);
        check("rate for less than a trace a tick", json!([rate(4.0, 10.0)]), upstream);
        let bytes = json!([{"name": "b", "type": "bytes_limiting", "bytes_per_second": 3000, "burst_capacity": 3000}]);
        check("bytes", bytes, upstream);
        check("composite", composite(), upstream);
    }
}

fn composite() -> serde_json::Value {
    json!([{"name": "c", "type": "composite", "children": [errors(), fifth(), {"name": "all", "type": "always_sample"}],
            "rates": [10.0, 12.0, 16.0], "order": [0, 1, 2]}])
}

#[test]
fn combinations() {
    for upstream in [false, true] {
        check("errors and a rest", json!([errors(), rest()]), upstream);
        check("errors and a rate", json!([errors(), rate(20.0, 20.0)]), upstream);
        check(
            "two rates",
            json!([rate(12.0, 20.0), {"name": "and", "type": "and", "children": [rate(8.0, 8.0), errors()]},
                                  rest()]),
            upstream,
        );
        let not = json!([{"name": "not", "type": "not", "children": [fifth()]}]);
        check("not", not, upstream);
        let and = json!({"name": "and", "type": "and", "children": [fifth(), rate(20.0, 20.0)]});
        check(
            "a rate of a share",
            json!([and, {"name": "slow", "type": "latency", "threshold_ms": 2500.0}, rest()]),
            upstream,
        );
        let drop = json!({"name": "drop", "type": "drop", "children": [
            {"name": "half", "type": "probabilistic", "sampling_percentage": 50.0}]});
        check("a drop by chance", json!([drop, errors(), rate(20.0, 20.0), rest()]), upstream);
    }
}

#[test]
fn a_bound_on_everything() {
    for upstream in [false, true] {
        for (what, unit, per_second) in [
            ("roomy traces", "traces", 12.0),
            ("few traces", "traces", 3.0),
            ("spans", "spans", 25.0),
            ("bytes", "bytes", 4000.0),
        ] {
            let plan = json!({
                "policies": [errors(), rate(20.0, 20.0), rest()],
                "limits": [{"unit": unit, "per_second": per_second, "burst": per_second}],
            });
            check(what, plan, upstream);
        }
    }
}
