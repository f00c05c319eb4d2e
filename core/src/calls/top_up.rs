//! A further report of a call that an earlier verdict counted may say more of it: the usage that nobody told, the model
//! that was not known, tokens that an outer report leaves out. What it says more counts then.

use super::amounts::{Amounts, Before};
use super::fuller::complete;
use super::group::{Fate, Grouping};
use super::merge::Call;
use super::report::Report;
use super::sketch::{Counts, Sketch};
use super::tree::NONE;
use crate::price::Cost;
use crate::usage::Unit;
use std::ops::Range;

/// Reports of an earlier call that may say more of it.
pub(super) struct TopUp {
    pub(super) call: u32,
    pub(super) earlier: u32,
    /// What they say of tokens counts, not only what they cost.
    pub(super) tokens: bool,
    /// Earlier wrappers around it, in whose sum it may be: a range of `Grouping::sources`.
    pub(super) from: Range<u32>,
}

impl<'a> Grouping<'a> {
    /// Makes a call of the members from `start` on, which report an earlier one, when they may say more of it.
    pub(super) fn may_top_up(&mut self, earlier: u32, start: usize, reports: &[Report<'a>]) -> bool {
        let call = &self.earlier[earlier as usize];
        let node = reports.len() as u32 + earlier;
        let known = &call.sketch;
        if !call.claims || call.drawn || call.at.trace != known.trace || !call.left.call {
            return false;
        }
        let depth = |member: u32| {
            let sketch = self.sets.sketch(member);
            (!sketch.inference, !sketch.client, sketch.duration(), member)
        };
        let claiming = self.members[start..].iter().copied().filter(|member| self.nodes[*member as usize].claims);
        let told = claiming.filter(|member| reports[*member as usize].has_usage());
        let Some(canonical) = told.min_by_key(|member| depth(*member)) else { return false };
        let sketch = self.sets.sketch(canonical);
        let is_inner = match known.inference {
            _ if self.tree.is_above(node, canonical) => true,
            _ if self.tree.is_above(canonical, node) => false,
            false => sketch.inference,
            true => (!sketch.client, sketch.duration()) < (!known.client, known.duration()),
        };
        let (known, left) = (*known, call.left);
        let at = self.members[start..].iter().position(|member| *member == canonical).unwrap_or(0);
        self.members.swap(start, start + at);
        let mut made = Call::of(reports, canonical, start as u32..self.members.len() as u32);
        made.merge(reports, &self.members[start + 1..], |_| false);
        // What was counted and what is told now may each leave out what the other knows.
        if known.usage && !made.report.estimated {
            let counted = call.usage();
            complete(&mut made.report.usage, &counted, false);
            made.complete_again(reports, &self.members[start + 1..]);
            complete(&mut made.report.usage, &counted, false);
        }
        let fuller = left.is_less_than(&made.report.usage) && known.counts(&Sketch::of(&made.report)) == Counts::Equal;
        let tokens = !known.usage || fuller || (is_inner && sketch.inference);
        if !tokens && left.priced {
            return false;
        }
        (made.in_sum, made.decided) = (left.has_tokens(), NONE);
        let begin = self.sources.len() as u32;
        self.wrappers_above(self.sets.leader(canonical), reports.len(), |_| true);
        let from = begin..self.sources.len() as u32;
        self.tops.push(TopUp { call: self.calls.len() as u32, earlier, tokens, from });
        self.calls.push(made);
        true
    }

    /// Leaves of each such call what is more than was counted.
    pub(super) fn top_up(&mut self, costs: &mut [Cost]) {
        for top in &self.tops {
            let (call, cost) = (&mut self.calls[top.call as usize], &mut costs[top.call as usize]);
            let earlier = &mut self.earlier[top.earlier as usize];
            let (at, known) = (earlier.at, earlier.left);
            let whole = Amounts::of(&call.report.usage, cost);
            let (mut rest, mut before) = (whole, Amounts::NONE);
            let mut balance = known;
            balance.give(&mut rest, &mut before);
            if !top.tokens {
                rest.give_tokens(&mut before);
            }
            // Without the parts that cost less, the same tokens seem to cost more.
            let lacks = |unit| whole.tokens(unit) < known.tokens(unit);
            if known.priced
                && earlier.sketch.usage
                && (!top.tokens || lacks(Unit::CacheRead) || lacks(Unit::CacheWrite))
            {
                rest.give_cost(&mut before);
            }
            // Calls below the earlier one have come with the wrapper: they say themselves what it says of them.
            if call.lends && earlier.drawn {
                (rest, before) = (Amounts::NONE, whole);
            }
            if !rest.is_none() {
                self.changed = true;
                earlier.left = known.with(&rest);
                earlier.sketch.learn(&self.sets.face(self.sets.leader(call.canonical)).sketch);
            }
            for source in &self.sources[top.from.start as usize..top.from.end as usize] {
                let around = &mut self.earlier[*source as usize];
                around.drawn |= around.left.give(&mut rest, &mut before);
            }
            before.reduce(&mut call.report.usage);
            cost.reduce(before.cost_pico());
            let adds = !rest.is_none();
            call.before = Some(Before { at, amounts: before, adds });
            if adds {
                self.fates[call.canonical as usize] = Fate::Canonical(top.call);
            }
        }
    }
}
