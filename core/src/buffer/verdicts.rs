//! Verdicts of decided traces, so that late spans follow them. Two bounded queues, first in first out: kept traces and
//! dropped ones, as the Collector's `decision_cache` has them.

use crate::sample::Verdict;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// What is remembered of a decided trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remembered {
    pub keep: bool,
    /// Taken out of the buffer, verdict not yet known.
    pub pending: bool,
    /// Index of the credited policy in the plan that decided.
    pub policy: Option<u16>,
    /// Which plan that was.
    pub generation: u32,
    pub threshold: u64,
    /// Randomness that the trace id does not have.
    pub rv: Option<u64>,
}

impl Remembered {
    const PENDING: Self = Self { keep: false, pending: true, policy: None, generation: 0, threshold: 0, rv: None };

    pub fn of(verdict: &Verdict, generation: u32) -> Self {
        let Verdict { keep, policy, threshold, rv, .. } = *verdict;
        Self { keep, pending: false, policy, generation, threshold, rv }
    }

    /// The verdict that late spans follow under the plan `generation`. Another plan may have other policies.
    pub fn verdict(&self, generation: u32) -> Verdict {
        Verdict {
            keep: self.keep,
            policy: self.policy.filter(|_| self.generation == generation),
            threshold: self.threshold,
            rv: self.rv,
            ..Verdict::KEEP_ALL
        }
    }
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
        Self { entries: HashMap::default(), kept: VecDeque::new(), dropped: VecDeque::new(), kept_limit, dropped_limit }
    }

    /// Changes how many verdicts are remembered. Those that are too many go as others come.
    pub fn resize(&mut self, kept_limit: usize, dropped_limit: usize) {
        (self.kept_limit, self.dropped_limit) = (kept_limit, dropped_limit);
    }

    #[inline]
    pub fn get(&self, trace: u128) -> Option<&Remembered> {
        self.entries.get(&trace)
    }

    /// Marks a trace as being decided; `settle` follows.
    pub fn begin(&mut self, trace: u128) {
        self.entries.entry(trace).or_insert(Remembered::PENDING);
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
        // Two at most for each that comes: after `resize` the surplus goes step by step.
        for _ in 0..2 {
            if queue.len() > limit
                && let Some(oldest) = queue.pop_front()
            {
                self.entries.remove(&oldest);
            }
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

    const KEEP: Remembered = Remembered { keep: true, pending: false, ..Remembered::PENDING };
    const DROP: Remembered = Remembered { keep: false, ..KEEP };

    fn settle(verdicts: &mut Verdicts, trace: u128, verdict: Remembered) {
        verdicts.begin(trace);
        assert!(verdicts.get(trace).is_some());
        verdicts.settle(trace, verdict);
    }

    #[test]
    fn each_kind_is_bounded_on_its_own() {
        let mut verdicts = Verdicts::new(2, 3);
        for trace in 0..10 {
            settle(&mut verdicts, trace, if trace % 2 == 0 { KEEP } else { DROP });
        }
        assert_eq!(verdicts.len(), 5);
        assert!(verdicts.get(8).unwrap().keep);
        assert!(!verdicts.get(9).unwrap().keep);
        assert_eq!(verdicts.get(4), None);
    }

    #[test]
    fn a_cache_of_no_size_remembers_nothing() {
        let mut verdicts = Verdicts::new(0, 1);
        settle(&mut verdicts, 1, KEEP);
        settle(&mut verdicts, 2, DROP);
        assert_eq!((verdicts.get(1), verdicts.get(2)), (None, Some(&DROP)));
    }

    #[test]
    fn a_known_trace_that_is_decided_again_takes_no_second_place() {
        let mut verdicts = Verdicts::new(2, 2);
        for _ in 0..5 {
            settle(&mut verdicts, 1, KEEP);
        }
        settle(&mut verdicts, 2, KEEP);
        assert_eq!(verdicts.len(), 2);
    }

    #[test]
    fn a_smaller_size_is_reached_as_others_come() {
        let mut verdicts = Verdicts::new(100, 100);
        (0..100).for_each(|trace| settle(&mut verdicts, trace, KEEP));
        verdicts.resize(10, 10);
        (100..190).for_each(|trace| settle(&mut verdicts, trace, KEEP));
        assert_eq!(verdicts.len(), 10);
        assert!(verdicts.get(189).is_some());
    }

    #[test]
    fn another_plans_policy_is_not_named() {
        let verdict = Verdict { policy: Some(3), threshold: 7, rv: Some(1), ..Verdict::KEEP_ALL };
        let known = Remembered::of(&verdict, 1);
        assert_eq!(known.verdict(1), verdict);
        assert_eq!(known.verdict(2), Verdict { policy: None, ..verdict });
    }
}
