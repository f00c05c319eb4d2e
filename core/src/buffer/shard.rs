//! A part of the buffer with its own lock: the traces whose ids fall to it, when each is due, and past verdicts.

use super::notes::Notes;
use super::trace::{Trace, Trigger};
use super::verdicts::Verdicts;
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Stale entries of the queue that are not worth a sweep: with a long `decision_wait` each trace that ends early leaves
/// one behind.
const STALE_ENTRIES: usize = 1024;

pub struct Shard {
    pub traces: HashMap<u128, Trace, foldhash::fast::RandomState>,
    /// (due, trace); an entry whose time is not the trace's own any more is stale.
    queue: BinaryHeap<Reverse<(u64, u128)>>,
    pub verdicts: Verdicts,
    pub notes: Notes,
}

impl Shard {
    pub fn new(verdicts: Verdicts) -> Self {
        Self { traces: HashMap::default(), queue: BinaryHeap::new(), verdicts, notes: Notes::default() }
    }

    /// Queues a trace of this shard at its due time.
    #[inline]
    pub fn schedule(&mut self, due: u64, trace: u128) {
        self.queue.push(Reverse((due, trace)));
        if self.queue.len() > 2 * self.traces.len() + STALE_ENTRIES {
            self.queue = self.traces.iter().map(|(id, trace)| Reverse((trace.due, *id))).collect();
        }
    }

    #[cfg(test)]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// When the next trace is due; `None` when the shard is empty.
    pub fn next_due(&mut self) -> Option<u64> {
        while let Some(Reverse((due, id))) = self.queue.peek() {
            if self.traces.get(id).is_some_and(|trace| trace.due == *due) {
                return Some(*due);
            }
            self.queue.pop();
        }
        None
    }

    /// Takes the next trace that is due at `now`, marking its verdict as pending.
    pub fn pop_due(&mut self, now: u64) -> Option<Trace> {
        let due = self.next_due()?;
        if due > now { None } else { self.pop() }
    }

    /// Takes the trace that is due first, whatever the time; `trigger` says why.
    pub fn pop_early(&mut self, trigger: Trigger) -> Option<Trace> {
        self.next_due()?;
        let mut trace = self.pop()?;
        if !trace.late {
            trace.due_reason = trigger;
        }
        Some(trace)
    }

    fn pop(&mut self) -> Option<Trace> {
        let Reverse((_, id)) = self.queue.pop()?;
        let mut trace = self.traces.remove(&id)?;
        if !self.notes.is_empty() {
            trace.notes = self.notes.take(id, &trace.spans);
        }
        self.verdicts.begin(id);
        Some(trace)
    }
}
