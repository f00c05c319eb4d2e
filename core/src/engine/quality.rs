//! Verdicts of guardrails and evaluations of a trace, each once.

use super::finalize::Conclusion;
use crate::calls::{Call, Report};
use crate::concept::Concept;
use crate::evaluations::Evaluation;
use crate::measure::Measure;
use crate::normalize::{Anomalies, Normalizer};
use hashbrown::HashSet;

/// Measures what the spans of a trace tell. `now`: Unix nanoseconds.
pub fn record(reports: &[Report<'_>], measure: &Measure, now: u64) {
    for report in reports.iter().filter(|report| judges(report)) {
        measure.quality().record(report, now);
    }
}

fn judges(report: &Report<'_>) -> bool {
    report.evaluation_score.is_some()
        || [Concept::GuardrailDecision, Concept::MoreEvaluations]
            .into_iter()
            .any(|concept| !report.texts.get(concept).is_empty())
}

/// Evaluations in the record of one call.
const EVALUATIONS: usize = 256;

/// The evaluations of a call, as its reports tell them; what two of them tell is one. Those beyond the first few are
/// counted.
pub fn evaluations<'t>(call: &Call<'t>, conclusion: &Conclusion<'t>, anomalies: &mut Anomalies) -> Vec<Evaluation<'t>> {
    let mut found: Vec<Evaluation<'t>> = Vec::new();
    let mut known = HashSet::new();
    for evaluation in members(call, conclusion).flat_map(Report::evaluations) {
        if !known.insert((evaluation.name, evaluation.score.map(f64::to_bits), evaluation.label)) {
            continue;
        }
        if found.len() < EVALUATIONS {
            found.push(evaluation);
        } else {
            anomalies.evaluations_beyond += 1;
        }
    }
    found
}

/// The strictest verdict of a guardrail that a call's reports tell; "" without one.
pub fn guardrail<'t>(call: &Call<'t>, conclusion: &Conclusion<'t>, normalizer: &Normalizer) -> &'t str {
    normalizer.strictest(members(call, conclusion).flat_map(Report::guardrails).map(|one| one.decision))
}

fn members<'c, 't>(call: &Call<'t>, conclusion: &'c Conclusion<'t>) -> impl Iterator<Item = &'c Report<'t>> {
    let members = &conclusion.grouping.members[call.members.start as usize..call.members.end as usize];
    members.iter().map(|member| &conclusion.reports[*member as usize])
}
