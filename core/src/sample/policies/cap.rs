//! `sampling.limit`: a bound on everything that is kept, whichever policy wants it. Policies are served in the order in
//! which they are written; the last that do not fit are cut, and like any limit the cut is a threshold.

use super::super::plan::LimitPlan;
use super::super::summary::TraceSummary;
use super::super::threshold::RANGE;
use super::super::verdict::Verdict;
use super::limits::{Asked, Bucket, Limiter, Unit, cut};
use super::rule::Compiler;
use serde_json::Value;

pub struct Cap {
    limiter: Limiter,
    pub slot: usize,
}

/// Of what is left, the share that is held back for the policies further down: they are cut to almost nothing, never to
/// nothing, so that estimated totals stay unbiased.
const HELD_BACK: f64 = 0.05;

impl Cap {
    pub fn compile(plan: &LimitPlan, to: &mut Compiler<'_>) -> Result<Self, String> {
        let unit = Unit::from_name(&plan.unit).ok_or_else(|| format!("nothing is counted in {:?}", plan.unit))?;
        let (per_second, burst) = (plan.per_second, plan.burst);
        let slot = to.state("sampling.limit", &format!("{} {per_second} {burst}", plan.unit), Bucket::default);
        Ok(Self { limiter: Limiter { unit, per_second, burst }, slot })
    }

    /// What it has left, for `explain`.
    pub fn told(&self, trace: &TraceSummary<'_>, bucket: &Bucket) -> Value {
        let mut told = self.limiter.told(bucket);
        told["unit"] = self.limiter.unit.name().into();
        told["trace"] = self.limiter.unit.of(trace).into();
        told
    }

    /// Makes verdicts stricter until they fit.
    pub fn apply(&self, bucket: &mut Bucket, now: u64, traces: &[&TraceSummary<'_>], verdicts: &mut [Verdict]) {
        let since = self.limiter.fill(bucket, now);
        bucket.offered = bucket.tokens;
        let mut wanted: Vec<usize> = (0..traces.len()).filter(|at| verdicts[*at].threshold < RANGE).collect();
        bucket.asked = wanted.len();
        wanted.sort_by_key(|at| verdicts[*at].policy);
        let classes: Vec<&[usize]> = wanted.chunk_by(|a, b| verdicts[*a].policy == verdicts[*b].policy).collect();
        let mut least = self.limiter.least(since);
        for (rank, class) in classes.iter().enumerate() {
            let below = (classes.len() - rank - 1) as f64;
            let share = if below > 0.0 { 1.0 - HELD_BACK } else { 1.0 };
            let asked: Vec<Asked> = class
                .iter()
                .map(|at| Asked {
                    randomness: traces[*at].randomness,
                    threshold: verdicts[*at].threshold.max(traces[*at].passed),
                    passed: traces[*at].passed,
                    cost: self.limiter.unit.of(traces[*at]),
                })
                .collect();
            let threshold = cut(&asked, bucket.tokens.max(0.0) * share, least * share);
            least *= 1.0 - share;
            for at in *class {
                let verdict = &mut verdicts[*at];
                if threshold > verdict.threshold {
                    verdict.threshold = threshold;
                    verdict.limited = true;
                    verdict.keep &= traces[*at].randomness >= threshold;
                }
                if verdict.keep {
                    bucket.tokens -= self.limiter.unit.of(traces[*at]);
                }
            }
        }
    }
}
