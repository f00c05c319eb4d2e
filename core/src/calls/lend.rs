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
            let (mut first, mut several) = (NONE, false);
            for below in self.tree.below(node).iter().take(SEARCHED) {
                let leader = self.sets.leader(*below);
                if self.nodes[*below as usize].claims && self.sets.face(leader).covers == NONE && leader != first {
                    several = first != NONE;
                    first = if several { first } else { leader };
                }
                if several {
                    break;
                }
            }
            self.nodes[node as usize].around = first;
            if first == NONE || several || !report.has_usage() {
                continue;
            }
            let (own, call) = (self.sets.sketch(node), self.sets.face(first));
            if call.earlier != NONE || !own.same_class(&call.sketch) {
                continue;
            }
            if !call.sketch.usage && !call.sketch.error {
                self.sets.attach(node, first);
            } else if own.counts(&call.sketch) == Counts::Equal {
                self.lenders.push((first, node));
            }
        }
        for lender in &mut self.lenders {
            lender.0 = self.sets.leader(lender.0);
        }
        self.lenders.sort_unstable();
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

    fn add_others(&self, call: &Call<'a>, lenders: &[(u32, u32)], others: &mut Vec<u32>) {
        others.extend(&self.members[call.members.start as usize + 1..call.members.end as usize]);
        if !lenders.is_empty() {
            others.extend(lenders.iter().map(|lender| lender.1));
            let (sets, tree) = (&self.sets, &self.tree);
            others.sort_unstable_by_key(|node| (sets.sketch(*node).duration(), Reverse(tree.place(*node))));
        }
    }
}

/// The wrappers that lend to the call of a set.
fn of_leader(lenders: &[(u32, u32)], leader: u32) -> &[(u32, u32)] {
    let begin = |bound: u32| lenders.partition_point(|lender| lender.0 < bound);
    &lenders[begin(leader)..begin(leader + 1)]
}
