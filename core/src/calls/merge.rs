//! One counted call: its canonical report, completed by the others.

use super::amounts::Before;
use super::fuller::complete;
use super::models;
use super::report::Report;
use crate::concept::Concept;
use crate::facts::Role;
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
    /// Its canonical report is a wrapper around a call that was counted, which says more of that call.
    pub lends: bool,
    /// Its place in `Grouping::decided`.
    pub(super) decided: u32,
}

/// Times that the other reports of a call are looked at for counts once more.
const PASSES: usize = 2;

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
            lends: false,
            decided: 0,
        }
    }

    /// Completes the canonical report by `others`: the other members, and wrappers that lend to it, of which `lends` is
    /// true.
    pub(super) fn merge(&mut self, reports: &[Report<'a>], others: &[u32], lends: impl Fn(u32) -> bool) {
        for other in others {
            self.learn(*other, &reports[*other as usize], lends(*other));
        }
        if others.len() > 1 && self.report.has_usage() {
            self.complete_again(reports, others);
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

    /// Whether it is a failure that no earlier verdict counted.
    pub fn fails(&self) -> bool {
        self.report.error && self.is_new() && self.before.is_none_or(|before| !before.amounts.error)
    }

    /// Whether it adds something to the totals.
    pub fn adds(&self) -> bool {
        self.before.is_none_or(|before| before.adds)
    }

    /// What one report leaves out may be what tells that another one, which came before it, counts the same tokens.
    pub(super) fn complete_again(&mut self, reports: &[Report<'a>], others: &[u32]) {
        for _ in 0..PASSES {
            let known = self.report.usage;
            for other in others {
                self.complete(*other, &reports[*other as usize]);
            }
            if self.report.usage == known {
                return;
            }
        }
    }

    /// Takes what another report knows more of the counts.
    fn complete(&mut self, index: u32, other: &Report<'a>) {
        let own = &mut self.report;
        if complete(&mut own.usage, &other.usage, other.estimated && !own.estimated) {
            self.usage_from = index;
        }
    }

    /// `lends`: it is a wrapper, whose counts may be a sum and are only taken where they are those of the call.
    fn learn(&mut self, index: u32, other: &Report<'a>, lends: bool) {
        let own = &mut self.report;
        if !lends && other.has_usage() && (!own.has_usage() || (own.estimated && !other.estimated)) {
            let guessed = own.estimated;
            let details = std::mem::replace(&mut own.usage, other.usage);
            own.estimated = other.estimated;
            complete(&mut own.usage, &details, guessed);
            self.usage_from = index;
        } else if !lends || own.has_usage() {
            self.complete(index, other);
        }
        let own = &mut self.report;
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
        // What the same dialect tells on the wrapper is more than a conclusion from the name of the model.
        let tells = !other.texts.get(Concept::Provider).is_empty() && !other.inferred.contains(Concept::Provider);
        if lends && tells && own.dialect == other.dialect && own.inferred.contains(Concept::Provider) {
            own.texts.set(Concept::Provider, other.texts.get(Concept::Provider));
            own.inferred.remove(Concept::Provider);
        }
        // Who concluded a fact that was known already concluded nothing here.
        for concept in other.inferred.iter().filter(|concept| own.texts.get(*concept).is_empty()) {
            own.inferred.insert(concept);
        }
        fill(own, other);
        own.ttft = own.ttft.or(other.ttft);
        own.streaming = own.streaming.or(other.streaming);
        own.http_status = own.http_status.or(other.http_status.filter(|code| own.error || *code < 400));
        own.batch = own.batch.or(other.batch);
        own.cache_hit = own.cache_hit.or(other.cache_hit);
    }
}

/// Takes absent texts from another report.
fn fill<'a>(own: &mut Report<'a>, other: &Report<'a>) {
    let [asked, answered, operation] =
        [Concept::RequestModel, Concept::ResponseModel, Concept::Operation].map(|concept| own.texts.get(concept));
    let theirs = |concept| other.texts.get(concept);
    own.texts.fill_from(&other.texts);
    // Gateways tell their clients the name back by which these asked; the model has another.
    if answered.is_empty()
        && is_told_back(other)
        && !asked.is_empty()
        && !same_model(asked, theirs(Concept::RequestModel))
    {
        own.texts.set(Concept::ResponseModel, "");
    }
    // What an agent does is not what a model does.
    if wraps(other) {
        own.texts.set(Concept::Operation, operation);
    } else if wraps(own) && !theirs(Concept::Operation).is_empty() {
        own.texts.set(Concept::Operation, theirs(Concept::Operation));
    }
}

fn wraps(report: &Report<'_>) -> bool {
    matches!(report.role, Role::Wrapper | Role::Other)
}

fn is_told_back(report: &Report<'_>) -> bool {
    same_model(report.texts.get(Concept::ResponseModel), report.texts.get(Concept::RequestModel))
}

fn same_model(one: &str, other: &str) -> bool {
    models::key(one) == models::key(other)
}
