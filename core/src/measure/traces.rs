//! Counters of traces, spans and votes.

use super::series::Series;
use crate::buffer::trace::Trigger;
use crate::sample::policies::Policies;
use crate::sample::{Verdict, Vote};
use hashbrown::HashMap;
use serde_json::json;
use std::collections::BTreeMap;

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
}

#[derive(Default)]
struct PolicyCounts {
    voted: u64,
    credited: u64,
    kept: u64,
}

#[derive(Default)]
pub struct TraceSeries {
    pub kept: u64,
    pub dropped: u64,
    pub spans_kept: u64,
    spans_dropped: u64,
    bytes: [u64; 2],
    late: [u64; 2],
    by_trigger: HashMap<(&'static str, Trigger), u64>,
    policies: BTreeMap<String, PolicyCounts>,
}

impl TraceSeries {
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
        for ((index, name), vote) in (0..).zip(trace.policies.names()).zip(trace.votes) {
            if !self.policies.contains_key(name) {
                self.policies.insert(name.to_owned(), PolicyCounts::default());
            }
            let credited = trace.verdict.policy == Some(index);
            if let Some(counts) = self.policies.get_mut(name) {
                counts.voted += u64::from(vote.is_some());
                counts.credited += u64::from(credited);
                counts.kept += u64::from(credited && keep);
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
        for (name, counts) in &self.policies {
            for (outcome, count) in [("voted", counts.voted), ("credited", counts.credited), ("kept", counts.kept)] {
                let labels = [name.as_str(), outcome];
                out.push(Series::number("enricher_sampling_policy_traces_total", labels, count as f64));
            }
        }
    }

    pub fn summary_policies(&self) -> serde_json::Value {
        self.policies
            .iter()
            .map(|(name, counts)| {
                (name.clone(), json!({"voted": counts.voted, "credited": counts.credited, "kept": counts.kept}))
            })
            .collect()
    }
}

fn decision(keep: bool) -> &'static str {
    if keep { "kept" } else { "dropped" }
}
