//! One counted call: its canonical report, completed by the others.

use super::amounts::Before;
use super::report::Report;
use crate::concept::Concept;
use crate::usage::{Unit, Usage};
use std::ops::Range;

/// A model call that counts.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Index of the canonical report.
    pub canonical: u32,
    /// Its reports in `Grouping::members`, the canonical one first.
    pub members: Range<u32>,
    /// Copies of their spans that say nothing new, in no range.
    pub copies: u32,
    /// What all reports say together; place, role and dialect are those of the canonical one.
    pub report: Report<'a>,
    /// Index of the report that the token counts are from.
    pub usage_from: u32,
    /// Index of the report that the reported cost is from.
    pub cost_from: Option<u32>,
    /// What of it an earlier verdict counted; the usage of `report` is without that.
    pub before: Option<Before>,
    /// It stands in the usage of a wrapper of which something is left: what nobody told of its tokens is there.
    pub in_sum: bool,
    /// Its place in `Grouping::decided`.
    pub(super) decided: u32,
}

impl<'a> Call<'a> {
    /// A call of one report.
    #[inline(always)]
    pub(super) fn of(reports: &[Report<'a>], canonical: u32, members: Range<u32>) -> Call<'a> {
        let report = &reports[canonical as usize];
        let cost_from = report.cost.map(|_| canonical);
        let report = *report;
        Call {
            canonical,
            members,
            copies: 0,
            report,
            usage_from: canonical,
            cost_from,
            before: None,
            in_sum: false,
            decided: 0,
        }
    }

    /// Completes the canonical report by the other members.
    pub(super) fn merge(&mut self, reports: &[Report<'a>], others: &[u32]) {
        for member in others {
            self.learn(*member, &reports[*member as usize]);
        }
        if !self.report.error {
            // An attempt that failed inside does not make the call fail that it belongs to.
            self.report.texts.set(Concept::ErrorType, "");
            self.report.texts.set(Concept::ErrorClass, "");
        }
    }

    /// How many other reports of it there were, copies of a span among them.
    pub fn duplicates(&self) -> u32 {
        self.members.end - self.members.start - 1 + self.copies
    }

    /// Whether it is a call that no earlier verdict counted.
    pub fn is_new(&self) -> bool {
        self.before.is_none_or(|before| !before.amounts.call)
    }

    /// Whether it adds something to the totals.
    pub fn adds(&self) -> bool {
        self.before.is_none_or(|before| before.adds)
    }

    fn learn(&mut self, index: u32, other: &Report<'a>) {
        let own = &mut self.report;
        if other.has_usage() && (!own.has_usage() || (own.estimated && !other.estimated)) {
            let details = std::mem::replace(&mut own.usage, other.usage);
            own.estimated = other.estimated;
            add_details(&mut own.usage, &details);
            self.usage_from = index;
        } else {
            add_details(&mut own.usage, &other.usage);
        }
        // The provider's own figure is worth more than an SDK's, wherever it stands.
        if let Some(cost) = other.cost
            && own.cost.is_none_or(|known| cost.by_provider && !known.by_provider)
        {
            own.cost = Some(cost);
            self.cost_from = Some(index);
        }
        if !own.answered && !own.error {
            own.error = other.error;
        }
        own.answered |= other.answered;
        own.texts.fill_from(&other.texts);
        own.ttft = own.ttft.or(other.ttft);
        own.streaming = own.streaming.or(other.streaming);
        own.http_status = own.http_status.or(other.http_status.filter(|code| own.error || *code < 400));
        own.batch = own.batch.or(other.batch);
        own.cache_hit = own.cache_hit.or(other.cache_hit);
        for concept in other.inferred.iter() {
            own.inferred.insert(concept);
        }
    }
}

/// Takes absent units from another report, those that split tokens only when both count the same tokens: a dialect that
/// leaves cached input out would otherwise turn parts into more than the whole.
fn add_details(usage: &mut Usage, other: &Usage) {
    let agrees = |unit| match (usage.get(unit), other.get(unit)) {
        (Some(own), Some(theirs)) => own == theirs,
        _ => true,
    };
    if usage.is_zero() || (agrees(Unit::Input) && agrees(Unit::Output)) {
        usage.fill_from(other);
        return;
    }
    for (unit, count) in other.iter().filter(|(unit, _)| !unit.is_tokens()) {
        if usage.get(unit).is_none() {
            usage.set_raw(unit, count);
        }
    }
}
