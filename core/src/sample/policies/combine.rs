//! Policies made of policies.

use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::part::{Part, vote_of};
use super::rule::Rule;
use serde_json::{Value, json};

/// `and`, and what a `drop` asks for.
pub struct All {
    parts: Vec<Part>,
    /// Parts in the order in which they are asked: what limits or uses something up comes last and pays only for what the others want.
    order: Vec<usize>,
}

impl All {
    pub fn new(parts: Vec<Part>) -> Self {
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|at| (parts[*at].rule.limits(), parts[*at].rule.consumes()));
        Self { parts, order }
    }
}

impl Rule for All {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        vote_of(self, trace, moment)
    }

    fn looked_at(&self, _: &TraceSummary<'_>) -> Value {
        json!({})
    }

    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        self.parts.iter().for_each(|part| part.rule.observe(trace, moment));
    }

    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        votes.fill(Vote::ALWAYS);
        let mut left = open.to_vec();
        let mut own = vec![Vote::NONE; traces.len()];
        for at in &self.order {
            self.parts[*at].votes(traces, &left, moment, &mut own);
            for ((vote, left), own) in votes.iter_mut().zip(&mut left).zip(&own) {
                *vote = vote.and(*own);
                *left = left.and(*own);
            }
        }
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        self.parts.iter().for_each(|part| part.rule.late(trace, credited, moment));
    }

    fn consumes(&self) -> bool {
        self.parts.iter().any(|part| part.rule.consumes())
    }

    fn limits(&self) -> bool {
        self.parts.iter().any(|part| part.rule.limits())
    }

    fn shares(&self) -> bool {
        self.parts.iter().any(|part| part.rule.shares())
    }
}

pub struct Not(pub Part);

impl Rule for Not {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        vote_of(self, trace, moment)
    }

    fn looked_at(&self, _: &TraceSummary<'_>) -> Value {
        json!({})
    }

    fn parts(&self) -> &[Part] {
        std::slice::from_ref(&self.0)
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        self.0.rule.observe(trace, moment);
    }

    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        self.0.votes(traces, open, moment, votes);
        for (vote, open) in votes.iter_mut().zip(open) {
            // Nothing said of a trace that nobody asked about is no "no".
            *vote = if open.is_some() { vote.complement() } else { Vote::NONE };
        }
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        self.0.rule.late(trace, credited, moment);
    }

    fn consumes(&self) -> bool {
        self.0.rule.consumes()
    }

    fn limits(&self) -> bool {
        self.0.rule.limits()
    }

    fn shares(&self) -> bool {
        self.0.rule.shares()
    }
}
