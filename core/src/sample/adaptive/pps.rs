//! Threshold PPS: a trace is kept with a probability in proportion to its cost, `p = min(1, cost / tau)`; `tau` is solved
//! from what recent traces cost (Szegedy 2006; Duffield, Lund, Thorup 2007).

use serde::{Deserialize, Serialize};

/// Costs within one step of 2^(1/8) share a bucket.
const STEPS: f64 = 8.0;

/// Enough for costs from 1 pico-dollar to 10^18 of them (a million US dollars).
const BUCKETS: usize = 480;

/// Of the traces of a bucket: their volume, and the sum of volume times cost. Both fade.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    volume: f64,
    cost_volume: f64,
}

/// What recent traces cost, weighted by the volume (traces, spans or bytes) that keeping them takes. Traces without a
/// cost are not in it.
#[derive(Clone, Debug)]
pub struct Costs {
    buckets: Box<[Bucket; BUCKETS]>,
}

impl Default for Costs {
    fn default() -> Self {
        Self { buckets: Box::new([Bucket::default(); BUCKETS]) }
    }
}

impl Costs {
    /// `cost`: pico-dollars.
    pub fn add(&mut self, cost: f64, volume: f64) {
        if cost > 0.0 {
            let at = ((cost.log2() * STEPS).max(0.0) as usize).min(BUCKETS - 1);
            self.buckets[at].volume += volume;
            self.buckets[at].cost_volume += volume * cost;
        }
    }

    pub fn fade(&mut self, factor: f64) {
        for bucket in self.buckets.iter_mut() {
            bucket.volume *= factor;
            bucket.cost_volume *= factor;
        }
    }

    /// The threshold at which traces with a cost take the volume `budget`, and the volume that they do take: less when
    /// they have not as much. A threshold of 0 keeps all that cost anything.
    pub fn threshold(&self, budget: f64) -> (f64, f64) {
        let volume: f64 = self.buckets.iter().map(|bucket| bucket.volume).sum();
        if volume <= budget {
            return (0.0, volume);
        }
        if budget <= 0.0 {
            return (f64::INFINITY, 0.0);
        }
        let mut below: f64 = self.buckets.iter().map(|bucket| bucket.cost_volume).sum();
        let mut certain = 0.0;
        for bucket in self.buckets.iter().rev().filter(|bucket| bucket.volume > 0.0) {
            let threshold = below / (budget - certain);
            // Traces of this bucket cost the same, as far as it knows: all of them are certain or none is.
            if threshold * bucket.volume >= bucket.cost_volume || certain + bucket.volume >= budget {
                return (threshold, budget);
            }
            certain += bucket.volume;
            below -= bucket.cost_volume;
        }
        (0.0, volume)
    }

    pub fn save(&self) -> Saved {
        let filled = self.buckets.iter().enumerate().filter(|(_, bucket)| bucket.volume > 0.0);
        Saved(filled.map(|(at, bucket)| (at, bucket.volume, bucket.cost_volume)).collect())
    }

    /// `None` for what `save` cannot have written.
    pub fn load(saved: &Saved) -> Option<Self> {
        let mut costs = Self::default();
        for &(at, volume, cost_volume) in &saved.0 {
            let sound = [volume, cost_volume].iter().all(|value| value.is_finite() && *value >= 0.0);
            *costs.buckets.get_mut(at).filter(|_| sound)? = Bucket { volume, cost_volume };
        }
        Some(costs)
    }
}

/// The buckets that hold something: index, volume, volume times cost.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved(Vec<(usize, f64, f64)>);

/// The probability at a threshold. 0 for a trace that cost nothing.
pub fn probability(cost: f64, threshold: f64) -> f64 {
    if cost <= 0.0 {
        0.0
    } else if cost >= threshold {
        1.0
    } else {
        cost / threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_threshold_spends_the_budget(
            traces in prop::collection::vec((1e3..1e15f64, 1.0..1e6f64), 1..200),
            share in 0.01..0.99f64,
        ) {
            let mut costs = Costs::default();
            traces.iter().for_each(|(cost, volume)| costs.add(*cost, *volume));
            let all: f64 = traces.iter().map(|(_, volume)| volume).sum();
            let (threshold, spent) = costs.threshold(all * share);
            prop_assert!((spent - all * share).abs() < all * 1e-9);
            let expected: f64 = traces.iter().map(|(cost, volume)| volume * probability(*cost, threshold)).sum();
            // Within a bucket costs differ by 2^(1/8) at most.
            prop_assert!((expected / spent - 1.0).abs() < 0.1, "{expected} of {spent}");
        }
    }

    #[test]
    fn what_costs_nothing_or_fits_needs_no_threshold() {
        let mut costs = Costs::default();
        costs.add(0.0, 5.0);
        assert_eq!(costs.threshold(1.0), (0.0, 0.0));
        costs.add(7.0, 5.0);
        assert_eq!(costs.threshold(5.0), (0.0, 5.0));
        assert_eq!(costs.threshold(0.0).0, f64::INFINITY);
        assert_eq!((probability(0.0, 0.0), probability(1.0, 0.0), probability(1.0, f64::INFINITY)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn saved_costs_come_back_and_junk_does_not() {
        let mut costs = Costs::default();
        (1..100).for_each(|n| costs.add(f64::from(n).exp(), f64::from(n)));
        let back = Costs::load(&costs.save()).unwrap();
        assert_eq!(back.threshold(1000.0), costs.threshold(1000.0));
        assert!(Costs::load(&Saved(vec![(BUCKETS, 1.0, 1.0)])).is_none());
        assert!(Costs::load(&Saved(vec![(0, f64::NAN, 1.0)])).is_none());
    }
}
