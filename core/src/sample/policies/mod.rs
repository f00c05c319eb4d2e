//! Policies: what each votes for a trace, and the verdict that the votes make (design §7). One file holds one family of
//! types; `compile` knows them all.

mod adaptive;
mod budget;
mod collector;
mod combine;
mod compile;
mod facts;
mod learned;
pub mod limits;
mod ours;
#[cfg(test)]
mod own_tests;
pub mod rule;
mod runaway;
mod same_span;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unbiased_tests;

use super::conditions::Conditions;
use super::plan::{KindPlan, PolicyPlan};
use super::runaway::Watch;
use super::state::{Moment, Slot, States};
use super::summary::{Needs, TraceSummary};
use super::verdict::Verdict;
use super::vote::Vote;
use crate::keys::KeyTableBuilder;
use rule::{Compiler, Rule};
use serde_json::json;
use std::sync::Arc;

struct Policy {
    name: String,
    rule: Box<dyn Rule>,
    /// Its vote is for dropping.
    drops: bool,
}

/// The compiled policies of a plan.
pub struct Policies {
    policies: Vec<Policy>,
    /// In which order they are asked: what limits comes last and pays only for what nobody else keeps.
    order: Vec<usize>,
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
}

impl Votes {
    /// Each policy's vote for one trace of the batch; none where nothing was asked.
    pub fn of(&self, trace: usize) -> impl Iterator<Item = Vote> {
        self.all.iter().skip(trace).step_by(self.traces.max(1)).copied()
    }
}

impl Policies {
    pub fn compile(plans: &[PolicyPlan], keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let mut compiler = Compiler::new(keys);
        let mut policies = Vec::with_capacity(plans.len());
        for plan in plans {
            let rule = compile::compile(plan, &plan.name, &mut compiler)
                .map_err(|fault| format!("policy {}: {fault}", plan.name))?;
            let drops = matches!(plan.kind, KindPlan::Drop { .. });
            policies.push(Policy { name: plan.name.clone(), rule, drops });
        }
        let mut order: Vec<usize> = (0..policies.len()).collect();
        order.sort_by_key(|at| policies[*at].rule.limits());
        let Compiler { conditions, needs, slots, watches, .. } = compiler;
        Ok(Self { policies, order, conditions, needs, slots, watches })
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
    pub fn limits(&self) -> bool {
        self.policies.iter().any(|policy| policy.rule.limits())
    }

    /// Each policy's vote with the values it looked at, for `explain`.
    pub fn explain(
        &self,
        trace: &TraceSummary<'_>,
        votes: impl Iterator<Item = Vote>,
        now: u64,
        states: &mut States,
    ) -> Vec<serde_json::Value> {
        let mut moment = Moment::new(now, &self.slots, states);
        let told = self.policies.iter().zip(votes).map(|(policy, vote)| {
            let mut told =
                json!({"policy": policy.name, "vote": vote.told(), "looked_at": policy.rule.looked_at(trace)});
            let learned = policy.rule.learned(trace, &mut moment);
            if !learned.is_null() {
                told["learned"] = learned;
            }
            told
        });
        told.collect()
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
            let open = if policy.rule.limits() { &votes.wanted } else { &votes.open };
            policy.rule.votes(traces, open, &mut moment, own);
            for (wanted, own) in votes.wanted.iter_mut().zip(own) {
                if policy.drops {
                    *wanted = wanted.and(own.complement());
                } else if *own == Vote::ALWAYS {
                    // Kept for certain: nothing that limits has to pay for it.
                    *wanted = Vote::NONE;
                }
            }
        }
        verdicts.extend((0..count).map(|at| self.verdict(traces[at].randomness, votes.of(at))));
    }

    fn verdict(&self, randomness: u64, votes: impl Iterator<Item = Vote>) -> Verdict {
        let (mut best, mut credited) = (Vote::NONE, None);
        let (mut ceiling, mut dropper) = (Vote::ALWAYS, None);
        for ((policy, vote), index) in self.policies.iter().zip(votes).zip(0..) {
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
        Verdict { keep, policy, dropped_by_policy: dropped, threshold: both.threshold() }
    }
}
