//! What every policy type does, and what compiling one gives it.

use super::super::conditions::{Conditions, Test};
use super::super::runaway::Watch;
use super::super::state::{Moment, Slot, State};
use super::super::summary::{Needs, TraceSummary};
use super::super::vote::Vote;
use super::part::Part;
use crate::keys::KeyTableBuilder;
use serde_json::Value;
use std::sync::Arc;

/// One policy, or a part of one.
pub trait Rule: Send + Sync {
    /// The vote for one trace.
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote;

    /// The values that the vote depends on besides those of the parts, for `explain`: an object.
    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value;

    /// What the policy has learned that the vote depends on as well, an object; null for nothing.
    fn learned(&self, _trace: &TraceSummary<'_>, _moment: &mut Moment<'_>) -> Value {
        Value::Null
    }

    /// The policies inside, for `explain`.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// Told of every trace before the votes of its batch, for what learns from all traffic.
    fn observe(&self, _trace: &TraceSummary<'_>, _moment: &mut Moment<'_>) {}

    /// The votes for traces that are decided together. `open`: what others leave of each; where that is nothing the vote
    /// changes nothing and may be left out. Rules that share something out between the traces do it here.
    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        for ((trace, open), vote) in traces.iter().zip(open).zip(votes) {
            *vote = if open.is_some() { self.vote(trace, moment) } else { Vote::NONE };
        }
    }

    /// Told of spans that came after the verdict of their trace. `trace`: those spans by themselves; `credited`: the
    /// probability of the verdict when this policy was credited with it.
    fn late(&self, _trace: &TraceSummary<'_>, _credited: Option<f64>, _moment: &mut Moment<'_>) {}

    /// A vote uses something up, so that it is asked for only where it can count.
    fn consumes(&self) -> bool {
        false
    }

    /// Keeps to a bound or a target, so that it is asked after everybody else and pays only for what nobody else keeps.
    fn limits(&self) -> bool {
        false
    }

    /// Shares something out between the traces of a batch: the more are decided together, the better.
    fn shares(&self) -> bool {
        self.limits()
    }
}

/// What a plan's policies compile into besides themselves.
pub struct Compiler<'k> {
    pub keys: &'k mut KeyTableBuilder,
    pub conditions: Conditions,
    pub needs: Needs,
    pub slots: Vec<Slot>,
    /// What looks at spans as they arrive.
    pub watches: Vec<Arc<Watch>>,
    /// Policies and parts so far.
    voters: u32,
}

impl<'k> Compiler<'k> {
    pub fn new(keys: &'k mut KeyTableBuilder) -> Self {
        Self {
            keys,
            conditions: Conditions::default(),
            needs: Needs::default(),
            slots: Vec::new(),
            watches: Vec::new(),
            voters: 0,
        }
    }

    /// The next policy's, or part's, number.
    pub fn number(&mut self) -> u32 {
        self.voters += 1;
        self.voters
    }

    pub fn part(&mut self, name: &str, rule: Box<dyn Rule>) -> Part {
        Part::new(self.number(), name, rule)
    }

    /// A condition on an attribute of any span or resource; returns its bit.
    pub fn condition(&mut self, key: &str, test: Test) -> u16 {
        self.conditions.add(self.keys, key, test)
    }

    /// A place for state; returns its slot. `path`: names of the policy and of those that hold it. `identity`: what must
    /// stay the same for the state to outlive a reload (type, key, target).
    pub fn state<S: State>(
        &mut self,
        path: &str,
        identity: &str,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> usize {
        let identity = format!("{path} {identity}");
        self.slots.push(Slot { identity, make: Box::new(move || Box::new(make())) });
        self.slots.len() - 1
    }
}
