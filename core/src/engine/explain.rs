//! Everything the engine concluded about a trace, told span by span, at the moment of its verdict: what is explained is
//! what was done.

use super::finalize::Conclusion;
use super::pricing::price_input;
use super::steps::tool_of;
use super::taken::ALL;
use super::witness::witnesses;
use crate::buffer::trace::Trace;
use crate::calls::{Call, Fate, Report};
use crate::concept::Concept;
use crate::content::Counts;
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use crate::measure::call_record::rfc3339;
use crate::normalize::kinds::{Kind, kind_of};
use crate::price::Cost;
use crate::price::money::to_decimal;
use crate::record;
use crate::sample::Verdict;
use crate::sample::policies::Votes;
use crate::sample::state::States;
use crate::sample::threshold;
use crate::usage::Unit;
use crate::wire::span::{STATUS_ERROR, fields};
use crate::wire::value::key_value;
use serde_json::{Value, json};

/// `votes`: those of the batch that the trace was decided in last; `None` when no policy was asked.
pub fn explain(
    trace: &Trace,
    conclusion: &Conclusion<'_>,
    verdict: &Verdict,
    votes: Option<&Votes>,
    now: u64,
    states: &mut States,
) -> Value {
    let policies = &trace.plan.policies;
    let mut seen = conclusion.summary.clone();
    seen.witnesses = witnesses(trace);
    seen.tool_steps = tool_steps(trace);
    let (told, limits) = votes.map(|votes| policies.explain(&seen, votes, now, states)).unwrap_or_default();
    let totals = &conclusion.totals;
    let mut covered: Vec<(u32, usize)> =
        conclusion.grouping.calls.iter().zip(0..).map(|(call, at)| (call.canonical, at)).collect();
    covered.retain(|(_, at)| !conclusion.grouping.calls[*at].adds());
    covered.sort_unstable();
    let spans: Vec<Value> = (0..trace.spans.len()).map(|index| span(trace, conclusion, index, &covered)).collect();
    let name = |policy: Option<u16>| policy.map(|index| policies.name(index));
    json!({
        "trace_id": format!("{:032x}", trace.id),
        "spans": spans,
        "duration_ms": seen.duration() as f64 / 1e6,
        "totals": {
            "calls": totals.calls,
            "errors": totals.errors,
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "cost_usd": totals.priced.then(|| to_decimal(totals.cost_pico)),
        },
        "verdict": {
            "keep": verdict.keep,
            "policy": name(verdict.policy),
            "dropped_by_policy": verdict.dropped_by_policy,
            "probability": verdict.probability(),
            "threshold": if verdict.threshold < threshold::RANGE { threshold::to_hex(verdict.threshold) } else { "none".into() },
            "randomness": format!("{:014x}", seen.randomness),
            "trigger": trace.due_reason.name(),
            "decided": rfc3339(now),
            "waited_ms": now.saturating_sub(trace.first_seen) as f64 / 1e6,
            "late": trace.late,
            "incomplete": trace.incomplete(),
            "limited": verdict.limited,
            "limits": limits,
            "trial": verdict.trial.map(|trial| json!({
                "keep": trial.keep,
                "policy": name(trial.policy),
                "probability": trial.probability(),
            })),
            "votes": told,
        },
    })
}

/// The tools that its spans ran, by what stands for each with its arguments.
fn tool_steps(trace: &Trace) -> Vec<(u64, String)> {
    let mut steps = Vec::new();
    let mut facts = Facts::new();
    for entry in trace.spans.iter().filter(|entry| entry.record_len > 0) {
        record::decode(trace.record(entry), trace.raw(entry), &mut facts);
        if facts.text(Concept::Operation) == Some("execute_tool") {
            let name = facts.text(Concept::ToolName).unwrap_or("");
            steps.push((tool_of(&facts), name.to_owned()));
        }
    }
    steps
}

/// `covered`: calls of which nothing was left to count, by index of the canonical report.
fn span(trace: &Trace, conclusion: &Conclusion<'_>, index: usize, covered: &[(u32, usize)]) -> Value {
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
    let dialect = || match entry.record_len {
        0 => trace.plan.dialect(raw, resource, scope),
        _ => facts.dialect,
    };
    trace.plan.content.span(raw, &dialect, &mut counts);
    if !counts.is_empty() {
        let done = counts.iter().map(|(action, kind, count)| json!({"action": action, "kind": kind, "count": count}));
        told["content"] = done.collect();
    }
    if entry.record_len == 0 {
        return told;
    }
    told["dialect"] = json!(normalizer.dialect(facts.dialect));
    let role = facts.role;
    told["role"] = json!(role.name());
    let report = conclusion.reports.binary_search_by_key(&(index as u32), |report| report.place.index).ok();
    let sources = conclusion.complete(&trace.plan, report, ALL, raw, &mut facts);
    told["facts"] = facts
        .present()
        .iter()
        .map(|concept| {
            let rule = facts.rule(concept);
            json!({
                "concept": concept.name(),
                "value": facts.get(concept).map(|found| value(concept, found)),
                "from": sources.text(rule).unwrap_or_else(|| normalizer.source(rule)),
                "inferred": facts.inferred.contains(concept),
                "misstated": facts.misstated.contains(concept),
            })
        })
        .collect();
    let mut added = Vec::new();
    normalizer.append_with(&facts, &sources, &mut added);
    if !facts.marked {
        normalizer.mark(role, facts.dialect, &mut added);
    }
    let keys = fields(&added, 9).filter_map(|field| key_value(field.ok()?).ok());
    told["adds"] = keys.map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
    if let Some(at) = report {
        told["call"] = fate(trace, conclusion, at, covered);
    }
    told
}

fn fate(trace: &Trace, conclusion: &Conclusion<'_>, at: usize, covered: &[(u32, usize)]) -> Value {
    match conclusion.grouping.fates[at] {
        Fate::Canonical(index) => {
            let call = &conclusion.grouping.calls[index as usize];
            let book = &trace.plan.book;
            let whole = Report { usage: call.whole_usage(), ..call.report };
            let (cost, explanation) = book.explain(&price_input(&whole));
            let span_of = |report: u32| id(&conclusion.reports[report as usize]);
            let members = &conclusion.grouping.members[call.members.start as usize..call.members.end as usize];
            let estimate = conclusion.estimate(index).map(|estimate| {
                let vocabulary = trace.plan.estimator.vocabulary(estimate);
                json!({"vocabulary": vocabulary, "input": estimate.input, "output": estimate.output})
            });
            json!({
                "estimate": estimate,
                "counted": true,
                "counted_before": before(call, &conclusion.costs[index as usize]),
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
            "counted_before": covered.binary_search_by_key(&(at as u32), |(canonical, _)| *canonical).ok()
                .map(|found| covered[found].1)
                .map(|call| before(&conclusion.grouping.calls[call], &conclusion.costs[call])),
        }),
        Fate::Wrapper { of } => json!({
            "counted": false,
            "wrapper_of": of.map(|span| format!("{span:016x}")),
        }),
        Fate::NotACall => json!({"counted": false}),
    }
}

/// What of a call an earlier verdict counted and with which span, and what was left of it to count.
fn before(call: &Call<'_>, cost: &Cost) -> Value {
    let Some(before) = call.before else { return Value::Null };
    let (amounts, usage) = (&before.amounts, &call.report.usage);
    json!({
        "span_id": format!("{:016x}", before.at.span),
        "calls": u8::from(amounts.call),
        "input_tokens": amounts.tokens(Unit::Input),
        "output_tokens": amounts.tokens(Unit::Output),
        "cost_usd": to_decimal(amounts.cost_pico()),
        "adds": {
            "calls": u8::from(call.is_new()),
            "input_tokens": usage.or_zero(Unit::Input),
            "output_tokens": usage.or_zero(Unit::Output),
            "cost_usd": to_decimal(cost.total_pico),
        },
    })
}

fn id(report: &Report<'_>) -> String {
    format!("{:016x}", report.place.span_id)
}

fn value(concept: Concept, value: Val<'_>) -> Value {
    match value {
        Val::Int(number) => json!(number),
        Val::Float(number) => json!(number),
        Val::Bool(flag) => json!(flag),
        Val::Str(text) if kind_of(concept) == Kind::List => text.split(LIST_SEPARATOR).collect(),
        Val::Str(text) => json!(text),
    }
}
