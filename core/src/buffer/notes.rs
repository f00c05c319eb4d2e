//! What log records say about spans, until the trace of the span is decided.

use super::trace::SpanEntry;
use crate::engine::compiled::Compiled;
use crate::sample::conditions::Bits;
use hashbrown::{HashMap, HashSet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Facts of one log record about the span that it was written in.
pub struct Note {
    pub span_id: u64,
    /// A facts record (`record`) that stands for itself.
    pub record: Box<[u8]>,
    /// What the record holds of the content of the call, in the form of a span; empty where nobody asks for it.
    pub content: Box<[u8]>,
    pub bits: Bits,
    /// Records mean nothing under another plan.
    pub plan: Arc<Compiled>,
}

/// Stale entries of the queue that are not worth a sweep: each trace whose notes all found their span leaves one behind.
const STALE_ENTRIES: usize = 1024;

/// What a note costs besides its record: the struct, its places in the table and the queue.
const OVERHEAD: u64 = 160;

impl Note {
    pub fn says_nothing(&self) -> bool {
        self.record.is_empty() && self.content.is_empty()
    }

    pub fn heap_bytes(&self) -> u64 {
        (self.record.len() + self.content.len()) as u64 + OVERHEAD
    }
}

/// What was noted of the spans of one trace.
#[derive(Default)]
struct Waiting {
    notes: Vec<Note>,
    /// When they are given up.
    expires: u64,
}

/// The notes of a shard.
#[derive(Default)]
pub struct Notes {
    by_trace: HashMap<u128, Waiting, foldhash::fast::RandomState>,
    /// (when they are given up, trace); an entry whose time is not the trace's own any more is stale.
    queue: BinaryHeap<Reverse<(u64, u128)>>,
}

impl Notes {
    pub fn is_empty(&self) -> bool {
        self.by_trace.is_empty()
    }

    pub fn add(&mut self, trace: u128, note: Note, expires: u64) {
        let waiting = self.by_trace.entry(trace).or_default();
        if waiting.notes.is_empty() {
            waiting.expires = expires;
            self.queue.push(Reverse((expires, trace)));
        }
        waiting.notes.push(note);
        if self.queue.len() > 2 * self.by_trace.len() + STALE_ENTRIES {
            self.queue = self.by_trace.iter().map(|(trace, waiting)| Reverse((waiting.expires, *trace))).collect();
        }
    }

    #[cfg(test)]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes what was noted of the spans of a trace, in order of their ids.
    pub fn take(&mut self, trace: u128, spans: &[SpanEntry]) -> Vec<Note> {
        let Some(Waiting { notes, .. }) = self.by_trace.get_mut(&trace) else { return Vec::new() };
        let present: HashSet<u64> = spans.iter().map(|entry| entry.span_id).collect();
        let mut taken: Vec<Note> = notes.extract_if(.., |note| present.contains(&note.span_id)).collect();
        if notes.is_empty() {
            self.by_trace.remove(&trace);
        } else {
            // The room of those that are taken is counted no more.
            notes.shrink_to_fit();
        }
        taken.sort_by_key(|note| note.span_id);
        taken
    }

    /// Gives up what nobody asked for until `now`. `waits` says until when a trace is in the buffer: its notes last longer.
    pub fn expire(&mut self, now: u64, waits: impl Fn(u128) -> Option<u64>) -> Vec<Note> {
        let mut gone = Vec::new();
        while let Some(Reverse((expires, trace))) = self.queue.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.queue.pop();
            let Some(waiting) = self.by_trace.get_mut(&trace).filter(|waiting| waiting.expires == expires) else {
                continue;
            };
            match waits(trace) {
                Some(due) => {
                    waiting.expires = due.max(now.saturating_add(1));
                    self.queue.push(Reverse((waiting.expires, trace)));
                }
                None => gone.extend(self.by_trace.remove(&trace).into_iter().flat_map(|waiting| waiting.notes)),
            }
        }
        gone
    }
}
