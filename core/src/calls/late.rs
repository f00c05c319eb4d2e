//! A wrapper that comes after the verdict on the only call below it may say what nobody had told of that call: the model
//! that it is priced by, or its usage. What was counted stays; what the wrapper says more counts with its own span.

use super::fuller::complete;
use super::group::Grouping;
use super::merge::Call;
use super::past::Decided;
use super::report::Report;
use super::sketch::{ABSENT, Sketch, hash};
use super::top_up::{Counted, TopUp};
use super::tree::NONE;
use crate::concept::Concept;
use crate::usage::{Unit, Usage};

/// What prices depend on besides provider, model and the tokens that are remembered.
const TERMS: [Concept; 7] = [
    Concept::ServiceTier,
    Concept::RequestServiceTier,
    Concept::Speed,
    Concept::InferenceGeo,
    Concept::SearchContextSize,
    Concept::TenantId,
    Concept::ServerAddress,
];

/// What of the terms of a counted call is remembered: enough to know whether another report has the same ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Hash of the provider, 0 for none.
    provider: u64,
    /// The provider was concluded, not told.
    concluded: bool,
    /// Hash of everything else, 0 for nothing.
    others: u64,
}

impl Terms {
    pub fn of(report: &Report<'_>) -> Self {
        let told = |concept| Some(report.texts.get(concept)).filter(|text| !text.is_empty());
        let mix = |sum: u64, at: u64, value: u64| sum.wrapping_mul(31).wrapping_add(at).wrapping_mul(31) ^ value;
        let texts = TERMS.iter().zip(1..).filter_map(|(concept, at)| Some((at, hash(told(*concept)?.as_bytes()))));
        let flags = [(8, report.batch), (9, report.cache_hit)];
        let flags = flags.into_iter().filter(|(_, flag)| *flag == Some(true)).map(|(at, _)| (at, 1));
        let counts = report.usage.iter().filter(|(unit, count)| *count > 0 && !is_remembered(*unit));
        let counts = counts.map(|(unit, count)| (16 + unit as u64, count as u64));
        Self {
            provider: told(Concept::Provider).map_or(0, |provider| hash(provider.as_bytes())),
            concluded: report.inferred.contains(Concept::Provider),
            others: texts.chain(flags).chain(counts).fold(0, |sum, (at, value)| mix(sum, at, value)),
        }
    }

    /// Whether nothing of them is lost where a call is priced by what `report` says. What one instrumentation tells of the
    /// provider is more than what was concluded from its other span.
    fn are_kept(&self, report: &Report<'_>, same_source: bool) -> bool {
        let theirs = Terms::of(report);
        let provider = self.provider == 0
            || self.provider == theirs.provider
            || (self.concluded && same_source && theirs.provider != 0 && !theirs.concluded);
        provider && (self.others == 0 || self.others == theirs.others)
    }
}

/// Whether the count is remembered with a call that was counted.
fn is_remembered(unit: Unit) -> bool {
    matches!(unit, Unit::Input | Unit::Output | Unit::Total | Unit::CacheRead | Unit::CacheWrite | Unit::Reasoning)
}

impl Decided {
    /// The counts that it was counted with.
    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage::new();
        let sketch = &self.sketch;
        for (unit, told) in [(Unit::Input, sketch.input), (Unit::Output, sketch.output), (Unit::Total, sketch.total)] {
            if told != ABSENT {
                usage.set(unit, self.left.tokens(unit));
            }
        }
        for unit in [Unit::CacheRead, Unit::CacheWrite, Unit::Reasoning] {
            if self.left.tokens(unit) > 0 {
                usage.set(unit, self.left.tokens(unit));
            }
        }
        usage
    }
}

impl<'a> Grouping<'a> {
    /// Makes a call of the wrappers that lend to an earlier one, the last members of which stand from `start` on, when they
    /// may say more of it.
    pub(super) fn lend_later(&mut self, leader: u32, index: u32, reports: &[Report<'a>]) {
        let lenders = self.lenders_inner_first(leader);
        let Some((nearest, further)) = lenders.split_first() else { return };
        let earlier = &self.earlier[index as usize];
        let known = &earlier.sketch;
        if !earlier.claims || earlier.drawn || earlier.at.trace != known.trace || !earlier.left.call {
            return;
        }
        let start = self.members.len() as u32;
        let mut made = Call::of(reports, *nearest, start..start + 1);
        made.merge(reports, further, |_| true);
        for upper in self.above(*nearest).filter_map(|node| reports.get(node as usize)) {
            made.report.texts.inherit(&upper.texts);
        }
        let report = &mut made.report;
        let whole = known.input.max(0) == earlier.left.tokens(Unit::Input);
        let mut fuller = false;
        if known.usage {
            let told = std::mem::replace(&mut report.usage, earlier.usage());
            complete(&mut report.usage, &told, report.estimated);
            fuller = earlier.left.is_less_than(&report.usage);
            if !whole || (earlier.left.priced && !fuller) {
                return;
            }
        }
        (report.place.start, report.place.end) = (known.start, known.end);
        let same_source = self.sets.sketch(*nearest).same_source(known);
        if Sketch::of(report).same_model(known) == Some(false) || !earlier.terms.are_kept(report, same_source) {
            // What the call is priced by is not what the wrapper says, and is forgotten.
            for concept in [Concept::Provider, Concept::RequestModel, Concept::ResponseModel] {
                report.texts.set(concept, "");
            }
        }
        (made.lends, made.in_sum, made.decided) = (true, true, NONE);
        let tokens = !known.usage || fuller;
        let begin = self.sources.len() as u32;
        self.wrappers_above(self.sets.leader(*nearest), reports.len(), |_| true);
        let from = begin..self.sources.len() as u32;
        self.tops.push(TopUp { call: self.calls.len() as u32, counted: Counted::Here(index), tokens, from });
        self.members.push(*nearest);
        self.calls.push(made);
    }
}
