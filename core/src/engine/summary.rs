//! What is told to the policies about a trace.

use super::finalize::Conclusion;
use crate::buffer::trace::Trace;
use crate::calls::Report;
use crate::concept::Concept;
use crate::evaluations::Evaluation;
use crate::output::span;
use crate::sample::summary::{CallFacts, Needs, Origin, TraceSummary};
use crate::sample::{threshold, tracestate};
use crate::usage::Unit;
use crate::wire::span::fields;

/// The summary of a trace whose calls are grouped and priced.
pub fn summary<'t>(trace: &'t Trace, conclusion: &Conclusion<'t>, needs: Needs) -> TraceSummary<'t> {
    let (totals, costs) = (&conclusion.totals, &conclusion.costs);
    let mut summary = TraceSummary {
        id: trace.id,
        // A span without a start says nothing of when the trace began.
        start: trace.spans.iter().map(|entry| entry.start).filter(|start| *start != 0).min().unwrap_or(u64::MAX),
        end: trace.spans.iter().map(|entry| entry.end).max().unwrap_or(0),
        statuses: trace.spans.iter().fold(0, |mask, entry| mask | 1 << entry.status.min(7)),
        bits: trace.bits.clone(),
        randomness: trace.randomness.unwrap_or_else(|| threshold::randomness(trace.id)),
        span_count: trace.spans.len() as u64,
        bytes: trace.span_bytes,
        call_count: totals.calls,
        errors: totals.errors,
        cost_pico: totals.cost_pico,
        input_tokens: totals.input_tokens,
        output_tokens: totals.output_tokens,
        max_call_cost_pico: costs.iter().map(|cost| cost.total_pico).max().unwrap_or(0),
        ..TraceSummary::default()
    };
    summary.passed = passed(trace, summary.randomness);
    if needs.conversation
        && let Some(shared) = conversation(trace, conclusion)
    {
        (summary.randomness, summary.conversation_randomness) = (shared, Some(shared));
    }
    if needs.calls {
        summary.calls = calls(trace, conclusion);
    }
    for report in &conclusion.reports {
        let text = |concept| report.texts.get(concept);
        let class = text(Concept::ErrorClass);
        if needs.error_classes && !class.is_empty() {
            summary.error_classes.push(class);
        }
        if needs.guardrails {
            summary.guardrails.extend(report.guardrails().map(|one| (one.name, one.decision)));
        }
        if needs.evaluations {
            summary.evaluations.extend(report.evaluations().filter(Evaluation::says_something));
        }
        if needs.tools && text(Concept::Operation) == "execute_tool" {
            summary.tools.push(text(Concept::ToolName));
        }
    }
    // Senders choose the classes: as many as there are spans, if they like.
    summary.error_classes.sort_unstable();
    summary.error_classes.dedup();
    if needs.origin {
        summary.origin = origin(trace, conclusion);
    }
    summary
}

/// The randomness that all traces of a conversation share. None for a trace that has its own (`rv`), or that was sampled
/// upstream by another randomness: thresholds of two kinds of randomness say nothing about each other.
fn conversation(trace: &Trace, conclusion: &Conclusion<'_>) -> Option<u64> {
    let states = trace.spans.iter().filter(|entry| entry.has_trace_state);
    let sampled = |entry| tracestate::parse(span::trace_state(trace.raw(entry))).threshold.is_some_and(|th| th > 0);
    if trace.randomness.is_some() || states.into_iter().any(sampled) {
        return None;
    }
    let ids = conclusion.reports.iter().map(|report| report.texts.get(Concept::SessionId));
    // Of several the first by name, in whatever order they come.
    ids.filter(|id| !id.is_empty()).min().map(threshold::randomness_of)
}

/// The strictest incoming threshold that can be true: above the randomness it cannot, the trace would not have come.
fn passed(trace: &Trace, randomness: u64) -> u64 {
    let states = trace.spans.iter().filter(|entry| entry.has_trace_state);
    let thresholds = states.filter_map(|entry| tracestate::parse(span::trace_state(trace.raw(entry))).threshold);
    thresholds.filter(|threshold| *threshold <= randomness).max().unwrap_or(0)
}

fn calls<'t>(trace: &'t Trace, conclusion: &Conclusion<'t>) -> Vec<CallFacts<'t>> {
    let facts = conclusion.grouping.calls.iter().zip(&conclusion.costs).map(|(call, cost)| {
        let Report { place, texts, usage, error, .. } = &call.report;
        let either = |first, second| if texts.get(first).is_empty() { texts.get(second) } else { texts.get(first) };
        CallFacts {
            span_id: place.span_id,
            service: trace.group_of(&trace.spans[place.index as usize]).0.service(),
            operation: texts.get(Concept::Operation),
            provider: texts.get(Concept::Provider),
            model: either(Concept::ResponseModel, Concept::RequestModel),
            agent: either(Concept::AgentName, Concept::AgentId),
            tenant: texts.get(Concept::TenantId),
            error_class: texts.get(Concept::ErrorClass),
            error: *error,
            duration_ns: place.end.saturating_sub(place.start),
            input_tokens: usage.or_zero(Unit::Input),
            output_tokens: usage.or_zero(Unit::Output),
            cost_pico: cost.total_pico,
        }
    });
    facts.collect()
}

fn origin<'t>(trace: &'t Trace, conclusion: &Conclusion<'t>) -> Origin<'t> {
    let Some(root) = trace.spans.get(conclusion.root(trace) as usize) else { return Origin::default() };
    let name = fields(trace.raw(root), 5).filter_map(Result::ok).last().unwrap_or_default();
    let first = |concept| {
        conclusion.reports.iter().map(|report| report.texts.get(concept)).find(|text| !text.is_empty()).unwrap_or("")
    };
    Origin {
        service: trace.group_of(root).0.service(),
        span_name: std::str::from_utf8(name).unwrap_or(""),
        agent: first(Concept::AgentName),
        tenant: first(Concept::TenantId),
        session: first(Concept::SessionId),
    }
}
