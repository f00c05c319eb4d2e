//! What is counted, before sampling, each call once: metrics in Prometheus' shapes, the summary, call records.

mod call_input;
pub mod call_record;
mod calls;
pub mod conventions;
pub mod histogram;
pub mod labels;
pub mod plan;
pub mod quality;
pub mod rate_limits;
mod seen;
pub mod series;
pub mod sessions;
mod told;
pub mod traces;

pub use call_input::CallInput;
pub use series::{Exemplar, Series, Value};
pub use traces::TraceInput;

use crate::content::Counts;
use crate::error::{CoreError, Result};
use crate::normalize::Anomalies;
use calls::CallSeries;
use plan::MeasurePlan;
use quality::Quality;
use rate_limits::RateLimitSeries;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use traces::TraceSeries;

/// All counters of an engine. They live as long as the process; a new plan changes labels from then on.
pub struct Measure {
    calls: Mutex<CallSeries>,
    traces: Mutex<TraceSeries>,
    quality: Mutex<Quality>,
    rate_limits: Mutex<RateLimitSeries>,
    spans_received: AtomicU64,
    spans_rejected: AtomicU64,
    requests_refused: AtomicU64,
    trace_faults: AtomicU64,
    condition_errors: AtomicU64,
    buffer_bytes: AtomicU64,
    buffer_traces: AtomicU64,
    anomalies: [AtomicU64; 12],
    content: Mutex<Counts>,
    /// Joined, unmatched, refused.
    log_events: [AtomicU64; 3],
    log_facts_bytes: AtomicU64,
    /// Counted, refused.
    estimates: [AtomicU64; 2],
}

impl Measure {
    pub fn new(plan: &MeasurePlan) -> Result<Self> {
        Ok(Self {
            calls: Mutex::new(CallSeries::new(plan).map_err(CoreError::Plan)?),
            traces: Mutex::new(TraceSeries::new(plan).map_err(CoreError::Plan)?),
            quality: Mutex::new(Quality::new(plan).map_err(CoreError::Plan)?),
            rate_limits: Mutex::new(RateLimitSeries::new(plan.label_limit)),
            spans_received: AtomicU64::new(0),
            spans_rejected: AtomicU64::new(0),
            requests_refused: AtomicU64::new(0),
            trace_faults: AtomicU64::new(0),
            condition_errors: AtomicU64::new(0),
            buffer_bytes: AtomicU64::new(0),
            buffer_traces: AtomicU64::new(0),
            anomalies: Default::default(),
            content: Mutex::default(),
            log_events: Default::default(),
            log_facts_bytes: AtomicU64::new(0),
            estimates: Default::default(),
        })
    }

    /// Takes over labels and buckets. Series with other labels than before begin anew; totals of the summary stay.
    pub fn reconfigure(&self, plan: &MeasurePlan) -> Result<()> {
        self.calls().reconfigure(plan).map_err(CoreError::Plan)?;
        self.quality().reconfigure(plan).map_err(CoreError::Plan)
    }

    pub fn spans_received(&self, accepted: u64, rejected: u64) {
        self.spans_received.fetch_add(accepted, Relaxed);
        if rejected > 0 {
            self.spans_rejected.fetch_add(rejected, Relaxed);
        }
    }

    pub fn request_refused(&self) {
        self.requests_refused.fetch_add(1, Relaxed);
    }

    /// A trace whose decision panicked and whose spans left as they came.
    pub fn trace_fault(&self) {
        self.trace_faults.fetch_add(1, Relaxed);
    }

    /// Sampling conditions that could not be worked out for a span.
    pub fn condition_errors(&self, count: u64) {
        self.condition_errors.fetch_add(count, Relaxed);
    }

    pub fn buffer(&self, bytes: u64, traces: u64) {
        self.buffer_bytes.store(bytes, Relaxed);
        self.buffer_traces.store(traces, Relaxed);
    }

    pub fn anomalies(&self, found: &Anomalies) {
        for (total, (_, count)) in self.anomalies.iter().zip(by_kind(found)) {
            if count > 0 {
                total.fetch_add(count, Relaxed);
            }
        }
    }

    /// Log records with facts: added to their span, given up because no span came, refused because there was no room.
    pub fn log_events(&self, joined: u64, unmatched: u64, refused: u64) {
        for (total, count) in self.log_events.iter().zip([joined, unmatched, refused]) {
            total.fetch_add(count, Relaxed);
        }
    }

    /// A call whose tokens were counted from content, or were not because the tick had counted enough.
    pub fn estimate(&self, counted: bool) {
        self.estimates[usize::from(!counted)].fetch_add(1, Relaxed);
    }

    pub fn log_facts(&self, bytes: u64) {
        self.log_facts_bytes.store(bytes, Relaxed);
    }

    /// What the content policy did.
    pub fn content(&self, counts: &Counts) {
        if !counts.is_empty() {
            self.content.lock().unwrap_or_else(PoisonError::into_inner).merge(counts);
        }
    }

    /// Guardrail verdicts and evaluation scores on any span with facts.
    pub fn quality(&self) -> MutexGuard<'_, Quality> {
        self.quality.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Captured rate-limit headers, on any span with facts.
    pub fn rate_limits(&self) -> MutexGuard<'_, RateLimitSeries> {
        self.rate_limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn trace(&self, trace: &TraceInput<'_>) {
        self.traces().record(trace);
    }

    pub fn calls(&self) -> MutexGuard<'_, CallSeries> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn traces(&self) -> MutexGuard<'_, TraceSeries> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every series. `now`: Unix nanoseconds.
    pub fn snapshot(&self, now: u64) -> Vec<Series> {
        let mut out = Vec::new();
        self.calls().collect(now, &mut out);
        self.traces().collect(&mut out);
        self.quality().collect(&mut out);
        self.rate_limits().collect(&mut out);
        for (name, value) in [
            ("enricher_spans_received_total", &self.spans_received),
            ("enricher_spans_rejected_total", &self.spans_rejected),
            ("enricher_requests_refused_total", &self.requests_refused),
            ("enricher_trace_faults_total", &self.trace_faults),
            ("enricher_sampling_condition_errors_total", &self.condition_errors),
            ("enricher_buffer_bytes", &self.buffer_bytes),
            ("enricher_buffer_traces", &self.buffer_traces),
            ("enricher_log_facts_bytes", &self.log_facts_bytes),
        ] {
            out.push(Series::number(name, [], value.load(Relaxed) as f64));
        }
        for ((kind, _), count) in by_kind(&Anomalies::default()).into_iter().zip(&self.anomalies) {
            out.push(Series::number("enricher_anomalies_total", [kind], count.load(Relaxed) as f64));
        }
        for (outcome, count) in ["counted", "refused"].into_iter().zip(&self.estimates) {
            out.push(Series::number("enricher_token_estimates_total", [outcome], count.load(Relaxed) as f64));
        }
        for (outcome, count) in ["joined", "unmatched", "refused"].into_iter().zip(&self.log_events) {
            out.push(Series::number("enricher_log_events_total", [outcome], count.load(Relaxed) as f64));
        }
        for (action, kind, count) in self.content.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            out.push(Series::number("enricher_content_values_total", [action, kind], count as f64));
        }
        out
    }

    fn summary_log_records(&self) -> serde_json::Value {
        let [joined, unmatched, refused] = &self.log_events;
        serde_json::json!({
            "joined": joined.load(Relaxed),
            "unmatched": unmatched.load(Relaxed),
            "refused": refused.load(Relaxed),
        })
    }

    /// The summary of design §11, as JSON.
    pub fn summary(&self) -> String {
        let calls = self.calls();
        let traces = self.traces();
        serde_json::json!({
            "traces": {"in": traces.kept + traces.dropped, "kept": traces.kept, "dropped": traces.dropped},
            "spans": {
                "in": self.spans_received.load(Relaxed) + self.spans_rejected.load(Relaxed),
                "kept": traces.spans_kept,
                "rejected": self.spans_rejected.load(Relaxed),
            },
            "calls": calls.summary_calls(),
            "tokens": calls.summary_tokens(),
            "cost_usd": calls.summary_cost(),
            "unpriced_models": calls.unpriced_models(),
            "policies": traces.summary_policies(),
            "log_records": self.summary_log_records(),
        })
        .to_string()
    }
}

fn by_kind(found: &Anomalies) -> [(&'static str, u64); 12] {
    [
        ("bad_number", found.bad_number),
        ("oversize_text", found.oversize_text),
        ("bad_text", found.bad_text),
        ("oversize_json", found.oversize_json),
        ("bad_json", found.bad_json),
        ("zero_usage", found.zero_usage),
        ("bad_time", found.bad_time),
        ("events_beyond", found.events_beyond),
        ("paths_beyond", found.paths_beyond),
        ("copies_beyond", found.copies_beyond),
        ("evaluations_beyond", found.evaluations_beyond),
        ("context_beyond", found.context_beyond),
    ]
}
