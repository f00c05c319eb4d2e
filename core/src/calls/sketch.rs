//! A report reduced to what decides whether two of them are the same call.

use super::identity::Answer;
use super::report::{KIND_CLIENT, Place, Report, is_error, is_inference, shows_answer};
use super::{fuller, identity, models};
use crate::concept::Concept;
use crate::facts::{Facts, Val};
use crate::usage::Unit;

/// Clocks of one process agree, but some SDKs round to milliseconds and end their span when the other has begun to.
pub const TOLERANCE_NS: u64 = 5_000_000;

/// A count that was not reported.
pub const ABSENT: i64 = -1;

#[derive(Clone, Copy, Debug)]
pub struct Sketch {
    pub trace: u128,
    pub span: u64,
    pub scope: u64,
    /// See `Place`.
    pub instance: u64,
    pub start: u64,
    pub end: u64,
    pub input: i64,
    pub output: i64,
    pub total: i64,
    /// Cache reads and writes, 0 when unknown.
    pub cached: i64,
    /// 0 when unknown.
    pub reasoning: i64,
    /// Of the request and the response.
    pub models: [u64; 2],
    /// Key of the response id, 0 for none.
    pub response_id: u64,
    /// Hash of what stands before its first `-` or `_`.
    pub id_shape: u64,
    pub class: Class,
    /// Has token counts that were not guessed.
    pub usage: bool,
    pub error: bool,
    /// Shows that the model answered, or a failure. Otherwise it is no call by itself.
    pub told: bool,
    pub root: bool,
    pub client: bool,
    pub inference: bool,
    /// Its instrumentation shows the last step of a loop on the call; see `loops`.
    pub last_step: bool,
}

/// Kinds of operation that cannot be the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Unknown,
    Text,
    Embeddings,
    Rerank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    Equal,
    /// One side has none.
    Missing,
    Differ,
}

impl Sketch {
    pub fn of(report: &Report<'_>) -> Sketch {
        let get = |unit| report.usage.get(unit).unwrap_or(ABSENT);
        let text = |concept| report.texts.get(concept);
        let cached = report.usage.or_zero(Unit::CacheRead).saturating_add(report.usage.or_zero(Unit::CacheWrite));
        Sketch {
            input: get(Unit::Input),
            output: get(Unit::Output),
            total: get(Unit::Total),
            cached,
            reasoning: report.usage.or_zero(Unit::Reasoning),
            error: report.error,
            told: report.error || report.answered,
            inference: report.is_inference(),
            last_step: report.last_step,
            ..Sketch::place(&report.place)
        }
        .named(text(Concept::RequestModel), text(Concept::ResponseModel), text(Concept::ResponseId))
        .finished(text(Concept::Operation), report.estimated)
    }

    /// The same from facts, for ingest, where making a report would cost more than it is worth.
    pub fn of_facts(place: &Place, facts: &Facts<'_>) -> Sketch {
        let get = |concept| count(facts, concept);
        let text = |concept| facts.text(concept).unwrap_or("");
        let cached = get(Concept::CacheReadTokens).max(0).saturating_add(get(Concept::CacheWriteTokens).max(0));
        let error = is_error(place, facts);
        Sketch {
            input: get(Concept::InputTokens),
            output: get(Concept::OutputTokens),
            total: get(Concept::TotalTokens),
            cached,
            reasoning: get(Concept::ReasoningTokens).max(0),
            error,
            told: error || shows_answer(place, facts),
            inference: is_inference(facts),
            ..Sketch::place(place)
        }
        .named(text(Concept::RequestModel), text(Concept::ResponseModel), text(Concept::ResponseId))
        .finished(text(Concept::Operation), facts.flag(Concept::TokensEstimated).unwrap_or(false))
    }

    #[inline(always)]
    fn place(place: &Place) -> Sketch {
        Sketch {
            trace: place.trace_id,
            span: place.span_id,
            scope: place.scope,
            instance: place.instance,
            start: place.start,
            end: place.end.max(place.start),
            root: place.parent_id == 0,
            client: place.kind == KIND_CLIENT,
            ..Sketch::EMPTY
        }
    }

    /// Says nothing; the identity of `add`.
    pub const EMPTY: Sketch = Sketch {
        trace: 0,
        span: 0,
        scope: 0,
        instance: 0,
        start: 0,
        end: 0,
        input: ABSENT,
        output: ABSENT,
        total: ABSENT,
        cached: 0,
        reasoning: 0,
        models: [models::UNKNOWN; 2],
        response_id: 0,
        id_shape: 0,
        class: Class::Unknown,
        usage: false,
        error: false,
        told: false,
        root: false,
        client: false,
        inference: false,
        last_step: false,
    };

    // In place: a copy of a sketch is two hundred bytes.
    #[inline(always)]
    fn named(mut self, request: &str, response: &str, id: &str) -> Sketch {
        self.models = [models::key(request), if response == request { 0 } else { models::key(response) }];
        if !id.is_empty() {
            self.response_id = identity::key(id);
            let shape = id.as_bytes().split(|byte| matches!(byte, b'-' | b'_')).next();
            self.id_shape = hash(shape.unwrap_or_default());
        }
        self
    }

    #[inline(always)]
    fn finished(mut self, operation: &str, estimated: bool) -> Sketch {
        self.usage = !estimated && (self.input > 0 || self.output > 0 || self.total > 0);
        self.class = match operation {
            "" => Class::Unknown,
            "embeddings" => Class::Embeddings,
            "rerank" => Class::Rerank,
            _ => Class::Text,
        };
        self
    }

    /// Whether the token counts are the same, with allowance for reporters that leave cached input or reasoning out.
    pub fn counts(&self, other: &Sketch) -> Counts {
        if !self.usage || !other.usage {
            return Counts::Missing;
        }
        let sides = [
            ([self.input, other.input], [self.cached, other.cached]),
            ([self.output, other.output], [self.reasoning, other.reasoning]),
        ];
        let mut compared = false;
        for ([own, theirs], [own_part, their_part]) in sides {
            if own == ABSENT || theirs == ABSENT {
                continue;
            }
            if fuller::compare([own, own_part], [theirs, their_part]).is_none() {
                return Counts::Differ;
            }
            compared |= own > 0 || theirs > 0;
        }
        if compared {
            return Counts::Equal;
        }
        match (self.sum(), other.sum()) {
            (own, theirs) if own == ABSENT || theirs == ABSENT => Counts::Missing,
            (own, theirs) if own == theirs => Counts::Equal,
            _ => Counts::Differ,
        }
    }

    fn sum(&self) -> i64 {
        if self.total != ABSENT {
            return self.total;
        }
        if self.input == ABSENT || self.output == ABSENT {
            return ABSENT;
        }
        self.input.saturating_add(self.output)
    }

    /// All tokens, as far as they are known; 0 when none are.
    pub fn tokens(&self) -> i64 {
        if self.total != ABSENT { self.total } else { self.input.max(0).saturating_add(self.output.max(0)) }
    }

    /// All tokens as a reporter counts them that leaves cached input and reasoning out.
    pub fn least_tokens(&self) -> i64 {
        self.tokens().saturating_sub(self.cached).saturating_sub(self.reasoning).max(0)
    }

    /// Whether the counts can be a sum with those of `other` in it, as a reporter may count them that leaves cached input and
    /// reasoning out.
    pub fn may_include(&self, other: &Sketch) -> bool {
        [(self.input, other.input, other.cached), (self.output, other.output, other.reasoning)]
            .into_iter()
            .all(|(own, theirs, part)| own <= 0 || theirs.saturating_sub(part) <= own)
    }

    /// Whether no count differs that both know. Of reports in different traces too little else says that they are one call
    /// for the allowance that `counts` makes.
    pub fn same_counts(&self, other: &Sketch) -> bool {
        let known = |own: i64, theirs: i64| own != ABSENT && theirs != ABSENT;
        !self.usage
            || !other.usage
            || [(self.input, other.input), (self.output, other.output)]
                .into_iter()
                .all(|(own, theirs)| own == theirs || !known(own, theirs))
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Sketch) {
        for (own, theirs) in
            [(&mut self.input, other.input), (&mut self.output, other.output), (&mut self.total, other.sum())]
        {
            if theirs != ABSENT {
                *own = (*own).max(0).saturating_add(theirs);
            }
        }
        self.cached = self.cached.saturating_add(other.cached);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
        self.usage |= other.usage;
    }

    /// Whether it may be the last step of a loop, and show no other.
    pub fn is_last_step(&self) -> bool {
        self.last_step && self.inference
    }

    /// What is left of the counts without those of `other`.
    pub fn without(&self, other: &Sketch) -> Sketch {
        let left = |own: i64, theirs: i64| if own == ABSENT { ABSENT } else { (own - theirs.max(0)).max(0) };
        Sketch {
            input: left(self.input, other.input),
            output: left(self.output, other.output),
            total: left(self.total, other.total),
            cached: left(self.cached, other.cached),
            reasoning: left(self.reasoning, other.reasoning),
            ..*self
        }
    }

    /// Takes the counts of `other`.
    pub fn count_as(&mut self, other: &Sketch) {
        (self.input, self.output, self.total) = (other.input, other.output, other.total);
        (self.cached, self.reasoning, self.usage) = (other.cached, other.reasoning, other.usage);
    }

    /// Whether both may name the same model: `Some(true)` when a name is shared, `None` when one side names none.
    pub fn same_model(&self, other: &Sketch) -> Option<bool> {
        let known = |sketch: &Sketch| sketch.models.iter().any(|key| *key != models::UNKNOWN);
        if !known(self) || !known(other) {
            return None;
        }
        Some(self.models.iter().any(|own| other.models.iter().any(|theirs| models::agree(*own, *theirs))))
    }

    pub fn same_class(&self, other: &Sketch) -> bool {
        self.class == other.class || self.class == Class::Unknown || other.class == Class::Unknown
    }

    /// Both carry an id of one make and the ids differ. Gateways rewrite ids, so those of different make prove nothing.
    pub fn ids_differ(&self, other: &Sketch) -> bool {
        self.response_id != 0
            && other.response_id != 0
            && self.response_id != other.response_id
            && self.id_shape == other.id_shape
    }

    /// Whether both carry one id.
    pub fn same_id(&self, other: &Sketch) -> bool {
        self.response_id != 0 && self.response_id == other.response_id
    }

    /// Whether both carry one id that names one answer for ever.
    pub fn same_strong_id(&self, other: &Sketch) -> bool {
        self.same_id(other) && !identity::is_weak(self.response_id) && !self.reuses_id(other)
    }

    /// Whether both carry one id although they are not the same call.
    pub fn reuses_id(&self, other: &Sketch) -> bool {
        let same_source = self.same_source(other);
        let other_answer = self.answer().differs(other.answer());
        identity::is_reused(self.response_id, same_source, !self.contains_or_within(other), other_answer)
    }

    /// What it tells of its answer.
    pub fn answer(&self) -> Answer {
        if self.usage { Answer::of([self.input, self.output, self.total], self.models) } else { Answer::UNKNOWN }
    }

    /// Whether it may be an attempt at the other call that failed before that one began, and no call for another model.
    pub fn is_attempt_at(&self, call: &Sketch) -> bool {
        let names = |sketch: &Sketch| sketch.models.iter().any(|key| *key != models::UNKNOWN);
        self.same_source(call)
            && self.same_class(call)
            && self.same_model(call) != Some(false)
            && (names(call) || !names(self))
            && self.end <= call.start.saturating_add(TOLERANCE_NS)
    }

    /// The same instrumentation in the same process.
    pub fn same_source(&self, other: &Sketch) -> bool {
        self.scope == other.scope && self.instance == other.instance
    }

    /// Whether the other's interval lies within this one, a few milliseconds over at most.
    pub fn contains(&self, other: &Sketch) -> bool {
        self.start <= other.start.saturating_add(TOLERANCE_NS) && other.end <= self.end.saturating_add(TOLERANCE_NS)
    }

    pub fn contains_or_within(&self, other: &Sketch) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// How sure it is that counts which agree are the same, surest first: among calls at the same time, equal counts go
    /// before those that only the allowance of `counts` makes equal.
    pub fn grade(&self, other: &Sketch, counts: Counts) -> u8 {
        match counts {
            Counts::Equal => u8::from(!self.same_counts(other)),
            Counts::Missing | Counts::Differ => 2,
        }
    }

    /// Takes from another report of the same call what this one lacks.
    pub fn learn(&mut self, other: &Sketch) {
        if !self.usage && other.usage {
            self.count_as(other);
        } else {
            self.complete_counts(other);
        }
        for (own, theirs) in self.models.iter_mut().zip(other.models) {
            if *own == models::UNKNOWN {
                *own = theirs;
            }
        }
        if self.response_id == 0 {
            (self.response_id, self.id_shape) = (other.response_id, other.id_shape);
        }
        self.told |= other.told;
    }

    pub fn duration(&self) -> u64 {
        self.end - self.start
    }

    /// How far apart two spans begin and end, nanoseconds.
    pub fn distance(&self, other: &Sketch) -> u64 {
        self.start.abs_diff(other.start).saturating_add(self.end.abs_diff(other.end))
    }

    /// Rule 4 between reports that are not above one another: how well the counts agree, or `None` for different calls.
    pub fn sibling(&self, other: &Sketch) -> Option<Counts> {
        if self.scope == other.scope || !self.same_class(other) || self.ids_differ(other) {
            return None;
        }
        let counts = self.counts(other);
        // One that failed and one that was answered are an attempt and its retry.
        if counts != Counts::Equal && self.error != other.error && (self.usage || other.usage) {
            return None;
        }
        match (counts, self.same_model(other)) {
            (Counts::Differ, _) | (_, Some(false)) | (Counts::Missing, None) => None,
            _ => Some(counts),
        }
    }

    /// See `rank`.
    pub fn rank(&self) -> u64 {
        rank(self.told, self.inference, self.usage, self.client, self.duration())
    }
}

/// A bit of `Sketch::rank`: the report has usage.
pub const WITH_USAGE: u64 = 1 << 61;

/// Which of two reports from different traces is canonical: first one that is a call by itself, then inference, then one
/// with usage, then the client's, then the shorter one. Higher wins.
fn rank(told: bool, inference: bool, usage: bool, client: bool, duration: u64) -> u64 {
    let usage = if usage { WITH_USAGE } else { 0 };
    u64::from(told) << 63 | u64::from(inference) << 62 | usage | u64::from(client) << 60 | (!duration >> 4)
}

/// The key of the response id, the rank and the answer of a report, without making its sketch.
pub fn id_and_rank(place: &Place, facts: &Facts<'_>) -> Option<(u64, u64, Answer)> {
    let id = facts.text(Concept::ResponseId).filter(|id| !id.is_empty())?;
    let counts = [Concept::InputTokens, Concept::OutputTokens, Concept::TotalTokens].map(|told| count(facts, told));
    let estimated = facts.flag(Concept::TokensEstimated).unwrap_or(false);
    let usage = !estimated && counts.iter().any(|count| *count > 0);
    let duration = place.end.saturating_sub(place.start);
    let [asked, answered] = [Concept::RequestModel, Concept::ResponseModel].map(|name| facts.text(name).unwrap_or(""));
    let answer = if usage { Answer::of(counts, [asked, answered].map(models::key)) } else { Answer::UNKNOWN };
    // An id is an answer's.
    let rank = rank(true, is_inference(facts), usage, place.kind == KIND_CLIENT, duration);
    Some((identity::key(id), rank, answer))
}

fn count(facts: &Facts<'_>, concept: Concept) -> i64 {
    match facts.get(concept) {
        Some(Val::Int(count)) if count >= 0 => count,
        Some(Val::Float(count)) if (0.0..9e18).contains(&count) => count.round() as i64,
        _ => ABSENT,
    }
}

/// A hash of bytes that is the same everywhere in the process.
pub fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = foldhash::fast::FixedState::with_seed(0x656e_7269_6368_6572).build_hasher();
    hasher.write(bytes);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(input: i64, output: i64) -> Sketch {
        Sketch { input, output, ..Sketch::EMPTY }.finished("chat", false)
    }

    #[test]
    fn counts_agree_up_to_cached_input_and_reasoning() {
        let plain = sketch(100, 20);
        assert_eq!(plain.counts(&sketch(100, 20)), Counts::Equal);
        assert_eq!(plain.counts(&sketch(100, 21)), Counts::Differ);
        assert_eq!(plain.counts(&sketch(ABSENT, 20)), Counts::Equal);
        assert_eq!(plain.counts(&sketch(0, 0)), Counts::Missing);
        assert_eq!(plain.counts(&sketch(ABSENT, ABSENT)), Counts::Missing);
        let cached = Sketch { cached: 60, ..sketch(160, 20) };
        assert_eq!([plain.counts(&cached), cached.counts(&plain)], [Counts::Equal; 2]);
        let total = Sketch { total: 120, ..sketch(ABSENT, ABSENT) }.finished("chat", false);
        assert_eq!(plain.counts(&total), Counts::Equal);
    }

    #[test]
    fn guessed_counts_contradict_nobody() {
        let guessed = Sketch { input: 90, output: 25, ..Sketch::EMPTY }.finished("chat", true);
        assert_eq!(sketch(100, 20).counts(&guessed), Counts::Missing);
    }

    #[test]
    fn ids_of_one_make_tell_calls_apart() {
        let id = |text| Sketch::EMPTY.named("m", "", text);
        assert!(id("chatcmpl-1").ids_differ(&id("chatcmpl-2")));
        assert!(!id("chatcmpl-1").ids_differ(&id("chatcmpl-1")));
        assert!(!id("chatcmpl-1").ids_differ(&id("msg_2")));
    }
}
