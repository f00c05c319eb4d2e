//! Verdicts of decided traces, so that late spans follow them. Two bounded queues, first in first out: kept traces and
//! dropped ones, as the Collector's `decision_cache` has them.

use hashbrown::HashMap;
use std::collections::VecDeque;

/// What is remembered of a decided trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remembered {
    pub keep: bool,
    /// Index of the credited policy in the plan that decided.
    pub policy: Option<u16>,
    pub threshold: u64,
    /// Taken out of the buffer, verdict not yet known.
    pub pending: bool,
}

pub struct Verdicts {
    entries: HashMap<u128, Remembered, foldhash::fast::RandomState>,
    kept: VecDeque<u128>,
    dropped: VecDeque<u128>,
    kept_limit: usize,
    dropped_limit: usize,
}

impl Verdicts {
    pub fn new(kept_limit: usize, dropped_limit: usize) -> Self {
        Self {
            entries: HashMap::default(),
            kept: VecDeque::new(),
            dropped: VecDeque::new(),
            kept_limit: kept_limit.max(1),
            dropped_limit: dropped_limit.max(1),
        }
    }

    #[inline]
    pub fn get(&self, trace: u128) -> Option<&Remembered> {
        self.entries.get(&trace)
    }

    /// Marks a trace as being decided; `settle` follows.
    pub fn begin(&mut self, trace: u128) {
        self.entries.entry(trace).or_insert(Remembered { keep: false, policy: None, threshold: 0, pending: true });
    }

    /// Remembers the verdict; the oldest of its kind is forgotten beyond the limit.
    pub fn settle(&mut self, trace: u128, verdict: Remembered) {
        let known = self.entries.insert(trace, verdict);
        if known.is_some_and(|old| !old.pending) {
            return;
        }
        let (queue, limit) =
            if verdict.keep { (&mut self.kept, self.kept_limit) } else { (&mut self.dropped, self.dropped_limit) };
        queue.push_back(trace);
        if queue.len() > limit
            && let Some(oldest) = queue.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_bounded_on_its_own() {
        let mut verdicts = Verdicts::new(2, 3);
        for trace in 0..10 {
            verdicts.begin(trace);
            let verdict = Remembered { keep: trace % 2 == 0, policy: None, threshold: 0, pending: false };
            verdicts.settle(trace, verdict);
        }
        assert_eq!(verdicts.len(), 5);
        assert!(verdicts.get(8).unwrap().keep);
        assert!(!verdicts.get(9).unwrap().keep);
        assert_eq!(verdicts.get(4), None);
    }
}
