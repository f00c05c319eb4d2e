//! Reports that come after a wrapper above them was counted for its usage: they are in its sum. What has been counted
//! cannot be taken back, so what they are counted for is drawn from what the wrapper was counted for, as long as there is
//! something left of it. However the calls below a wrapper come, wrapper and calls together come to what the calls used,
//! or to what the wrapper showed where that is more.

use super::amounts::{Amounts, Before};
use super::group::{Fate, Grouping, LOOKED_AT, Rule};
use super::identity::SAME_ID;
use super::late::Terms;
use super::past::{Decided, Spot};
use super::recent::RecentCalls;
use super::sketch::{Counts, Sketch, TOLERANCE_NS};
use super::tree::NONE;
use crate::facts::Role;
use crate::price::Cost;
use std::ops::Range;

/// Spans above a report that are searched for a wrapper.
const ABOVE: usize = 64;
/// Wrappers around a report that it may stand below.
pub(super) const AROUND: usize = 64;

/// A set below wrappers that earlier verdicts counted.
#[derive(Clone)]
pub(super) struct Drawn {
    /// The report that is its call, where that is not the set's own canonical one.
    pub(super) within: u32,
    /// The earlier calls to draw on, the first one first: a range of `Grouping::sources`.
    pub(super) from: Range<u32>,
    /// Index of its call, `NONE` when it is none, or counted elsewhere.
    pub(super) call: u32,
}

impl Grouping<'_> {
    /// Finds the sets that stand in the usage of wrappers that earlier verdicts counted.
    pub(super) fn draw_on_wrappers(&mut self, reports: usize) {
        self.drawn.clear();
        self.sources.clear();
        self.drawn_of.clear();
        if !self.earlier.iter().any(|call| call.wrapper && call.claims) {
            return;
        }
        self.drawn_of.resize(self.nodes.len(), NONE);
        self.list_wrappers();
        let mut leaders = std::mem::take(&mut self.leaders);
        leaders.clear();
        leaders.extend((0..reports as u32).filter(|node| self.is_free(*node)));
        leaders.sort_unstable_by_key(|leader| (self.sets.face(*leader).sketch.start, *leader));
        // One that failed without an answer used nothing; it is the call of a wrapper that failed.
        leaders.retain(|leader| {
            let sketch = self.sets.face(*leader).sketch;
            let failed = !sketch.usage && sketch.error;
            if failed {
                let begin = self.sources.len();
                // The last step of a loop failed, not the steps before it.
                let is_own = |call: &Decided| !sketch.is_last_step() || !call.left.has_step();
                self.wrappers_above(*leader, reports, |call| call.left.error && is_own(call));
                self.note_drawn(*leader, NONE, begin);
            }
            !failed
        });
        // Operations may show the usage of one call among several: the one that it repeats comes before the others.
        leaders.retain(|leader| {
            let wrapper = self.repeated_by(*leader, reports);
            if let Some(wrapper) = wrapper {
                let begin = self.sources.len();
                self.sources.push(wrapper);
                self.wrappers_of(*leader, reports);
                self.note_drawn(*leader, NONE, begin);
            }
            wrapper.is_none()
        });
        self.leaders = leaders;
        self.beside_wrappers(reports);
        let mut leaders = std::mem::take(&mut self.leaders);
        leaders.clear();
        leaders.extend((0..reports as u32).filter(|node| self.is_free(*node)));
        leaders.sort_unstable_by_key(|leader| (self.sets.face(*leader).sketch.start, *leader));
        for leader in &leaders {
            let sketch = &self.sets.face(*leader).sketch;
            if sketch.usage || !sketch.error {
                let begin = self.sources.len();
                self.wrappers_of(*leader, reports);
                self.note_drawn(*leader, NONE, begin);
            }
        }
        self.leaders = leaders;
    }

    /// Lists the wrappers that earlier verdicts counted.
    fn list_wrappers(&mut self) {
        let wrappers = || self.earlier.iter().zip(0..).filter(|(call, _)| call.wrapper && call.claims);
        let left = wrappers().filter(|(call, _)| call.left.call || call.left.has_tokens());
        self.wrappers_left.clear();
        self.wrappers_left.extend(left.map(|(call, at)| (call.sketch.start, at)));
        self.wrappers_left.sort_unstable();
        let named = wrappers().filter(|(call, _)| call.sketch.response_id != 0);
        self.wrapper_ids.clear();
        self.wrapper_ids.extend(named.map(|(call, at)| (call.sketch.response_id, at)));
        self.wrapper_ids.sort_unstable();
    }

    /// Whether a node leads a set that no earlier verdict knows and that draws on nothing yet.
    fn is_free(&self, node: u32) -> bool {
        self.stands_alone(node) && self.sets.face(node).earlier == NONE && self.drawn_of[node as usize] == NONE
    }

    /// Lets a set draw on the sources from `begin` on, if there are any.
    fn note_drawn(&mut self, leader: u32, within: u32, begin: usize) {
        if self.sources.len() > begin {
            self.drawn_of[leader as usize] = self.drawn.len() as u32;
            let from = begin as u32..self.sources.len() as u32;
            self.drawn.push(Drawn { within, from, call: NONE });
        }
    }

    /// What a set draws on.
    pub(super) fn drawn(&self, leader: u32) -> Option<&Drawn> {
        self.drawn.get(*self.drawn_of.get(leader as usize)? as usize)
    }

    /// Rule 4 between wrappers that earlier verdicts counted and what stands in the usage of none.
    fn beside_wrappers(&mut self, reports: usize) {
        self.leaders.clear();
        for node in 0..self.nodes.len() as u32 {
            if self.is_free(node) || (self.stands_alone(node) && self.is_counted_wrapper(node, reports)) {
                self.leaders.push(node);
            }
        }
        self.match_leaders();
        for node in 0..reports as u32 {
            let Some(wrapper) = self.repeats_within(node, reports) else { continue };
            let leader = self.sets.leader(node);
            let duration = |node: u32| (self.sets.sketch(node).duration(), node);
            match self.drawn_of[leader as usize] {
                NONE => {
                    let begin = self.sources.len();
                    self.sources.push(wrapper);
                    self.note_drawn(leader, node, begin);
                }
                known => {
                    let within = self.drawn[known as usize].within;
                    self.drawn[known as usize].within = if duration(node) < duration(within) { node } else { within };
                }
            }
        }
    }

    /// The earlier wrapper to whose call a report was found to belong without standing above it: the wrapper repeats this
    /// one call.
    fn repeats_within(&self, node: u32, reports: usize) -> Option<u32> {
        let earlier = self.sets.face(self.sets.leader(node)).earlier;
        let call = self.earlier.get(earlier as usize)?;
        let repeats = call.wrapper
            && call.claims
            && self.nodes[node as usize].claims
            && self.sets.sketch(node).inference
            && self.sets.sketch(node).counts(&call.sketch) == Counts::Equal
            && !self.tree.is_above(node, reports as u32 + earlier);
        repeats.then_some(earlier)
    }

    /// The earlier wrapper that shows just the usage of a set and on which nothing has drawn, or that shows its response id.
    fn repeated_by(&mut self, leader: u32, reports: usize) -> Option<u32> {
        let face = *self.sets.face(leader);
        let repeats = |call: &Decided| {
            let counts = call.sketch.counts(&face.sketch);
            (!call.drawn && counts == Counts::Equal) || (call.sketch.same_id(&face.sketch) && counts != Counts::Differ)
        };
        let begin = self.sources.len();
        self.wrappers_above(leader, reports, repeats);
        self.wrappers_around(face.canonical, &face.sketch, reports, repeats);
        let nearest = self.sources.get(begin).copied();
        self.sources.truncate(begin);
        nearest.or_else(|| {
            let id = face.sketch.response_id;
            let from = self.wrapper_ids.partition_point(|(known, _)| *known < id);
            let same_id = self.wrapper_ids[from..].iter().take(SAME_ID).take_while(|(known, _)| *known == id);
            let names = |index: &u32| self.earlier[*index as usize].sketch.same_strong_id(&face.sketch);
            same_id.map(|(_, index)| *index).find(names)
        })
    }

    /// Adds all wrappers that may have counted a set to the sources, the nearest ones first.
    pub(super) fn wrappers_of(&mut self, leader: u32, reports: usize) {
        let face = *self.sets.face(leader);
        self.wrappers_above(leader, reports, |_| true);
        let whole =
            self.wrappers_around(face.canonical, &face.sketch, reports, |call| call.sketch.may_include(&face.sketch));
        self.wrappers_beyond += u64::from(!whole);
    }

    /// Adds the earlier wrappers above a set of which `holds` is true.
    pub(super) fn wrappers_above(&mut self, leader: u32, reports: usize, holds: impl Fn(&Decided) -> bool) {
        let mut above = self.tree.parent[self.sets.face(leader).canonical as usize];
        let mut in_tool = false;
        for _ in 0..ABOVE {
            in_tool |= self.nodes.get(above as usize).is_some_and(|node| node.role == Role::Other);
            let call = (above as usize).checked_sub(reports).and_then(|index| Some((index, self.earlier.get(index)?)));
            if let Some((index, call)) = call
                && call.wrapper
                && call.claims
                // The sum over a loop is without what its tools call.
                && !(in_tool && call.sketch.last_step)
                && holds(call)
            {
                self.sources.push(index as u32);
            }
            let Some(next) = self.tree.parent.get(above as usize) else { return };
            above = *next;
        }
    }

    /// While what links a report to the spans above has not come, it may stand below any wrapper around it. The shorter ones
    /// first. False when not all wrappers were looked at: those that began last are.
    fn wrappers_around(
        &mut self,
        report: u32,
        sketch: &Sketch,
        reports: usize,
        holds: impl Fn(&Decided) -> bool,
    ) -> bool {
        if self.nodes[report as usize].missing == 0 {
            return true;
        }
        let begin = self.sources.len();
        let latest = sketch.start.saturating_add(TOLERANCE_NS);
        let before = self.wrappers_left.partition_point(|(start, _)| *start <= latest);
        let mut whole = before <= LOOKED_AT;
        for (_, index) in self.wrappers_left[..before].iter().rev().take(LOOKED_AT) {
            let call = &self.earlier[*index as usize];
            if call.sketch.contains(sketch)
                && call.sketch.same_class(sketch)
                && self.may_be_below(report, reports as u32 + index)
                && holds(call)
            {
                if self.sources.len() - begin >= AROUND {
                    whole = false;
                    break;
                }
                self.sources.push(*index);
            }
        }
        self.sources[begin..].sort_unstable_by_key(|index| (self.earlier[*index as usize].sketch.duration(), *index));
        whole
    }

    /// Whether a set draws on what was counted with this span.
    pub(super) fn draws_on(&self, leader: u32, spot: Spot) -> bool {
        self.drawn(leader).is_some_and(|drawn| self.sources_of(drawn).any(|call| call.at == spot))
    }

    fn sources_of(&self, drawn: &Drawn) -> impl Iterator<Item = &Decided> {
        let from = drawn.from.start as usize..drawn.from.end as usize;
        self.sources[from].iter().map(|source| &self.earlier[*source as usize])
    }

    /// Whether a set stands in the usage of a wrapper of which something is left.
    pub(super) fn is_in_sum(&self, drawn: &Drawn) -> bool {
        self.sources_of(drawn).any(|call| call.left.has_tokens())
    }

    /// Takes out of the calls, their usage and their costs (parallel to them) what earlier verdicts counted of them, and
    /// remembers the calls for what comes later. `now`: Unix nanoseconds.
    pub fn account(&mut self, costs: &mut [Cost], recent: &RecentCalls, now: u64) {
        let Some(first) = self.trace else { return };
        for (call, cost) in self.calls.iter().zip(costs.iter()) {
            if let Some(decided) = self.decided.get_mut(call.decided as usize) {
                decided.left = Amounts::of(&call.report.usage, cost);
                decided.terms = Terms::of(&call.report);
                decided.left.error = call.report.error;
            }
        }
        for at in 0..self.drawn.len() {
            let drawn = self.drawn[at].clone();
            if let Some(cost) = costs.get_mut(drawn.call as usize) {
                self.draw(&drawn, cost);
            }
        }
        self.top_up(costs, recent);
        self.price_last_steps(costs);
        if self.changed {
            recent.correct(first, &self.earlier);
        }
        recent.remember(first, &self.decided, now);
        recent.lose_wrappers(std::mem::take(&mut self.wrappers_beyond));
    }

    fn draw(&mut self, drawn: &Drawn, cost: &mut Cost) {
        let call = &mut self.calls[drawn.call as usize];
        let known = &mut self.decided[call.decided as usize];
        let mut rest = known.left;
        // As long as steps of a loop are left in a sum, the call of the sum is one of them, not the last one.
        let is_last = known.sketch.is_last_step() && rest.has_tokens();
        let (mut taken, mut at) = (Amounts::NONE, None);
        for source in &self.sources[drawn.from.start as usize..drawn.from.end as usize] {
            let earlier = &mut self.earlier[*source as usize];
            let is_call = std::mem::take(&mut rest.call);
            let mut gave = earlier.left.give(&mut rest, &mut taken);
            rest.call = is_call;
            if !is_last || !earlier.left.has_step() {
                gave |= earlier.left.give(&mut rest, &mut taken);
            }
            if gave {
                earlier.drawn = true;
                at = at.or(Some((earlier.at, earlier.sketch.inference)));
            }
        }
        let Some((at, is_sum)) = at else { return };
        self.changed = true;
        taken.reduce(&mut call.report.usage);
        cost.reduce(taken.cost_pico());
        let adds = !rest.is_none();
        let (amounts, at_first) = call.before.map_or((taken, at), |before| (before.amounts.with(&taken), before.at));
        call.before = Some(Before { at: at_first, amounts, adds });
        let rule = if is_sum { Rule::Sum } else { Rule::Wrapper };
        self.merged[rule as usize] += u32::from(taken.call);
        if !adds {
            self.decided[call.decided as usize].at = at;
            let members = &self.members[call.members.start as usize..call.members.end as usize];
            for member in members {
                let rule = match self.fates[*member as usize] {
                    Fate::Duplicate { rule, .. } => rule,
                    _ => rule,
                };
                self.fates[*member as usize] = Fate::Duplicate { trace: at.trace, of: at.span, rule };
            }
        }
    }
}
