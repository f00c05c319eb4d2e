//! The grouping of one trace's reports, by the rules of design §6.

use super::draw::Drawn;
use super::loops::Rest;
use super::matching::Matching;
use super::merge::Call;
use super::past::{Decided, Spot};
use super::recent::RecentCalls;
use super::report::Report;
use super::sets::Sets;
use super::sketch::{Sketch, TOLERANCE_NS};
use super::top_up::TopUp;
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
    pub(super) claimed_below: bool,
    /// The same span came before; says where.
    pub(super) copy_of: Option<Spot>,
    /// The report of the first copy, or `NONE`.
    pub(super) original: u32,
    /// Nearest span above that had not arrived.
    pub(super) missing: u64,
    /// For a wrapper: the first set below it.
    pub(super) around: u32,
    /// A tool ran between it and what it was known to hang below.
    pub(super) in_tool: bool,
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
    /// (span id, index of its earlier call), in order.
    earlier_spans: Vec<(u64, u32)>,
    /// (start, index) of the earlier calls above which spans have not come, in order.
    loose_earlier: Vec<(u64, u32)>,
    /// (start, index) of the earlier wrappers of which something is left, in order.
    pub(super) wrappers_left: Vec<(u64, u32)>,
    /// (response id, index) of the earlier wrappers that show one, in order.
    pub(super) wrapper_ids: Vec<(u64, u32)>,
    pub(super) tree: Tree,
    pub(super) sets: Sets,
    pub(super) matching: Matching,
    pub(super) by_id: Vec<(u64, u32)>,
    pub(super) stack: Vec<u32>,
    /// Sums that the search below a report found.
    pub(super) sums: Vec<u32>,
    /// Reports above which spans have not come, the first few.
    loose: Vec<u32>,
    /// Sets right below a report: (leader, of another scope).
    pub(super) below: Vec<(u32, bool)>,
    pub(super) leaders: Vec<u32>,
    pub(super) sketches: Vec<Sketch>,
    pub(super) decided: Vec<Decided>,
    /// By leader: where the call of the set is counted.
    pub(super) spots: Vec<Option<Spot>>,
    /// By node: id of the span below which it is found again.
    pub(super) hangs: Vec<u64>,
    /// By node: a tool ran between it and that span.
    pub(super) in_tools: Vec<bool>,
    /// Sets in the usage of earlier wrappers, in the order in which they draw on them.
    pub(super) drawn: Vec<Drawn>,
    /// By leader: index of `drawn`, or `NONE`. Empty when there is none.
    pub(super) drawn_of: Vec<u32>,
    /// Indices of earlier calls, for `drawn`.
    pub(super) sources: Vec<u32>,
    /// Reports for which more wrappers might be looked at than are.
    pub(super) wrappers_beyond: u64,
    pub(super) tops: Vec<TopUp>,
    /// Calls that earlier verdicts on other traces counted, for `tops`.
    pub(super) abroad: Vec<Decided>,
    /// What `account` is to remember calls of.
    pub(super) trace: Option<u128>,
    /// Something is to be remembered of the earlier calls.
    pub(super) changed: bool,
    /// Wrappers that show the usage of the only call below them: (its leader, node of the wrapper).
    pub(super) lenders: Vec<(u32, u32)>,
    /// Calls that show the last step of a loop are among the reports or the earlier calls.
    pub(super) loops: bool,
    pub(super) rests: Vec<Rest>,
    /// Nodes of the calls in the sums of `rests`.
    pub(super) parts: Vec<u32>,
}

/// Earlier calls in the interval of a report, or around it, that are looked at while its place among them is not known.
pub(super) const LOOKED_AT: usize = 512;

/// Nodes below a wrapper that are searched for its calls.
pub(super) const SEARCHED: usize = 256;

impl<'a> Grouping<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Groups `reports`, all of one trace: every span with facts, wrappers and context spans among them. `links` are all
    /// spans of the trace. `now`, Unix nanoseconds, dates what is remembered. The result stands in the public fields; what
    /// its calls cost is told by `account`.
    pub fn group<L: Links + ?Sized>(&mut self, reports: &[Report<'a>], links: &L, recent: &RecentCalls, now: u64) {
        self.calls.clear();
        self.members.clear();
        self.fates.clear();
        self.fates.resize(reports.len(), Fate::NotACall);
        self.merged = [0; Rule::ALL.len()];
        self.trace = None;
        let Some(first) = reports.first() else { return };
        recent.decided(first.place.trace_id, &mut self.earlier);
        self.plant(reports, links);
        recent.touch((0..reports.len() as u32).map(|node| self.sets.sketch(node).response_id));
        if !self.claim(reports) {
            return;
        }
        self.changed = false;
        self.rests.clear();
        self.parts.clear();
        self.loops =
            reports.iter().any(|report| report.last_step) || self.earlier.iter().any(|call| call.sketch.last_step);
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
                original: NONE,
                missing: 0,
                around: NONE,
                in_tool: false,
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
                original: NONE,
                missing: 0,
                around: NONE,
                in_tool: call.in_tool,
            });
            let scopes = call.members.iter().map(|member| member.1).filter(|scope| *scope != 0);
            self.sets.push(call.sketch, index, scopes);
        }
        let spans = self.earlier.iter().zip(0..).flat_map(|(call, at)| call.members.iter().map(move |one| (one.0, at)));
        self.earlier_spans.clear();
        self.earlier_spans.extend(spans.filter(|(id, _)| *id != 0));
        let ids = self.earlier_spans.iter().map(|(id, at)| (*id, reports.len() as u32 + at));
        self.tree.build(links, self.nodes.iter().map(|node| node.hang), ids);
        self.earlier_spans.sort_unstable();
        for (at, report) in reports.iter().enumerate() {
            if let Some(earlier) = self.silent(report) {
                // It was sent before its usage was known, and counted without.
                self.sets.unite((reports.len() + earlier) as u32, at as u32, Rule::SameSpan, &self.tree);
                continue;
            }
            self.nodes[at].copy_of = self.copied(report, links);
            // A span that was sent before its answer came and again when it had.
            if let Some(spot) = self.nodes[at].copy_of
                && spot == self.sets.sketch(at as u32).spot()
                && let Some(first) = self.first_copy(report, reports, links)
            {
                self.nodes[at].original = first as u32;
                if !report.has_usage() || self.nodes[first].copy_of.is_some() || reports[first].has_usage() {
                    continue;
                }
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

    /// The earlier call without usage that a span reported when it was delivered before, and of which it tells the usage
    /// now.
    fn silent(&self, report: &Report<'_>) -> Option<usize> {
        let earlier = self.earlier_of(report.place.span_id)?;
        let call = &self.earlier[earlier];
        (call.claims && !call.sketch.usage && report.has_usage()).then_some(earlier)
    }

    /// Index of the first earlier call that a span reported.
    fn earlier_of(&self, span: u64) -> Option<usize> {
        let at = self.earlier_spans.partition_point(|(id, _)| *id < span);
        self.earlier_spans.get(at).filter(|(id, _)| *id == span).map(|(_, index)| *index as usize)
    }

    /// Where the call of a span is counted that was delivered before.
    fn copied<L: Links + ?Sized>(&self, report: &Report<'_>, links: &L) -> Option<Spot> {
        let Spot { trace, span } = Spot { trace: report.place.trace_id, span: report.place.span_id };
        if let Some(index) = self.earlier_of(span) {
            return Some(self.earlier[index].at);
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
        self.loose_earlier.clear();
        let nodes = &self.nodes[reports.len()..];
        let earlier =
            self.earlier.iter().zip(nodes).zip(0..).filter(|((call, node), _)| call.claims && node.missing != 0);
        self.loose_earlier.extend(earlier.map(|((call, _), at)| (call.sketch.start, at)));
        self.loose_earlier.sort_unstable();
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
    fn holds_calls(&mut self, node: u32) -> bool {
        let own = self.sets.sketch(node);
        let reports = self.nodes.len() - self.earlier.len();
        let below = |at: u32, sketch: &Sketch| {
            self.may_be_below(at, node)
                && own.contains(sketch)
                && own.same_class(sketch)
                && sketch.least_tokens() <= own.tokens()
        };
        let is_around = |loose: &u32| {
            let sketch = self.sets.sketch(*loose);
            // Of two wrappers around the same calls the inner one counts.
            below(*loose, sketch) && (sketch.inference || sketch.duration() < own.duration())
        };
        if self.loose.iter().any(is_around) {
            return true;
        }
        let (first, last) = (own.start.saturating_sub(TOLERANCE_NS), own.end.saturating_add(TOLERANCE_NS));
        let from = self.loose_earlier.partition_point(|(start, _)| *start < first);
        let to = self.loose_earlier.partition_point(|(start, _)| *start <= last);
        let within = &self.loose_earlier[from..to.max(from)];
        let is_below = |at: u32| below(reports as u32 + at, &self.earlier[at as usize].sketch);
        let found = within.iter().take(LOOKED_AT).any(|(_, at)| is_below(*at));
        self.wrappers_beyond += u64::from(!found && within.len() > LOOKED_AT);
        found
    }

    /// Whether a span that has not come may link a node to one above. When it is above both, it is not between them.
    pub(super) fn may_be_below(&self, lower: u32, upper: u32) -> bool {
        let missing = self.nodes[lower as usize].missing;
        missing != 0 && missing != self.nodes[upper as usize].missing
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
}
