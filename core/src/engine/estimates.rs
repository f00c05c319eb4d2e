//! Tokens counted from content, for calls that nobody told the usage of.

use super::Engine;
use crate::buffer::trace::Trace;
use crate::calls::{Grouping, Report};
use crate::concept::Concept;
use crate::tokens::{Estimate, Spent};
use crate::usage::Unit;

impl Engine {
    /// Gives the calls of a trace without usage what their content comes to. `found`: by index of the call.
    pub(super) fn estimate<'t>(
        &self,
        trace: &Trace,
        reports: &[Report<'t>],
        grouping: &mut Grouping<'t>,
        found: &mut Vec<(u32, Estimate)>,
    ) {
        let estimator = &trace.plan.estimator;
        let members = &grouping.members;
        for (call, index) in grouping.calls.iter_mut().zip(0..) {
            let report = &mut call.report;
            let told = report.has_usage() || report.error || report.cache_hit == Some(true);
            if told || !estimator.counts(report.texts.get(Concept::Operation)) {
                continue;
            }
            let answered = report.texts.get(Concept::ResponseModel);
            let model = if answered.is_empty() { report.texts.get(Concept::RequestModel) } else { answered };
            let mut best: Option<Estimate> = None;
            for member in &members[call.members.start as usize..call.members.end as usize] {
                let entry = &trace.spans[reports[*member as usize].place.index as usize];
                match estimator.estimate(model, trace.raw(entry), &self.estimated) {
                    Ok(estimate) => best = better(best, estimate),
                    Err(Spent) => self.measure().estimate(false),
                }
            }
            let Some(estimate) = best else { continue };
            for (unit, tokens) in [(Unit::Input, estimate.input), (Unit::Output, estimate.output)] {
                tokens.map(|tokens| report.usage.set(unit, tokens));
            }
            report.estimated = true;
            self.measure().estimate(true);
            found.push((index, estimate));
        }
    }
}

/// The report that shows more of the call.
fn better(known: Option<Estimate>, next: Option<Estimate>) -> Option<Estimate> {
    let parts = |estimate: &Estimate| u8::from(estimate.input.is_some()) + 2 * u8::from(estimate.output.is_some());
    match (known, next) {
        (Some(known), Some(next)) => Some(if parts(&next) > parts(&known) { next } else { known }),
        (known, next) => known.or(next),
    }
}
