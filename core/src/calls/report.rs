//! What one span says about a model call, in the form that grouping, pricing and measuring read.

use super::rate_limits::RateLimits;
use crate::concept::{Concept, ConceptSet};
use crate::evaluations::{Evaluation, further};
use crate::facts::{Facts, Role, Val};
use crate::record::{self, Head};
use crate::usage::{Unit, Usage};

/// Where a report stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the span among the spans of its trace, as `Links` counts them.
    pub index: u32,
    pub trace_id: u128,
    pub span_id: u64,
    /// 0 for a root.
    pub parent_id: u64,
    /// Unix nanoseconds.
    pub start: u64,
    pub end: u64,
    /// OTLP `SpanKind`.
    pub kind: u8,
    /// OTLP status code.
    pub status: u8,
    /// Hash of the scope's name: reports of one scope are not merged with each other.
    pub scope: u64,
    /// Hash of `service.name` and `service.instance.id`.
    pub instance: u64,
}

pub(super) const KIND_CLIENT: u8 = 3;
pub(super) const STATUS_OK: u8 = 1;
pub(super) const STATUS_ERROR: u8 = 2;

/// A cost that stands on a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportedCost {
    pub usd: f64,
    /// The provider itself said so, not an SDK's price table.
    pub by_provider: bool,
}

/// The texts of a report; an absent one is "".
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    slots: [&'a str; TEXT_CONCEPTS.len()],
    /// A bit for each slot that is not "".
    present: u64,
}

/// What is kept of a report as text.
const TEXT_CONCEPTS: [Concept; 38] = [
    Concept::Provider,
    Concept::Operation,
    Concept::RequestModel,
    Concept::ResponseModel,
    Concept::ResponseId,
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
    Concept::ToolName,
    Concept::ToolCalls,
    Concept::FinishReason,
    Concept::ErrorType,
    Concept::ErrorClass,
    Concept::GuardrailName,
    Concept::GuardrailDecision,
    Concept::EvaluationName,
    Concept::EvaluationLabel,
    Concept::MoreEvaluations,
    Concept::PromptName,
    Concept::PromptVersion,
    Concept::Variant,
    Concept::Environment,
    Concept::ServiceTier,
    Concept::RequestServiceTier,
    Concept::Speed,
    Concept::InferenceGeo,
    Concept::SearchContextSize,
    Concept::ServerAddress,
    Concept::Gateway,
    Concept::ReasoningEffort,
];

/// Who asked, for whom and in which part of the program: taken from the spans above when the call's own span lacks it.
const CONTEXT_CONCEPTS: [Concept; 16] = [
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

/// The slots of `CONTEXT_CONCEPTS`.
const CONTEXT: u64 = {
    let (mut slots, mut index) = (0, 0);
    while index < CONTEXT_CONCEPTS.len() {
        if let Slot::Text(slot) = SLOTS[CONTEXT_CONCEPTS[index] as usize] {
            slots |= 1 << slot;
        }
        index += 1;
    }
    slots
};

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

const OWN_CONCEPTS: [Concept; 17] = [
    Concept::TokensEstimated,
    Concept::Ttft,
    Concept::Streaming,
    Concept::HttpStatus,
    Concept::Batch,
    Concept::CacheHit,
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
enum Slot {
    Ignored,
    Text(u8),
    Count(Unit),
    /// A field of its own.
    Own,
}

const UNITS: ConceptSet = {
    let (mut set, mut index) = (0, 0);
    while index < UNIT_CONCEPTS.len() {
        set |= 1 << UNIT_CONCEPTS[index].0 as usize;
        index += 1;
    }
    ConceptSet(set)
};

/// What the presence of a concept shows: a failure, an answer.
const FAILS: u8 = 1;
const TELLS: u8 = 2;

const SHOWS: [u8; Concept::COUNT] = {
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
const SLOTS: [Slot; Concept::COUNT] = {
    let mut slots = [Slot::Ignored; Concept::COUNT];
    let mut index = 0;
    while index < TEXT_CONCEPTS.len() {
        slots[TEXT_CONCEPTS[index] as usize] = Slot::Text(index as u8);
        index += 1;
    }
    index = 0;
    while index < UNIT_CONCEPTS.len() {
        slots[UNIT_CONCEPTS[index].0 as usize] = Slot::Count(UNIT_CONCEPTS[index].1);
        index += 1;
    }
    index = 0;
    while index < OWN_CONCEPTS.len() {
        slots[OWN_CONCEPTS[index] as usize] = Slot::Own;
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
    fn put(&mut self, slot: u8, text: &'a str) {
        self.slots[slot as usize] = text;
        self.present = self.present & !(1 << slot) | u64::from(!text.is_empty()) << slot;
    }

    /// Takes from `other` what is absent here.
    pub(super) fn fill_from(&mut self, other: &Texts<'a>) {
        self.fill(other, u64::MAX);
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
        Texts { slots: [""; TEXT_CONCEPTS.len()], present: 0 }
    }
}

/// One span's account of a model call, or of what stands around one.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub place: Place,
    pub role: Role,
    /// Index into the plan's dialects.
    pub dialect: u16,
    pub texts: Texts<'a>,
    pub usage: Usage,
    /// Token counts were guessed from content.
    pub estimated: bool,
    pub cost: Option<ReportedCost>,
    /// Seconds.
    pub ttft: Option<f64>,
    pub streaming: Option<bool>,
    pub http_status: Option<u16>,
    pub batch: Option<bool>,
    pub cache_hit: Option<bool>,
    pub evaluation_score: Option<f64>,
    pub rate_limits: RateLimits,
    /// Concepts that were concluded, not read.
    pub inferred: ConceptSet,
    /// The span shows a failure.
    pub error: bool,
    /// The span shows that the model answered.
    pub answered: bool,
}

impl<'a> Report<'a> {
    pub fn from_facts(place: Place, facts: &Facts<'a>) -> Report<'a> {
        let head = Head { dialect: facts.dialect, role: facts.role, inferred: facts.inferred, ..Head::default() };
        let mut report = Report::new(place, &head);
        let values = facts.present().iter().filter_map(|concept| Some((concept, facts.get(concept)?)));
        report.tell(values);
        report
    }

    /// Adds the report of a record, read without the detour over [`Facts`] and where it stays: it is a kilobyte.
    pub fn push_record(reports: &mut Vec<Report<'a>>, place: Place, record: &'a [u8], span: &'a [u8]) {
        let (head, entries) = record::read(record, span);
        let at = reports.len();
        reports.push(Report::new(place, &head));
        reports[at].tell(entries.map(|(concept, _, value)| (concept, value)));
    }

    #[inline(always)]
    fn new(place: Place, head: &Head) -> Report<'a> {
        Report {
            place,
            role: head.role,
            dialect: head.dialect,
            texts: Texts::default(),
            usage: Usage::new(),
            estimated: false,
            cost: None,
            ttft: None,
            streaming: None,
            http_status: None,
            batch: None,
            cache_hit: None,
            evaluation_score: None,
            rate_limits: RateLimits::default(),
            inferred: head.inferred,
            error: false,
            answered: false,
        }
    }

    #[inline(always)]
    fn tell(&mut self, values: impl Iterator<Item = (Concept, Val<'a>)>) {
        let mut shows = 0;
        let mut by_provider = false;
        for (concept, value) in values {
            shows |= SHOWS[concept as usize];
            match (SLOTS[concept as usize], value) {
                (Slot::Text(slot), Val::Str(text)) => self.texts.put(slot, text),
                (Slot::Count(unit), value) => count(&mut self.usage, unit, value),
                (Slot::Own, value) => match (concept, value) {
                    (Concept::TokensEstimated, Val::Bool(flag)) => self.estimated = flag,
                    (Concept::Ttft, value) => self.ttft = number(value),
                    (Concept::Streaming, Val::Bool(flag)) => self.streaming = Some(flag),
                    (Concept::HttpStatus, value) => self.http_status = http_status(value),
                    (Concept::Batch, Val::Bool(flag)) => self.batch = Some(flag),
                    (Concept::CacheHit, Val::Bool(flag)) => self.cache_hit = Some(flag),
                    (Concept::EvaluationScore, value) => self.evaluation_score = number(value),
                    (Concept::CostTotal, value) => {
                        self.cost = number(value).map(|usd| ReportedCost { usd, by_provider: false });
                    }
                    (Concept::CostByProvider, Val::Bool(flag)) => by_provider = flag,
                    (concept, value) => self.rate_limits.put(concept, value),
                },
                _ => {}
            }
        }
        if let Some(cost) = &mut self.cost {
            cost.by_provider = by_provider;
        }
        self.error = shows_error(&self.place, shows & FAILS != 0, self.http_status);
        self.answered = self.place.status == STATUS_OK
            || shows & TELLS != 0
            || !self.usage.is_zero()
            || is_success(self.http_status);
    }

    /// Claims a model call by itself, whatever stands below it.
    pub(super) fn is_inference(&self) -> bool {
        match self.role {
            Role::Inference => true,
            Role::None => self.has_usage(),
            Role::Wrapper | Role::Other | Role::Never => false,
        }
    }

    /// The evaluations that the span tells.
    pub fn evaluations(&self) -> impl Iterator<Item = Evaluation<'a>> {
        let text = |concept| self.texts.get(concept);
        let (name, label) = (text(Concept::EvaluationName), text(Concept::EvaluationLabel));
        let first = Evaluation { name, score: self.evaluation_score, label };
        let first = Some(first).filter(|first| first.says_something() || !first.name.is_empty());
        first.into_iter().chain(further(text(Concept::MoreEvaluations)))
    }

    /// Shows consumption; all zeros mean that the reporter did not know.
    pub fn has_usage(&self) -> bool {
        !self.usage.is_zero()
    }
}

#[inline]
fn count(usage: &mut Usage, unit: Unit, value: Val<'_>) {
    match value {
        Val::Int(count) => usage.set(unit, count),
        Val::Float(quantity) => usage.set_f64(unit, quantity),
        Val::Bool(_) | Val::Str(_) => false,
    };
}

fn number(value: Val<'_>) -> Option<f64> {
    match value {
        Val::Float(value) => Some(value),
        Val::Int(value) => Some(value as f64),
        Val::Bool(_) | Val::Str(_) => None,
    }
}

fn http_status(value: Val<'_>) -> Option<u16> {
    match value {
        Val::Int(code) => u16::try_from(code).ok(),
        Val::Str(text) => text.parse().ok(),
        Val::Float(_) | Val::Bool(_) => None,
    }
}

/// `Report::is_inference`, where no report is made.
pub(super) fn is_inference(facts: &Facts<'_>) -> bool {
    match facts.role {
        Role::Inference => true,
        Role::None => has_usage(facts),
        Role::Wrapper | Role::Other | Role::Never => false,
    }
}

/// `Report::answered`, where no report is made.
pub(super) fn shows_answer(place: &Place, facts: &Facts<'_>) -> bool {
    place.status == STATUS_OK
        || facts.present().0 & ANSWERS.0 != 0
        || has_usage(facts)
        || is_success(facts.get(Concept::HttpStatus).and_then(http_status))
}

fn has_usage(facts: &Facts<'_>) -> bool {
    ConceptSet(facts.present().0 & UNITS.0).iter().any(|concept| {
        let (Slot::Count(unit), Some(value)) = (SLOTS[concept as usize], facts.get(concept)) else { return false };
        let mut usage = Usage::new();
        count(&mut usage, unit, value);
        !usage.is_zero()
    })
}

fn is_success(http_status: Option<u16>) -> bool {
    http_status.is_some_and(|code| (200..300).contains(&code))
}

/// Whether a span shows a failure. Also asked at ingest, where no report is made.
pub(super) fn is_error(place: &Place, facts: &Facts<'_>) -> bool {
    let told = facts.present().0 & ERRORS.0 != 0;
    shows_error(place, told, facts.get(Concept::HttpStatus).and_then(http_status))
}

fn shows_error(place: &Place, told: bool, http_status: Option<u16>) -> bool {
    place.status == STATUS_ERROR || told || http_status.is_some_and(|code| code >= 400)
}

const ERRORS: ConceptSet = ConceptSet::of(&[Concept::ErrorType, Concept::ErrorClass]);

/// Facts that only a model's answer can give. A span that merely began a call (the first of two spans of a stream, an
/// unfinished run) shows none of these.
const ANSWERS: ConceptSet = ConceptSet::of(&[
    Concept::ResponseId,
    Concept::ResponseModel,
    Concept::FinishReason,
    Concept::OutputContent,
    Concept::ToolCalls,
    Concept::Ttft,
    Concept::CostTotal,
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::NO_RULE;

    #[test]
    fn facts_become_a_report() {
        let mut facts = Facts::new();
        facts.role = Role::Inference;
        for (concept, value) in [
            (Concept::RequestModel, Val::Str("gpt-4o")),
            (Concept::InputTokens, Val::Int(12)),
            (Concept::AudioSeconds, Val::Float(1.5)),
            (Concept::OutputTokens, Val::Float(f64::NAN)),
            (Concept::HttpStatus, Val::Str("200")),
            (Concept::CostTotal, Val::Float(0.5)),
        ] {
            facts.set(concept, value, NO_RULE);
        }
        let report = Report::from_facts(Place::default(), &facts);
        assert_eq!(report.texts.get(Concept::RequestModel), "gpt-4o");
        assert_eq!(report.texts.get(Concept::ResponseModel), "");
        assert_eq!(report.usage.get(Unit::Input), Some(12));
        assert_eq!(report.usage.get(Unit::AudioSeconds), Some(1_500_000));
        assert_eq!(report.usage.get(Unit::Output), None);
        assert_eq!(report.http_status, Some(200));
        assert_eq!(report.cost, Some(ReportedCost { usd: 0.5, by_provider: false }));
        assert!(report.answered && !report.error && report.is_inference());
    }

    #[test]
    fn a_span_that_only_asked_shows_no_answer() {
        let mut facts = Facts::new();
        facts.set(Concept::RequestModel, Val::Str("gpt-4o"), NO_RULE);
        facts.set(Concept::InputTokens, Val::Int(0), NO_RULE);
        let mut place = Place::default();
        assert!(!Report::from_facts(place, &facts).answered);
        place.status = STATUS_OK;
        assert!(Report::from_facts(place, &facts).answered);
        place.status = STATUS_ERROR;
        let failed = Report::from_facts(place, &facts);
        assert!(failed.error && !failed.answered);
    }
}
