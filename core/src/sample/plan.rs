//! The `sample` section of the plan, as `enricher/sample/compile.py` writes it.

use super::own_plan::{
    AdaptivePlan, AggregatePlan, BudgetPlan, EvaluationPlan, GuardrailPlan, RarePlan, RunawayPlan, SlowPlan, TokensPlan,
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplePlan {
    pub decision_wait_ns: u64,
    /// 0: the end of the root changes nothing.
    pub decision_wait_after_root_ns: u64,
    /// Verdicts remembered for spans that arrive late, kept and dropped ones apart.
    pub cache_sampled: usize,
    pub cache_not_sampled: usize,
    /// In configuration order. Empty: every trace is kept and nothing is stamped.
    pub policies: Vec<PolicyPlan>,
    /// Policies after the first that keeps a trace for certain are not asked.
    #[serde(default)]
    pub first_match: bool,
    /// Bounds on everything that is kept.
    #[serde(default)]
    pub limits: Vec<LimitPlan>,
    /// A trace with more bytes of spans is dropped at once; absent: none is.
    #[serde(default)]
    pub maximum_trace_bytes: Option<u64>,
    /// Traces of one conversation share their randomness.
    #[serde(default)]
    pub group_by_conversation: bool,
    /// Everything is exported, with the verdict beside it.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitPlan {
    /// `traces`, `spans`, `bytes`.
    pub unit: String,
    pub per_second: f64,
    pub burst: f64,
}

#[derive(Debug, Deserialize)]
pub struct PolicyPlan {
    pub name: String,
    /// Votes, and is told of, without effect.
    #[serde(default)]
    pub dry_run: bool,
    #[serde(flatten)]
    pub kind: KindPlan,
}

/// Names and fields of the Collector's `tail_sampling`, flattened; sub-policies are `children`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KindPlan {
    AlwaysSample,
    StatusCode {
        /// `OK`, `ERROR`, `UNSET`.
        status_codes: Vec<String>,
    },
    Latency {
        /// Exclusive, milliseconds.
        threshold_ms: f64,
        /// Inclusive, milliseconds; absent: none.
        #[serde(default)]
        upper_threshold_ms: Option<f64>,
    },
    Probabilistic {
        /// 0 to 100.
        sampling_percentage: f64,
    },
    NumericAttribute {
        key: String,
        /// Inclusive; absent: no bound.
        #[serde(default)]
        min_value: Option<f64>,
        #[serde(default)]
        max_value: Option<f64>,
        #[serde(default)]
        invert_match: bool,
    },
    StringAttribute {
        key: String,
        values: Vec<String>,
        /// Values are unanchored regular expressions.
        #[serde(default)]
        enabled_regex_matching: bool,
        #[serde(default)]
        invert_match: bool,
    },
    BooleanAttribute {
        key: String,
        value: bool,
        #[serde(default)]
        invert_match: bool,
    },
    And {
        children: Vec<PolicyPlan>,
        /// One span has to satisfy all of them.
        #[serde(default)]
        same_span: bool,
    },
    Not {
        /// Exactly one.
        children: Vec<PolicyPlan>,
    },
    Drop {
        children: Vec<PolicyPlan>,
    },
    TraceState {
        key: String,
        /// Exact values.
        values: Vec<String>,
    },
    TraceFlags,
    OttlCondition {
        /// Conditions on spans, and on their events.
        span: Vec<String>,
        spanevent: Vec<String>,
    },
    SpanCount {
        /// Inclusive.
        min_spans: u64,
        /// Inclusive; absent: no bound.
        #[serde(default)]
        max_spans: Option<u64>,
    },
    RateLimiting {
        spans_per_second: f64,
        burst_capacity: f64,
    },
    BytesLimiting {
        bytes_per_second: f64,
        burst_capacity: f64,
    },
    Composite {
        children: Vec<PolicyPlan>,
        /// Spans per second of each of them.
        rates: Vec<f64>,
        /// Indices of `children` in the order in which they are asked.
        order: Vec<usize>,
    },
    Cost {
        /// Pico-dollars as decimal digits; absent: not looked at.
        #[serde(default)]
        trace_pico_usd: Option<String>,
        #[serde(default)]
        call_pico_usd: Option<String>,
    },
    Tokens(TokensPlan),
    ErrorClass {
        classes: Vec<String>,
    },
    Guardrail(GuardrailPlan),
    Evaluation(EvaluationPlan),
    Aggregate(AggregatePlan),
    Slow(SlowPlan),
    Rare(RarePlan),
    Adaptive(AdaptivePlan),
    Budget(BudgetPlan),
    Runaway(RunawayPlan),
    HealthCheck {
        /// Attributes of a root span, each with values or patterns that tell a probe.
        patterns: Vec<(String, Vec<String>)>,
    },
}
