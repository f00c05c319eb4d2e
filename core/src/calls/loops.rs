//! Loops of calls that one span reports with the usage of the last one. What the wrapper around it shows beyond its calls
//! is what the earlier steps used: one call more, because nobody tells how many there were.

use super::amounts::{Amounts, Before};
use super::group::{Grouping, SEARCHED};
use super::past::Spot;
use super::sketch::{ABSENT, Counts, Sketch};
use super::tree::NONE;
use crate::concept::Concept;
use crate::facts::Role;
use crate::price::Cost;
use crate::usage::{Unit, Usage};
use std::ops::Range;

/// Spans above a call that are searched for the wrapper of its loop.
const ABOVE: usize = 64;

/// A wrapper that counts for what it shows beyond the calls below it.
pub(super) struct Rest {
    wrapper: u32,
    /// These calls: a range of `Grouping::parts`.
    parts: Range<u32>,
}

impl Grouping<'_> {
    /// Lets a wrapper claim what it shows beyond the calls below it, when one of them is the last step of a loop.
    pub(super) fn earlier_steps(&mut self, node: u32) {
        let own = *self.sets.sketch(node);
        if self.nodes[node as usize].copy_of.is_some() || !own.usage || own.input == ABSENT || own.output == ABSENT {
            return;
        }
        let begin = self.parts.len();
        let mut is_loop = false;
        self.stack.clear();
        self.stack.extend(self.tree.children(node));
        for _ in 0..SEARCHED {
            let Some(below) = self.stack.pop() else { break };
            let known = &self.nodes[below as usize];
            // What a tool calls is in no sum of its agent's.
            if known.role == Role::Other {
                continue;
            }
            self.stack.extend(self.tree.children(below));
            if known.claims {
                is_loop |= self.sets.sketch(below).is_last_step() && self.loop_around(below) == Some(node);
                if self.sets.face(self.sets.leader(below)).covers == NONE {
                    self.parts.push(self.sets.leader(below));
                }
            }
        }
        self.parts[begin..].sort_unstable();
        let mut sum = Sketch::EMPTY;
        let mut kept = begin;
        for at in begin..self.parts.len() {
            if at == begin || self.parts[at] != self.parts[at - 1] {
                sum.add(&self.sets.face(self.parts[at]).sketch);
                self.parts[kept] = self.parts[at];
                kept += 1;
            }
        }
        self.parts.truncate(kept);
        let rest = own.without(&sum);
        // A step reads and writes. Without a count of its own the last one takes the wrapper's.
        let lends = !sum.usage && self.parts[begin..].iter().any(|part| !self.sets.face(*part).sketch.error);
        if !is_loop || lends || own.counts(&sum) == Counts::Equal || rest.input <= 0 || rest.output <= 0 {
            self.parts.truncate(begin);
            return;
        }
        self.nodes[node as usize].claims = true;
        let leader = self.sets.leader(node);
        self.sets.face_mut(leader).sketch.count_as(&rest);
        self.rests.push(Rest { wrapper: node, parts: begin as u32..self.parts.len() as u32 });
    }

    /// The nearest wrapper of the same instrumentation that shows usage.
    fn loop_around(&self, call: u32) -> Option<u32> {
        let sketch = self.sets.sketch(call);
        let mut above = self.tree.parent[call as usize];
        for _ in 0..ABOVE {
            let known = self.nodes.get(above as usize)?;
            let upper = self.sets.sketch(above);
            if known.role == Role::Wrapper && upper.usage && upper.same_source(sketch) {
                return Some(above);
            }
            above = self.tree.parent[above as usize];
        }
        None
    }

    /// Takes the calls of each such wrapper out of what it shows.
    pub(super) fn take_last_steps(&mut self) {
        for at in 0..self.rests.len() {
            let Rest { wrapper, parts } = &self.rests[at];
            let Some(index) = self.call_of(*wrapper) else { continue };
            if self.calls[index as usize].usage_from != *wrapper {
                continue;
            }
            let mut used = Usage::new();
            let mut first: Option<Spot> = None;
            for part in &self.parts[parts.start as usize..parts.end as usize] {
                // A sibling may have joined it since.
                let face = self.sets.face(self.sets.leader(*part));
                let known = self.earlier.get(face.earlier as usize);
                match (known, self.call_of(*part)) {
                    (Some(call), _) => used.add(&call.left.usage()),
                    (None, Some(call)) => used.add(&self.calls[call as usize].report.usage),
                    (None, None) => used.add(&Amounts::of_sketch(&face.sketch).usage()),
                }
                let spot = self.spots[self.sets.leader(*part) as usize].unwrap_or(face.sketch.spot());
                first.get_or_insert(spot);
            }
            let Some(at) = first else { continue };
            let call = &mut self.calls[index as usize];
            let mut taken = Usage::new();
            for (unit, told) in call.report.usage.iter().filter(|(unit, _)| *unit != Unit::Total) {
                taken.set_raw(unit, told.min(used.or_zero(unit)));
            }
            for (unit, count) in taken.iter() {
                call.report.usage.set_raw(unit, call.report.usage.or_zero(unit) - count);
            }
            call.before = Some(Before { at, amounts: Amounts::of_tokens(&taken), adds: true });
            // Its cost is that of all steps, or of the last one; its failure is the last one's.
            (call.report.cost, call.cost_from) = (None, None);
            (call.report.error, call.report.http_status) = (false, None);
            for concept in [Concept::ErrorType, Concept::ErrorClass] {
                call.report.texts.set(concept, "");
            }
        }
    }

    /// Says of each such wrapper what the calls cost that were taken out.
    pub(super) fn price_last_steps(&mut self, costs: &[Cost]) {
        for Rest { wrapper, parts } in &self.rests {
            let mut cost = Amounts::NONE;
            for part in &self.parts[parts.start as usize..parts.end as usize] {
                let earlier = self.sets.face(self.sets.leader(*part)).earlier;
                cost = match (self.earlier.get(earlier as usize), self.call_of(*part)) {
                    (Some(call), _) => cost.with(&call.left.cost_alone()),
                    (None, Some(call)) => cost.with(&Amounts::of(&Usage::new(), &costs[call as usize]).cost_alone()),
                    (None, None) => cost,
                };
            }
            if let Some(index) = self.call_of(*wrapper)
                && let Some(before) = &mut self.calls[index as usize].before
            {
                before.amounts = before.amounts.with(&cost);
            }
        }
    }
}
