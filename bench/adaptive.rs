//! How well the `adaptive` policy meets its target, on a virtual clock: every unit, from one trace in two seconds to a
//! hundred a second, from one key to 20,000, in ten minutes of steady traffic from the first trace on and in the minute
//! after traffic stepped up or down tenfold, twice each.
//!
//!     cargo run --release --manifest-path core/Cargo.toml --example adaptive [SEEDS]
//!
//! Prints a table of the volume that was expected to be kept (the sum of probability times volume, free of the luck of the
//! draw) in parts of what was to be kept: the target, or all of the traffic where that is less. For each unit and rate,
//! the mean over the seeds that is furthest from 1 among the counts of keys, and the share of single runs within bounds.

use _core::sample::adaptive::{Adaptive, Aim, Seen};
use random::Random;

#[path = "random.rs"]
mod random;

const KEYS: [usize; 4] = [1, 40, 1000, 20_000];
const RATES: [f64; 4] = [0.5, 2.0, 10.0, 100.0];

/// Seconds between two rounds of decisions, as in the service.
const TICK: f64 = 0.1;

/// Traffic before and after each step, in traces for each that is wanted.
const STEPS: [(f64, f64, &str); 5] = [
    (10.0, 600.0, "steady"),
    (100.0, 60.0, "up"),
    (10.0, 60.0, "down"),
    (1.0, 60.0, "drained"),
    (10.0, 60.0, "back"),
];

/// `sigma`: of the logarithm.
fn lognormal(random: &mut Random, mean: f64, sigma: f64) -> f64 {
    mean * (sigma * random.normal() - sigma * sigma / 2.0).exp()
}

/// A kind of target: its option, the mean volume of a trace, and how widely volumes vary (of the logarithm).
struct Kind {
    name: &'static str,
    mean: f64,
    sigma: f64,
}

const GIB_PER_MONTH: f64 = (1u64 << 30) as f64 / (86_400.0 * 365.25 / 12.0);

const KINDS: [Kind; 4] = [
    Kind {
        name: "traces_per_second",
        mean: 1.0,
        sigma: 0.0,
    },
    Kind {
        name: "spans_per_second",
        mean: 9.0,
        sigma: 0.5,
    },
    Kind {
        name: "bytes_per_second",
        mean: 12_000.0,
        sigma: 0.8,
    },
    Kind {
        name: "gib_per_month",
        mean: 12_000.0,
        sigma: 1.2,
    },
];

/// What was kept of what was to be kept, in each step.
fn run(kind: &Kind, per_second: f64, keys: usize, seed: u64) -> [f64; STEPS.len()] {
    let mut random = Random(seed);
    let mut sum = 0.0;
    let shares: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let mut sampler = Adaptive::new(Aim {
        per_second: per_second * kind.mean,
        cost_share: 0.5,
        max_keys: 500,
        window: 30.0,
    });
    let mut at = 1e6;
    STEPS.map(|(times, seconds, _)| {
        let (end, mut kept, mut came) = (at + seconds, 0.0, 0.0);
        loop {
            at -= random.unit().ln() / (per_second * times);
            if at > end {
                at = end;
                break;
            }
            let place = random.unit() * sum;
            let key = shares.partition_point(|share| *share < place).min(keys - 1) as u64;
            let cost = lognormal(&mut random, 1e9, 1.55);
            let volume = if kind.sigma > 0.0 {
                lognormal(&mut random, kind.mean, kind.sigma)
                    .max(1.0)
                    .ceil()
            } else {
                1.0
            };
            let now = ((at / TICK).ceil() * TICK * 1e9) as u64;
            let chosen = sampler.choose(now, Seen { key, cost, volume });
            assert!(
                chosen.probability > 0.0,
                "a trace without a chance: {chosen:?}"
            );
            kept += chosen.probability * volume;
            came += volume;
        }
        kept / (per_second * kind.mean * seconds).min(came)
    })
}

fn main() {
    let seeds: u64 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let names: Vec<String> = STEPS
        .iter()
        .map(|(times, _, name)| format!("{name} ({times})"))
        .collect();
    println!("| target | traces a second | {} |", names.join(" | "));
    println!("| --- | --- |{}", " --- |".repeat(STEPS.len()));
    let mut inside = [(0.0, 0.0); STEPS.len()];
    for kind in &KINDS {
        for per_second in RATES {
            let mut worst = [1.0f64; STEPS.len()];
            for keys in KEYS {
                let runs: Vec<_> = (0..seeds)
                    .map(|seed| run(kind, per_second, keys, seed + 1))
                    .collect();
                for (at, worst) in worst.iter_mut().enumerate() {
                    let mean = runs.iter().map(|run| run[at]).sum::<f64>() / seeds as f64;
                    if (mean - 1.0).abs() > (*worst - 1.0).abs() {
                        *worst = mean;
                    }
                    let bound = if at == 0 { 0.05 } else { 0.2 };
                    inside[at].0 += runs
                        .iter()
                        .filter(|run| (run[at] - 1.0).abs() <= bound)
                        .count() as f64;
                    inside[at].1 += seeds as f64;
                }
            }
            let cells: Vec<String> = worst.iter().map(|mean| format!("{mean:.3}")).collect();
            println!(
                "| `{}`, {:.3} GiB a month | {per_second} | {} |",
                kind.name,
                per_second * kind.mean / GIB_PER_MONTH,
                cells.join(" | ")
            );
        }
    }
    let cells: Vec<String> = inside
        .iter()
        .map(|(inside, all)| format!("{:.1} %", 100.0 * inside / all))
        .collect();
    println!(
        "| runs of all rows above (0.5 a second too) within 5 %, after steps 20 % | | {} |",
        cells.join(" | ")
    );
}
