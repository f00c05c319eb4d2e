//! One decided trace as a JSON line: what it was, what decided it when, and the verdict. Never content; what is unknown
//! is null. `enricher simulate` and the `tests:` of a configuration read it.

use super::finalize::Conclusion;
use crate::buffer::trace::Trace;
use crate::calls::Report;
use crate::concept::Concept;
use crate::measure::call_record::{Record, rfc3339};
use crate::price::State;
use crate::price::money::to_decimal;
use crate::sample::{Verdict, Vote, threshold};
use crate::wire::json::write_text;
use crate::wire::span::{STATUS_ERROR, fields};
use std::fmt::Write;

/// The guardrail decision that outweighs the others of its trace.
const BLOCKED: &str = "blocked";

/// Appends the record and a line end. `conclusion`: `None` when the trace could not be enriched; `votes`: parallel to the
/// policies, empty for late spans; `now`: Unix nanoseconds.
pub fn write(
    trace: &Trace,
    conclusion: Option<&Conclusion<'_>>,
    verdict: &Verdict,
    votes: &[Vote],
    now: u64,
    out: &mut String,
) {
    let policies = &trace.plan.policies;
    let start = trace.spans.iter().map(|span| span.start).filter(|start| *start != 0).min().unwrap_or(0);
    let end = trace.spans.iter().map(|span| span.end).max().unwrap_or(0);
    let root = trace.spans.iter().find(|span| span.parent_id == 0);
    let name = root.and_then(|span| fields(trace.raw(span), 5).filter_map(Result::ok).last());
    let service = root.or(trace.spans.first()).map_or("", |span| trace.group_of(span).0.service());

    let mut record = Record::begin(out);
    record.text("time", &rfc3339(start));
    record.text("trace_id", &format!("{:032x}", trace.id));
    record.text("service", service);
    record.text("root", &String::from_utf8_lossy(name.unwrap_or_default()));
    record.number("duration_ms", Some(end.saturating_sub(start) as f64 / 1e6));
    record.integer("spans", Some(trace.spans.len() as i64));
    record.integer("bytes", Some(trace.span_bytes as i64));
    record.bool("error", Some(trace.spans.iter().any(|span| span.status == STATUS_ERROR)));
    calls(conclusion, &mut record);
    record.text("decided", &rfc3339(now));
    record.text("trigger", trace.due_reason.name());
    record.bool("late", Some(trace.late));
    record.bool("kept", Some(verdict.keep));
    record.text("policy", verdict.policy.map_or("", |index| policies.name(index)));
    record.number("probability", Some(verdict.probability()));
    let passed = conclusion.map(|conclusion| threshold::probability(conclusion.summary.passed));
    record.number("incoming_probability", passed);
    record.bool("limited", Some(verdict.limited));
    record.bool("incomplete", Some(trace.incomplete()));
    record.key("dry_run");
    match verdict.trial {
        Some(trial) => {
            let mut inside = Record::begin(record.out);
            inside.bool("kept", Some(trial.keep));
            inside.text("policy", trial.policy.map_or("", |index| policies.name(index)));
            inside.number("probability", Some(trial.probability()));
            inside.out.push('}');
        }
        None => record.out.push_str("null"),
    }
    record.key("votes");
    record.out.push('{');
    let voted = policies.names().zip(votes).filter_map(|(name, vote)| Some((name, vote.told()?)));
    for (index, (name, vote)) in voted.enumerate() {
        if index > 0 {
            record.out.push(',');
        }
        write_text(name, record.out);
        let _ = write!(record.out, ":{vote}");
    }
    record.out.push('}');
    record.end();
}

fn calls(conclusion: Option<&Conclusion<'_>>, record: &mut Record<'_>) {
    let totals = conclusion.map(|conclusion| &conclusion.totals);
    record.integer("calls", totals.map(|totals| totals.calls as i64));
    record.integer("failed_calls", totals.map(|totals| totals.errors as i64));
    let unpriced = |conclusion: &Conclusion<'_>| {
        let costs = conclusion.grouping.calls.iter().zip(&conclusion.costs);
        costs.filter(|(call, cost)| call.is_new() && matches!(cost.state, State::Unpriced(_))).count() as i64
    };
    record.integer("unpriced_calls", conclusion.map(unpriced));
    record.integer("input_tokens", totals.map(|totals| totals.input_tokens));
    record.integer("output_tokens", totals.map(|totals| totals.output_tokens));
    let cost = totals.filter(|totals| totals.priced).map(|totals| to_decimal(totals.cost_pico));
    record.text("cost_usd", cost.as_deref().unwrap_or(""));
    record.text("guardrail", conclusion.map_or("", |conclusion| guardrail(&conclusion.reports)));
}

/// `blocked` when any guardrail of the trace blocked, else what the first one said; "" without one.
fn guardrail<'r>(reports: &'r [Report<'_>]) -> &'r str {
    let mut first = "";
    for report in reports {
        match report.texts.get(Concept::GuardrailDecision) {
            BLOCKED => return BLOCKED,
            decision if first.is_empty() => first = decision,
            _ => {}
        }
    }
    first
}
