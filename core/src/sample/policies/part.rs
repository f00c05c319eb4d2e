//! A policy inside another one, and what such policies said, for `explain`.

use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::rule::Rule;
use hashbrown::HashMap;
use serde_json::{Value, json};

/// What one policy, or part of one, said of one trace.
#[derive(Clone, Copy, Debug)]
struct Said {
    vote: Vote,
    /// Others left nothing of the trace, so that it was not asked.
    asked: bool,
}

/// The votes of everything that has a vote of its own, by number and trace.
#[derive(Debug, Default)]
pub struct Heard(HashMap<(u32, u128), Said>);

impl Heard {
    pub fn note(&mut self, number: u32, traces: &[&TraceSummary<'_>], open: &[Vote], votes: &[Vote]) {
        for ((trace, open), vote) in traces.iter().zip(open).zip(votes) {
            self.0.insert((number, trace.id), Said { vote: *vote, asked: open.is_some() });
        }
    }
}

pub struct Part {
    /// Of everything in the plan that votes.
    number: u32,
    name: String,
    pub rule: Box<dyn Rule>,
}

impl Part {
    pub fn new(number: u32, name: &str, rule: Box<dyn Rule>) -> Self {
        Self { number, name: name.to_owned(), rule }
    }

    pub fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        self.rule.votes(traces, open, moment, votes);
        if moment.heard.is_some() {
            self.tell(traces, open, moment, votes);
        }
    }

    /// Notes the votes, and what it would say of traces that nobody asked it about, where asking changes nothing.
    fn tell(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &[Vote]) {
        let free = !self.rule.consumes() && !self.rule.limits();
        let (mut asked, mut said) = (open.to_vec(), votes.to_vec());
        for (at, trace) in traces.iter().enumerate() {
            if free && !open[at].is_some() {
                asked[at] = Vote::ALWAYS;
                said[at] = self.rule.vote(trace, moment);
            }
        }
        if let Some(heard) = &mut moment.heard {
            heard.note(self.number, traces, &asked, &said);
        }
    }
}

/// A rule's vote for one trace, as it votes for many.
pub fn vote_of(rule: &dyn Rule, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
    let mut vote = [Vote::NONE];
    rule.votes(&[trace], &[Vote::ALWAYS], moment, &mut vote);
    vote[0]
}

/// What a policy said of a trace and which values it looked at, with all its parts.
pub fn told(
    number: u32,
    name: &str,
    rule: &dyn Rule,
    trace: &TraceSummary<'_>,
    heard: &Heard,
    moment: &mut Moment<'_>,
) -> Value {
    let said = heard.0.get(&(number, trace.id));
    let mut told = json!({
        "policy": name,
        "vote": said.and_then(|said| said.vote.told()),
        "asked": said.is_some_and(|said| said.asked),
        "looked_at": rule.looked_at(trace),
    });
    let learned = rule.learned(trace, moment);
    if !learned.is_null() {
        told["learned"] = learned;
    }
    let each = |part: &Part| self::told(part.number, &part.name, &*part.rule, trace, heard, moment);
    let parts: Vec<Value> = rule.parts().iter().map(each).collect();
    if !parts.is_empty() {
        told["sub_policies"] = parts.into();
    }
    told
}
