//! Policies that learn from all traffic what is slow and what is rare.

use super::super::fingerprint::Fingerprints;
use super::super::key;
use super::super::own_plan::{RarePlan, Scope, SlowPlan};
use super::super::quantile::Quantiles;
use super::super::state::{Moment, State};
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::rule::{Compiler, Rule};
use crate::measure::Series;
use serde_json::{Value, json};

/// Matches what takes longer than a moving quantile of its key.
pub struct Slow {
    plan: SlowPlan,
    slot: usize,
}

struct Durations {
    policy: String,
    quantiles: Quantiles,
}

impl State for Durations {
    fn save(&self) -> Vec<u8> {
        self.quantiles.save()
    }

    fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        self.quantiles.load(saved)
    }

    fn series(&self, out: &mut Vec<Series>) {
        let labels = [self.policy.as_str()];
        out.push(Series::number("enricher_sampling_keys", labels, self.quantiles.told_apart() as f64));
        out.push(Series::number("enricher_sampling_keys_overflow_total", labels, self.quantiles.crowded_out as f64));
    }
}

impl Slow {
    pub fn compile(plan: &SlowPlan, path: &str, to: &mut Compiler<'_>) -> Self {
        match plan.of {
            Scope::Trace => key::needs(&plan.keys, &mut to.needs),
            Scope::Call => to.needs.calls = true,
        }
        let (policy, window, limit) = (path.to_owned(), plan.window_ns, plan.max_keys);
        let make = move || Durations { policy: policy.clone(), quantiles: Quantiles::new(window, limit) };
        let slot = to.state(path, &format!("{plan:?}"), make);
        Self { plan: plan.clone(), slot }
    }

    /// Key and duration of everything that is compared.
    fn each(&self, trace: &TraceSummary<'_>, mut see: impl FnMut(u64, u64)) {
        match self.plan.of {
            Scope::Trace => see(key::of_trace(&self.plan.keys, trace), trace.duration()),
            Scope::Call => {
                trace.calls.iter().for_each(|call| see(key::of_call(&self.plan.keys, call), call.duration_ns));
            }
        }
    }

    fn limit(&self, key: u64, moment: &mut Moment<'_>) -> Option<f64> {
        let quantiles = &moment.state::<Durations>(self.slot).quantiles;
        quantiles.quantile(key, self.plan.quantile, self.plan.min_count)
    }
}

impl Rule for Slow {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        let mut slow = false;
        self.each(trace, |key, duration| {
            slow = slow || self.limit(key, moment).is_some_and(|limit| duration as f64 > limit);
        });
        Vote::when(slow)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let mut longest = 0;
        self.each(trace, |_, duration| longest = longest.max(duration));
        json!({"duration_ms": longest as f64 / 1e6})
    }

    fn learned(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        let mut limits = Vec::new();
        self.each(trace, |key, duration| {
            let limit = self.limit(key, moment).map(|limit| limit / 1e6);
            let known = moment.state::<Durations>(self.slot).quantiles.known(key);
            limits.push(json!({"duration_ms": duration as f64 / 1e6, "quantile_ms": limit, "known": known}));
        });
        json!({"compared": limits, "min_count": self.plan.min_count})
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        let now = moment.now;
        let quantiles = &mut moment.state::<Durations>(self.slot).quantiles;
        self.each(trace, |key, duration| quantiles.add(key, duration, now));
    }
}

/// Matches the first trace of its kind in a window.
pub struct Rare {
    plan: RarePlan,
    slot: usize,
}

struct Kinds {
    policy: String,
    seen: Fingerprints,
}

impl State for Kinds {
    fn save(&self) -> Vec<u8> {
        self.seen.save()
    }

    fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        self.seen.load(saved)
    }

    fn series(&self, out: &mut Vec<Series>) {
        let labels = [self.policy.as_str()];
        out.push(Series::number("enricher_sampling_keys", labels, self.seen.remembered() as f64));
        out.push(Series::number("enricher_sampling_keys_overflow_total", labels, self.seen.crowded_out as f64));
    }
}

impl Rare {
    pub fn compile(plan: &RarePlan, path: &str, to: &mut Compiler<'_>) -> Self {
        key::needs(&plan.keys, &mut to.needs);
        let (policy, window, limit) = (path.to_owned(), plan.window_ns, plan.max_fingerprints);
        let make = move || Kinds { policy: policy.clone(), seen: Fingerprints::new(window, limit) };
        let slot = to.state(path, &format!("{plan:?}"), make);
        Self { plan: plan.clone(), slot }
    }
}

impl Rule for Rare {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        let (fingerprint, now) = (key::of_trace(&self.plan.keys, trace), moment.now);
        Vote::when(moment.state::<Kinds>(self.slot).seen.is_first(fingerprint, now))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({
            "fingerprint": format!("{:016x}", key::of_trace(&self.plan.keys, trace)),
            "key": key::told(&self.plan.keys, trace),
        })
    }

    fn consumes(&self) -> bool {
        true
    }
}
