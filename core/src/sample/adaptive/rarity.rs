//! The share of rare keys: what is kept of a key grows with the logarithm of how often it comes, so that a rare key is
//! kept nearly whole and a thousand times busier one gets a few times as much. Quota that a key cannot use goes to the
//! others, whatever their names.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// A key fades out of the table below this many traces within the window.
const FADED: f64 = 0.02;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Seen {
    /// Traces within the window, fading.
    count: f64,
    /// The volume of those traces.
    volume: f64,
}

impl Seen {
    /// Traces to keep at `scale` 1.
    fn weight(self) -> f64 {
        self.count.ln_1p()
    }

    fn kept_volume(self, scale: f64) -> f64 {
        if self.count > 0.0 { self.volume * (scale * self.weight() / self.count).min(1.0) } else { 0.0 }
    }
}

/// The keys of recent traces. Those beyond the limit share one place.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    seen: HashMap<u64, Seen, foldhash::fast::RandomState>,
    others: Seen,
}

impl Keys {
    /// Counts a trace; returns what is known of its key. `limit`: keys that are told apart.
    pub fn add(&mut self, key: u64, volume: f64, limit: usize) -> Counted {
        let full = self.seen.len() >= limit;
        let (seen, others) = match self.seen.get_mut(&key) {
            Some(seen) => (seen, false),
            None if full => (&mut self.others, true),
            None => (self.seen.entry(key).or_default(), false),
        };
        seen.count += 1.0;
        seen.volume += volume;
        Counted { count: seen.count, weight: seen.weight(), others }
    }

    pub fn fade(&mut self, factor: f64) {
        self.seen.retain(|_, seen| {
            seen.count *= factor;
            seen.volume *= factor;
            seen.count >= FADED
        });
        self.others.count *= factor;
        self.others.volume *= factor;
    }

    pub fn told_apart(&self) -> usize {
        self.seen.len()
    }

    /// Traces and volume within the window.
    pub fn totals(&self) -> (f64, f64) {
        self.all().fold((0.0, 0.0), |(count, volume), seen| (count + seen.count, volume + seen.volume))
    }

    fn all(&self) -> impl Iterator<Item = &Seen> {
        self.seen.values().chain(std::iter::once(&self.others))
    }

    /// The scale at which all keys together take the volume `budget`; infinite when they have not as much.
    pub fn scale(&self, budget: f64, room: &mut Vec<(f64, f64)>) -> f64 {
        // A key is kept whole from the scale count / ln(1 + count) on; below, it takes scale * slope.
        room.clear();
        let mut volume = 0.0;
        let mut slopes = 0.0;
        for seen in self.all().filter(|seen| seen.count > 0.0) {
            let slope = seen.volume * seen.weight() / seen.count;
            room.push((seen.count / seen.weight(), slope));
            volume += seen.volume;
            slopes += slope;
        }
        if volume <= budget {
            return f64::INFINITY;
        }
        room.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut whole = 0.0;
        for &(until, slope) in room.iter() {
            let scale = (budget - whole).max(0.0) / slopes;
            if scale <= until {
                return scale;
            }
            whole += until * slope;
            slopes -= slope;
        }
        f64::INFINITY
    }

    /// The volume that is kept of the window at a scale.
    pub fn kept_volume(&self, scale: f64) -> f64 {
        self.all().map(|seen| seen.kept_volume(scale)).sum()
    }

    pub fn save(&self) -> Saved {
        let mut seen: Vec<_> = self.seen.iter().map(|(key, seen)| (*key, *seen)).collect();
        seen.sort_unstable_by_key(|(key, _)| *key);
        Saved { seen, others: self.others }
    }

    /// `None` for what `save` cannot have written. Keys beyond the limit join the others.
    pub fn load(saved: Saved, limit: usize) -> Option<Self> {
        let good = |value: f64| value.is_finite() && value >= 0.0;
        let mut keys = Self { others: saved.others, ..Self::default() };
        for (key, seen) in saved.seen {
            if keys.seen.len() < limit {
                keys.seen.insert(key, seen);
            } else {
                keys.others.count += seen.count;
                keys.others.volume += seen.volume;
            }
        }
        let sound = keys.all().all(|seen| good(seen.count) && good(seen.volume));
        sound.then_some(keys)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    seen: Vec<(u64, Seen)>,
    others: Seen,
}

/// What is known of a trace's key once it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    count: f64,
    weight: f64,
    /// The table is full: the key shares a place with others.
    pub others: bool,
}

impl Counted {
    /// The probability of a trace of this key. Never 0 while the scale is not.
    pub fn probability(self, scale: f64) -> f64 {
        (scale * self.weight / self.count).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(counts: &[u16]) -> Keys {
        let mut keys = Keys::default();
        for (key, count) in (0..).zip(counts) {
            (0..*count).for_each(|_| {
                keys.add(key, 3.0, usize::MAX);
            });
        }
        keys
    }

    proptest! {
        #[test]
        fn the_scale_spends_the_budget_and_starves_no_key(
            counts in prop::collection::vec(1..500u16, 1..60),
            share in 0.001..0.999f64,
        ) {
            let keys = keys(&counts);
            let volume = keys.totals().1;
            let scale = keys.scale(volume * share, &mut Vec::new());
            prop_assert!((keys.kept_volume(scale) / (volume * share) - 1.0).abs() < 1e-9);
            prop_assert!(keys.all().filter(|seen| seen.count > 0.0).all(|seen| seen.kept_volume(scale) > 0.0));
        }

        #[test]
        fn names_change_nothing(counts in prop::collection::vec(1..500u16, 2..40), share in 0.01..0.9f64) {
            let mut backwards = counts.clone();
            backwards.reverse();
            let (one, other) = (keys(&counts), keys(&backwards));
            let budget = one.totals().1 * share;
            let (a, b) = (one.scale(budget, &mut Vec::new()), other.scale(budget, &mut Vec::new()));
            prop_assert!((a / b - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn busy_keys_get_a_little_more_than_rare_ones() {
        let keys = keys(&[1, 10, 100, 1000]);
        let scale = keys.scale(3.0 * 30.0, &mut Vec::new());
        let kept: Vec<_> = (0..4).map(|key| keys.seen[&key].kept_volume(scale) / 3.0).collect();
        assert!((kept.iter().sum::<f64>() - 30.0).abs() < 1e-9);
        assert_eq!(kept[0], 1.0, "a key that comes once is kept whole");
        assert!(kept[3] / kept[2] > 1.2 && kept[3] / kept[2] < 1.7, "{kept:?}");
    }

    #[test]
    fn keys_beyond_the_limit_share_a_place_until_others_fade() {
        let mut keys = Keys::default();
        for key in 0..100 {
            assert_eq!(keys.add(key, 1.0, 10).others, key >= 10);
        }
        assert_eq!((keys.told_apart(), keys.totals().0), (10, 100.0));
        keys.fade(0.01);
        assert_eq!(keys.told_apart(), 0);
        assert!(!keys.add(50, 1.0, 10).others);
    }
}
