//! Where the facts of a span go in its report, and what their presence shows.

use crate::concept::{Concept, ConceptSet};
use crate::usage::Unit;

/// The texts of a report; an absent one is "".
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    slots: [&'a str; TEXT_COUNT],
    /// A bit for each slot that is not "".
    present: u64,
}

/// Texts that are about this call alone.
const CALL_TEXTS: [Concept; 23] = [
    Concept::Provider,
    Concept::Operation,
    Concept::RequestModel,
    Concept::ResponseModel,
    Concept::ResponseId,
    Concept::ToolName,
    Concept::ToolCalls,
    Concept::FinishReason,
    Concept::ErrorType,
    Concept::ErrorClass,
    Concept::GuardrailName,
    Concept::GuardrailDecision,
    Concept::MoreGuardrails,
    Concept::EvaluationName,
    Concept::EvaluationLabel,
    Concept::MoreEvaluations,
    Concept::ServiceTier,
    Concept::RequestServiceTier,
    Concept::Speed,
    Concept::InferenceGeo,
    Concept::SearchContextSize,
    Concept::ServerAddress,
    Concept::ReasoningEffort,
];

/// Texts that say who asked, for whom and in which part of the program: taken from the spans above when the call's own
/// span lacks them.
const CONTEXT_TEXTS: [Concept; 16] = [
    Concept::SessionId,
    Concept::UserId,
    Concept::TenantId,
    Concept::TeamId,
    Concept::OrgId,
    Concept::ApiKeyId,
    Concept::Feature,
    Concept::AgentName,
    Concept::AgentId,
    Concept::AgentVersion,
    Concept::WorkflowName,
    Concept::PromptName,
    Concept::PromptVersion,
    Concept::Variant,
    Concept::Environment,
    Concept::Gateway,
];

const TEXT_COUNT: usize = CALL_TEXTS.len() + CONTEXT_TEXTS.len();

/// What is kept of a report as text, by slot.
const TEXT_CONCEPTS: [Concept; TEXT_COUNT] = {
    let mut all = [Concept::Provider; TEXT_COUNT];
    let (call, context) = all.split_at_mut(CALL_TEXTS.len());
    call.copy_from_slice(&CALL_TEXTS);
    context.copy_from_slice(&CONTEXT_TEXTS);
    all
};

/// `CONTEXT_TEXTS` as a set.
pub const CONTEXT_OF_CALLS: ConceptSet = ConceptSet::of(&CONTEXT_TEXTS);

/// The slots of `CONTEXT_TEXTS`, which come last.
const CONTEXT: u64 = (1 << TEXT_COUNT) - (1 << CALL_TEXTS.len());

const UNIT_CONCEPTS: [(Concept, Unit); 30] = [
    (Concept::InputTokens, Unit::Input),
    (Concept::OutputTokens, Unit::Output),
    (Concept::TotalTokens, Unit::Total),
    (Concept::CacheReadTokens, Unit::CacheRead),
    (Concept::CacheWriteTokens, Unit::CacheWrite),
    (Concept::CacheWrite5mTokens, Unit::CacheWrite5m),
    (Concept::CacheWrite1hTokens, Unit::CacheWrite1h),
    (Concept::CacheWrite12hTokens, Unit::CacheWrite12h),
    (Concept::ReasoningTokens, Unit::Reasoning),
    (Concept::AudioInputTokens, Unit::AudioInput),
    (Concept::AudioOutputTokens, Unit::AudioOutput),
    (Concept::AudioCacheReadTokens, Unit::AudioCacheRead),
    (Concept::ImageInputTokens, Unit::ImageInput),
    (Concept::ImageOutputTokens, Unit::ImageOutput),
    (Concept::VideoInputTokens, Unit::VideoInput),
    (Concept::VideoOutputTokens, Unit::VideoOutput),
    (Concept::TextInputTokens, Unit::TextInput),
    (Concept::TextOutputTokens, Unit::TextOutput),
    (Concept::CitationTokens, Unit::Citation),
    (Concept::AudioSeconds, Unit::AudioSeconds),
    (Concept::Images, Unit::Images),
    (Concept::Characters, Unit::Characters),
    (Concept::Pages, Unit::Pages),
    (Concept::WebSearches, Unit::WebSearches),
    (Concept::XSearches, Unit::XSearches),
    (Concept::FileSearches, Unit::FileSearches),
    (Concept::Iterations, Unit::Iterations),
    (Concept::RerankSearches, Unit::RerankSearches),
    (Concept::Requests, Unit::Requests),
    (Concept::Seconds, Unit::Seconds),
];

/// What a report holds in fields of their own about the call as a whole.
pub(super) const CALL_FIELDS: [Concept; 6] = [
    Concept::TokensEstimated,
    Concept::Ttft,
    Concept::Streaming,
    Concept::HttpStatus,
    Concept::Batch,
    Concept::CacheHit,
];

/// The same of one reporter: its cost, its evaluation, the limits that it was told.
const REPORT_FIELDS: [Concept; 11] = [
    Concept::EvaluationScore,
    Concept::CostTotal,
    Concept::CostByProvider,
    Concept::RateLimitRequests,
    Concept::RateLimitRequestsRemaining,
    Concept::RateLimitTokens,
    Concept::RateLimitTokensRemaining,
    Concept::RateLimitInputTokens,
    Concept::RateLimitInputTokensRemaining,
    Concept::RateLimitOutputTokens,
    Concept::RateLimitOutputTokensRemaining,
];

#[derive(Clone, Copy)]
pub(super) enum Slot {
    Ignored,
    Text(u8),
    Count(Unit),
    /// A field of its own.
    Own,
}

pub(super) const TEXTS: ConceptSet = ConceptSet::of(&TEXT_CONCEPTS);

pub(super) const UNITS: ConceptSet = {
    let (mut set, mut index) = (0, 0);
    while index < UNIT_CONCEPTS.len() {
        set |= 1 << UNIT_CONCEPTS[index].0 as usize;
        index += 1;
    }
    ConceptSet(set)
};

/// What the presence of a concept shows: a failure, an answer.
pub(super) const FAILS: u8 = 1;
pub(super) const TELLS: u8 = 2;

pub(super) const SHOWS: [u8; Concept::COUNT] = {
    let (mut shows, mut index) = ([0; Concept::COUNT], 0);
    while index < Concept::COUNT {
        let bit = 1 << index;
        shows[index] |= if ERRORS.0 & bit != 0 { FAILS } else { 0 };
        shows[index] |= if ANSWERS.0 & bit != 0 { TELLS } else { 0 };
        index += 1;
    }
    shows
};

/// Where each concept goes.
pub(super) const SLOTS: [Slot; Concept::COUNT] = {
    let mut slots = [Slot::Ignored; Concept::COUNT];
    let mut index = 0;
    while index < TEXT_COUNT {
        slots[TEXT_CONCEPTS[index] as usize] = Slot::Text(index as u8);
        index += 1;
    }
    index = 0;
    while index < UNIT_CONCEPTS.len() {
        slots[UNIT_CONCEPTS[index].0 as usize] = Slot::Count(UNIT_CONCEPTS[index].1);
        index += 1;
    }
    index = 0;
    while index < CALL_FIELDS.len() {
        slots[CALL_FIELDS[index] as usize] = Slot::Own;
        index += 1;
    }
    index = 0;
    while index < REPORT_FIELDS.len() {
        slots[REPORT_FIELDS[index] as usize] = Slot::Own;
        index += 1;
    }
    slots
};

impl<'a> Texts<'a> {
    /// "" when absent, and for a concept that is not kept as text.
    #[inline]
    pub fn get(&self, concept: Concept) -> &'a str {
        match SLOTS[concept as usize] {
            Slot::Text(slot) => self.slots[slot as usize],
            _ => "",
        }
    }

    #[inline]
    pub fn set(&mut self, concept: Concept, text: &'a str) {
        if let Slot::Text(slot) = SLOTS[concept as usize] {
            self.put(slot, text);
        }
    }

    #[inline]
    pub(super) fn put(&mut self, slot: u8, text: &'a str) {
        self.slots[slot as usize] = text;
        self.present = self.present & !(1 << slot) | u64::from(!text.is_empty()) << slot;
    }

    /// Takes from `other` what is absent here.
    pub(super) fn fill_from(&mut self, other: &Texts<'a>) {
        self.fill(other, u64::MAX);
    }

    /// The concepts of which the two say different things.
    pub(super) fn differing(&self, other: &Texts<'_>) -> ConceptSet {
        let (mut differing, mut told) = (ConceptSet::default(), self.present | other.present);
        while told != 0 {
            let slot = told.trailing_zeros() as usize;
            if self.slots[slot] != other.slots[slot] {
                differing.insert(TEXT_CONCEPTS[slot]);
            }
            told &= told - 1;
        }
        differing
    }

    /// Takes from a span above who asked and for what.
    pub(super) fn inherit(&mut self, upper: &Texts<'a>) {
        self.fill(upper, CONTEXT);
    }

    fn fill(&mut self, other: &Texts<'a>, slots: u64) {
        let mut missing = other.present & !self.present & slots;
        self.present |= missing;
        while missing != 0 {
            let slot = missing.trailing_zeros() as usize;
            self.slots[slot] = other.slots[slot];
            missing &= missing - 1;
        }
    }
}

impl Default for Texts<'_> {
    fn default() -> Self {
        Texts { slots: [""; TEXT_COUNT], present: 0 }
    }
}

pub(super) const ERRORS: ConceptSet = ConceptSet::of(&[Concept::ErrorType, Concept::ErrorClass]);

/// Facts that only a model's answer can give. A span that merely began a call (the first of two spans of a stream, an
/// unfinished run) shows none of these.
pub(super) const ANSWERS: ConceptSet = ConceptSet::of(&[
    Concept::ResponseId,
    Concept::ResponseModel,
    Concept::FinishReason,
    Concept::OutputContent,
    Concept::ToolCalls,
    Concept::Ttft,
    Concept::CostTotal,
]);
