//! Decides what is due, and what must go when memory is short.

use super::finalize::Finalizer;
use super::ingest::HIGH_WATERMARK;
use super::settle::Taken;
use super::{Engine, lock};
use crate::buffer::shard::Shard;
use crate::buffer::trace::Trigger;
use crate::output::batch::Payload;
use std::sync::atomic::Ordering;

/// What one tick decided.
#[derive(Default)]
pub struct TickReport {
    pub payloads: Vec<Payload>,
    /// Call records, one JSON object a line.
    pub calls: Vec<u8>,
    /// Trace records, one JSON object a line.
    pub traces: Vec<u8>,
    /// Explanations, one JSON object a line.
    pub explanations: Vec<u8>,
    pub decided: u64,
    pub kept: u64,
    /// A bound of the tick was reached before the work was done.
    pub more: bool,
}

/// Traces that are settled together when none depends on the others.
const CHUNK: usize = 64;

/// A tick hands over when it has decided this much: payloads leave while the rest is worked on, and copying them, which
/// holds the GIL, never takes long.
const TICK_TRACES: u64 = 2_000;
const TICK_BYTES: usize = 4 << 20;

/// Memory pressure is relieved down to this share of the buffer.
const LOW_WATERMARK: f64 = 0.8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Due,
    All,
    AllDropped,
}

/// A tick hands over here.
fn is_full(finalizer: &Finalizer<'_>) -> bool {
    finalizer.settled() >= TICK_TRACES || finalizer.bytes() >= TICK_BYTES
}

impl Engine {
    /// Decides every trace that is due at `now` (Unix nanoseconds).
    pub fn tick(&self, now: u64) -> TickReport {
        self.decide(now, Which::Due)
    }

    /// Decides every trace at once; call until `more` is false.
    pub fn drain(&self, now: u64) -> TickReport {
        self.decide(now, Which::All)
    }

    /// Drops every trace undecided, measured all the same; call until `more` is false.
    pub fn discard(&self, now: u64) -> TickReport {
        self.decide(now, Which::AllDropped)
    }

    fn decide(&self, now: u64, which: Which) -> TickReport {
        let _deciding = lock(&self.deciding);
        self.clock.fetch_max(now, Ordering::Relaxed);
        self.estimated.store(0, Ordering::Relaxed);
        let plan = self.plan();
        let mut finalizer = Finalizer::new(self, &plan, now);
        finalizer.discard(which == Which::AllDropped);
        let size = if plan.policies.shares() { TICK_TRACES as usize } else { CHUNK };
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut shards = 0..self.shards.len();
        let mut next = shards.next();
        while next.is_some() && !is_full(&finalizer) {
            while let Some(shard) = next
                && chunk.len() < size
            {
                let mut held = lock(&self.shards[shard]);
                self.give_up_notes(&mut held, now);
                while chunk.len() < size {
                    let trace = match which {
                        Which::Due => held.pop_due(now),
                        Which::All | Which::AllDropped => held.pop_early(Trigger::Shutdown),
                    };
                    let Some(trace) = trace else {
                        next = shards.next();
                        break;
                    };
                    chunk.push(Taken { shard, known: held.verdicts.get(trace.id).copied(), trace });
                }
            }
            self.settle(&mut chunk, &mut finalizer);
        }
        let mut more = next.is_some();
        if which != Which::Due && !more {
            self.give_up_all_notes();
        }
        if which == Which::Due && !more {
            more = self.relieve(&mut finalizer);
        }
        finalizer.report(more)
    }

    /// What log records said about spans that never came.
    fn give_up_notes(&self, held: &mut Shard, now: u64) {
        if held.notes.is_empty() {
            return;
        }
        let Shard { notes, traces, .. } = held;
        self.give_up(&notes.expire(now, |trace| traces.get(&trace).map(|trace| trace.due)));
    }

    /// At the end no span comes any more.
    fn give_up_all_notes(&self) {
        for shard in &self.shards {
            let gone = lock(shard).notes.expire(u64::MAX, |_| None);
            self.give_up(&gone);
        }
    }

    /// Decides the traces that are due first, in all shards, until the buffer is below its low watermark and has room
    /// for what it refused. True when a bound of the tick was reached before; the next one goes on.
    fn relieve(&self, finalizer: &mut Finalizer<'_>) -> bool {
        let plan = self.plan();
        let limit = plan.limits.buffer_bytes;
        let refused = self.refused.swap(0, Ordering::Relaxed);
        if refused == 0 && (self.buffered_bytes() as f64) < limit as f64 * HIGH_WATERMARK {
            return false;
        }
        plan.resources.sweep();
        plan.scopes.sweep();
        let goal = ((limit as f64 * LOW_WATERMARK) as u64).min(limit.saturating_sub(refused));
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            let excess = self.buffered_bytes().saturating_sub(goal);
            let mut due: Vec<(u64, usize)> =
                (0..self.shards.len()).filter_map(|at| Some((lock(&self.shards[at]).next_due()?, at))).collect();
            due.sort_unstable();
            let Some((_, first)) = due.first().copied().filter(|_| excess > 0) else { return false };
            if is_full(finalizer) {
                self.refused.fetch_max(refused.max(1), Ordering::Relaxed);
                return true;
            }
            let until = due.get(1).map_or(u64::MAX, |(due, _)| *due);
            let mut held = lock(&self.shards[first]);
            let mut freed = 0;
            while freed < excess && chunk.len() < CHUNK && held.next_due().is_some_and(|due| due <= until) {
                let Some(trace) = held.pop_early(Trigger::MemoryPressure) else { break };
                freed += trace.heap_bytes();
                chunk.push(Taken { shard: first, known: held.verdicts.get(trace.id).copied(), trace });
            }
            drop(held);
            self.settle(&mut chunk, finalizer);
        }
    }
}
