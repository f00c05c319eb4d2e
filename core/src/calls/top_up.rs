//! A further report of a call that an earlier verdict counted may say more of it: the usage that nobody told, the model
//! that was not known, tokens that an outer report leaves out. What it says more counts then, in whatever trace the call
//! was counted.

use super::amounts::{Amounts, Before};
use super::fuller::complete;
use super::group::{Fate, Grouping};
use super::merge::Call;
use super::past::Spot;
use super::recent::RecentCalls;
use super::report::Report;
use super::sketch::{Counts, Sketch};
use super::tree::NONE;
use crate::price::Cost;
use crate::usage::Unit;
use std::ops::Range;

/// Where an earlier verdict counted a call.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    /// In this trace: an index of `Grouping::earlier`.
    Here(u32),
    /// In another one: an index of `Grouping::abroad`.
    Abroad(u32),
}

/// Reports of an earlier call that may say more of it.
pub(super) struct TopUp {
    pub(super) call: u32,
    pub(super) counted: Counted,
    /// What they say of tokens counts, not only what they cost.
    pub(super) tokens: bool,
    /// Earlier wrappers around it, in whose sum it may be: a range of `Grouping::sources`.
    pub(super) from: Range<u32>,
}

impl<'a> Grouping<'a> {
    /// Makes a call of the members from `start` on, which report an earlier one, when they may say more of it.
    pub(super) fn may_top_up(
        &mut self,
        earlier: u32,
        start: usize,
        reports: &[Report<'a>],
        recent: &RecentCalls,
    ) -> bool {
        let call = &self.earlier[earlier as usize];
        let node = reports.len() as u32 + earlier;
        let known = &call.sketch;
        if call.claims && call.at.trace != known.trace {
            return !known.usage && self.may_top_up_abroad(call.at, start, reports, recent);
        }
        if !call.claims || call.drawn || !call.left.call {
            return false;
        }
        let Some(canonical) = self.innermost_told(start, reports) else { return false };
        let sketch = *self.sets.sketch(canonical);
        let is_inner = match known.inference {
            _ if self.tree.is_above(node, canonical) => true,
            _ if self.tree.is_above(canonical, node) => false,
            false => sketch.inference,
            true => (!sketch.client, sketch.duration()) < (!known.client, known.duration()),
        };
        let (known, left) = (*known, call.left);
        let counted = call.usage();
        let mut made = self.made_of(start, canonical, reports);
        // What was counted and what is told now may each leave out what the other knows.
        if known.usage && !made.report.estimated {
            complete(&mut made.report.usage, &counted, false);
            made.complete_again(reports, &self.members[start + 1..]);
            complete(&mut made.report.usage, &counted, false);
        }
        let fuller = left.is_less_than(&made.report.usage) && known.counts(&Sketch::of(&made.report)) == Counts::Equal;
        let tokens = !known.usage || fuller || (is_inner && sketch.inference);
        if !tokens && left.priced {
            return false;
        }
        made.in_sum = left.has_tokens();
        self.push_top_up(made, Counted::Here(earlier), tokens, reports.len());
        true
    }

    /// The same for a call that was counted at a span of another trace. Without its usage: what else it lacks, it lacks
    /// among the spans of its own trace.
    pub(super) fn may_top_up_abroad(
        &mut self,
        at: Spot,
        start: usize,
        reports: &[Report<'a>],
        recent: &RecentCalls,
    ) -> bool {
        let Some(canonical) = self.innermost_told(start, reports) else { return false };
        let Some(known) = recent.counted_bare(at).filter(|known| known.left.call && !known.drawn) else { return false };
        let mut made = self.made_of(start, canonical, reports);
        made.in_sum = known.left.has_tokens();
        self.abroad.push(known);
        let counted = Counted::Abroad(self.abroad.len() as u32 - 1);
        self.push_top_up(made, counted, true, reports.len());
        true
    }

    /// The innermost of the members from `start` on that claims and tells usage.
    fn innermost_told(&self, start: usize, reports: &[Report<'a>]) -> Option<u32> {
        let depth = |member: u32| {
            let sketch = self.sets.sketch(member);
            (!sketch.inference, !sketch.client, sketch.duration(), member)
        };
        let claiming = self.members[start..].iter().copied().filter(|member| self.nodes[*member as usize].claims);
        let told = claiming.filter(|member| reports[*member as usize].has_usage());
        told.min_by_key(|member| depth(*member))
    }

    /// A call of the members from `start` on, which counts nothing by itself.
    fn made_of(&mut self, start: usize, canonical: u32, reports: &[Report<'a>]) -> Call<'a> {
        let at = self.members[start..].iter().position(|member| *member == canonical).unwrap_or(0);
        self.members.swap(start, start + at);
        let mut made = Call::of(reports, canonical, start as u32..self.members.len() as u32);
        made.merge(reports, &self.members[start + 1..], |_| false);
        made.decided = NONE;
        made
    }

    fn push_top_up(&mut self, made: Call<'a>, counted: Counted, tokens: bool, reports: usize) {
        let begin = self.sources.len() as u32;
        self.wrappers_of(self.sets.leader(made.canonical), reports);
        let from = begin..self.sources.len() as u32;
        self.tops.push(TopUp { call: self.calls.len() as u32, counted, tokens, from });
        self.calls.push(made);
    }

    /// Leaves of each such call what is more than was counted.
    pub(super) fn top_up(&mut self, costs: &mut [Cost], recent: &RecentCalls) {
        for top in &self.tops {
            let (call, cost) = (&mut self.calls[top.call as usize], &mut costs[top.call as usize]);
            let (Counted::Here(at) | Counted::Abroad(at)) = top.counted;
            let earlier = match top.counted {
                Counted::Here(_) => &mut self.earlier[at as usize],
                Counted::Abroad(_) => &mut self.abroad[at as usize],
            };
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
            let told = &self.sets.face(self.sets.leader(call.canonical)).sketch;
            match top.counted {
                _ if rest.is_none() => {}
                Counted::Here(_) => {
                    self.changed = true;
                    earlier.left = known.with(&rest);
                    earlier.sketch.learn(told);
                }
                Counted::Abroad(_) => recent.top_up(at, told, &mut rest, &mut before),
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
