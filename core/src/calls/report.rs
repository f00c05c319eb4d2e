//! What one span says about a model call, in the form that grouping, pricing and measuring read.

use super::rate_limits::RateLimits;
use super::slots::{ANSWERS, ERRORS, FAILS, SHOWS, SLOTS, Slot, TELLS, Texts, UNITS};
use crate::concept::{Concept, ConceptSet};
use crate::evaluations::{Evaluation, further};
use crate::facts::{Facts, Role, Val};
use crate::guardrails::{self, Guardrail};
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

/// One span's account of a model call, or of what stands around one.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub place: Place,
    pub role: Role,
    /// Index into the plan's dialects.
    pub dialect: u16,
    /// Calls of its dialect show the usage of the last step of a loop.
    pub last_step: bool,
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
            last_step: false,
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

    /// The verdicts of guardrails that the span tells, the strictest first.
    pub fn guardrails(&self) -> impl Iterator<Item = Guardrail<'a>> {
        let text = |concept| self.texts.get(concept);
        let first = Guardrail { name: text(Concept::GuardrailName), decision: text(Concept::GuardrailDecision) };
        let first = Some(first).filter(|first| !first.decision.is_empty());
        first.into_iter().chain(guardrails::further(text(Concept::MoreGuardrails)))
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
