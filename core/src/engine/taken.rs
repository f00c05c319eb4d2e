//! What the span of a call is told that other spans said of the call, so that it shows what was counted and priced.

use super::compiled::Compiled;
use super::finalize::Conclusion;
use crate::calls::{CONTEXT_OF_CALLS, Call, Fate, Report};
use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, Role};
use crate::normalize::conclusion;
use crate::normalize::take::{Sources, Taken};

/// Every concept.
pub const ALL: ConceptSet = ConceptSet(u128::MAX);

/// Bytes that spans of a trace may gain in all before those below a span that tells much of who asked are spared it: one span
/// can stand above a hundred thousand. Besides, four times what the trace has.
const GAIN: u64 = 1 << 20;

/// What the spans of a trace with this many bytes may still take when they have gained `gained`.
pub fn wanted(trace_bytes: u64, gained: u64) -> ConceptSet {
    if gained > trace_bytes.saturating_mul(4).saturating_add(GAIN) { ConceptSet(!CONTEXT_OF_CALLS.0) } else { ALL }
}

impl<'t> Conclusion<'t> {
    /// Makes the facts of a span, of which `raw` are the bytes, those that are written: where it stands for a call, with
    /// what the call has from elsewhere. Returns from where. `report`: index of its report; `wanted`: what may be taken.
    pub fn complete<'c>(
        &'c self,
        plan: &Compiled,
        report: Option<usize>,
        wanted: ConceptSet,
        raw: &[u8],
        facts: &mut Facts<'c>,
    ) -> Sources {
        let mut sources = Sources::default();
        let Some(Fate::Canonical(call)) = report.map(|at| self.grouping.fates[at]) else { return sources };
        if facts.role == Role::Wrapper && !self.grouping.calls[call as usize].lends {
            // No call below it: what its captured response says is its own.
            facts.role = Role::Inference;
        }
        let taken = ConceptSet(self.taken(call).0 & wanted.0);
        if taken.is_empty() || facts.role == Role::None {
            return sources;
        }
        let index = call;
        let call = &self.grouping.calls[call as usize];
        let others = self.grouping.completed_by(call, self.reports.len());
        let values: Vec<Taken<'_>> = taken
            .iter()
            .filter(|concept| plan.normalizer.writes(*concept))
            .map(|concept| {
                let counted = self.is_counted(index, concept);
                let rule =
                    if counted { conclusion::CONTENT } else { sources.rule(self.source(call, concept, &others)) };
                Taken { concept, value: call.fact(concept), rule, inferred: !counted }
            })
            .collect();
        plan.normalizer.take(facts, &values, raw, &mut sources);
        sources
    }

    /// What a call, by index, has from others than its own span.
    fn taken(&self, call: u32) -> ConceptSet {
        let call = &self.grouping.calls[call as usize];
        call.taken(&self.reports[call.canonical as usize])
    }

    /// Whether a span of this fate would take from the spans above it who asked.
    pub fn spares(&self, fate: Fate) -> bool {
        matches!(fate, Fate::Canonical(call) if self.taken(call).0 & CONTEXT_OF_CALLS.0 != 0)
    }

    /// What of a call, by index, was concluded or taken from elsewhere, not read on its span.
    pub fn inferred(&self, plan: &Compiled, call: u32) -> ConceptSet {
        let taken = self.taken(call);
        let call_of = &self.grouping.calls[call as usize];
        let mut inferred = self.reports[call_of.canonical as usize].inferred;
        for concept in taken.iter().filter(|concept| plan.normalizer.writes(*concept)) {
            if call_of.fact(concept).is_some() && !self.is_counted(call, concept) {
                inferred.insert(concept);
            } else {
                inferred.remove(concept);
            }
        }
        inferred
    }

    /// Whether this count of a call comes from its content, or the mark is meant that says so.
    fn is_counted(&self, call: u32, concept: Concept) -> bool {
        self.estimate(call).is_some_and(|estimate| match concept {
            Concept::InputTokens => estimate.told.input.is_none(),
            Concept::OutputTokens => estimate.told.output.is_none(),
            _ => concept == Concept::TokensEstimated,
        })
    }

    /// The span that a call has a concept from, in words.
    fn source(&self, call: &Call<'_>, concept: Concept, others: &[u32]) -> String {
        let from = self.grouping.taken_from(call, concept, others, &self.reports);
        from.map_or_else(String::new, |at| in_words(&self.reports[at as usize]))
    }
}

fn in_words(report: &Report<'_>) -> String {
    let part = match report.role {
        Role::Wrapper | Role::Other => "wrapper",
        Role::Inference => "report",
        Role::None | Role::Never => "span",
    };
    format!("{part} {:016x}", report.place.span_id)
}
