//! What happens to a trace that is due: its reports are grouped into calls, the calls priced, the votes taken, everything
//! measured, and what is kept written.

use super::compiled::Compiled;
use super::explain;
use super::pricing::{price_input, totals};
use super::quality;
use super::summary::summary;
use super::taken;
use super::tick::TickReport;
use super::trace_record;
#[cfg(test)]
use super::trips::Stage;
use super::{Engine, lock};
use crate::buffer::trace::{SpanEntry, Trace};
use crate::buffer::verdicts::Remembered;
use crate::calls::{Fate, Grouping, Links, Place, RateLimits, Report};
use crate::content::{Content, Counts};
use crate::facts::{Facts, NO_DIALECT, Role};
use crate::measure::call_record::{self, Context};
use crate::measure::{CallInput, TraceInput};
use crate::normalize::Anomalies;
use crate::output::batch::Batch;
use crate::output::span::{self, Edits};
use crate::output::stamp::{self, Totals};
use crate::price::{Cost, money};
use crate::record;
use crate::sample::policies::Votes;
use crate::sample::{TraceSummary, Verdict, Vote, tracestate};
use crate::tokens::Estimate;
use std::cell::LazyCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Decides traces one after the other and gathers what leaves.
pub struct Finalizer<'e> {
    engine: &'e Engine,
    now: u64,
    batch: Batch,
    records: String,
    trace_records: String,
    explanations: String,
    edits: Edits,
    /// A span without the attributes that give way.
    rewritten: Vec<u8>,
    /// Bytes that spans of the trace have gained by what was taken from others.
    gained: u64,
    /// Spans that were spared it.
    spared: u64,
    /// What the content policy did to what was written.
    content: Counts,
    votes: Votes,
    settled: u64,
    decided: u64,
    kept: u64,
    /// What the shutdown finds undecided is dropped.
    discard: bool,
}

/// Everything concluded about one trace before its verdict. Reused from trace to trace of a chunk.
#[derive(Default)]
pub struct Conclusion<'t> {
    pub reports: Vec<Report<'t>>,
    pub grouping: Grouping<'t>,
    /// Parallel to the calls of the grouping.
    pub costs: Vec<Cost>,
    /// Tokens counted from content, by index of the call.
    pub estimates: Vec<(u32, Estimate)>,
    pub totals: Totals,
    pub summary: TraceSummary<'t>,
}

impl<'e> Finalizer<'e> {
    pub fn new(engine: &'e Engine, plan: &Arc<Compiled>, now: u64) -> Self {
        Self {
            engine,
            now,
            batch: Batch::new(plan.limits.payload_bytes, std::mem::take(&mut *lock(&engine.spare))),
            records: String::new(),
            trace_records: String::new(),
            explanations: String::new(),
            edits: Edits::default(),
            rewritten: Vec::new(),
            gained: 0,
            spared: 0,
            content: Counts::default(),
            votes: Votes::default(),
            settled: 0,
            decided: 0,
            kept: 0,
            discard: false,
        }
    }

    pub fn discard(&mut self, discard: bool) {
        self.discard = discard;
    }

    pub fn discards(&self) -> bool {
        self.discard
    }

    /// Traces carried out, those of late spans among them.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Bytes of finished payloads.
    pub fn bytes(&self) -> usize {
        self.batch.finished.iter().map(|payload| payload.bytes.len()).sum()
    }

    pub fn report(self, more: bool) -> TickReport {
        self.engine.measure().content(&self.content);
        self.engine.measure().anomalies(&Anomalies { context_beyond: self.spared, ..Anomalies::default() });
        let (payloads, spare) = self.batch.into_parts();
        *lock(&self.engine.spare) = spare;
        TickReport {
            payloads,
            calls: self.records.into_bytes(),
            traces: self.trace_records.into_bytes(),
            explanations: self.explanations.into_bytes(),
            decided: self.decided,
            kept: self.kept,
            more,
        }
    }

    /// Gathers everything about a trace before its verdict; false when that panicked.
    pub fn conclude<'t>(&self, trace: &'t Trace, conclusion: &mut Conclusion<'t>) -> bool {
        let concluded = catch_unwind(AssertUnwindSafe(|| {
            conclusion.conclude(trace, self.engine, self.now);
            #[cfg(test)]
            self.engine.trips.at(self.engine, Stage::Conclude, trace.id, 0);
        }));
        concluded.is_ok()
    }

    /// Decides traces of one plan together; false when that panicked.
    pub fn decide(&mut self, plan: &Compiled, traces: &[&TraceSummary<'_>], verdicts: &mut Vec<Verdict>) -> bool {
        let (states, votes) = (&mut *self.engine.states(), &mut self.votes);
        catch_unwind(AssertUnwindSafe(|| plan.policies.decide(traces, self.now, states, votes, verdicts))).is_ok()
    }

    /// Tells the policies of late spans.
    pub fn late(&mut self, plan: &Compiled, spans: &TraceSummary<'_>, verdict: &Verdict) {
        let states = &mut *self.engine.states();
        if catch_unwind(AssertUnwindSafe(|| plan.policies.late(spans, verdict, self.now, states))).is_err() {
            self.engine.measure().trace_fault();
        }
    }

    /// Carries a verdict out. Without a conclusion, or after a panic, the trace loses its enrichment, never its spans.
    /// `at`: the trace's place in the batch that was decided last; `None` when it was not.
    pub fn finish(
        &mut self,
        trace: &Trace,
        mut verdict: Verdict,
        conclusion: Option<&Conclusion<'_>>,
        at: Option<usize>,
    ) -> Remembered {
        // The verdict that late spans follow is the one that is carried out.
        verdict.keep |= trace.plan.output.keep_all;
        let mut faulty = conclusion.is_none();
        faulty |= catch_unwind(AssertUnwindSafe(|| self.measure(trace, conclusion, &verdict, at))).is_err();
        if verdict.keep {
            faulty |= self.write_all(trace, conclusion, &verdict);
        }
        if faulty {
            self.engine.measure().trace_fault();
        }
        self.settled += 1;
        if !trace.late {
            self.decided += 1;
            self.kept += u64::from(verdict.keep);
        }
        Remembered::of(&verdict, trace.plan.generation)
    }

    /// Writes every span; those that cannot be enriched leave as they came. True when there was one.
    fn write_all(&mut self, trace: &Trace, conclusion: Option<&Conclusion<'_>>, verdict: &Verdict) -> bool {
        let Some(conclusion) = conclusion else {
            trace.spans.iter().for_each(|entry| self.pass(trace, entry));
            return true;
        };
        self.gained = 0;
        let root = if trace.late { u32::MAX } else { conclusion.root(trace) };
        let (mut next, mut faulty) = (0, false);
        while next < trace.spans.len() {
            let (first, begun) = (next, self.batch.begun());
            let rest = catch_unwind(AssertUnwindSafe(|| {
                while let Some(entry) = trace.spans.get(next) {
                    self.write(trace, conclusion, verdict, entry, next as u32, root);
                    next += 1;
                }
            }));
            if rest.is_err() {
                // Spans before this one are written; of this one nothing is, or a part that has to go.
                faulty = true;
                if self.batch.begun() - begun > (next - first) as u64 {
                    self.batch.undo();
                }
                self.pass(trace, &trace.spans[next]);
                next += 1;
            }
        }
        faulty
    }

    /// Counts the trace, and its calls where they are known.
    fn measure(&mut self, trace: &Trace, conclusion: Option<&Conclusion<'_>>, verdict: &Verdict, at: Option<usize>) {
        let plan = &trace.plan;
        let measure = self.engine.measure();
        let votes: Vec<Vote> = at.map(|at| self.votes.of(at).collect()).unwrap_or_default();
        measure.trace(&TraceInput {
            policies: &plan.policies,
            votes: &votes,
            verdict,
            trigger: trace.due_reason,
            spans: trace.spans.len() as u64,
            bytes: trace.span_bytes,
            incomplete: trace.incomplete(),
        });
        if plan.output.trace_records {
            trace_record::write(trace, conclusion, verdict, &votes, self.now, &mut self.trace_records);
        }
        let Some(conclusion) = conclusion else { return };
        if plan.output.explain.as_ref().is_some_and(|only| format!("{:032x}", trace.id).starts_with(only)) {
            let votes = at.map(|_| &self.votes);
            let told = explain::explain(trace, conclusion, verdict, votes, self.now, &mut self.engine.states());
            self.explanations.push_str(&told.to_string());
            self.explanations.push('\n');
        }
        #[cfg(test)]
        self.engine.trips.at(self.engine, Stage::Measure, trace.id, 0);
        quality::record(&conclusion.reports, measure, self.now);
        for report in conclusion.reports.iter().filter(|report| report.rate_limits != RateLimits::default()) {
            measure.rate_limits().record(report);
        }
        let mut anomalies = Anomalies::default();
        let mut calls = measure.calls();
        calls.duplicates(&conclusion.grouping.merged);
        let found = conclusion.grouping.calls.iter().zip(&conclusion.costs).zip(0..);
        for ((call, cost), index) in found.filter(|((call, _), _)| call.adds()) {
            let report = &call.report;
            let entry = &trace.spans[report.place.index as usize];
            let input = CallInput {
                service: trace.group_of(entry).0.service(),
                texts: &report.texts,
                usage: &report.usage,
                cost,
                before: call.before.as_ref(),
                reported_pico: report.cost.and_then(|cost| money::from_usd(cost.usd)),
                duration_ns: report.place.end.saturating_sub(report.place.start),
                ttft: report.ttft,
                error: report.error,
                trace_id: trace.id,
                start: report.place.start,
                kept: verdict.keep,
                now: self.now,
            };
            calls.record(&input);
            if plan.output.call_records {
                let context = Context {
                    report,
                    dialect: plan.normalizer.dialect(report.dialect),
                    price: plan.book.row_label(cost.row),
                    duplicates: call.duplicates() as usize,
                    inferred: conclusion.inferred(plan, index),
                    evaluations: quality::evaluations(call, conclusion, &mut anomalies),
                    guardrail: quality::guardrail(call, conclusion, &plan.normalizer),
                    policy: verdict.policy.map(|index| plan.policies.name(index)),
                };
                call_record::write(&input, &context, &mut self.records);
            }
        }
        measure.anomalies(&anomalies);
    }

    /// One span as it came, but for the content policy; a span that even this fails for leaves without what may be
    /// content.
    fn pass(&mut self, trace: &Trace, entry: &SpanEntry) {
        let (resource, scope) = trace.group_of(entry);
        let raw = trace.raw(entry);
        let dialect = || trace.plan.dialect(raw, resource, scope);
        let policy = || trace.plan.content.span(raw, &dialect, &mut self.content);
        let allowed = catch_unwind(AssertUnwindSafe(policy)).unwrap_or_else(|_| Some(Content::bare(raw)));
        let raw = allowed.as_deref().unwrap_or(raw);
        self.edits.clear();
        let out = self.batch.span(resource, scope, raw.len() + 16);
        // Parsed when it came in, and without edits nothing is parsed again.
        let _ = span::write(raw, entry.has_trace_state, &self.edits, out);
    }

    /// `root`: index of the span that says what concerns the whole trace.
    fn write(
        &mut self,
        trace: &Trace,
        conclusion: &Conclusion<'_>,
        verdict: &Verdict,
        entry: &SpanEntry,
        index: u32,
        root: u32,
    ) {
        let plan = &trace.plan;
        let mut raw = trace.raw(entry);
        let mut rewritten = std::mem::take(&mut self.rewritten);
        self.edits.clear();
        let mut told = None;
        let (mut role, mut marked) = (Role::None, false);
        let report = conclusion.reports.binary_search_by_key(&index, |report| report.place.index).ok();
        let fate = report.map(|at| conclusion.grouping.fates[at]);
        if entry.record_len > 0 {
            let mut facts = Facts::new();
            record::decode(trace.record(entry), raw, &mut facts);
            told = Some(facts.dialect);
            (role, marked) = (facts.role, facts.marked);
            let wanted = taken::wanted(trace.span_bytes, self.gained);
            let sources = conclusion.complete(plan, report, wanted, raw, &mut facts);
            plan.normalizer.append_with(&facts, &sources, &mut self.edits.attributes);
            if !sources.is_empty() {
                self.gained += self.edits.attributes.len() as u64;
            }
            self.spared += u64::from(wanted != taken::ALL && fate.is_some_and(|fate| conclusion.spares(fate)));
            if plan.normalizer.rewrites(&facts) {
                rewritten.clear();
                plan.normalizer.copy(&facts, raw, &mut rewritten);
                raw = &rewritten;
            }
        }
        let out = &mut self.edits.attributes;
        if let Some(fate) = fate {
            match fate {
                Fate::Canonical(call) => {
                    let cost = &conclusion.costs[call as usize];
                    stamp::cost(cost, plan.book.row_label(cost.row), out);
                    if let Some(before) = &conclusion.grouping.calls[call as usize].before {
                        stamp::counted_before(before, out);
                    }
                }
                Fate::Duplicate { of, .. } => stamp::duplicate(of, out),
                Fate::NotACall | Fate::Wrapper { .. } => {}
            }
        }
        if !marked && (!out.is_empty() || std::ptr::eq(raw, rewritten.as_slice())) {
            plan.normalizer.mark(role, told.unwrap_or(NO_DIALECT), out);
        }
        if index == root {
            if conclusion.totals.calls > 0 {
                stamp::totals(&conclusion.totals, out);
            }
            if plan.stamps() {
                let name = |policy: u16| plan.policies.name(policy);
                if let Some(policy) = verdict.policy {
                    stamp::sampling(name(policy), verdict.probability(), trace.due_reason.name(), out);
                }
                if let Some(trial) = verdict.trial {
                    stamp::trial(trial.keep, trial.policy.map(name), trial.probability(), out);
                }
                if trace.incomplete() {
                    stamp::incomplete(out);
                }
            }
        }
        if plan.samples() {
            let own = if entry.has_trace_state { span::trace_state(raw) } else { b"" };
            let randomness = verdict.rv.unwrap_or(conclusion.summary.randomness);
            tracestate::write(own, verdict.threshold, randomness, verdict.rv, &mut self.edits.trace_state);
        }
        // After all that reads the span: facts and totals are known by now, and costs stand in the attributes.
        let (resource, scope) = trace.group_of(entry);
        let dialect = LazyCell::new(|| told.unwrap_or_else(|| plan.dialect(trace.raw(entry), resource, scope)));
        let allowed = plan.content.span(raw, &|| *dialect, &mut self.content);
        raw = allowed.as_deref().unwrap_or(raw);
        if let Some(allowed) = plan.content.span(&self.edits.attributes, &|| *dialect, &mut self.content) {
            self.edits.attributes = allowed;
        }
        if !self.edits.attributes.is_empty() {
            let may_have_cost = stamp::may_have_cost(raw);
            if may_have_cost && plan.normalizer.keeps_originals() {
                stamp::original_cost(raw, &mut self.edits.attributes);
            }
            stamp::restated(raw, may_have_cost, &self.edits.attributes, &mut self.edits.omit);
        }
        let size = raw.len() + self.edits.attributes.len() + 64;
        let out = self.batch.span(resource, scope, size);
        #[cfg(test)]
        {
            out.extend_from_slice(b"half a span");
            self.engine.trips.at(self.engine, Stage::Write, trace.id, index);
            out.truncate(out.len() - b"half a span".len());
        }
        let before = out.len();
        if span::write(raw, entry.has_trace_state, &self.edits, out).is_err() {
            // It parsed when it came in; should rewriting fail all the same, the span leaves as it is.
            out.truncate(before);
            self.edits.clear();
            let _ = span::write(raw, entry.has_trace_state, &self.edits, out);
        }
        self.rewritten = rewritten;
    }
}

/// The spans of a trace as the grouping walks them.
impl Links for [SpanEntry] {
    fn count(&self) -> usize {
        self.len()
    }

    fn link(&self, index: usize) -> (u64, u64) {
        (self[index].span_id, self[index].parent_id)
    }
}

impl<'t> Conclusion<'t> {
    pub fn conclude(&mut self, trace: &'t Trace, engine: &Engine, now: u64) {
        self.reports.clear();
        reports(trace, &mut self.reports);
        self.grouping.group(&self.reports, &trace.spans[..], &engine.recent, now);
        self.estimates.clear();
        engine.estimate(trace, &self.reports, &mut self.grouping, &mut self.estimates);
        let book = &trace.plan.book;
        self.costs.clear();
        self.costs.extend(self.grouping.calls.iter().map(|call| book.price(&price_input(&call.report))));
        self.grouping.account(&mut self.costs, &engine.recent, now);
        self.totals = totals(&self.grouping, &self.costs);
        self.summary = summary(trace, self, trace.plan.policies.needs);
    }

    /// What was counted from the content of a call.
    pub fn estimate(&self, call: u32) -> Option<&Estimate> {
        let at = self.estimates.binary_search_by_key(&call, |(index, _)| *index).ok()?;
        Some(&self.estimates[at].1)
    }

    /// Index of the root, or of the first span when the root is not there.
    pub fn root(&self, trace: &Trace) -> u32 {
        trace.spans.iter().position(|entry| entry.parent_id == 0).unwrap_or(0) as u32
    }
}

fn reports<'t>(trace: &'t Trace, reports: &mut Vec<Report<'t>>) {
    reports.reserve(trace.spans.iter().filter(|entry| entry.record_len > 0).count());
    for (entry, index) in trace.spans.iter().zip(0..) {
        if entry.record_len > 0 {
            let place = place(trace, entry, index);
            Report::push_record(reports, place, trace.record(entry), trace.raw(entry));
            if let Some(report) = reports.last_mut() {
                report.place.scope = trace.plan.normalizer.reporter(place.scope, report.dialect);
                report.last_step = trace.plan.normalizer.shows_last_step(report.dialect);
            }
        }
    }
}

fn place(trace: &Trace, entry: &SpanEntry, index: u32) -> Place {
    let (resource, scope) = trace.group_of(entry);
    Place {
        index,
        trace_id: trace.id,
        span_id: entry.span_id,
        parent_id: entry.parent_id,
        start: entry.start,
        end: entry.end,
        kind: entry.kind,
        status: entry.status,
        scope: scope.name_hash,
        instance: resource.instance,
    }
}
