//! What spans told of late, so that what a repeated delivery tells again counts once, before its verdict or after.

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use std::hash::{BuildHasher, Hash};

/// Things remembered at most.
const CAPACITY: usize = 65_536;
/// How long they are remembered, nanoseconds: as long as the calls of decided traces.
const MEMORY_NS: u64 = 6 * 3600 * 1_000_000_000;
const GENERATION: usize = CAPACITY / 2;

/// Hashes in two generations: the older one goes as a whole when the newer one is full or old.
#[derive(Default)]
pub struct Told {
    hasher: RandomState,
    newer: HashSet<u64, RandomState>,
    older: HashSet<u64, RandomState>,
    /// When the newer generation began, Unix nanoseconds.
    since: u64,
    forgotten: u64,
}

impl Told {
    /// Remembers it; true when it was not remembered. `now`: Unix nanoseconds.
    pub fn is_new(&mut self, what: impl Hash, now: u64) -> bool {
        let hash = self.hasher.hash_one(what);
        if self.newer.contains(&hash) || self.older.contains(&hash) {
            return false;
        }
        let old = now.saturating_sub(self.since) > MEMORY_NS;
        if old || self.newer.len() >= GENERATION {
            self.forgotten += if old { 0 } else { self.older.len() as u64 };
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
            self.since = now;
        }
        self.newer.insert(hash)
    }

    /// How many were forgotten before their time, for want of room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_known_until_it_is_old() {
        let mut told = Told::default();
        assert!(told.is_new((1, "a"), 5));
        assert!(!told.is_new((1, "a"), 6));
        assert!(told.is_new((1, "b"), 7));
        assert!(told.is_new((2, "x"), MEMORY_NS + 6));
        assert!(!told.is_new((1, "b"), MEMORY_NS + 7));
        assert!(told.is_new((2, "y"), 2 * MEMORY_NS + 7));
        assert!(told.is_new((1, "b"), 2 * MEMORY_NS + 8));
        assert_eq!(told.forgotten(), 0);
    }

    #[test]
    fn it_is_bounded_and_counts_what_it_forgot() {
        let mut told = Told::default();
        for what in 0..2 * CAPACITY {
            assert!(told.is_new(what, 1));
        }
        assert!(told.newer.len() + told.older.len() <= CAPACITY);
        assert_eq!(told.forgotten() as usize, CAPACITY);
        assert!(!told.is_new(2 * CAPACITY - 1, 1));
    }
}
