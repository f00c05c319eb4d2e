//! Tokens counted from content, for calls that nobody told the usage of, or only one side of it.

use super::Engine;
use crate::buffer::trace::Trace;
use crate::calls::{Grouping, Report};
use crate::concept::Concept;
use crate::tokens::{Estimate, Estimator, Spent, Told};
use crate::usage::{Unit, Usage};
use crate::wire::span::STATUS_OK;

/// Reports of one call whose content is looked at.
const REPORTS: usize = 16;

impl Engine {
    /// Gives the calls of a trace what their content comes to where nobody told. `found`: by index of the call.
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
            let Some(told) = told(&report.usage) else { continue };
            if report.error || call.in_sum || report.cache_hit == Some(true) {
                continue;
            }
            if !estimator.counts(report.texts.get(Concept::Operation)) || !is_complete(estimator, report) {
                continue;
            }
            let answered = report.texts.get(Concept::ResponseModel);
            let model = if answered.is_empty() { report.texts.get(Concept::RequestModel) } else { answered };
            let members = &members[call.members.start as usize..call.members.end as usize];
            let (mut best, mut spent) = (None, members.len() > REPORTS);
            for member in members.iter().take(REPORTS) {
                let entry = &trace.spans[reports[*member as usize].place.index as usize];
                match estimator.estimate(model, trace.raw(entry), &trace.said(entry.span_id), told, &self.estimated) {
                    // Other reports hold the same content: counting it again costs and says nothing.
                    Ok(Some(estimate)) => {
                        best = Some(estimate);
                        break;
                    }
                    Ok(None) => {}
                    Err(Spent) => spent = true,
                }
            }
            let Some(estimate) = best else {
                if spent {
                    self.measure().estimate(false);
                }
                continue;
            };
            report.usage.set(Unit::Input, estimate.input);
            report.usage.set(Unit::Output, estimate.output);
            report.estimated = true;
            self.measure().estimate(true);
            found.push((index, estimate));
        }
    }
}

/// What is told of a call whose tokens are not known on both sides; `None` when they are, or in another unit.
fn told(usage: &Usage) -> Option<Told> {
    // Nobody asks for nothing, and content that is there was not written for nothing.
    let known = |unit| usage.get(unit).filter(|tokens| *tokens > 0);
    let [input, output, total] = [Unit::Input, Unit::Output, Unit::Total].map(known);
    let nothing = input.is_none() && output.is_none();
    let is_known = (input.is_some() && output.is_some()) || (nothing && total.is_none() && !usage.is_zero());
    (!is_known).then_some(Told { input, output, total })
}

/// Whether it is known what an answered call read and nothing of what it wrote, or the other way round, where models do both.
pub fn is_one_sided(report: &Report<'_>) -> bool {
    let usage = &report.usage;
    let tells = |parts: &[Unit]| parts.iter().any(|unit| usage.get(*unit).is_some());
    usage.get(Unit::Input).is_some() != usage.get(Unit::Output).is_some()
        && !report.error
        && matches!(report.texts.get(Concept::Operation), "chat" | "text_completion" | "generate_content")
        // Cached tokens are a part of the input and do not tell the rest.
        && tells(&[Unit::Input, Unit::TextInput, Unit::AudioInput, Unit::ImageInput])
            != tells(&[Unit::Output, Unit::TextOutput, Unit::AudioOutput, Unit::ImageOutput, Unit::Images])
}

/// Whether the whole answer came: its finish reason says so, or the status that instrumentations set at its end. A stream
/// that its reader gave up has neither, and what was recorded of it is not what was paid.
fn is_complete(estimator: &Estimator, report: &Report<'_>) -> bool {
    match report.texts.get(Concept::FinishReason) {
        "" => report.place.status == STATUS_OK,
        reasons => estimator.is_finished(reasons),
    }
}
