//! Which fingerprints were seen within a window: the first one counts as rare.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Fingerprints in the order in which they were first seen.
pub struct Fingerprints {
    window: u64,
    limit: usize,
    first_seen: HashMap<u64, u64, foldhash::fast::RandomState>,
    order: VecDeque<(u64, u64)>,
    /// Fingerprints that found no room and counted as known.
    pub crowded_out: u64,
}

impl Fingerprints {
    /// `window`: nanoseconds. `limit`: fingerprints remembered; a new one beyond them counts as known, so that nobody
    /// who makes fingerprints up can have all of them kept.
    pub fn new(window: u64, limit: usize) -> Self {
        Self { window, limit, first_seen: HashMap::default(), order: VecDeque::new(), crowded_out: 0 }
    }

    /// True for the first of its kind since a window began with it.
    pub fn is_first(&mut self, fingerprint: u64, now: u64) -> bool {
        while let Some((seen, old)) = self.order.front().copied()
            && now.saturating_sub(seen) >= self.window
        {
            self.order.pop_front();
            self.first_seen.remove(&old);
        }
        if self.first_seen.contains_key(&fingerprint) {
            return false;
        }
        if self.order.len() >= self.limit {
            self.crowded_out += 1;
            return false;
        }
        self.first_seen.insert(fingerprint, now);
        self.order.push_back((now, fingerprint));
        true
    }

    pub fn remembered(&self) -> usize {
        self.order.len()
    }

    pub fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&Saved(self.order.iter().copied().collect())).unwrap_or_default()
    }

    pub fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        let Saved(mut seen) = serde_json::from_slice(saved).map_err(|error| error.to_string())?;
        seen.sort_unstable();
        seen.truncate(self.limit);
        self.first_seen = seen.iter().map(|(at, fingerprint)| (*fingerprint, *at)).collect();
        if self.first_seen.len() != seen.len() {
            return Err("not a state of fingerprints: one stands twice".to_owned());
        }
        self.order = seen.into();
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Saved(Vec<(u64, u64)>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_in_a_window_is_rare() {
        let mut seen = Fingerprints::new(100, 10);
        assert!(seen.is_first(1, 0));
        assert!(!seen.is_first(1, 99));
        assert!(seen.is_first(2, 99));
        assert!(seen.is_first(1, 100), "a new window");
        assert!(!seen.is_first(2, 198) && seen.is_first(2, 199));
    }

    #[test]
    fn what_finds_no_room_counts_as_known() {
        let mut seen = Fingerprints::new(100, 3);
        assert_eq!((0..10).filter(|fingerprint| seen.is_first(*fingerprint, 5)).count(), 3);
        assert_eq!((seen.crowded_out, seen.remembered()), (7, 3));
        assert!(seen.is_first(7, 105));
    }

    #[test]
    fn saved_and_restored() {
        let mut one = Fingerprints::new(100, 10);
        (0..5).for_each(|n| assert!(one.is_first(n, n)));
        let mut other = Fingerprints::new(100, 10);
        other.load(&one.save()).unwrap();
        assert!(!other.is_first(4, 50) && other.is_first(0, 100));
        assert!(other.load(b"[[1,1],[2,1]]").is_err() && other.load(b"7").is_err());
    }
}
