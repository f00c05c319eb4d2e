//! `adaptive`: whatever fits a target.

use super::super::adaptive::{Adaptive, Aim, Seen};
use super::super::key;
use super::super::own_plan::{AdaptivePlan, Volume};
use super::super::state::{Moment, State};
use super::super::summary::TraceSummary;
use super::super::threshold;
use super::super::vote::Vote;
use super::rule::{Compiler, Rule};
use crate::measure::Series;
use crate::price::money::to_decimal;
use serde_json::{Value, json};

pub struct Target {
    plan: AdaptivePlan,
    slot: usize,
}

struct Sampler {
    policy: String,
    adaptive: Adaptive,
    /// Traces whose key found no place of its own.
    crowded_out: u64,
}

impl State for Sampler {
    fn save(&self) -> Vec<u8> {
        self.adaptive.save()
    }

    fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        self.adaptive.load(saved)
    }

    fn series(&self, out: &mut Vec<Series>) {
        let labels = [self.policy.as_str()];
        out.push(Series::number("enricher_sampling_keys", labels, self.adaptive.keys() as f64));
        out.push(Series::number("enricher_sampling_keys_overflow_total", labels, self.crowded_out as f64));
        out.push(Series::number("enricher_sampling_target_per_second", labels, self.adaptive.target()));
        out.push(Series::number("enricher_sampling_expected_total", labels, self.adaptive.expected()));
    }
}

impl Target {
    pub fn compile(plan: &AdaptivePlan, path: &str, to: &mut Compiler<'_>) -> Self {
        key::needs(&plan.keys, &mut to.needs);
        let aim = Aim {
            per_second: plan.per_second,
            cost_share: plan.cost_share,
            max_keys: plan.max_keys,
            window: plan.window_ns as f64 / 1e9,
        };
        let policy = path.to_owned();
        let make = move || Sampler { policy: policy.clone(), adaptive: Adaptive::new(aim.clone()), crowded_out: 0 };
        let slot = to.state(path, &format!("{plan:?}"), make);
        Self { plan: plan.clone(), slot }
    }

    fn volume(&self, trace: &TraceSummary<'_>) -> f64 {
        match self.plan.unit {
            Volume::Traces => 1.0,
            Volume::Spans => trace.span_count as f64,
            Volume::Bytes => trace.bytes as f64,
        }
    }
}

impl Rule for Target {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        let seen = Seen {
            key: key::of_trace(&self.plan.keys, trace),
            cost: trace.cost_pico as f64,
            volume: self.volume(trace),
        };
        let now = moment.now;
        let sampler = moment.state::<Sampler>(self.slot);
        let chosen = sampler.adaptive.choose(now, seen);
        sampler.crowded_out += u64::from(chosen.other_key);
        // The choice is among the traces that come; those that upstream samplers took out stand behind them.
        Vote::of(chosen.probability * threshold::probability(trace.passed))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({
            "trace_usd": to_decimal(trace.cost_pico),
            "volume": self.volume(trace),
            "key": key::told(&self.plan.keys, trace),
        })
    }

    fn learned(&self, _: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        let adaptive = &moment.state::<Sampler>(self.slot).adaptive;
        json!({
            "traces_per_second": adaptive.traces_per_second(),
            "certain_from_usd": adaptive.certain_from().map(|pico| to_decimal(pico as i128)),
        })
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        // A trace counted when it was decided; its late spans take volume all the same.
        if let Some(probability) = credited.filter(|_| self.plan.unit != Volume::Traces) {
            let probability = (probability / threshold::probability(trace.passed)).min(1.0);
            let now = moment.now;
            moment.state::<Sampler>(self.slot).adaptive.late(now, self.volume(trace), probability);
        }
    }

    fn limits(&self) -> bool {
        true
    }

    /// What a trace gets depends on those before it, not on those beside it.
    fn shares(&self) -> bool {
        false
    }
}
