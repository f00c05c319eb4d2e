//! Policies: what each votes for a trace, and the verdict that the votes make (design §7). One file holds one family of
//! types; `compile` knows them all.

mod adaptive;
mod budget;
mod cap;
mod collector;
mod combine;
mod compile;
mod facts;
mod learned;
pub mod limits;
mod ours;
#[cfg(test)]
mod own_tests;
pub mod part;
pub mod rule;
mod runaway;
mod same_span;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unbiased_tests;

use super::conditions::Conditions;
use super::plan::{KindPlan, SamplePlan};
use super::runaway::Watch;
use super::state::{Moment, Slot, States};
use super::summary::{Needs, TraceSummary};
use super::verdict::Verdict;
use super::vote::Vote;
use crate::keys::KeyTableBuilder;
use cap::Cap;
use part::Heard;
use rule::{Compiler, Rule};
use serde_json::Value;
use std::sync::Arc;

struct Policy {
    number: u32,
    name: String,
    rule: Box<dyn Rule>,
    /// Its vote is for dropping.
    drops: bool,
    /// Its vote is told, not counted.
    dry_run: bool,
}

/// The compiled policies of a plan.
pub struct Policies {
    policies: Vec<Policy>,
    /// In which order they are asked: what limits comes last and pays only for what nobody else keeps.
    order: Vec<usize>,
    first_match: bool,
    caps: Vec<Cap>,
    dry_run: bool,
    /// Whether votes are noted for `explain`.
    pub explained: bool,
    pub conditions: Conditions,
    pub needs: Needs,
    /// Where policies keep state.
    pub slots: Vec<Slot>,
    /// What looks at spans as they arrive.
    pub watches: Vec<Arc<Watch>>,
}

/// The votes for a batch of traces: those of one policy after the other.
#[derive(Default)]
pub struct Votes {
    all: Vec<Vote>,
    traces: usize,
    /// Everything, for policies that are asked about every trace.
    open: Vec<Vote>,
    /// What is left for those that limit.
    wanted: Vec<Vote>,
    /// Of policies and their parts, for `explain`.
    heard: Option<Heard>,
}

impl Votes {
    /// Each policy's vote for one trace of the batch; none where nothing was asked.
    pub fn of(&self, trace: usize) -> impl Iterator<Item = Vote> {
        self.all.iter().skip(trace).step_by(self.traces.max(1)).copied()
    }
}

impl Policies {
    pub fn compile(plan: &SamplePlan, keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let mut compiler = Compiler::new(keys);
        let mut policies = Vec::with_capacity(plan.policies.len());
        for one in &plan.policies {
            let rule = compile::compile(one, &one.name, &mut compiler)
                .map_err(|fault| format!("policy {}: {fault}", one.name))?;
            let drops = matches!(one.kind, KindPlan::Drop { .. });
            let number = compiler.number();
            policies.push(Policy { number, name: one.name.clone(), rule, drops, dry_run: one.dry_run });
        }
        let mut order: Vec<usize> = (0..policies.len()).collect();
        if plan.first_match {
            // A drop has the last word wherever it stands.
            order.sort_by_key(|at| !policies[*at].drops);
        } else {
            // What a drop asks of a limit is not what is left to keep: it is asked of every trace.
            order.sort_by_key(|at| policies[*at].rule.limits() && !policies[*at].drops);
        }
        let caps = plan.limits.iter().map(|limit| Cap::compile(limit, &mut compiler)).collect::<Result<_, _>>()?;
        let Compiler { conditions, mut needs, slots, watches, .. } = compiler;
        conditions.bounded()?;
        needs.conversation = plan.group_by_conversation;
        let (first_match, dry_run) = (plan.first_match, plan.dry_run);
        Ok(Self { policies, order, first_match, caps, dry_run, explained: false, conditions, needs, slots, watches })
    }

    /// Nothing is sampled: everything is kept, and nothing is said of thresholds on it.
    pub fn keeps_all(&self) -> bool {
        self.dry_run || self.policies.iter().all(|policy| policy.dry_run)
    }

    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    pub fn len(&self) -> usize {
        self.policies.len()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| policy.name.as_str())
    }

    pub fn name(&self, index: u16) -> &str {
        &self.policies[usize::from(index)].name
    }

    /// Some policy shares something out between traces: the more are decided together, the better.
    pub fn shares(&self) -> bool {
        !self.caps.is_empty() || self.policies.iter().any(|policy| policy.rule.shares())
    }

    /// Notes from now on what `explain` tells.
    pub fn be_explained(&mut self) {
        self.explained = true;
        self.needs = Needs { conversation: self.needs.conversation, ..Needs::ALL };
    }

    /// Each policy's vote with the values it looked at, and the bounds on everything, for a trace that was decided last.
    pub fn explain(
        &self,
        trace: &TraceSummary<'_>,
        votes: &Votes,
        now: u64,
        states: &mut States,
    ) -> (Vec<Value>, Vec<Value>) {
        let Some(heard) = &votes.heard else { return Default::default() };
        let mut moment = Moment::new(now, &self.slots, states);
        let each = |policy: &Policy| {
            let mut told = part::told(policy.number, &policy.name, &*policy.rule, trace, heard, &mut moment);
            told["dry_run"] = policy.dry_run.into();
            told
        };
        let policies = self.policies.iter().map(each).collect();
        let bounds = self.caps.iter().map(|cap| cap.told(trace, moment.state(cap.slot))).collect();
        (policies, bounds)
    }

    /// Tells the policies of spans that came after the verdict of their trace.
    pub fn late(&self, trace: &TraceSummary<'_>, verdict: &Verdict, now: u64, states: &mut States) {
        let mut moment = Moment::new(now, &self.slots, states);
        for (policy, at) in self.policies.iter().zip(0..) {
            let credited = (verdict.policy == Some(at)).then(|| verdict.probability());
            policy.rule.late(trace, credited, &mut moment);
        }
    }

    /// Collects every policy's votes (a `drop` votes for dropping) for traces that are due at the same time, and decides.
    pub fn decide(
        &self,
        traces: &[&TraceSummary<'_>],
        now: u64,
        states: &mut States,
        votes: &mut Votes,
        verdicts: &mut Vec<Verdict>,
    ) {
        let count = traces.len();
        votes.traces = count;
        votes.all.clear();
        verdicts.clear();
        if self.policies.is_empty() {
            verdicts.resize(count, Verdict::KEEP_ALL);
            return;
        }
        votes.all.resize(count * self.policies.len(), Vote::NONE);
        let mut moment = Moment::new(now, &self.slots, states);
        moment.heard = self.explained.then(Heard::default);
        for policy in &self.policies {
            traces.iter().for_each(|trace| policy.rule.observe(trace, &mut moment));
        }
        votes.open.clear();
        votes.open.resize(count, Vote::ALWAYS);
        votes.wanted.clear();
        votes.wanted.resize(count, Vote::ALWAYS);
        for at in &self.order {
            let policy = &self.policies[*at];
            let own = &mut votes.all[at * count..(at + 1) * count];
            let settled = self.first_match || (policy.rule.limits() && !policy.drops);
            let open = if settled { &votes.wanted } else { &votes.open };
            policy.rule.votes(traces, open, &mut moment, own);
            if let Some(heard) = &mut moment.heard {
                heard.note(policy.number, traces, open, own);
            }
            for (wanted, own) in votes.wanted.iter_mut().zip(own) {
                if policy.dry_run && !self.dry_run {
                    continue;
                }
                if policy.drops {
                    *wanted = wanted.and(own.complement());
                } else if *own == Vote::ALWAYS {
                    // Kept for certain: nothing that limits has to pay for it.
                    *wanted = Vote::NONE;
                }
            }
        }
        for (at, trace) in traces.iter().enumerate() {
            let mut verdict = self.verdict(trace.randomness, votes.of(at), true);
            verdict.rv = trace.conversation_randomness;
            verdicts.push(verdict);
        }
        for cap in &self.caps {
            cap.apply(moment.state(cap.slot), now, traces, verdicts);
        }
        votes.heard = moment.heard;
        for (at, (trace, verdict)) in traces.iter().zip(verdicts).enumerate() {
            self.tried(trace, votes.of(at), verdict);
        }
    }

    /// With something on trial, puts what counts in the place of the verdict and the verdict beside it.
    fn tried(&self, trace: &TraceSummary<'_>, votes: impl Iterator<Item = Vote>, verdict: &mut Verdict) {
        if self.keeps_all() {
            *verdict = Verdict { trial: Some(verdict.as_trial()), rv: verdict.rv, ..Verdict::KEEP_ALL };
        } else if self.policies.iter().any(|policy| policy.dry_run) {
            let counts = self.verdict(trace.randomness, votes, false);
            // The limit knows no trials; what it took goes.
            let threshold = if verdict.limited { counts.threshold.max(verdict.threshold) } else { counts.threshold };
            let keep = trace.randomness >= threshold;
            *verdict = Verdict { trial: Some(verdict.as_trial()), keep, threshold, rv: verdict.rv, ..counts };
        }
    }

    /// `trials`: votes of policies on trial count as well.
    fn verdict(&self, randomness: u64, votes: impl Iterator<Item = Vote>, trials: bool) -> Verdict {
        let (mut best, mut credited) = (Vote::NONE, None);
        let (mut ceiling, mut dropper) = (Vote::ALWAYS, None);
        for ((policy, vote), index) in self.policies.iter().zip(votes).zip(0..) {
            if policy.dry_run && !trials {
                continue;
            }
            if policy.drops {
                // A drop that matches with probability q leaves at most 1 - q; written as a ceiling, the outcome stays a
                // threshold and the totals unbiased.
                let left = vote.complement();
                if left.threshold() > ceiling.threshold() {
                    (ceiling, dropper) = (left, Some(index));
                }
            } else if vote.threshold() < best.threshold() {
                (best, credited) = (vote, Some(index));
            }
        }
        let both = best.and(ceiling);
        let keep = both.keeps(randomness);
        let dropped = !keep && dropper.is_some() && best.keeps(randomness);
        let dropped = dropped || !ceiling.is_some();
        let policy = if dropped { dropper } else { credited };
        Verdict { keep, policy, dropped_by_policy: dropped, threshold: both.threshold(), ..Verdict::KEEP_ALL }
    }
}
