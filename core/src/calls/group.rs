//! The grouping of one trace's reports, by the rules of design §6.

use super::matching::Matching;
use super::merge::Call;
use super::recent::{Decided, RecentCalls, Spot};
use super::report::Report;
use super::sets::Sets;
use super::sketch::{Counts, Sketch};
use super::tree::{Hang, Links, NONE, Tree};
use crate::facts::Role;

/// Why a report is not counted beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Rule {
    /// The same span, delivered twice.
    SameSpan,
    /// The same response id.
    ResponseId,
    /// A wrapper operation around the call.
    Wrapper,
    /// An inference report above another one of the same call.
    Nested,
    /// An inference report whose tokens are the sum of those below it.
    Sum,
    /// A report of another scope beside it.
    Sibling,
    /// A report of another scope in another trace.
    OtherTrace,
}

impl Rule {
    pub const ALL: [Rule; 7] =
        [Rule::SameSpan, Rule::ResponseId, Rule::Wrapper, Rule::Nested, Rule::Sum, Rule::Sibling, Rule::OtherTrace];

    /// The name in metrics and `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Rule::SameSpan => "same_span",
            Rule::ResponseId => "response_id",
            Rule::Wrapper => "wrapper",
            Rule::Nested => "nested",
            Rule::Sum => "sum",
            Rule::Sibling => "sibling",
            Rule::OtherTrace => "other_trace",
        }
    }
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It says nothing of a call that counts: no claim, or neither answer nor error.
    NotACall,
    /// It stands for `Grouping::calls[index]`.
    Canonical(u32),
    /// Another span stands for its call.
    Duplicate {
        trace: u128,
        /// Span id of the canonical report.
        of: u64,
        rule: Rule,
    },
    /// A wrapper operation with calls below it; `of` is the span id of the first of them.
    Wrapper { of: Option<u64> },
}

/// A report, or a call of an earlier verdict on the same trace, in the forest. Those of the reports come first, in order.
#[derive(Clone, Copy)]
pub(super) struct Node {
    hang: Hang,
    pub(super) role: Role,
    /// Claims a call.
    pub(super) claims: bool,
    /// Something below claims a call.
    claimed_below: bool,
    /// The same span came before; says where.
    pub(super) copy_of: Option<Spot>,
    /// Nearest span above that had not arrived.
    pub(super) missing: u64,
    /// For a wrapper: the first set below it.
    pub(super) around: u32,
}

/// Groups the reports of one trace at a time; reused, so that grouping allocates nothing in the long run.
#[derive(Default)]
pub struct Grouping<'a> {
    /// The calls of the trace that count.
    pub calls: Vec<Call<'a>>,
    /// Parallel to the reports.
    pub fates: Vec<Fate>,
    /// Report indices of the calls, `Call::members` are ranges of it.
    pub members: Vec<u32>,
    /// Reports that carry a claim and are not counted, by rule.
    pub merged: [u32; Rule::ALL.len()],
    pub(super) nodes: Vec<Node>,
    pub(super) earlier: Vec<Decided>,
    pub(super) tree: Tree,
    pub(super) sets: Sets,
    matching: Matching,
    pub(super) by_id: Vec<(u64, u32)>,
    stack: Vec<u32>,
    /// Sums that the search below a report found.
    sums: Vec<u32>,
    /// Reports above which spans have not come, the first few.
    loose: Vec<u32>,
    /// Sets right below a report: (leader, of another scope).
    below: Vec<(u32, bool)>,
    pub(super) leaders: Vec<u32>,
    pub(super) sketches: Vec<Sketch>,
    pub(super) decided: Vec<Decided>,
    /// By leader: where the call of the set is counted.
    pub(super) spots: Vec<Option<Spot>>,
    /// By node: id of the span below which it is found again.
    pub(super) hangs: Vec<u64>,
    /// Sets in the usage of an earlier wrapper: (leader, index of the wrapper's earlier call).
    pub(super) drawn: Vec<(u32, u32)>,
    /// Something is to be remembered of the earlier calls.
    pub(super) changed: bool,
}

/// What a report above others is.
enum Upper {
    /// A call of its own.
    Own,
    /// The same call as this set.
    Same(u32),
    /// The sum of the sets below.
    Sum,
}

/// Nodes below a wrapper that are searched for its calls.
const SEARCHED: usize = 256;
/// Nodes below sums that each report above them searches once more.
const SEARCHED_AGAIN: usize = 64;

impl<'a> Grouping<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Groups `reports`, all of one trace: every span with facts, wrappers and context spans among them. `links` are all
    /// spans of the trace. `now`, Unix nanoseconds, dates what is remembered. The result stands in the public fields.
    pub fn group<L: Links + ?Sized>(&mut self, reports: &[Report<'a>], links: &L, recent: &RecentCalls, now: u64) {
        self.calls.clear();
        self.members.clear();
        self.fates.clear();
        self.fates.resize(reports.len(), Fate::NotACall);
        self.merged = [0; Rule::ALL.len()];
        let Some(first) = reports.first() else { return };
        recent.decided(first.place.trace_id, &mut self.earlier);
        self.plant(reports, links);
        recent.touch((0..reports.len() as u32).map(|node| self.sets.sketch(node).response_id));
        if !self.claim(reports) {
            return;
        }
        self.same_ids();
        self.nested(reports.len());
        self.beside(reports.len());
        self.draw_on_wrappers(reports.len());
        self.wrappers(reports);
        self.settle(reports, recent, now);
    }

    /// Makes the nodes and finds which stands above which.
    fn plant<L: Links + ?Sized>(&mut self, reports: &[Report<'a>], links: &L) {
        self.nodes.clear();
        self.sets.clear();
        for report in reports {
            self.nodes.push(Node {
                hang: Hang::Span(report.place.index),
                role: report.role,
                claims: false,
                claimed_below: false,
                copy_of: None,
                missing: 0,
                around: NONE,
            });
            self.sets.push(Sketch::of(report), NONE, std::iter::once(report.place.scope));
        }
        for (call, index) in self.earlier.iter().zip(0..) {
            self.nodes.push(Node {
                hang: Hang::Below(call.hang),
                role: if call.wrapper { Role::Wrapper } else { Role::Inference },
                claims: call.claims,
                claimed_below: false,
                copy_of: None,
                missing: 0,
                around: NONE,
            });
            let scopes = call.members.iter().filter(|member| member.0 != 0).map(|member| member.1);
            self.sets.push(call.sketch, index, scopes);
        }
        let earlier = self.earlier.iter().zip(reports.len() as u32..);
        let ids = earlier.flat_map(|(call, node)| call.members.iter().map(move |member| (member.0, node)));
        self.tree.build(links, self.nodes.iter().map(|node| node.hang), ids.filter(|(id, _)| *id != 0));
        for (at, report) in reports.iter().enumerate() {
            self.nodes[at].copy_of = self.copied(report, links);
            // A span that was sent before its answer came and again when it had.
            if let Some(spot) = self.nodes[at].copy_of
                && spot == self.sets.sketch(at as u32).spot()
                && report.has_usage()
                && let Some(first) = self.first_copy(report, reports, links)
                && self.nodes[first].copy_of.is_none()
                && !reports[first].has_usage()
            {
                self.nodes[at].copy_of = None;
                self.sets.unite(first as u32, at as u32, Rule::SameSpan, &self.tree);
            }
        }
        for node in &self.tree.order {
            let parent = self.tree.parent[*node as usize];
            self.nodes[*node as usize].missing =
                if parent == NONE { self.tree.missing[*node as usize] } else { self.nodes[parent as usize].missing };
        }
    }

    /// Index of the report of the first copy of a span.
    fn first_copy<L: Links + ?Sized>(&self, report: &Report<'_>, reports: &[Report<'a>], links: &L) -> Option<usize> {
        let first = self.tree.find(links, report.place.span_id)?;
        reports.binary_search_by_key(&first, |report| report.place.index).ok()
    }

    /// Where the call of a span is counted that was delivered before.
    fn copied<L: Links + ?Sized>(&self, report: &Report<'_>, links: &L) -> Option<Spot> {
        let Spot { trace, span } = Spot { trace: report.place.trace_id, span: report.place.span_id };
        let same = |call: &&Decided| call.members.iter().any(|member| member.0 == span);
        if let Some(call) = self.earlier.iter().find(same) {
            return Some(call.at);
        }
        let first = self.tree.find(links, span)?;
        (first != report.place.index).then_some(Spot { trace, span })
    }

    /// Rule 2: finds who claims a call. Returns whether anybody does.
    fn claim(&mut self, reports: &[Report<'a>]) -> bool {
        let mut any = false;
        let is_loose = |(node, report): (&Node, &Report<'_>)| {
            let wraps = || matches!(report.role, Role::Wrapper | Role::Other) && report.has_usage();
            node.missing != 0 && node.copy_of.is_none() && (report.is_inference() || wraps())
        };
        self.loose.clear();
        self.loose
            .extend((0..).zip(self.nodes.iter().zip(reports)).filter(|(_, both)| is_loose(*both)).map(|(at, _)| at));
        self.loose.truncate(SEARCHED);
        for at in (0..self.tree.order.len()).rev() {
            let node = self.tree.order[at] as usize;
            let below = self.nodes[node].claimed_below;
            if let Some(report) = reports.get(node) {
                let wraps = matches!(report.role, Role::Wrapper | Role::Other);
                self.nodes[node].claims = self.nodes[node].copy_of.is_none()
                    && (report.is_inference()
                        || (wraps && !below && report.has_usage() && !self.holds_calls(node as u32)));
            }
            let claims = self.nodes[node].claims;
            any |= claims;
            if let Some(parent) = self.nodes.get_mut(self.tree.parent[node] as usize) {
                parent.claimed_below |= claims || below;
            }
        }
        any
    }

    /// Whether calls are known that lie within the interval of a wrapper, while what links them to a span above has not
    /// come: those are below it. Its usage can sum theirs, so it is not less.
    fn holds_calls(&self, node: u32) -> bool {
        let own = self.sets.sketch(node);
        let reports = self.nodes.len() - self.earlier.len();
        let below = |at: u32, sketch: &Sketch| {
            self.may_be_below(at, node)
                && own.contains(sketch)
                && own.same_class(sketch)
                && sketch.least_tokens() <= own.tokens()
        };
        self.earlier.iter().zip(reports as u32..).any(|(call, at)| call.claims && below(at, &call.sketch))
            || self.loose.iter().any(|loose| {
                let sketch = self.sets.sketch(*loose);
                // Of two wrappers around the same calls the inner one counts.
                below(*loose, sketch) && (sketch.inference || sketch.duration() < own.duration())
            })
    }

    /// Whether a span that has not come may link a node to one above. When it is above both, it is not between them.
    pub(super) fn may_be_below(&self, lower: u32, upper: u32) -> bool {
        let missing = self.nodes[lower as usize].missing;
        missing != 0 && missing != self.nodes[upper as usize].missing
    }

    /// Rule 3, innermost reports first.
    fn nested(&mut self, reports: usize) {
        for at in (0..self.tree.order.len()).rev() {
            let node = self.tree.order[at];
            let Node { claims, claimed_below, role, .. } = self.nodes[node as usize];
            let is_earlier = node as usize >= reports;
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
                Upper::Own => {}
                Upper::Same(leader) => self.sets.unite(node, leader, Rule::Nested, &self.tree),
                Upper::Sum if is_earlier => {
                    for (leader, _) in &self.below {
                        self.sets.unite(node, *leader, Rule::Sum, &self.tree);
                    }
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
                let leader = self.sets.leader(child);
                let is_sum = self.sets.face(leader).covers != NONE;
                if below.claims && !is_sum {
                    if leader != own {
                        let is_whole = is_earlier && self.is_whole(own, leader);
                        self.below.push((leader, !is_whole && !self.sets.sketch(child).same_source(&sketch)));
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

    /// Whether one of two sets is a call of an earlier verdict, which does not lack what the other one reports.
    pub(super) fn is_whole(&self, one: u32, other: u32) -> bool {
        if self.earlier.is_empty() {
            return false;
        }
        let [one, other] = [one, other].map(|node| self.sets.face(self.sets.leader(node)));
        one.earlier.min(other.earlier) != NONE && one.scopes & other.scopes != 0
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
            .min_by_key(|(leader, _)| own.distance(face(*leader)));
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

    /// Rule 4 within the trace, but for the wrappers that earlier verdicts counted: see `draw`.
    fn beside(&mut self, reports: usize) {
        self.leaders.clear();
        for at in 0..self.nodes.len() as u32 {
            if self.stands_alone(at) && !self.is_counted_wrapper(at, reports) {
                self.leaders.push(at);
            }
        }
        self.match_leaders();
    }

    /// Whether a node leads a set that claims a call.
    pub(super) fn stands_alone(&self, node: u32) -> bool {
        self.nodes[node as usize].claims && self.sets.leader(node) == node && self.sets.face(node).covers == NONE
    }

    /// Whether a node is a wrapper that an earlier verdict counted.
    pub(super) fn is_counted_wrapper(&self, node: u32, reports: usize) -> bool {
        node as usize >= reports && {
            let node = &self.nodes[node as usize];
            node.claims && node.role == Role::Wrapper
        }
    }

    pub(super) fn match_leaders(&mut self) {
        self.matching.run(&self.leaders, &mut self.sets, &self.tree);
    }

    /// Finds the calls that each wrapper stands around, and gives its usage to a single one that lacks it.
    fn wrappers(&mut self, reports: &[Report<'a>]) {
        for at in (0..self.tree.order.len()).rev() {
            let node = self.tree.order[at];
            let Node { claimed_below, role, copy_of, .. } = self.nodes[node as usize];
            let Some(report) = reports.get(node as usize) else { continue };
            if !claimed_below || copy_of.is_some() || !matches!(role, Role::Wrapper | Role::Other) {
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
            if !call.sketch.usage && !call.sketch.error && call.earlier == NONE && own.same_class(&call.sketch) {
                self.sets.attach(node, first);
            }
        }
    }
}
