//! The end of grouping: which sets count, what becomes of each report, what is remembered.

use super::amounts::Amounts;
use super::group::{Fate, Grouping, Rule};
use super::late::Terms;
use super::merge::Call;
use super::past::{Decided, MEMBERS, Spot};
use super::recent::RecentCalls;
use super::report::Report;
use super::sets::Face;
use super::tree::NONE;
use crate::facts::Role;
use std::cmp::Reverse;

/// Spans above a call that are searched for its context.
const ABOVE: usize = 64;

impl<'a> Grouping<'a> {
    pub(super) fn settle(&mut self, reports: &[Report<'a>], recent: &RecentCalls, now: u64) {
        self.decided.clear();
        self.find_hangs(reports.len());
        self.tops.clear();
        self.abroad.clear();
        self.spots.clear();
        self.spots.resize(self.nodes.len(), None);
        for leader in 0..self.nodes.len() as u32 {
            let face = *self.sets.face(leader);
            if self.sets.leader(leader) != leader || !self.nodes[face.canonical as usize].claims || face.covers != NONE
            {
                continue;
            }
            let start = self.members.len();
            let count = reports.len() as u32;
            self.members.extend(self.sets.members(leader).filter(|node| *node < count));
            if let Some(drawn) = self.drawn(leader) {
                let (within, in_sum) = (drawn.within, self.is_in_sum(drawn));
                let mut face = face;
                if within != NONE {
                    // Further reports of it find it, as they do not find the wrapper around it.
                    let around = face.sketch;
                    (face.canonical, face.sketch) = (within, *self.sets.sketch(within));
                    face.sketch.learn(&around);
                }
                if !self.is_call(start, reports) {
                    self.members.truncate(start);
                } else if self.call(leader, &face, start, reports, recent, now) {
                    let call = self.calls.len() - 1;
                    self.calls[call].in_sum = in_sum;
                    let drawn = self.drawn_of[leader as usize] as usize;
                    self.drawn[drawn].call = call as u32;
                }
            } else if face.earlier != NONE {
                let spot = self.earlier[face.earlier as usize].at;
                self.spots[leader as usize] = Some(spot);
                self.fold(start, spot, None);
                self.join(face.earlier as usize, start);
                if !self.may_top_up(face.earlier, start, reports, recent) {
                    self.members.truncate(start);
                    self.lend_later(leader, face.earlier, reports);
                }
            } else if self.is_call(start, reports) {
                self.call(leader, &face, start, reports, recent, now);
            } else {
                self.members.truncate(start);
            }
        }
        for node in 0..reports.len() as u32 {
            self.outside(node, reports);
        }
        self.take_last_steps();
        let trace = reports[0].place.trace_id;
        for at in 0..self.earlier.len() {
            let hang = self.hang(reports.len() + at);
            let in_tool = self.in_tools[reports.len() + at];
            let earlier = &mut self.earlier[at];
            self.changed |= earlier.hang != hang || earlier.in_tool != in_tool;
            (earlier.hang, earlier.in_tool) = (hang, in_tool);
        }
        self.trace = Some(trace);
    }

    /// Only calls with an answer or an error count.
    fn is_call(&self, start: usize, reports: &[Report<'a>]) -> bool {
        self.members[start..]
            .iter()
            .map(|member| &reports[*member as usize])
            .any(|report| report.answered || report.error)
    }

    /// A set that is a call; says whether it counts here and not in another trace. Its members stand from `start`.
    fn call(
        &mut self,
        leader: u32,
        face: &Face,
        start: usize,
        reports: &[Report<'a>],
        recent: &RecentCalls,
        now: u64,
    ) -> bool {
        // The canonical report first, then the inner ones before the outer ones.
        self.members[start..].sort_unstable_by_key(|member| {
            let sketch = self.sets.sketch(*member);
            (*member != face.canonical, sketch.duration(), Reverse(self.tree.place(*member)))
        });
        self.sketches.clear();
        self.sketches.extend(self.members[start..].iter().map(|member| *self.sets.sketch(*member)));
        let instance = reports[face.canonical as usize].place.instance;
        let elsewhere = recent.settle(instance, &face.sketch, &self.sketches, now);
        // The wrapper that shows its id counted it.
        let elsewhere = elsewhere.filter(|(spot, _)| !self.draws_on(leader, *spot));
        let spot = elsewhere.map_or(face.sketch.spot(), |(spot, _)| spot);
        let decided = self.decided.len() as u32;
        self.spots[leader as usize] = Some(spot);
        self.fold(start, spot, elsewhere.map(|(_, rule)| rule));
        self.note(face, spot, start);
        if elsewhere.is_some() {
            if !self.may_top_up_abroad(spot, start, reports, recent) {
                self.members.truncate(start);
            }
            return false;
        }
        self.fates[face.canonical as usize] = Fate::Canonical(self.calls.len() as u32);
        self.calls.push(Call::of(reports, face.canonical, start as u32..self.members.len() as u32));
        self.complete(leader, reports);
        let at = self.calls.len() - 1;
        let call = &mut self.calls[at];
        call.decided = decided;
        for upper in self.tree.above(face.canonical).take(ABOVE).filter_map(|node| reports.get(node as usize)) {
            call.report.texts.inherit(&upper.texts);
        }
        true
    }

    /// The nodes above one that are searched for the context of its call.
    pub(super) fn above(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        self.tree.above(node).take(ABOVE)
    }

    /// Marks the members from `start` on as duplicates of `spot`, by `rule` or by the one that brought each to its set.
    /// The canonical report of a call that counts here is set right by the caller.
    fn fold(&mut self, start: usize, spot: Spot, rule: Option<Rule>) {
        for at in start..self.members.len() {
            let member = self.members[at];
            let rule = rule.or(self.sets.rule(member)).unwrap_or(Rule::SameSpan);
            self.fates[member as usize] = Fate::Duplicate { trace: spot.trace, of: spot.span, rule };
            // The canonical report stands first; it may have been sent again with more.
            let counts = at == start && self.sets.sketch(member).spot() == spot;
            self.merged[rule as usize] += u32::from(!counts);
        }
    }

    /// Remembers that the members from `start` on belong to an earlier call.
    fn join(&mut self, earlier: usize, start: usize) {
        for at in start..self.members.len() {
            let node = self.members[at];
            let sketch = self.sets.sketch(node);
            // A wrapper is no report that a further one of its scope below it would be beside.
            let member = (sketch.span, if sketch.inference { sketch.scope } else { 0 });
            let call = &mut self.earlier[earlier];
            if call.members.contains(&member) {
                continue;
            }
            match call.members.iter_mut().find(|slot| slot.0 == 0) {
                Some(slot) => {
                    *slot = member;
                    self.changed = true;
                }
                None => {
                    let at = call.at;
                    self.note_span(node, at);
                }
            }
        }
    }

    /// Finds the spans below which nodes are found again.
    fn find_hangs(&mut self, reports: usize) {
        self.hangs.clear();
        self.hangs.resize(self.nodes.len(), 0);
        self.in_tools.clear();
        self.in_tools.resize(self.nodes.len(), false);
        for node in &self.tree.order {
            let parent = self.tree.parent[*node as usize];
            let mut passes = false;
            self.hangs[*node as usize] = match self.nodes.get(parent as usize) {
                None => self.tree.missing[*node as usize],
                // What a tool calls is no part of the call that runs it.
                Some(above) if above.role == Role::Inference && self.is_tool(*node) => self.hangs[parent as usize],
                Some(_) if parent as usize >= reports => self.earlier[parent as usize - reports].members[0].0,
                Some(above) if above.claims && self.is_remembered_above(parent, *node) => self.sets.sketch(parent).span,
                Some(_) => {
                    passes = true;
                    self.hangs[parent as usize]
                }
            };
            // Nobody remembers the tools themselves.
            let in_tool = passes && (self.is_tool(parent) || self.in_tools[parent as usize]);
            self.in_tools[*node as usize] = in_tool || self.nodes[*node as usize].in_tool;
        }
    }

    /// Whether a node is a tool, or something like it, that claims nothing.
    fn is_tool(&self, node: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.role == Role::Other && !node.claims
    }

    /// Whether a report that claims is found again at its span as something else than a node below it: a call of its own,
    /// or a sum.
    fn is_remembered_above(&self, upper: u32, lower: u32) -> bool {
        let leader = self.sets.leader(upper);
        let face = self.sets.face(leader);
        leader != self.sets.leader(lower) && (face.sketch.told || face.covers != NONE || face.earlier != NONE)
    }

    /// Id of the span below which a node is found again.
    fn hang(&self, node: usize) -> u64 {
        self.hangs[node]
    }

    /// Keeps a call in mind for spans that arrive after the verdict.
    fn note(&mut self, face: &Face, at: Spot, start: usize) {
        let wrapper = matches!(self.nodes[face.canonical as usize].role, Role::Wrapper | Role::Other);
        self.remember(face, at, start, wrapper);
    }

    /// Keeps a call whose members stand from `start` on. Further ones than fit are remembered as spans that claim nothing.
    fn remember(&mut self, face: &Face, at: Spot, start: usize, wrapper: bool) {
        let (sketch, node) = (face.sketch, face.canonical as usize);
        let (hang, in_tool) = (self.hang(node), self.in_tools[node]);
        let mut members = [(0, 0); MEMBERS];
        for (slot, member) in members.iter_mut().zip(&self.members[start..]) {
            let sketch = self.sets.sketch(*member);
            *slot = (sketch.span, sketch.scope);
        }
        for further in start + MEMBERS..self.members.len() {
            self.note_span(self.members[further], at);
        }
        let (left, terms) = (Amounts::of_sketch(&sketch), Terms::default());
        let (claims, drawn) = (true, false);
        self.decided.push(Decided { sketch, hang, at, members, wrapper, claims, left, drawn, in_tool, terms });
    }

    /// The call that counts here to which a report belongs; `NONE` belongs to none.
    pub(super) fn call_of(&self, node: u32) -> Option<u32> {
        let own = *self.fates.get(node as usize)?;
        let canonical = self.sets.face(self.sets.leader(node)).canonical;
        [Some(own), self.fates.get(canonical as usize).copied()].into_iter().flatten().find_map(|fate| match fate {
            Fate::Canonical(call) => Some(call),
            _ => None,
        })
    }

    /// A report that belongs to no call: a copy, a sum, a wrapper, or nothing.
    fn outside(&mut self, node: u32, reports: &[Report<'a>]) {
        let report = &reports[node as usize];
        let place = &report.place;
        let known = self.nodes[node as usize];
        if let Some(spot) = known.copy_of {
            let rule = Rule::SameSpan;
            self.fates[node as usize] = Fate::Duplicate { trace: spot.trace, of: spot.span, rule };
            if report.is_inference() || report.has_usage() {
                self.merged[rule as usize] += 1;
                if let Some(call) = self.call_of(known.original) {
                    self.calls[call as usize].copies += 1;
                }
            }
            return;
        }
        let covers = self.sets.face(self.sets.leader(node)).covers;
        if covers != NONE {
            let first = self.sets.leader(covers);
            let rule = Rule::Sum;
            let spot = self.spots[first as usize].unwrap_or(self.sets.face(first).sketch.spot());
            self.fates[node as usize] = Fate::Duplicate { trace: spot.trace, of: spot.span, rule };
            self.merged[rule as usize] += 1;
            self.note_span(node, spot);
            return;
        }
        let wraps = matches!(report.role, Role::Wrapper | Role::Other);
        if !wraps || self.fates[node as usize] != Fate::NotACall || known.claims {
            return;
        }
        let spot = (known.around != NONE).then(|| self.spots[self.sets.leader(known.around) as usize]).flatten();
        if known.around != NONE {
            self.fates[node as usize] = Fate::Wrapper { of: spot.map(|spot| spot.span) };
        }
        if report.has_usage() {
            self.merged[Rule::Wrapper as usize] += u32::from(known.around != NONE);
            self.note_span(node, spot.unwrap_or(Spot { trace: place.trace_id, span: place.span_id }));
        }
    }

    /// Remembers that a span claims nothing, should it be delivered again.
    fn note_span(&mut self, node: u32, at: Spot) {
        let sketch = *self.sets.sketch(node);
        let mut members = [(0, 0); MEMBERS];
        members[0] = (sketch.span, sketch.scope);
        let hang = self.hang(node as usize);
        let (left, terms) = (Amounts::NONE, Terms::default());
        self.decided.push(Decided {
            sketch,
            hang,
            at,
            members,
            wrapper: true,
            claims: false,
            left,
            drawn: false,
            in_tool: self.in_tools[node as usize],
            terms,
        });
    }
}
