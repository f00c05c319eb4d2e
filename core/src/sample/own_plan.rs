//! Policies that the Collector does not have, as `enricher/sample/policies/` writes them into the plan.

use super::key::Part;
use super::plan::PolicyPlan;
use serde::Deserialize;

/// Matches when a sum reaches its threshold; an absent one is not looked at.
#[derive(Debug, Deserialize)]
pub struct TokensPlan {
    pub of: TokenKind,
    #[serde(default)]
    pub trace_tokens: Option<i64>,
    #[serde(default)]
    pub call_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    Total,
    Input,
    Output,
}

#[derive(Debug, Deserialize)]
pub struct GuardrailPlan {
    /// Verdicts as normalize writes them.
    pub decisions: Vec<String>,
    /// Guardrails; empty: any.
    pub names: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct EvaluationPlan {
    /// Evaluations; empty: any.
    pub names: Vec<String>,
    /// Exclusive bounds: a score below the one or above the other matches.
    #[serde(default)]
    pub below: Option<f64>,
    #[serde(default)]
    pub above: Option<f64>,
    pub labels: Vec<String>,
}

/// All that are given must hold. Inclusive bounds.
#[derive(Debug, Deserialize)]
pub struct AggregatePlan {
    pub sums: Vec<SumPlan>,
    /// Some call used a model that matches one of these globs; empty: not looked at.
    pub models: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct SumPlan {
    pub of: Sum,
    #[serde(default)]
    pub min: Option<f64>,
    #[serde(default)]
    pub max: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sum {
    CostUsd,
    Tokens,
    InputTokens,
    OutputTokens,
    Calls,
    ToolCalls,
    Errors,
    DistinctModels,
}

#[derive(Clone, Debug, Deserialize)]
pub struct SlowPlan {
    pub of: Scope,
    pub quantile: f64,
    pub keys: Vec<Part>,
    pub window_ns: u64,
    pub min_count: f64,
    pub max_keys: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Trace,
    Call,
}

#[derive(Clone, Debug, Deserialize)]
pub struct RarePlan {
    pub keys: Vec<Part>,
    pub window_ns: u64,
    pub max_fingerprints: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub struct AdaptivePlan {
    pub unit: Volume,
    /// Of the unit.
    pub per_second: f64,
    pub cost_share: f64,
    pub keys: Vec<Part>,
    pub window_ns: u64,
    pub max_keys: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Volume {
    Traces,
    Spans,
    Bytes,
}

#[derive(Debug, Deserialize)]
pub struct BudgetPlan {
    /// Exactly one: the policy whose probability changes.
    pub children: Vec<PolicyPlan>,
    /// Pico-dollars as decimal digits: of every tenant, and of single ones.
    pub pico_usd: String,
    pub tenants: Vec<(String, String)>,
    pub period: Period,
    /// What the probability is multiplied with while a tenant is over its budget.
    pub factor: f64,
    pub max_tenants: usize,
}

/// Calendar periods, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Hour,
    Day,
    Month,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RunawayPlan {
    pub per: Per,
    pub window_ns: u64,
    /// At least one; within the window.
    #[serde(default)]
    pub repeats: Option<f64>,
    #[serde(default)]
    pub calls: Option<f64>,
    #[serde(default)]
    pub usd: Option<f64>,
    pub max_tracked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    Trace,
    Session,
    Agent,
    Tenant,
}
