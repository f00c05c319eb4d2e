//! Policies on what a trace says of its calls: tokens, classes of errors, guardrails, evaluations, sums.

use super::super::own_plan::{AggregatePlan, EvaluationPlan, GuardrailPlan, Sum, SumPlan, TokenKind, TokensPlan};
use super::super::state::Moment;
use super::super::summary::{CallFacts, Needs, TraceSummary};
use super::super::vote::Vote;
use super::rule::Rule;
use crate::price::glob;
use serde_json::{Value, json};

pub struct Tokens(TokensPlan);

impl Tokens {
    pub fn compile(plan: &TokensPlan, needs: &mut Needs) -> Self {
        needs.calls |= plan.call_tokens.is_some();
        Self(TokensPlan { ..*plan })
    }

    fn count(&self, input: i64, output: i64) -> i64 {
        match self.0.of {
            TokenKind::Total => input.saturating_add(output),
            TokenKind::Input => input,
            TokenKind::Output => output,
        }
    }

    fn largest(&self, trace: &TraceSummary<'_>) -> i64 {
        trace.calls.iter().map(|call| self.count(call.input_tokens, call.output_tokens)).max().unwrap_or(0)
    }
}

impl Rule for Tokens {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        let whole = self.count(trace.input_tokens, trace.output_tokens);
        let by_trace = self.0.trace_tokens.is_some_and(|limit| whole >= limit);
        Vote::when(by_trace || self.0.call_tokens.is_some_and(|limit| self.largest(trace) >= limit))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let mut told = json!({"trace_tokens": self.count(trace.input_tokens, trace.output_tokens)});
        if self.0.call_tokens.is_some() {
            told["max_call_tokens"] = json!(self.largest(trace));
        }
        told
    }
}

/// Matches when some span has one of the classes.
pub struct ErrorClass(Vec<String>);

impl ErrorClass {
    pub fn compile(classes: &[String], needs: &mut Needs) -> Self {
        needs.error_classes = true;
        Self(classes.to_vec())
    }
}

impl Rule for ErrorClass {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        Vote::when(trace.error_classes.iter().any(|class| listed(&self.0, class)))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"error_classes": trace.error_classes})
    }
}

pub struct Guardrail {
    decisions: Vec<String>,
    names: Vec<String>,
}

impl Guardrail {
    pub fn compile(plan: &GuardrailPlan, needs: &mut Needs) -> Self {
        needs.guardrails = true;
        Self { decisions: plan.decisions.clone(), names: plan.names.clone() }
    }
}

impl Rule for Guardrail {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        let matches = |(name, decision): &(&str, &str)| {
            listed(&self.decisions, decision) && (self.names.is_empty() || listed(&self.names, name))
        };
        Vote::when(trace.guardrails.iter().any(matches))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"guardrails": trace.guardrails})
    }
}

pub struct Evaluation {
    names: Vec<String>,
    below: f64,
    above: f64,
    labels: Vec<String>,
}

impl Evaluation {
    pub fn compile(plan: &EvaluationPlan, needs: &mut Needs) -> Self {
        needs.evaluations = true;
        Self {
            names: plan.names.clone(),
            below: plan.below.unwrap_or(f64::NEG_INFINITY),
            above: plan.above.unwrap_or(f64::INFINITY),
            labels: plan.labels.clone(),
        }
    }
}

impl Rule for Evaluation {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        let mut wanted = trace.evaluations.iter().filter(|one| self.names.is_empty() || listed(&self.names, one.name));
        Vote::when(wanted.any(|one| {
            one.score.is_some_and(|score| score < self.below || score > self.above) || listed(&self.labels, one.label)
        }))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let told = |one: &crate::evaluations::Evaluation<'_>| json!({"name": one.name, "score": one.score, "label": one.label});
        json!({"evaluations": trace.evaluations.iter().map(told).collect::<Vec<_>>()})
    }
}

/// Sums over a whole trace, and the models that it used.
pub struct Aggregate {
    sums: Vec<(Sum, f64, f64)>,
    models: Vec<String>,
}

impl Aggregate {
    pub fn compile(plan: &AggregatePlan, needs: &mut Needs) -> Self {
        needs.calls |= !plan.models.is_empty() || plan.sums.iter().any(|sum| sum.of == Sum::DistinctModels);
        needs.tools |= plan.sums.iter().any(|sum| sum.of == Sum::ToolCalls);
        let bounds = |sum: &SumPlan| (sum.of, sum.min.unwrap_or(f64::NEG_INFINITY), sum.max.unwrap_or(f64::INFINITY));
        Self { sums: plan.sums.iter().map(bounds).collect(), models: plan.models.clone() }
    }
}

fn sum(of: Sum, trace: &TraceSummary<'_>) -> f64 {
    match of {
        // Exact to a pico-dollar up to 9000 US dollars, and to one part in 10^15 beyond.
        Sum::CostUsd => trace.cost_pico as f64 / 1e12,
        Sum::Tokens => trace.input_tokens.saturating_add(trace.output_tokens) as f64,
        Sum::InputTokens => trace.input_tokens as f64,
        Sum::OutputTokens => trace.output_tokens as f64,
        Sum::Calls => trace.call_count as f64,
        Sum::ToolCalls => trace.tools.len() as f64,
        Sum::Errors => trace.errors as f64,
        Sum::DistinctModels => models(trace).len() as f64,
    }
}

fn models<'t>(trace: &TraceSummary<'t>) -> Vec<&'t str> {
    let mut models: Vec<_> = trace.calls.iter().map(|call: &CallFacts<'t>| call.model).collect();
    models.sort_unstable();
    models.dedup();
    models.retain(|model| !model.is_empty());
    models
}

impl Rule for Aggregate {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        let sums = self.sums.iter().all(|(of, min, max)| (*min..=*max).contains(&sum(*of, trace)));
        let used = |model: &&str| self.models.iter().any(|one| glob::matches(one.as_bytes(), model.as_bytes()));
        Vote::when(sums && (self.models.is_empty() || models(trace).iter().any(used)))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let mut told = json!({});
        for (of, _, _) in &self.sums {
            told[name(*of)] = json!(sum(*of, trace));
        }
        if !self.models.is_empty() {
            told["models"] = json!(models(trace));
        }
        told
    }
}

fn name(of: Sum) -> &'static str {
    match of {
        Sum::CostUsd => "cost_usd",
        Sum::Tokens => "tokens",
        Sum::InputTokens => "input_tokens",
        Sum::OutputTokens => "output_tokens",
        Sum::Calls => "calls",
        Sum::ToolCalls => "tool_calls",
        Sum::Errors => "errors",
        Sum::DistinctModels => "distinct_models",
    }
}

fn listed(values: &[String], value: &str) -> bool {
    values.iter().any(|one| one == value)
}
