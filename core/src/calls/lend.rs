//! What wrappers give to the only call below them.

use super::group::{Grouping, SEARCHED};
use super::merge::Call;
use super::report::Report;
use super::sketch::Counts;
use super::tree::NONE;
use crate::facts::Role;
use std::cmp::Reverse;

impl<'a> Grouping<'a> {
    /// Finds the calls that each wrapper stands around. One that shows the usage of a single call says the rest of it as
    /// well: the call takes from it what it lacks, its usage among it.
    pub(super) fn wrappers(&mut self, reports: &[Report<'a>]) {
        self.lenders.clear();
        for at in (0..self.tree.order.len()).rev() {
            let node = self.tree.order[at];
            let known = &self.nodes[node as usize];
            let Some(report) = reports.get(node as usize) else { continue };
            let wraps = matches!(known.role, Role::Wrapper | Role::Other);
            if !known.claimed_below || known.copy_of.is_some() || !wraps {
                continue;
            }
            let (first, only) = self.calls_below(node);
            self.nodes[node as usize].around = first;
            let Some(only) = only.filter(|_| report.has_usage()) else { continue };
            let (own, call) = (self.sets.sketch(node), self.sets.face(only));
            if !own.same_class(&call.sketch) {
                continue;
            }
            let lacks_usage = !call.sketch.usage && !call.sketch.error;
            if lacks_usage && call.earlier == NONE {
                self.sets.attach(node, only);
            } else if lacks_usage || own.counts(&call.sketch) == Counts::Equal {
                self.lenders.push((only, node));
            }
        }
        for lender in &mut self.lenders {
            lender.0 = self.sets.leader(lender.0);
        }
        self.lenders.sort_unstable();
    }

    /// The first set below a wrapper, and the one that it stands around: the only one, but for attempts at it that failed.
    fn calls_below(&mut self, node: u32) -> (u32, Option<u32>) {
        let (mut first, mut call) = (NONE, NONE);
        let failed = &mut self.leaders;
        failed.clear();
        for below in self.tree.below(node).iter().take(SEARCHED) {
            let leader = self.sets.leader(*below);
            let face = self.sets.face(leader);
            if !self.nodes[*below as usize].claims || face.covers != NONE {
                continue;
            }
            first = if first == NONE { leader } else { first };
            if face.sketch.error && !face.sketch.usage {
                failed.push(leader);
            } else if call == NONE || call == leader {
                call = leader;
            } else {
                return (first, None);
            }
        }
        if call == NONE {
            let is_one = first != NONE && failed.iter().all(|leader| *leader == first);
            return (first, is_one.then_some(first));
        }
        let sketch = |leader: u32| &self.sets.face(leader).sketch;
        let is_only = failed.iter().all(|leader| sketch(*leader).is_attempt_at(sketch(call)));
        (first, is_only.then_some(call))
    }

    /// Completes the last call, which is that of a set, by its other reports and by the wrappers that lend to it, inner
    /// ones first.
    pub(super) fn complete(&mut self, leader: u32, reports: &[Report<'a>]) {
        let mut others = std::mem::take(&mut self.stack);
        others.clear();
        let lenders = of_leader(&self.lenders, leader);
        if let Some(call) = self.calls.last() {
            self.add_others(call, lenders, &mut others);
        }
        if let Some(call) = self.calls.last_mut() {
            call.merge(reports, &others, |node| lenders.binary_search(&(leader, node)).is_ok());
        }
        self.stack = others;
    }

    /// The reports that complete a call, in the order in which it takes from them: the others of it and the wrappers that
    /// lend to it, inner ones first, then those above it.
    pub fn completed_by(&self, call: &Call<'a>, reports: usize) -> Vec<u32> {
        let mut others = Vec::new();
        self.add_others(call, of_leader(&self.lenders, self.sets.leader(call.canonical)), &mut others);
        others.extend(self.above(call.canonical).filter(|node| (*node as usize) < reports));
        others
    }

    /// The wrappers that lend to the call of a set.
    pub(super) fn lenders_inner_first(&self, leader: u32) -> Vec<u32> {
        let mut lenders: Vec<u32> = of_leader(&self.lenders, leader).iter().map(|lender| lender.1).collect();
        self.sort_inner_first(&mut lenders);
        lenders
    }

    fn add_others(&self, call: &Call<'a>, lenders: &[(u32, u32)], others: &mut Vec<u32>) {
        others.extend(&self.members[call.members.start as usize + 1..call.members.end as usize]);
        if !lenders.is_empty() {
            others.extend(lenders.iter().map(|lender| lender.1));
            self.sort_inner_first(others);
        }
    }

    fn sort_inner_first(&self, nodes: &mut [u32]) {
        nodes.sort_unstable_by_key(|node| (self.sets.sketch(*node).duration(), Reverse(self.tree.place(*node))));
    }
}

/// The wrappers that lend to the call of a set.
fn of_leader(lenders: &[(u32, u32)], leader: u32) -> &[(u32, u32)] {
    let begin = |bound: u32| lenders.partition_point(|lender| lender.0 < bound);
    &lenders[begin(leader)..begin(leader + 1)]
}
