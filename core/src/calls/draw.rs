//! Reports that come after a wrapper above them was counted for its usage: their tokens are in its sum. What has been
//! counted cannot be taken back, so they count nothing until the sum is used up.

use super::group::Grouping;
use super::recent::Decided;
use super::sketch::{Counts, Sketch};
use super::tree::NONE;

/// Spans above a report that are searched for a wrapper.
const ABOVE: usize = 64;

impl Grouping<'_> {
    /// Finds the sets that stand in the usage of wrappers that earlier verdicts counted.
    pub(super) fn draw_on_wrappers(&mut self, reports: usize) {
        self.drawn.clear();
        self.changed = false;
        if !self.earlier.iter().any(|call| call.wrapper && call.claims) {
            return;
        }
        self.leaders.clear();
        for node in 0..reports as u32 {
            let face = self.sets.face(node);
            // One that failed without an answer used nothing.
            if self.stands_alone(node) && face.earlier == NONE && (face.sketch.usage || !face.sketch.error) {
                self.leaders.push(node);
            }
        }
        self.leaders.sort_unstable_by_key(|leader| (self.sets.face(*leader).sketch.start, *leader));
        // Operations may show the usage of one call among several. Before its parts are looked for in a sum, the one that it
        // repeats takes it.
        let mut leaders = std::mem::take(&mut self.leaders);
        leaders.retain(|leader| {
            let wrapper = self.repeated_by(*leader, reports);
            if let Some(wrapper) = wrapper {
                self.earlier[wrapper as usize].use_up();
                self.drawn.push((*leader, wrapper));
            }
            wrapper.is_none()
        });
        self.beside_wrappers(reports);
        leaders.retain(|leader| self.stands_alone(*leader) && self.sets.face(*leader).earlier == NONE);
        for leader in &leaders {
            if let Some(wrapper) = self.draw(*leader, reports) {
                self.drawn.push((*leader, wrapper));
            }
        }
        self.leaders = leaders;
        self.changed |= !self.drawn.is_empty();
    }

    /// Rule 4 between wrappers that earlier verdicts counted and what stands in the usage of none.
    fn beside_wrappers(&mut self, reports: usize) {
        self.leaders.clear();
        for node in 0..self.nodes.len() as u32 {
            if self.stands_alone(node) && !self.drawn.iter().any(|(drawn, _)| *drawn == node) {
                self.leaders.push(node);
            }
        }
        self.match_leaders();
        for node in 0..reports as u32 {
            if let Some(wrapper) = self.repeats_within(node, reports) {
                self.earlier[wrapper as usize].use_up();
                self.changed = true;
            }
        }
    }

    /// The earlier wrapper to whose call a report was found to belong without standing above it: the wrapper repeats this
    /// one call, so that no other is in its usage.
    pub(super) fn repeats_within(&self, node: u32, reports: usize) -> Option<u32> {
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
    fn repeated_by(&self, leader: u32, reports: usize) -> Option<u32> {
        let face = self.sets.face(leader);
        let repeats = |call: &Decided| {
            let counts = call.sketch.counts(&face.sketch);
            (call.left == call.sketch.tokens() && counts == Counts::Equal)
                || (call.sketch.same_id(&face.sketch) && counts != Counts::Differ)
        };
        self.wrapper_above(face.canonical, reports, repeats).or_else(|| {
            let mut around = self.wrappers_around(face.canonical, &face.sketch, reports);
            around.retain(|index| repeats(&self.earlier[*index as usize]));
            around.first().copied().or_else(|| {
                let names = |call: &Decided| call.wrapper && call.claims && call.sketch.same_strong_id(&face.sketch);
                self.earlier.iter().position(names).map(|index| index as u32)
            })
        })
    }

    /// The earlier wrapper whose usage contains that of a set.
    fn draw(&mut self, leader: u32, reports: usize) -> Option<u32> {
        let face = self.sets.face(leader);
        let (sketch, canonical) = (face.sketch, face.canonical);
        let gives = |call: &Decided| !sketch.usage || (call.has_left(&sketch) && may_be_part(&sketch, &call.sketch));
        if let Some(wrapper) = self.wrapper_above(canonical, reports, gives) {
            // What a wrapper in between repeats are tokens of those below it, which find the sum themselves.
            let least = if sketch.inference { sketch.least_tokens() } else { 0 };
            self.earlier[wrapper as usize].give(sketch.tokens(), least);
            return Some(wrapper);
        }
        self.draw_around(canonical, &sketch, reports)
    }

    /// The nearest earlier wrapper above a report of which `holds` is true.
    fn wrapper_above(&self, report: u32, reports: usize, holds: impl Fn(&Decided) -> bool) -> Option<u32> {
        let mut above = self.tree.parent[report as usize];
        for _ in 0..ABOVE {
            let call = (above as usize).checked_sub(reports).and_then(|index| Some((index, self.earlier.get(index)?)));
            if let Some((index, call)) = call
                && call.wrapper
                && call.claims
                && holds(call)
            {
                return Some(index as u32);
            }
            above = *self.tree.parent.get(above as usize)?;
        }
        None
    }

    /// While what links a report to the spans above has not come, it may stand below any wrapper around it. The shorter ones
    /// first.
    fn wrappers_around(&self, report: u32, sketch: &Sketch, reports: usize) -> Vec<u32> {
        let mut around: Vec<u32> = Vec::new();
        if self.nodes[report as usize].missing == 0 {
            return around;
        }
        for (call, index) in self.earlier.iter().zip(0..) {
            let gives = call.wrapper && call.claims && self.may_be_below(report, reports as u32 + index);
            if gives && call.sketch.contains(sketch) && call.sketch.same_class(sketch) {
                around.push(index);
            }
        }
        around.sort_unstable_by_key(|index| self.earlier[*index as usize].sketch.duration());
        around
    }

    /// Together the wrappers around a report must have its tokens left.
    fn draw_around(&mut self, report: u32, sketch: &Sketch, reports: usize) -> Option<u32> {
        let mut around = self.wrappers_around(report, sketch, reports);
        around.retain(|index| may_be_part(sketch, &self.earlier[*index as usize].sketch));
        let left: i64 = around.iter().fold(0, |sum, index| self.earlier[*index as usize].left.saturating_add(sum));
        let mut wanted = [sketch.tokens(), sketch.least_tokens()].into_iter().find(|tokens| *tokens <= left)?;
        let mut least = if sketch.inference { sketch.least_tokens() } else { 0 };
        let first = *around.iter().find(|index| self.earlier[**index as usize].left > 0 || !sketch.usage)?;
        for index in around {
            let call = &mut self.earlier[index as usize];
            let (given, given_least) = (wanted.min(call.left), least.min(call.left_least));
            call.give(given, given_least);
            (wanted, least) = (wanted - given, least - given_least);
        }
        Some(first)
    }
}

/// Whether a report can be one of several in the usage of a wrapper. A call that uses all of it is not: if something else
/// was taken for a part before, that was wrong, and as many calls were made as there are.
fn may_be_part(part: &Sketch, wrapper: &Sketch) -> bool {
    wrapper.may_include(part) && !(part.inference && wrapper.counts(part) == Counts::Equal)
}
