//! How well totals are estimated from what different samplers keep, at the same number of kept traces.
//!
//! 50,000 traces of 40 keys (Zipf) with lognormal costs (CV² = 10), unless told otherwise, drawn anew in every run. The
//! program's own sampler runs as it does in the service: on line, trace by trace, knowing nothing beforehand. The others are
//! told the whole traffic before they choose. Prints a table of relative errors (root mean square over the runs).
//!
//!     cargo run --release --manifest-path core/Cargo.toml --example estimates [RUNS]

use _core::sample::adaptive::{Adaptive, Aim, Seen};
use random::Random;

#[path = "random.rs"]
mod random;

const TRACES: usize = 50_000;
const KEYS: usize = 40;
const PER_SECOND: f64 = 100.0;
const BUDGETS: [f64; 2] = [500.0, 2500.0];

/// Key and cost of each trace.
fn traffic(random: &mut Random, cv_squared: f64) -> Vec<(usize, f64)> {
    let mut sum = 0.0;
    let shares: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let sigma = (1.0 + cv_squared).ln().sqrt();
    let mut trace = || {
        let place = random.unit() * sum;
        (
            shares.partition_point(|share| *share < place).min(KEYS - 1),
            1e9 * (sigma * random.normal()).exp(),
        )
    };
    (0..TRACES).map(|_| trace()).collect()
}

/// The probability of each trace.
type Scheme = fn(&[(usize, f64)], f64) -> Vec<f64>;

fn uniform(traces: &[(usize, f64)], budget: f64) -> Vec<f64> {
    vec![budget / traces.len() as f64; traces.len()]
}

/// What dynsampler's average-rate samplers settle at: goals by the logarithm of a key's count, in the order of names,
/// unused goal handed down, whole rates rounded up (adaptive-sampling of dynsampler-go's `keyCalculation`, re-expressed).
fn log_keys(traces: &[(usize, f64)], budget: f64) -> Vec<f64> {
    let mut counts = [0.0f64; KEYS];
    traces.iter().for_each(|(key, _)| counts[*key] += 1.0);
    let logs: f64 = counts.iter().map(|count| count.max(1.0).log10()).sum();
    let (mut extra, mut left) = (0.0, KEYS as f64);
    let mut rates = [1.0f64; KEYS];
    for (key, count) in counts.iter().enumerate() {
        let share = extra / left;
        let goal = (count.max(1.0).log10() * budget / logs).max(1.0) + share;
        extra -= share;
        left -= 1.0;
        if *count <= goal {
            extra += goal - count;
        } else {
            rates[key] = (count / goal).ceil();
            extra += goal - count / rates[key];
        }
    }
    traces.iter().map(|(key, _)| 1.0 / rates[*key]).collect()
}

fn pps(traces: &[(usize, f64)], budget: f64) -> Vec<f64> {
    let (mut low, mut high) = (0.0, 1e18);
    for _ in 0..200 {
        let threshold: f64 = f64::midpoint(low, high);
        let kept: f64 = traces
            .iter()
            .map(|(_, cost)| (cost / threshold).min(1.0))
            .sum();
        if kept > budget {
            low = threshold
        } else {
            high = threshold
        }
    }
    traces
        .iter()
        .map(|(_, cost)| (cost / high).min(1.0))
        .collect()
}

fn own_from(traces: &[(usize, f64)], budget: f64, warm: bool) -> Vec<f64> {
    let per_second = budget * PER_SECOND / TRACES as f64;
    let mut sampler = Adaptive::new(Aim {
        per_second,
        cost_share: 0.5,
        max_keys: 500,
        window: 30.0,
    });
    let mut at = 1e15;
    let mut choose = |(key, cost): &(usize, f64)| {
        at += 1e9 / PER_SECOND;
        sampler
            .choose(
                at as u64,
                Seen {
                    key: *key as u64,
                    cost: *cost,
                    volume: 1.0,
                },
            )
            .probability
    };
    if warm {
        // Ten minutes of such traffic came before.
        traces.iter().rev().for_each(|trace| {
            choose(trace);
        });
    }
    traces.iter().map(choose).collect()
}

fn own_cold(traces: &[(usize, f64)], budget: f64) -> Vec<f64> {
    own_from(traces, budget, false)
}

fn own(traces: &[(usize, f64)], budget: f64) -> Vec<f64> {
    own_from(traces, budget, true)
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("uniform", uniform),
    ("log of the key's count (dynsampler)", log_keys),
    ("threshold PPS on cost", pps),
    ("adaptive, from its first trace on", own_cold),
    ("adaptive", own),
];

/// Of one scheme over the runs.
#[derive(Default, Clone)]
struct Errors {
    kept: f64,
    cost: f64,
    count: f64,
    keys_seen: f64,
    /// Squared relative errors of each key's cost.
    by_key: Vec<f64>,
}

impl Errors {
    fn add(&mut self, traces: &[(usize, f64)], probabilities: &[f64], random: &mut Random) {
        let (mut cost, mut count) = (0.0, 0.0);
        let (mut truth, mut found, mut seen) = ([0.0; KEYS], [0.0; KEYS], [false; KEYS]);
        for ((key, own), probability) in traces.iter().zip(probabilities) {
            truth[*key] += own;
            if random.unit() < *probability {
                self.kept += 1.0;
                cost += own / probability;
                count += 1.0 / probability;
                found[*key] += own / probability;
                seen[*key] = true;
            }
        }
        self.cost += (cost / truth.iter().sum::<f64>() - 1.0).powi(2);
        self.count += (count / traces.len() as f64 - 1.0).powi(2);
        self.keys_seen += seen.iter().filter(|seen| **seen).count() as f64;
        self.by_key.resize(KEYS, 0.0);
        for (sum, (truth, found)) in self.by_key.iter_mut().zip(truth.iter().zip(found)) {
            *sum += (found / truth - 1.0).powi(2);
        }
    }

    fn row(&self, name: &str, runs: f64) -> String {
        let percent = |sum: f64| format!("{:.1} %", 100.0 * (sum / runs).sqrt());
        let mut keys = self.by_key.clone();
        keys.sort_unstable_by(f64::total_cmp);
        format!(
            "| {name} | {:.0} | {} | {} | {} | {} | {:.1} of {KEYS} |",
            self.kept / runs,
            percent(self.cost),
            percent(self.count),
            percent(keys[KEYS / 2]),
            percent(keys[KEYS - 1]),
            self.keys_seen / runs,
        )
    }
}

fn main() {
    let runs: u64 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(400);
    for cv_squared in [1.7, 10.0, 70.0] {
        for budget in BUDGETS {
            let mut all = vec![Errors::default(); SCHEMES.len()];
            for run in 0..runs {
                let mut random = Random(run + 1);
                let traces = traffic(&mut random, cv_squared);
                for ((_, scheme), errors) in SCHEMES.iter().zip(&mut all) {
                    errors.add(&traces, &scheme(&traces, budget), &mut random);
                }
            }
            println!("\nCV² of cost {cv_squared}, budget {budget}, {runs} runs\n");
            println!(
                "| sampler | kept | total cost | count | cost of a key, median | worst | keys seen |"
            );
            println!("| --- | --- | --- | --- | --- | --- | --- |");
            SCHEMES
                .iter()
                .zip(&all)
                .for_each(|((name, _), errors)| println!("{}", errors.row(name, runs as f64)));
        }
    }
}
