//! Tokens counted from content, for calls that nobody told the usage of.

use super::Engine;
use crate::buffer::trace::Trace;
use crate::calls::{Grouping, Report};
use crate::concept::Concept;
use crate::tokens::{Estimate, Estimator, Spent};
use crate::usage::Unit;
use crate::wire::span::STATUS_OK;

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
            if told || !estimator.counts(report.texts.get(Concept::Operation)) || !is_complete(estimator, report) {
                continue;
            }
            let answered = report.texts.get(Concept::ResponseModel);
            let model = if answered.is_empty() { report.texts.get(Concept::RequestModel) } else { answered };
            let mut best: Option<Estimate> = None;
            for member in &members[call.members.start as usize..call.members.end as usize] {
                let entry = &trace.spans[reports[*member as usize].place.index as usize];
                match estimator.estimate(model, trace.raw(entry), &trace.said(entry.span_id), &self.estimated) {
                    Ok(estimate) => best = best.or(estimate),
                    Err(Spent) => self.measure().estimate(false),
                }
            }
            let Some(estimate) = best else { continue };
            report.usage.set(Unit::Input, estimate.input);
            report.usage.set(Unit::Output, estimate.output);
            report.estimated = true;
            self.measure().estimate(true);
            found.push((index, estimate));
        }
    }
}

/// Whether the whole answer came: its finish reason says so, or the status that instrumentations set at its end. A stream
/// that its reader gave up has neither, and what was recorded of it is not what was paid.
fn is_complete(estimator: &Estimator, report: &Report<'_>) -> bool {
    match report.texts.get(Concept::FinishReason) {
        "" => report.place.status == STATUS_OK,
        reasons => estimator.is_finished(reasons),
    }
}
