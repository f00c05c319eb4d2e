//! The `measure` section of the plan, as `enricher/measure/compile.py` writes it.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurePlan {
    /// Labels of the spend metrics, in order; names of `labels::Label`.
    pub labels: Vec<String>,
    /// Distinct values of a label; further ones become `other`.
    pub label_limit: usize,
    /// Distinct combinations of labels; further ones count under `other` throughout.
    pub series_limit: usize,
    /// Bucket bounds in ascending order, without +Inf: seconds of a call, seconds to the first chunk, tokens, scores of
    /// evaluations.
    pub duration_buckets: Vec<f64>,
    pub ttft_buckets: Vec<f64>,
    pub token_buckets: Vec<f64>,
    pub score_buckets: Vec<f64>,
    /// Of the probabilities that policies vote.
    #[serde(default)]
    pub probability_buckets: Vec<f64>,
    /// Names listed in `unpriced_models`.
    pub unpriced_limit: usize,
    /// A session counts as active for so long after its last call, nanoseconds.
    pub session_window_ns: u64,
    /// Sessions tracked at once.
    pub session_limit: usize,
}
