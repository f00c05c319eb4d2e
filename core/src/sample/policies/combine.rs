//! Policies made of policies.

use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::rule::Rule;
use serde_json::{Value, json};

fn looked_at(parts: &[Box<dyn Rule>], trace: &TraceSummary<'_>) -> Value {
    json!({"sub_policies": parts.iter().map(|part| part.looked_at(trace)).collect::<Vec<_>>()})
}

/// `and`, and what a `drop` asks for.
pub struct All {
    parts: Vec<Box<dyn Rule>>,
    /// Parts in the order in which they are asked: what limits or uses something up comes last and pays only for what the others want.
    order: Vec<usize>,
}

impl All {
    pub fn new(parts: Vec<Box<dyn Rule>>) -> Self {
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|at| (parts[*at].limits(), parts[*at].consumes()));
        Self { parts, order }
    }
}

impl Rule for All {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        let mut vote = Vote::ALWAYS;
        for at in &self.order {
            vote = vote.and(self.parts[*at].vote(trace, moment));
            if !vote.is_some() {
                break;
            }
        }
        vote
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        looked_at(&self.parts, trace)
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        self.parts.iter().for_each(|part| part.observe(trace, moment));
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

    fn learned(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        json!({"sub_policies": self.parts.iter().map(|part| part.learned(trace, moment)).collect::<Vec<_>>()})
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        self.parts.iter().for_each(|part| part.late(trace, credited, moment));
    }

    fn consumes(&self) -> bool {
        self.parts.iter().any(|part| part.consumes())
    }

    fn limits(&self) -> bool {
        self.parts.iter().any(|part| part.limits())
    }

    fn shares(&self) -> bool {
        self.parts.iter().any(|part| part.shares())
    }
}

pub struct Not(pub Box<dyn Rule>);

impl Rule for Not {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        self.0.vote(trace, moment).complement()
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        looked_at(std::slice::from_ref(&self.0), trace)
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        self.0.observe(trace, moment);
    }

    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        self.0.votes(traces, open, moment, votes);
        for (vote, open) in votes.iter_mut().zip(open) {
            // Nothing said of a trace that nobody asked about is no "no".
            *vote = if open.is_some() { vote.complement() } else { Vote::NONE };
        }
    }

    fn learned(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        json!({"sub_policies": [self.0.learned(trace, moment)]})
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        self.0.late(trace, credited, moment);
    }

    fn consumes(&self) -> bool {
        self.0.consumes()
    }

    fn limits(&self) -> bool {
        self.0.limits()
    }

    fn shares(&self) -> bool {
        self.0.shares()
    }
}
