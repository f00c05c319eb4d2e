//! A moving quantile for each of a bounded number of keys: a fading histogram whose buckets differ by 2^(1/32), so that a
//! quantile is off by about 1 % at most.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

const STEPS: f64 = 32.0;

/// The lowest bucket ends here: 2^16 ns, a fifteenth of a millisecond.
const LOWEST: f64 = 16.0;

/// Up to 2^46 ns, 19 hours.
const BUCKETS: usize = 960;

/// A histogram fades when so much of the window has passed.
const FADES: f64 = 1.0 / 64.0;

struct Histogram {
    counts: Box<[f32; BUCKETS]>,
    total: f64,
    /// Nothing is counted above this bucket.
    top: usize,
    /// Nanoseconds, when it faded last.
    faded: u64,
}

impl Histogram {
    fn new(now: u64) -> Self {
        Self { counts: Box::new([0.0; BUCKETS]), total: 0.0, top: 0, faded: now }
    }

    fn add(&mut self, value: u64, now: u64, window: u64) {
        self.fade(now, window);
        let at = bucket(value);
        self.counts[at] += 1.0;
        self.top = self.top.max(at);
        self.total += 1.0;
    }

    fn fade(&mut self, now: u64, window: u64) {
        let share = now.saturating_sub(self.faded) as f64 / window as f64;
        if share >= FADES {
            let factor = (-share).exp();
            self.counts.iter_mut().for_each(|count| *count *= factor as f32);
            self.total *= factor;
            self.faded = now;
        }
    }

    /// The value below which the share `quantile` of all values lies.
    fn quantile(&self, quantile: f64) -> f64 {
        let mut above = self.total * (1.0 - quantile);
        for (at, count) in self.counts[..=self.top].iter().enumerate().rev() {
            let count = f64::from(*count);
            if count > above {
                return edge(at as f64 + 1.0 - above / count);
            }
            above -= count;
        }
        0.0
    }
}

fn bucket(value: u64) -> usize {
    let steps = ((value.max(1) as f64).log2() - LOWEST) * STEPS;
    (steps.max(0.0) as usize).min(BUCKETS - 1)
}

fn edge(at: f64) -> f64 {
    (at / STEPS + LOWEST).exp2()
}

/// Histograms by key. Keys beyond the limit share one.
pub struct Quantiles {
    window: u64,
    limit: usize,
    keys: HashMap<u64, Histogram, foldhash::fast::RandomState>,
    others: Histogram,
    /// Values whose key found no place of its own.
    pub crowded_out: u64,
}

impl Quantiles {
    /// `window`: nanoseconds in which a value loses two thirds of its weight. `limit`: keys that are told apart.
    pub fn new(window: u64, limit: usize) -> Self {
        Self { window: window.max(1), limit, keys: HashMap::default(), others: Histogram::new(0), crowded_out: 0 }
    }

    pub fn add(&mut self, key: u64, value: u64, now: u64) {
        if !self.keys.contains_key(&key) && self.keys.len() >= self.limit {
            self.forget(now);
        }
        let full = self.keys.len() >= self.limit;
        let histogram = match self.keys.get_mut(&key) {
            Some(histogram) => histogram,
            None if full => {
                self.crowded_out += 1;
                &mut self.others
            }
            None => self.keys.entry(key).or_insert_with(|| Histogram::new(now)),
        };
        histogram.add(value, now, self.window);
    }

    /// Drops the keys that have not come for four windows; looked for when room is needed, once in a window at most.
    fn forget(&mut self, now: u64) {
        if now.saturating_sub(self.others.faded) >= self.window {
            let (window, before) = (self.window, now.saturating_sub(4 * self.window));
            self.keys.retain(|_, histogram| histogram.faded >= before);
            self.others.fade(now, window);
        }
    }

    /// The quantile of a key, and how many values it rests on; `None` with fewer than `least`.
    pub fn quantile(&self, key: u64, quantile: f64, least: f64) -> Option<f64> {
        let histogram = self.keys.get(&key).unwrap_or(&self.others);
        (histogram.total >= least).then(|| histogram.quantile(quantile))
    }

    /// How many values of a key are known, older ones in part.
    pub fn known(&self, key: u64) -> f64 {
        self.keys.get(&key).unwrap_or(&self.others).total
    }

    pub fn told_apart(&self) -> usize {
        self.keys.len()
    }

    pub fn save(&self) -> Vec<u8> {
        let sparse = |histogram: &Histogram| {
            let filled = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
            (histogram.faded, filled.map(|(at, count)| (at, *count)).collect())
        };
        let mut keys: Vec<_> = self.keys.iter().map(|(key, histogram)| (*key, sparse(histogram))).collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        serde_json::to_vec(&Saved { keys, others: sparse(&self.others) }).unwrap_or_default()
    }

    pub fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        let saved: Saved = serde_json::from_slice(saved).map_err(|error| error.to_string())?;
        let restored = |(faded, counts): SavedHistogram| {
            let mut histogram = Histogram { faded, ..Histogram::new(0) };
            for (at, count) in counts {
                let slot = histogram.counts.get_mut(at).filter(|_| count.is_finite() && count >= 0.0);
                *slot.ok_or("not a state of moving quantiles")? = count;
                histogram.top = histogram.top.max(at);
                histogram.total += f64::from(count);
            }
            Ok::<_, String>(histogram)
        };
        self.others = restored(saved.others)?;
        self.keys = saved
            .keys
            .into_iter()
            .take(self.limit)
            .map(|(key, counts)| Ok((key, restored(counts)?)))
            .collect::<Result<_, String>>()?;
        Ok(())
    }
}

/// When it faded last, and the buckets that hold something.
type SavedHistogram = (u64, Vec<(usize, f32)>);

#[derive(Serialize, Deserialize)]
struct Saved {
    keys: Vec<(u64, SavedHistogram)>,
    others: SavedHistogram,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    proptest! {
        #[test]
        fn a_quantile_is_close_to_the_exact_one(
            mut values in prop::collection::vec(1..3_600_000u64, 100..400),
            share in 0.5..0.99f64,
        ) {
            let mut quantiles = Quantiles::new(u64::MAX, 10);
            values.iter().for_each(|value| quantiles.add(1, value * MS, 0));
            values.sort_unstable();
            let found = quantiles.quantile(1, share, 1.0).unwrap() / MS as f64;
            let rank = share * values.len() as f64;
            let low = values[(rank.floor() as usize).saturating_sub(1)] as f64;
            let high = values[(rank.ceil() as usize).min(values.len() - 1)] as f64;
            prop_assert!(found >= low / 1.03 && found <= high * 1.03, "{low} {found} {high}");
        }
    }

    #[test]
    fn it_moves_with_the_traffic() {
        let mut quantiles = Quantiles::new(60_000 * MS, 10);
        for n in 0..6000u64 {
            quantiles.add(1, (100 + n % 100) * MS, n * 100 * MS);
        }
        let before = quantiles.quantile(1, 0.95, 100.0).unwrap() / MS as f64;
        assert!((180.0..=205.0).contains(&before), "{before}");
        for n in 6000..9000u64 {
            quantiles.add(1, (1000 + n % 1000) * MS, n * 100 * MS);
        }
        let after = quantiles.quantile(1, 0.95, 100.0).unwrap() / MS as f64;
        assert!((1800.0..=2050.0).contains(&after), "{after}");
    }

    #[test]
    fn keys_are_bounded_and_make_room_when_they_stop_coming() {
        let mut quantiles = Quantiles::new(1000 * MS, 2);
        (0..5).for_each(|key| quantiles.add(key, MS, 0));
        assert_eq!(quantiles.told_apart(), 2);
        assert!(quantiles.quantile(4, 0.5, 3.0).is_some(), "the others share one histogram");
        quantiles.add(4, MS, 10_000 * MS);
        assert_eq!(quantiles.told_apart(), 1);
        assert_eq!(quantiles.quantile(4, 0.5, 2.0), None);
    }

    #[test]
    fn saved_and_restored() {
        let mut one = Quantiles::new(1000 * MS, 10);
        (1..500).for_each(|n| one.add(n % 3, n * MS, n));
        let mut other = Quantiles::new(1000 * MS, 10);
        other.load(&one.save()).unwrap();
        for key in 0..4 {
            assert_eq!(one.quantile(key, 0.9, 1.0), other.quantile(key, 0.9, 1.0));
        }
        assert!(other.load(br#"{"keys":[[1,[0,[[999,1.0]]]]],"others":[0,[]]}"#).is_err());
    }
}
