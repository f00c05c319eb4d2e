//! Counters of traces, spans and votes.

use super::histogram::{Histogram, bounds};
use super::plan::MeasurePlan;
use super::series::Series;
use crate::buffer::trace::Trigger;
use crate::sample::policies::Policies;
use crate::sample::{Verdict, Vote};
use hashbrown::HashMap;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One decided trace, or the late spans of one.
pub struct TraceInput<'a> {
    pub policies: &'a Policies,
    /// Parallel to the policies; empty for late spans.
    pub votes: &'a [Vote],
    pub verdict: &'a Verdict,
    pub trigger: Trigger,
    pub spans: u64,
    /// Bytes of the spans as received.
    pub bytes: u64,
    /// Spans are missing, as far as that shows.
    pub incomplete: bool,
}

/// Traces and their spans.
#[derive(Clone, Copy, Default)]
struct Count {
    traces: u64,
    spans: u64,
}

impl Count {
    fn add(&mut self, counts: bool, spans: u64) {
        self.traces += u64::from(counts);
        self.spans += if counts { spans } else { 0 };
    }
}

struct PolicyCounts {
    voted: Count,
    credited: Count,
    kept: Count,
    probability: Histogram,
}

impl PolicyCounts {
    fn outcomes(&self) -> [(&'static str, Count); 3] {
        [("voted", self.voted), ("credited", self.credited), ("kept", self.kept)]
    }
}

pub struct TraceSeries {
    pub kept: u64,
    pub dropped: u64,
    pub spans_kept: u64,
    spans_dropped: u64,
    bytes: [u64; 2],
    late: [u64; 2],
    by_trigger: HashMap<(&'static str, Trigger), u64, foldhash::fast::RandomState>,
    policies: BTreeMap<String, PolicyCounts>,
    bounds: Arc<[f64]>,
    /// Kept and dropped.
    incomplete: [u64; 2],
    limited: [u64; 2],
    /// Of traces decided with something in `dry_run`: what was done, what would have been.
    trials: [[u64; 2]; 2],
}

impl TraceSeries {
    pub fn new(plan: &MeasurePlan) -> Result<Self, String> {
        Ok(Self {
            kept: 0,
            dropped: 0,
            spans_kept: 0,
            spans_dropped: 0,
            bytes: [0; 2],
            late: [0; 2],
            by_trigger: HashMap::default(),
            policies: BTreeMap::new(),
            bounds: bounds(&plan.probability_buckets, "probability_buckets")?,
            incomplete: [0; 2],
            limited: [0; 2],
            trials: [[0; 2]; 2],
        })
    }

    pub fn record(&mut self, trace: &TraceInput<'_>) {
        let keep = trace.verdict.keep;
        let side = usize::from(!keep);
        self.bytes[side] += trace.bytes;
        if keep {
            self.spans_kept += trace.spans;
        } else {
            self.spans_dropped += trace.spans;
        }
        if trace.trigger == Trigger::Late {
            self.late[side] += trace.spans;
            return;
        }
        if keep {
            self.kept += 1;
        } else {
            self.dropped += 1;
        }
        *self.by_trigger.entry((decision(keep), trace.trigger)).or_default() += 1;
        self.incomplete[side] += u64::from(trace.incomplete);
        self.limited[side] += u64::from(trace.verdict.limited);
        if let Some(trial) = trace.verdict.trial {
            self.trials[side][usize::from(!trial.keep)] += 1;
        }
        for ((index, name), vote) in (0..).zip(trace.policies.names()).zip(trace.votes) {
            let credited = trace.verdict.policy == Some(index);
            let counts = match self.policies.get_mut(name) {
                Some(counts) => counts,
                None => self.policies.entry(name.to_owned()).or_insert_with(|| PolicyCounts {
                    voted: Count::default(),
                    credited: Count::default(),
                    kept: Count::default(),
                    probability: Histogram::new(&self.bounds),
                }),
            };
            counts.voted.add(vote.is_some(), trace.spans);
            counts.credited.add(credited, trace.spans);
            counts.kept.add(credited && keep, trace.spans);
            if let Some(probability) = vote.told() {
                counts.probability.observe(probability, None);
            }
        }
    }

    pub fn collect(&self, out: &mut Vec<Series>) {
        for ((decision, trigger), count) in &self.by_trigger {
            out.push(Series::number("enricher_traces_total", [*decision, trigger.name()], *count as f64));
        }
        let pairs = [(self.spans_kept, self.bytes[0], self.late[0]), (self.spans_dropped, self.bytes[1], self.late[1])];
        for (keep, (spans, bytes, late)) in [true, false].into_iter().zip(pairs) {
            let label = [decision(keep)];
            out.push(Series::number("enricher_spans_total", label, spans as f64));
            out.push(Series::number("enricher_span_bytes_total", label, bytes as f64));
            out.push(Series::number("enricher_late_spans_total", label, late as f64));
        }
        for (side, keep) in [true, false].into_iter().enumerate() {
            let (label, limited) = ([decision(keep)], self.limited[side] as f64);
            out.push(Series::number("enricher_sampling_incomplete_traces_total", label, self.incomplete[side] as f64));
            out.push(Series::number("enricher_sampling_limited_traces_total", label, limited));
            for (would, count) in [true, false].into_iter().zip(self.trials[side]) {
                let labels = [decision(keep), decision(would)];
                out.push(Series::number("enricher_sampling_dry_run_traces_total", labels, count as f64));
            }
        }
        for (name, counts) in &self.policies {
            for (outcome, count) in counts.outcomes() {
                let labels = [name.as_str(), outcome];
                out.push(Series::number("enricher_sampling_policy_traces_total", labels, count.traces as f64));
                out.push(Series::number("enricher_sampling_policy_spans_total", labels, count.spans as f64));
            }
            out.push(counts.probability.series("enricher_sampling_policy_probability", vec![name.clone()]));
        }
    }

    pub fn summary_policies(&self) -> serde_json::Value {
        self.policies
            .iter()
            .map(|(name, counts)| {
                let traces = counts.outcomes().map(|(outcome, count)| (outcome.to_owned(), json!(count.traces)));
                (name.clone(), serde_json::Value::Object(traces.into_iter().collect()))
            })
            .collect()
    }
}

fn decision(keep: bool) -> &'static str {
    if keep { "kept" } else { "dropped" }
}
