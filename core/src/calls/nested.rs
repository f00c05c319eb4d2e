//! Rule 3: what a report above other reports is.

use super::group::{Grouping, Node, Rule, SEARCHED};
use super::sets::Face;
use super::sketch::{Counts, Sketch};
use super::tree::NONE;
use crate::facts::Role;

/// What a report above others is.
enum Upper {
    /// A call of its own.
    Own,
    /// The same call as this set.
    Same(u32),
    /// The sum of the sets below.
    Sum,
}

/// Nodes below sums that each report above them searches once more.
const SEARCHED_AGAIN: usize = 64;

impl Grouping<'_> {
    /// Rule 3, innermost reports first.
    pub(super) fn nested(&mut self, reports: usize) {
        for at in (0..self.tree.order.len()).rev() {
            let node = self.tree.order[at];
            let Node { claims, claimed_below, role, .. } = self.nodes[node as usize];
            let is_earlier = node as usize >= reports;
            if self.loops && role == Role::Wrapper && claimed_below && !is_earlier {
                self.earlier_steps(node);
            }
            // A wrapper that was counted gives what it has to those below it in the end.
            if !claims || !claimed_below || (is_earlier && role == Role::Wrapper) {
                continue;
            }
            self.gather_below(node);
            if self.below.len() > 1 {
                self.leaders.clear();
                self.leaders.extend(self.below.iter().map(|(leader, _)| *leader));
                self.matching.run(&self.leaders, &mut self.sets, &self.tree);
                self.gather_below(node);
            }
            if self.below.is_empty() {
                continue;
            }
            match self.compare(node) {
                // Of a report that was counted, a part that comes later is taken for one of several.
                Upper::Own if is_earlier && self.has_late_part(node) => {
                    self.earlier[node as usize - reports].wrapper = true;
                    self.changed = true;
                }
                Upper::Own => {}
                Upper::Same(leader) => {
                    let known = *self.sets.face(leader);
                    self.sets.unite(node, leader, Rule::Nested, &self.tree);
                    self.bridge(node, &known);
                }
                // It was counted as a call, and gives what it has like a wrapper.
                Upper::Sum if is_earlier => {
                    self.earlier[node as usize - reports].wrapper = true;
                    self.changed = true;
                }
                Upper::Sum => {
                    let leader = self.sets.leader(node);
                    let start = |leader: u32| self.sets.face(leader).start;
                    let first = self.below.iter().map(|(leader, _)| *leader).min_by_key(|leader| start(*leader));
                    self.sets.face_mut(leader).covers = first.unwrap_or(NONE);
                }
            }
        }
    }

    /// The nearest sets below a report. A tool that runs in between may call models of its own, so it ends the search.
    /// What stands below sums is searched again by each report above them, so only so far, the nearest first.
    fn gather_below(&mut self, node: u32) {
        self.below.clear();
        self.sums.clear();
        self.stack.clear();
        self.stack.extend(self.tree.children(node));
        let sketch = *self.sets.sketch(node);
        let own = self.sets.leader(node);
        let is_earlier = self.sets.face(own).earlier != NONE;
        let (mut searched, mut left) = (0, usize::MAX);
        loop {
            while let Some(child) = self.stack.pop().filter(|_| left > 0) {
                left -= 1;
                let below = &self.nodes[child as usize];
                if below.in_tool {
                    continue;
                }
                let leader = self.sets.leader(child);
                let is_sum = self.sets.face(leader).covers != NONE;
                if below.claims && !is_sum {
                    if leader != own {
                        let apart = is_earlier && self.sets.sketch(child).inference && self.is_told_apart(own, leader);
                        self.below.push((leader, !apart && !self.sets.sketch(child).same_source(&sketch)));
                    }
                } else if below.claims && below.role != Role::Other {
                    self.sums.push(child);
                } else if below.role != Role::Other {
                    self.stack.extend(self.tree.children(child).take(left));
                }
            }
            let Some(sum) = self.sums.get(searched) else { break };
            searched += 1;
            left = left.min(SEARCHED_AGAIN);
            self.stack.clear();
            self.stack.extend(self.tree.children(*sum).take(left));
        }
        self.below.sort_unstable();
        // Of two entries of a set, the one of another scope comes last and stays.
        self.below.reverse();
        self.below.dedup_by_key(|(leader, _)| *leader);
        self.below.reverse();
    }

    /// Whether a set is no report of an earlier call below which it stands.
    fn is_told_apart(&self, earlier: u32, lower: u32) -> bool {
        self.sets.face(lower).earlier != NONE || self.is_whole(earlier, lower)
    }

    /// Whether a report below one that was counted may be a part of it. Where a tool runs in between it is a call of the
    /// tool's, and another model's is no part.
    fn has_late_part(&self, node: u32) -> bool {
        let own = &self.sets.face(self.sets.leader(node)).sketch;
        let may_be_part = |lower: &Sketch| {
            lower.usage
                && lower.inference
                && own.same_class(lower)
                && own.same_model(lower) != Some(false)
                && own.may_include(lower)
        };
        own.usage && self.below.iter().any(|(leader, other)| *other && may_be_part(&self.sets.face(*leader).sketch))
    }

    /// Whether one of two sets is a call of an earlier verdict, which does not lack what the other one reports.
    pub(super) fn is_whole(&self, one: u32, other: u32) -> bool {
        if self.earlier.is_empty() {
            return false;
        }
        let [one, other] = [one, other].map(|node| self.sets.face(self.sets.leader(node)));
        one.earlier.min(other.earlier) != NONE && one.scopes & other.scopes != 0
    }

    /// A report that shows what another one leaves out tells of a third one, which counts differently than the second, that
    /// it reports the same call. `known`: the set below the report before it joined.
    fn bridge(&mut self, node: u32, known: &Face) {
        let leader = self.sets.leader(node);
        let face = self.sets.face(leader).sketch;
        if face.cached == 0 && face.reasoning == 0 {
            return;
        }
        self.stack.clear();
        self.stack.extend(self.tree.children(node).take(SEARCHED_AGAIN));
        for _ in 0..SEARCHED_AGAIN {
            let Some(below) = self.stack.pop() else { return };
            let (Node { claims, role, .. }, own) = (self.nodes[below as usize], self.sets.leader(node));
            let other = self.sets.leader(below);
            let (one, two) = (self.sets.face(own), self.sets.face(other));
            let joins = claims
                && other != own
                && two.covers == NONE
                && (one.earlier == NONE || two.earlier == NONE)
                && one.scopes & two.scopes == 0
                && known.sketch.contains_or_within(&two.sketch)
                && one.sketch.sibling(&two.sketch) == Some(Counts::Equal);
            if joins {
                self.sets.unite(node, below, Rule::Nested, &self.tree);
            }
            if role != Role::Other {
                self.stack.extend(self.tree.children(below).take(SEARCHED_AGAIN));
            }
        }
    }

    fn compare(&mut self, node: u32) -> Upper {
        let is_sum = self.is_sum_of_all(node);
        let own = self.sets.face(self.sets.leader(node)).sketch;
        let face = |leader: u32| &self.sets.face(leader).sketch;
        let others = || self.below.iter().filter(|(leader, other)| *other && own.same_class(face(*leader)));
        if !own.usage {
            return match (others().count(), others().next()) {
                (0, _) | (_, None) => Upper::Own,
                (1, Some((leader, _))) => Upper::Same(*leader),
                _ => Upper::Sum,
            };
        }
        let equal = others()
            .filter(|(leader, _)| own.counts(face(*leader)) == Counts::Equal)
            .min_by_key(|(leader, _)| (own.grade(face(*leader), Counts::Equal), own.distance(face(*leader))));
        if let Some((leader, _)) = equal {
            return Upper::Same(*leader);
        }
        if is_sum {
            return Upper::Sum;
        }
        // A stream that the SDK could not count, perhaps after failed attempts: the framework knows its usage.
        let mut unknown = others().filter(|(leader, _)| face(*leader).error == own.error);
        let counted = self.below.iter().any(|(leader, _)| face(*leader).usage);
        match (unknown.next(), unknown.next()) {
            (Some((leader, _)), None) if !counted => Upper::Same(*leader),
            _ => Upper::Own,
        }
    }

    /// Whether the counts of a report are the sum of those right below it, or of all below it.
    fn is_sum_of_all(&mut self, node: u32) -> bool {
        let own_leader = self.sets.leader(node);
        let own = self.sets.face(own_leader).sketch;
        if !own.usage || self.below.len() < 2 && self.tree.below(node).len() < 2 {
            return false;
        }
        let total = |leaders: &mut dyn Iterator<Item = u32>| {
            let mut sum = Sketch::EMPTY;
            leaders.for_each(|leader| sum.add(&self.sets.face(leader).sketch));
            own.counts(&sum) == Counts::Equal
        };
        if self.below.len() > 1
            && self.below.iter().any(|(_, other)| *other)
            && total(&mut self.below.iter().map(|(leader, _)| *leader))
        {
            return true;
        }
        self.leaders.clear();
        for below in self.tree.below(node).iter().take(SEARCHED) {
            let leader = self.sets.leader(*below);
            if self.nodes[*below as usize].claims && leader != own_leader && self.sets.face(leader).covers == NONE {
                self.leaders.push(leader);
            }
        }
        self.leaders.sort_unstable();
        self.leaders.dedup();
        self.leaders.len() > self.below.len()
            && self.leaders.iter().any(|leader| !self.sets.face(*leader).sketch.same_source(&own))
            && total(&mut self.leaders.iter().copied())
    }
}
