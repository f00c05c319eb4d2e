//! One request into the buffer: parse everything first, then take it, so that a malformed request touches nothing.

use super::compiled::Compiled;
use super::intake::{Chain, Intake, Places};
use super::{Engine, lock};
use crate::buffer::shard::Shard;
use crate::buffer::trace::{Trace, Trigger};
use crate::error::{CoreError, Result};
use crate::wire::request::walk;
use bumpalo::Bump;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What became of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    pub accepted: u64,
    pub rejected: u64,
    /// Why spans were refused; empty when none were.
    pub message: String,
    /// The buffer is above its high watermark.
    pub pressure: bool,
}

/// Above this share of the buffer the oldest traces are decided early.
pub const HIGH_WATERMARK: f64 = 0.9;

/// How long late spans of a decided trace wait for each other, nanoseconds.
const LATE_WAIT: u64 = 1_000_000_000;

impl Engine {
    /// Takes one `ExportTraceServiceRequest` received at `now` (Unix nanoseconds).
    ///
    /// Bytes that break protobuf's framing outside of spans, or in every span, are not OTLP: the request is refused and
    /// touches nothing. A span that breaks it by itself, has content that no strict decoder takes (text that is not
    /// UTF-8, values nested too deeply; in events and links as well) or ids that name nothing is refused alone; where the
    /// resource or scope has such content, all spans under it are.
    pub fn ingest(&self, request: &[u8], now: u64) -> Result<IngestReport> {
        self.clock.fetch_max(now, Ordering::Relaxed);
        let plan = self.plan();
        let limit = plan.limits.buffer_bytes;
        let buffered = self.buffered_bytes();
        if buffered + request.len() as u64 > limit {
            self.measure().request_refused();
            // The next tick makes room for it.
            self.refused.fetch_max(request.len() as u64, Ordering::Relaxed);
            return Err(CoreError::Full { buffered, limit });
        }
        let mut places = Places::new(&plan);
        walk(request, &mut places)?;
        let arena = Bump::new();
        let mut intake = Intake::new(&plan, &places);
        let anomalies = intake.parse(&arena, &self.recent, now)?;
        self.measure().anomalies(&anomalies);
        if !intake.steps.is_empty() {
            plan.policies.watches.iter().for_each(|watch| watch.observe(&intake.steps, now));
        }
        self.take(&plan, &intake, now);
        let (accepted, rejected) = (intake.pending.len() as u64, intake.rejected);
        self.measure().spans_received(accepted, rejected);
        let message = match &intake.reason {
            Some(reason) => format!("{rejected} spans refused; the first: {reason}"),
            None => String::new(),
        };
        let pressure = self.buffered_bytes() as f64 > limit as f64 * HIGH_WATERMARK;
        Ok(IngestReport { accepted, rejected, message, pressure })
    }

    /// Moves parsed spans into the buffer, one lock per shard.
    fn take(&self, plan: &Arc<Compiled>, intake: &Intake<'_, '_>, now: u64) {
        let mut order: Vec<(usize, u32)> =
            intake.chains.iter().zip(0..).map(|(chain, index)| (self.shard_of(chain.trace), index)).collect();
        order.sort_unstable();
        let mut strays = Vec::new();
        for same_shard in order.chunk_by(|a, b| a.0 == b.0) {
            let mut added = 0;
            let mut shard = lock(&self.shards[same_shard[0].0]);
            for &(_, index) in same_shard {
                match enter(&mut shard, plan, intake, &intake.chains[index as usize], now) {
                    Ok(bytes) => added += bytes,
                    Err(own) => strays.push((own, index)),
                }
            }
            // Counted before a tick can take the traces out and count them off.
            self.buffered.fetch_add(added, Ordering::Relaxed);
        }
        while let Some((own, _)) = strays.first() {
            let own = own.clone();
            let chains: Vec<u32> = strays.extract_if(.., |(of, _)| Arc::ptr_eq(of, &own)).map(|(_, at)| at).collect();
            self.take_under(&own, intake, &chains, now);
        }
    }

    /// Reads the spans of some chains once more, for traces that began under another plan: bits and records mean
    /// nothing under a plan that did not make them.
    fn take_under(&self, own: &Arc<Compiled>, intake: &Intake<'_, '_>, chains: &[u32], now: u64) {
        // The request was read once with success; what it says under the other plan is not refused any more.
        let Ok(places) = intake.places_under(own, chains) else { return };
        let arena = Bump::new();
        let mut again = Intake::new(own, &places);
        again.reparse(&arena);
        self.take(own, &again, now);
    }
}

/// Adds a chain to its trace and moves the trace's due time. Returns the heap bytes added, or the plan that the trace
/// began with when it is another one.
fn enter(
    shard: &mut Shard,
    plan: &Arc<Compiled>,
    intake: &Intake<'_, '_>,
    chain: &Chain,
    now: u64,
) -> std::result::Result<u64, Arc<Compiled>> {
    let mut is_new = false;
    let verdicts = &shard.verdicts;
    let trace = shard.traces.entry(chain.trace).or_insert_with(|| {
        is_new = true;
        let late = verdicts.get(chain.trace).is_some();
        let wait = if late { LATE_WAIT } else { plan.decision_wait };
        Trace::new(chain.trace, plan.clone(), now, now.saturating_add(wait), late)
    });
    if !Arc::ptr_eq(&trace.plan, plan) {
        return Err(trace.plan.clone());
    }
    let added = trace.add(intake.spans(chain));
    trace.bits.merge(&chain.bits);
    trace.randomness = trace.randomness.into_iter().chain(chain.randomness).min();
    let before = trace.due;
    let limits = &trace.plan.limits;
    let full = if trace.span_bytes > plan.maximum_trace_bytes {
        Some(Trigger::TooLarge)
    } else if trace.spans.len() > limits.trace_spans {
        Some(Trigger::SpanLimit)
    } else {
        (trace.span_bytes > limits.trace_bytes).then_some(Trigger::ByteLimit)
    };
    if let Some(trigger) = full {
        if trace.due > now {
            (trace.due, trace.due_reason) = (now, if trace.late { Trigger::Late } else { trigger });
        }
    } else if chain.root_ended && !trace.late && trace.plan.decision_wait_after_root > 0 {
        let root_due = now.saturating_add(trace.plan.decision_wait_after_root);
        if root_due < trace.due {
            (trace.due, trace.due_reason) = (root_due, Trigger::RootReceived);
        }
    }
    let due = trace.due;
    if is_new || due != before {
        shard.schedule(due, chain.trace);
    }
    Ok(added)
}
