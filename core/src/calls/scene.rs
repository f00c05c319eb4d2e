//! Traces for tests, written down span by span.

use super::group::{Fate, Grouping, Rule};
use super::merge::Call;
use super::rate_limits::RateLimits;
use super::recent::RecentCalls;
use super::report::{KIND_CLIENT, Place, Report, ReportedCost};
use super::sketch::hash;
use super::slots::Texts;
use crate::concept::{Concept, ConceptSet};
use crate::facts::{NO_DIALECT, Role};
use crate::price::{Cost, Reason, State, money};
use crate::usage::{Unit, Usage};

const MS: u64 = 1_000_000;

/// A span: id, parent, scope, interval in milliseconds.
pub fn span(id: u64, parent: u64, scope: &str, start: u64, end: u64) -> Report<'static> {
    Report {
        place: Place {
            index: 0,
            trace_id: 1,
            span_id: id,
            parent_id: parent,
            start: 1_000_000 * MS + start * MS,
            end: 1_000_000 * MS + end * MS,
            kind: KIND_CLIENT,
            status: 0,
            scope: hash(scope.as_bytes()),
            instance: 7,
        },
        role: Role::None,
        dialect: NO_DIALECT,
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
        inferred: ConceptSet::default(),
        error: false,
        answered: false,
    }
}

/// Builds reports in one expression.
pub trait Tell: Sized {
    fn role(self, role: Role) -> Self;
    fn model(self, model: &'static str) -> Self;
    fn usage(self, input: i64, output: i64) -> Self;
    fn id(self, id: &'static str) -> Self;
    fn text(self, concept: Concept, text: &'static str) -> Self;
    fn failed(self) -> Self;
    fn costs(self, usd: f64) -> Self;
    fn in_trace(self, trace: u128) -> Self;
    fn chat(self) -> Self {
        self.role(Role::Inference).model("gpt-4o")
    }
}

impl Tell for Report<'static> {
    fn role(mut self, role: Role) -> Self {
        self.role = role;
        self.answered |= role == Role::Inference;
        self
    }

    fn model(self, model: &'static str) -> Self {
        self.text(Concept::RequestModel, model)
    }

    fn usage(mut self, input: i64, output: i64) -> Self {
        self.usage.set(Unit::Input, input);
        self.usage.set(Unit::Output, output);
        self.answered |= !self.usage.is_zero();
        self
    }

    fn id(self, id: &'static str) -> Self {
        self.text(Concept::ResponseId, id)
    }

    fn text(mut self, concept: Concept, text: &'static str) -> Self {
        self.texts.set(concept, text);
        self
    }

    fn failed(mut self) -> Self {
        (self.error, self.answered) = (true, false);
        self
    }

    fn costs(mut self, usd: f64) -> Self {
        self.cost = Some(ReportedCost { usd, by_provider: false });
        self
    }

    fn in_trace(mut self, trace: u128) -> Self {
        self.place.trace_id = trace;
        self
    }
}

/// What grouping made of a trace.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Calls that no earlier verdict counted.
    pub count: usize,
    /// Those of them that failed.
    pub errors: usize,
    /// What the calls add.
    pub cost_pico: i128,
    /// Canonical span ids, input and output tokens that the calls add, by span id.
    pub calls: Vec<(u64, i64, i64)>,
    /// Span, canonical span and rule of the duplicates, by span id.
    pub duplicates: Vec<(u64, u64, Rule)>,
    /// Span ids of wrappers.
    pub wrappers: Vec<u64>,
}

/// Groups one batch of a trace; all its spans are reports. A call costs what its report says.
pub fn decide(reports: &[Report<'static>], recent: &RecentCalls) -> Outcome {
    let links: Vec<(u64, u64)> = reports.iter().map(|r| (r.place.span_id, r.place.parent_id)).collect();
    let mut placed = reports.to_vec();
    for (report, index) in placed.iter_mut().zip(0..) {
        report.place.index = index;
    }
    let mut grouping = Grouping::new();
    grouping.group(&placed, links.as_slice(), recent, 0);
    let mut costs: Vec<Cost> = grouping.calls.iter().map(cost).collect();
    grouping.account(&mut costs, recent, 0);
    let mut outcome = Outcome::default();
    for (report, fate) in placed.iter().zip(&grouping.fates) {
        let span = report.place.span_id;
        match *fate {
            Fate::Canonical(call) => {
                let usage = &grouping.calls[call as usize].report.usage;
                outcome.calls.push((span, usage.or_zero(Unit::Input), usage.or_zero(Unit::Output)));
                outcome.count += usize::from(grouping.calls[call as usize].is_new());
                outcome.errors += usize::from(grouping.calls[call as usize].fails());
                outcome.cost_pico += costs[call as usize].total_pico;
            }
            Fate::Duplicate { of, rule, .. } => outcome.duplicates.push((span, of, rule)),
            Fate::Wrapper { .. } => outcome.wrappers.push(span),
            Fate::NotACall => {}
        }
    }
    assert_eq!(outcome.calls.len(), grouping.calls.iter().filter(|call| call.adds()).count());
    outcome.calls.sort_unstable();
    outcome.duplicates.sort_unstable_by_key(|duplicate| duplicate.0);
    outcome.wrappers.sort_unstable();
    outcome
}

/// Groups a batch of several traces, one trace after the other in the order of their first spans.
pub fn decide_all(reports: &[Report<'static>], recent: &RecentCalls) -> Vec<Outcome> {
    let mut traces: Vec<u128> = Vec::new();
    for report in reports {
        if report.is_inference() {
            recent.note(report, 0);
        }
        if !traces.contains(&report.place.trace_id) {
            traces.push(report.place.trace_id);
        }
    }
    let of = |trace| reports.iter().filter(move |report| report.place.trace_id == trace).copied();
    traces.into_iter().map(|trace| decide(&of(trace).collect::<Vec<_>>(), recent)).collect()
}

fn cost(call: &Call<'_>) -> Cost {
    let unpriced = Cost::unpriced(Reason::UnknownModel);
    match call.report.cost.and_then(|cost| money::from_usd(cost.usd)) {
        Some(total_pico) => Cost { total_pico, state: State::Computed, ..unpriced },
        None => unpriced,
    }
}

/// Groups a trace that nothing else knows of.
pub fn alone(reports: &[Report<'static>]) -> Outcome {
    decide(reports, &RecentCalls::new())
}
