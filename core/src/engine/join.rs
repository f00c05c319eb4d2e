//! What log records said about a span, added to the facts of the span before its trace is decided.

use super::Engine;
use crate::buffer::notes::Note;
use crate::buffer::trace::{SpanEntry, Trace};
use crate::concept::{Concept, ConceptSet};
use crate::evaluations::{self, Evaluation};
use crate::facts::{Facts, Role, Val};
use crate::normalize::kinds::{Kind, kind_of};
use crate::normalize::{Anomalies, conclusion};
use crate::record;
use crate::wire::span::STATUS_ERROR;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Log records with facts of one span that are heard; further ones are refused.
const HEARD: usize = 256;
/// Deliveries of one span that differ and hear of its log records; its call is counted with the first ones.
const COPIES: usize = 8;

/// What a log record may add, besides usage.
const FILLS: [Concept; 18] = [
    Concept::Provider,
    Concept::Operation,
    Concept::RequestModel,
    Concept::ResponseModel,
    Concept::ResponseId,
    Concept::FinishReason,
    Concept::ServiceTier,
    Concept::Ttft,
    Concept::Streaming,
    Concept::SessionId,
    Concept::AgentName,
    Concept::AgentId,
    Concept::EvaluationName,
    Concept::EvaluationScore,
    Concept::EvaluationLabel,
    Concept::MaxTokens,
    Concept::ErrorType,
    Concept::ErrorClass,
];

/// Usage and what belongs to it: taken together or not at all, figures of two sources do not fit each other.
fn is_usage(concept: Concept) -> bool {
    matches!(kind_of(concept), Kind::Count)
        || matches!(concept, Concept::AudioSeconds | Concept::Seconds | Concept::CostTotal | Concept::CostByProvider)
        || concept == Concept::TokensEstimated
}

fn has_usage(facts: &Facts<'_>) -> bool {
    [Concept::InputTokens, Concept::OutputTokens, Concept::TotalTokens].into_iter().any(|concept| facts.has(concept))
}

/// Whether a log record says anything that a span could lack.
pub fn is_worth_noting(facts: &Facts<'_>) -> bool {
    let told = [
        Concept::RequestModel,
        Concept::ResponseModel,
        Concept::ResponseId,
        Concept::FinishReason,
        Concept::CostTotal,
        Concept::EvaluationScore,
        Concept::EvaluationLabel,
        Concept::ErrorClass,
    ];
    has_usage(facts) || told.into_iter().any(|concept| facts.has(concept))
}

/// Leaves of a log record's facts what a span can use.
pub fn only_what_fills(facts: &mut Facts<'_>) {
    for concept in facts.present().iter() {
        if !is_usage(concept) && !FILLS.contains(&concept) {
            facts.unset(concept);
        }
    }
    for set in [
        &mut facts.inferred,
        &mut facts.canonical,
        &mut facts.misstated,
        &mut facts.legacy,
        &mut facts.legacy_misstated,
    ] {
        *set = ConceptSet::default();
    }
}

/// No count of the one differs from the other's: a figure beside the one is of the other as well.
fn same_usage(facts: &Facts<'_>, note: &Facts<'_>) -> bool {
    [Concept::InputTokens, Concept::OutputTokens].into_iter().all(|concept| {
        let (own, told) = (facts.int(concept), note.int(concept));
        own.is_none() || told.is_none() || own == told
    })
}

/// Evaluations beyond the first.
struct Further {
    text: String,
    /// Bytes.
    limit: usize,
    /// Those that found no room.
    refused: u64,
}

impl Further {
    /// Adds what a record says, unless the span says it: in `first`, or in what it or other records added.
    fn add(&mut self, first: &Evaluation<'_>, said: &Evaluation<'_>) {
        let told = said.is_same(first) || evaluations::further(&self.text).any(|other| said.is_same(&other));
        if said.says_something() && !told && !said.append(&mut self.text, self.limit) {
            self.refused += 1;
        }
    }
}

/// Adds what the span lacks. A record about another response than the span's adds nothing, and one about an exception
/// says nothing about a span that went well. An evaluation beside the span's own goes to `further`.
fn fill<'a>(facts: &mut Facts<'a>, note: &Facts<'a>, failed: bool, further: &mut Further) {
    if let (Some(own), Some(other)) = (facts.text(Concept::ResponseId), note.text(Concept::ResponseId))
        && own != other
    {
        return;
    }
    let usage = !has_usage(facts);
    let cost = !facts.has(Concept::CostTotal) && same_usage(facts, note);
    let evaluation = !Concept::EVALUATION.into_iter().any(|concept| facts.has(concept));
    if !evaluation {
        further.add(&Evaluation::of_facts(facts), &Evaluation::of_facts(note));
    }
    for concept in note.present().iter() {
        let Some(value) = note.get(concept) else { continue };
        let wanted = match concept {
            Concept::CostTotal | Concept::CostByProvider => cost,
            // Members of two evaluations say nothing together.
            _ if Concept::EVALUATION.contains(&concept) => evaluation,
            Concept::ErrorType | Concept::ErrorClass => failed,
            _ => usage || !is_usage(concept),
        };
        if !facts.has(concept) && wanted {
            facts.set(concept, value, conclusion::LOG);
            facts.inferred.insert(concept);
        }
    }
    if facts.role == Role::None {
        // A span that says nothing of a model itself may be around the one that made the call.
        facts.role = Role::Wrapper;
        facts.dialect = note.dialect;
    }
}

impl Engine {
    /// Adds what was noted of a trace's spans to their records, and frees the notes.
    pub(super) fn join(&self, trace: &mut Trace) {
        let notes = std::mem::take(&mut trace.notes);
        if notes.is_empty() {
            return;
        }
        let before = trace.heap_bytes();
        let (mut joined, mut unmatched, mut refused) = (0, 0, 0);
        let mut anomalies = Anomalies::default();
        let mut places: Vec<(u64, usize)> = trace.spans.iter().map(|entry| entry.span_id).zip(0..).collect();
        places.sort_unstable();
        for same_span in notes.chunk_by(|a, b| a.span_id == b.span_id) {
            let mut usable: Vec<&Note> = same_span.iter().filter(|note| Arc::ptr_eq(&note.plan, &trace.plan)).collect();
            unmatched += (same_span.len() - usable.len()) as u64;
            let (before, mut told) = (usable.len(), 0);
            usable.retain(|note| {
                told += usize::from(!note.record.is_empty());
                note.record.is_empty() || told <= HEARD
            });
            refused += (before - usable.len()) as u64;
            joined += usable.len() as u64;
            if told > 0 {
                let from = places.partition_point(|(span, _)| *span < same_span[0].span_id);
                let copies = places[from..].iter().take_while(|(span, _)| *span == same_span[0].span_id);
                tell(trace, copies.map(|(_, at)| *at), &usable, &mut anomalies);
            }
            for note in usable {
                trace.bits.merge(&note.bits);
                if !note.content.is_empty() {
                    trace.add_content(note.span_id, &note.content);
                }
            }
        }
        self.buffered.fetch_add(trace.heap_bytes().saturating_sub(before), Ordering::Relaxed);
        self.forget(&notes);
        self.measure().log_events(joined, unmatched, refused);
        self.measure().anomalies(&anomalies);
    }

    /// Gives up notes that nobody asked for.
    pub(super) fn give_up(&self, notes: &[Note]) {
        self.forget(notes);
        self.measure().log_events(0, notes.len() as u64, 0);
    }

    fn forget(&self, notes: &[Note]) {
        let freed: u64 = notes.iter().map(Note::heap_bytes).sum();
        self.noted.fetch_sub(freed, Ordering::Relaxed);
    }
}

/// Adds what the notes say to the copies of a span, the first delivered first.
fn tell(trace: &mut Trace, copies: impl Iterator<Item = usize>, notes: &[&Note], anomalies: &mut Anomalies) {
    let mut said = Vec::new();
    for note in notes.iter().filter(|note| !note.record.is_empty()) {
        let mut facts = Facts::new();
        record::decode(&note.record, &[], &mut facts);
        said.push(facts);
    }
    let mut refused = 0;
    // Each as it was, and where it stands.
    let mut told: Vec<(SpanEntry, usize)> = Vec::new();
    for at in copies {
        let copy = trace.spans[at];
        let is_same = |was: &SpanEntry| trace.raw(was) == trace.raw(&copy) && trace.record(was) == trace.record(&copy);
        if let Some((_, same)) = told.iter().find(|(was, _)| is_same(was)) {
            trace.share_bytes(at, *same);
        } else if told.len() < COPIES {
            let (record, beyond) = joined_record(trace, at, &said);
            trace.replace_record(at, &record);
            refused = beyond.max(refused);
            told.push((copy, at));
        } else {
            anomalies.copies_beyond += 1;
        }
    }
    anomalies.oversize_text += refused;
}

/// The record of a span with what its log records say, and how many evaluations found no room.
fn joined_record(trace: &Trace, at: usize, said: &[Facts<'_>]) -> (Vec<u8>, u64) {
    let entry = &trace.spans[at];
    let raw = trace.raw(entry);
    let mut facts = Facts::new();
    if entry.record_len > 0 {
        record::decode(trace.record(entry), raw, &mut facts);
    }
    let own = facts.text(Concept::MoreEvaluations).unwrap_or_default();
    let mut further = Further { text: own.to_owned(), limit: trace.plan.normalizer.text_bytes(), refused: 0 };
    for one in said {
        fill(&mut facts, one, entry.status == STATUS_ERROR, &mut further);
    }
    if further.text.len() > own.len() {
        facts.set(Concept::MoreEvaluations, Val::Str(&further.text), conclusion::LOG);
    }
    let mut record = Vec::new();
    record::encode(&facts, raw, &mut record);
    (record, further.refused)
}
