//! What a call has from others than its canonical report, and from which of them.

use super::group::Grouping;
use super::merge::Call;
use super::report::Report;
use super::slots::{CALL_FIELDS, SLOTS, Slot, TEXTS, UNITS};
use crate::concept::{Concept, ConceptSet};
use crate::facts::Val;
use crate::normalize::kinds::{Kind, kind_of};
use crate::usage::{Unit, Usage};

/// What besides texts and counts is taken.
const OTHERS: ConceptSet = ConceptSet::of(&CALL_FIELDS);

/// What stays with the report that tells it. Evaluations and verdicts of guardrails are counted where they are told; the tool
/// is the outer span's own, and the server that a client names may be a gateway.
const THEIRS: ConceptSet = ConceptSet::of(&[
    Concept::EvaluationName,
    Concept::EvaluationLabel,
    Concept::MoreEvaluations,
    Concept::GuardrailName,
    Concept::GuardrailDecision,
    Concept::MoreGuardrails,
    Concept::ToolName,
    Concept::ServerAddress,
]);

const TAKEN: ConceptSet = ConceptSet((TEXTS.0 | UNITS.0 | OTHERS.0) & !THEIRS.0);

impl Call<'_> {
    /// The usage of the whole call, what an earlier verdict counted of it included.
    pub fn whole_usage(&self) -> Usage {
        let mut usage = self.report.usage;
        if let Some(before) = &self.before {
            before.amounts.restore(&mut usage);
        }
        usage
    }

    /// The concepts that it knows otherwise than its canonical report `own` does. A wrapper stays what it is.
    pub fn taken(&self, own: &Report<'_>) -> ConceptSet {
        if self.lends {
            return ConceptSet::default();
        }
        let usage = self.whole_usage();
        let counts = ConceptSet(if usage == own.usage { 0 } else { UNITS.0 });
        let texts = own.texts.differing(&self.report.texts);
        let mut taken = ConceptSet::default();
        for concept in ConceptSet((texts.0 | counts.0 | OTHERS.0) & TAKEN.0).iter() {
            let (said, known) = (fact(own, &own.usage, concept), fact(&self.report, &usage, concept));
            // A failure that is not the call's is the span's all the same. Of what was counted before, not all is remembered.
            let stays = match known {
                None => !counts.contains(concept),
                Some(_) => counts.contains(concept) && self.before.is_some() && own.has_usage() && said.is_some(),
            };
            if said != known && !stays {
                taken.insert(concept);
            }
        }
        taken
    }

    /// What it knows of one of these concepts.
    pub fn fact(&self, concept: Concept) -> Option<Val<'_>> {
        fact(&self.report, &self.whole_usage(), concept)
    }
}

/// What a report with this usage says of a concept.
fn fact<'a>(report: &Report<'a>, usage: &Usage, concept: Concept) -> Option<Val<'a>> {
    match (SLOTS[concept as usize], concept) {
        (Slot::Text(_), _) => Some(report.texts.get(concept)).filter(|text| !text.is_empty()).map(Val::Str),
        (Slot::Count(unit), _) => count(usage, unit, kind_of(concept)),
        (_, Concept::TokensEstimated) => Some(Val::Bool(report.estimated)),
        (_, Concept::Ttft) => report.ttft.map(Val::Float),
        (_, Concept::Streaming) => report.streaming.map(Val::Bool),
        (_, Concept::HttpStatus) => report.http_status.map(|code| Val::Int(i64::from(code))),
        (_, Concept::Batch) => report.batch.map(Val::Bool),
        (_, Concept::CacheHit) => report.cache_hit.map(Val::Bool),
        _ => None,
    }
}

fn count<'a>(usage: &Usage, unit: Unit, kind: Kind) -> Option<Val<'a>> {
    match kind {
        Kind::Quantity => usage.quantity(unit).map(Val::Float),
        _ => usage.get(unit).map(|count| Val::Int(count / unit.scale() as i64)),
    }
}

impl<'a> Grouping<'a> {
    /// The one of `others`, indices of `reports`, that a call has a concept from.
    pub fn taken_from(&self, call: &Call<'a>, concept: Concept, others: &[u32], reports: &[Report<'a>]) -> Option<u32> {
        let wanted = fact(&call.report, &call.whole_usage(), concept);
        let says = |node: &u32| {
            let report = &reports[*node as usize];
            fact(report, &report.usage, concept) == wanted
        };
        let of_usage = UNITS.contains(concept) || concept == Concept::TokensEstimated;
        let usage_from = Some(call.usage_from).filter(|node| of_usage && *node != call.canonical);
        usage_from.filter(says).or_else(|| others.iter().copied().find(says))
    }
}
