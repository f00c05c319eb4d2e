//! A chunk of traces that are due: concluded, decided together where they share something out, carried out.

use super::finalize::{Conclusion, Finalizer};
use super::{Engine, lock};
use crate::buffer::trace::{Trace, Trigger};
use crate::buffer::verdicts::Remembered;
use crate::sample::{TraceSummary, Verdict};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A trace out of its shard, with what is remembered of it.
pub struct Taken {
    pub shard: usize,
    pub known: Option<Remembered>,
    pub trace: Trace,
}

impl Taken {
    /// The verdict that is known beforehand: that of a former decision, or dropping by an option.
    fn known(&self, discard: bool) -> Option<Verdict> {
        let reason = self.trace.due_reason;
        if reason == Trigger::TooLarge || discard && reason == Trigger::Shutdown {
            return Some(Verdict::DROP);
        }
        let known = self.known.filter(|known| self.trace.late && !known.pending);
        known.map(|known| known.verdict(self.trace.plan.generation))
    }
}

impl Engine {
    /// Settles and clears a chunk.
    pub(super) fn settle(&self, chunk: &mut Vec<Taken>, finalizer: &mut Finalizer<'_>) {
        chunk.iter_mut().for_each(|taken| self.join(&mut taken.trace));
        // What waited is in no cache. Reads that do not depend on each other wait for memory together.
        let places = chunk.iter().fold(0, |sum, taken| sum ^ taken.trace.touch_places());
        let bytes = chunk.iter().fold(0, |sum, taken| sum ^ taken.trace.touch_bytes());
        black_box((places, bytes));
        let mut settled = Vec::with_capacity(chunk.len());
        let mut conclusion = Conclusion::default();
        let mut verdicts = Vec::new();
        let mut shared: Vec<&Taken> = Vec::new();
        for taken in chunk.iter() {
            let trace = &taken.trace;
            let known = taken.known(finalizer.discards());
            if known.is_none() && trace.plan.policies.shares() {
                shared.push(taken);
                continue;
            }
            let concluded = finalizer.conclude(trace, &mut conclusion);
            let (verdict, at) = match known {
                Some(verdict) => {
                    if concluded && trace.late {
                        finalizer.late(&trace.plan, &conclusion.summary, &verdict);
                    }
                    (verdict, None)
                }
                None if concluded && finalizer.decide(&trace.plan, &[&conclusion.summary], &mut verdicts) => {
                    (verdicts[0], Some(0))
                }
                None => (Verdict::KEEP_ALL, None),
            };
            let conclusion = concluded.then_some(&conclusion);
            settled.push((taken.shard, trace.id, finalizer.finish(trace, verdict, conclusion, at)));
        }
        drop(conclusion);
        // A stable order, so that traces of one plan stand together.
        shared.sort_by_key(|taken| taken.trace.plan.generation);
        for group in shared.chunk_by(|a, b| Arc::ptr_eq(&a.trace.plan, &b.trace.plan)) {
            together(group, finalizer, &mut settled);
        }
        drop(shared);
        let freed: u64 = chunk.iter().map(|taken| taken.trace.heap_bytes()).sum();
        chunk.clear();
        self.buffered.fetch_sub(freed, Ordering::Relaxed);
        for same_shard in settled.chunk_by(|a, b| a.0 == b.0) {
            let mut held = lock(&self.shards[same_shard[0].0]);
            for (_, trace, verdict) in same_shard {
                held.verdicts.settle(*trace, *verdict);
            }
        }
    }
}

/// Decides traces of one plan in one batch.
fn together(group: &[&Taken], finalizer: &mut Finalizer<'_>, settled: &mut Vec<(usize, u128, Remembered)>) {
    let mut conclusions: Vec<Option<Conclusion<'_>>> = Vec::with_capacity(group.len());
    for taken in group {
        let mut conclusion = Conclusion::default();
        let concluded = finalizer.conclude(&taken.trace, &mut conclusion);
        conclusions.push(concluded.then_some(conclusion));
    }
    let summaries: Vec<&TraceSummary<'_>> = conclusions.iter().flatten().map(|one| &one.summary).collect();
    let mut verdicts = Vec::with_capacity(summaries.len());
    let decided = finalizer.decide(&group[0].trace.plan, &summaries, &mut verdicts);
    let mut decided = verdicts.iter().zip(0..).filter(|_| decided);
    for (taken, conclusion) in group.iter().zip(&conclusions) {
        let own = conclusion.as_ref().and_then(|_| decided.next());
        let (verdict, at) = own.map_or((Verdict::KEEP_ALL, None), |(verdict, at)| (*verdict, Some(at)));
        let remembered = finalizer.finish(&taken.trace, verdict, conclusion.as_ref(), at);
        settled.push((taken.shard, taken.trace.id, remembered));
    }
}
