//! Everything the engine concludes about some traces, told span by span. Runs in an engine of its own, so that asking
//! changes nothing.

use super::finalize::{Conclusion, price_input};
use super::summary::summary;
use super::witness::witnesses;
use super::{Engine, lock};
use crate::buffer::trace::{Trace, Trigger};
use crate::calls::{Fate, Report};
use crate::content::Counts;
use crate::error::Result;
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use crate::price::money::to_decimal;
use crate::record;
use crate::sample::policies::Votes;
use crate::sample::state::States;
use crate::sample::summary::Needs;
use crate::sample::threshold;
use crate::wire::span::{STATUS_ERROR, fields};
use crate::wire::value::key_value;
use serde_json::{Value, json};
use std::sync::Arc;

impl Engine {
    /// Explains the traces in `payloads` (`ExportTraceServiceRequest` each), read at `now`, as JSON. All take part in
    /// finding repeated reports; told are those whose id in hex begins with `only`.
    pub fn explain(&self, payloads: &[Vec<u8>], now: u64, only: &str) -> Result<String> {
        let scratch = Engine::with_plan(self.plan(), Arc::default())?;
        scratch.load_states(self.save_states());
        let mut refused = Vec::new();
        for payload in payloads {
            let report = scratch.ingest(payload, now)?;
            if report.rejected > 0 {
                refused.push(report.message);
            }
        }
        let mut traces = Vec::new();
        for shard in &scratch.shards {
            while let Some(trace) = lock(shard).pop_early(Trigger::Shutdown) {
                traces.push(trace);
            }
        }
        traces.sort_by_key(|trace| (trace.spans.iter().map(|span| span.start).min(), trace.id));
        let mut told = Vec::new();
        let mut conclusion = Conclusion::default();
        for trace in &traces {
            conclusion.conclude(trace, &scratch, now);
            if format!("{:032x}", trace.id).starts_with(only) {
                told.push(explain(trace, &conclusion, now, &mut scratch.states()));
            }
        }
        Ok(json!({"traces": told, "refused": refused}).to_string())
    }
}

fn explain(trace: &Trace, conclusion: &Conclusion<'_>, now: u64, states: &mut States) -> Value {
    let plan = &trace.plan;
    let (mut votes, mut verdicts) = (Votes::default(), Vec::new());
    let needs = Needs { conversation: plan.policies.needs.conversation, ..Needs::ALL };
    let mut seen = summary(trace, conclusion, needs);
    plan.policies.decide(&[&seen], now, states, &mut votes, &mut verdicts);
    let verdict = verdicts[0];
    seen.witnesses = witnesses(trace);
    let totals = &conclusion.totals;
    let spans: Vec<Value> = (0..trace.spans.len()).map(|index| span(trace, conclusion, index)).collect();
    json!({
        "trace_id": format!("{:032x}", trace.id),
        "spans": spans,
        "duration_ms": conclusion.summary.duration() as f64 / 1e6,
        "totals": {
            "calls": totals.calls,
            "errors": totals.errors,
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "cost_usd": totals.priced.then(|| to_decimal(totals.cost_pico)),
        },
        "verdict": {
            "keep": verdict.keep,
            "policy": verdict.policy.map(|index| plan.policies.name(index)),
            "probability": verdict.probability(),
            "threshold": if verdict.threshold < threshold::RANGE { threshold::to_hex(verdict.threshold) } else { "none".into() },
            "randomness": format!("{:014x}", seen.randomness),
            "incomplete": trace.spans.iter().all(|span| span.parent_id != 0),
            "limited": verdict.limited,
            "trial": verdict.trial.map(|trial| json!({
                "keep": trial.keep,
                "policy": trial.policy.map(|index| plan.policies.name(index)),
                "probability": trial.probability(),
            })),
            "votes": plan.policies.explain(&seen, votes.of(0), now, states),
        },
    })
}

fn span(trace: &Trace, conclusion: &Conclusion<'_>, index: usize) -> Value {
    let entry = &trace.spans[index];
    let raw = trace.raw(entry);
    let (resource, scope) = trace.group_of(entry);
    let name = fields(raw, 5).filter_map(Result::ok).last().unwrap_or_default();
    let mut told = json!({
        "span_id": format!("{:016x}", entry.span_id),
        "parent_id": (entry.parent_id != 0).then(|| format!("{:016x}", entry.parent_id)),
        "name": String::from_utf8_lossy(name),
        "service": resource.service(),
        "scope": scope.facts.name,
        "start_unix_nano": entry.start.to_string(),
        "duration_ms": entry.end.saturating_sub(entry.start) as f64 / 1e6,
        "error": entry.status == STATUS_ERROR,
    });
    let normalizer = &trace.plan.normalizer;
    let mut facts = Facts::new();
    if entry.record_len > 0 {
        record::decode(trace.record(entry), raw, &mut facts);
    }
    let mut counts = Counts::default();
    trace.plan.content.span(raw, facts.dialect, &mut counts);
    if !counts.is_empty() {
        let done = counts.iter().map(|(action, kind, count)| json!({"action": action, "kind": kind, "count": count}));
        told["content"] = done.collect();
    }
    if entry.record_len == 0 {
        return told;
    }
    told["dialect"] = json!(normalizer.dialect(facts.dialect));
    told["role"] = json!(facts.role.name());
    told["facts"] = facts
        .present()
        .iter()
        .map(|concept| {
            json!({
                "concept": concept.name(),
                "value": facts.get(concept).map(value),
                "from": normalizer.source(facts.rule(concept)),
                "inferred": facts.inferred.contains(concept),
                "misstated": facts.misstated.contains(concept),
            })
        })
        .collect();
    let mut added = Vec::new();
    normalizer.append(&facts, &mut added);
    let keys = fields(&added, 9).filter_map(|field| key_value(field.ok()?).ok());
    told["adds"] = keys.map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
    if let Ok(at) = conclusion.reports.binary_search_by_key(&(index as u32), |report| report.place.index) {
        told["call"] = fate(trace, conclusion, at);
    }
    told
}

fn fate(trace: &Trace, conclusion: &Conclusion<'_>, at: usize) -> Value {
    match conclusion.grouping.fates[at] {
        Fate::Canonical(index) => {
            let call = &conclusion.grouping.calls[index as usize];
            let book = &trace.plan.book;
            let (cost, explanation) = book.explain(&price_input(&call.report));
            let span_of = |report: u32| id(&conclusion.reports[report as usize]);
            let members = &conclusion.grouping.members[call.members.start as usize..call.members.end as usize];
            let estimate = conclusion.estimate(index).map(|estimate| {
                let vocabulary = trace.plan.estimator.vocabulary(estimate);
                json!({"vocabulary": vocabulary, "input": estimate.input, "output": estimate.output})
            });
            json!({
                "estimate": estimate,
                "counted": true,
                "reported_also_by": members[1..].iter().map(|member| span_of(*member)).collect::<Vec<_>>(),
                "usage_from": span_of(call.usage_from),
                "cost_from": call.cost_from.map(span_of),
                "cost": explanation.to_json(book, &cost),
            })
        }
        Fate::Duplicate { trace: other, of, rule } => json!({
            "counted": false,
            "duplicate_of": format!("{of:016x}"),
            "in_trace": format!("{other:032x}"),
            "rule": rule.name(),
        }),
        Fate::Wrapper { of } => json!({
            "counted": false,
            "wrapper_of": of.map(|span| format!("{span:016x}")),
        }),
        Fate::NotACall => json!({"counted": false}),
    }
}

fn id(report: &Report<'_>) -> String {
    format!("{:016x}", report.place.span_id)
}

fn value(value: Val<'_>) -> Value {
    match value {
        Val::Int(number) => json!(number),
        Val::Float(number) => json!(number),
        Val::Bool(flag) => json!(flag),
        Val::Str(text) if text.contains(LIST_SEPARATOR) => text.split(LIST_SEPARATOR).collect(),
        Val::Str(text) => json!(text),
    }
}
