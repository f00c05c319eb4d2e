//! How many traces a second are decided, estimated so that a step shows within seconds and few arrivals do not count as
//! none or as a flood.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Seconds; arrivals closer together than this share an entry.
const BUCKET: f64 = 0.25;

/// Entries that are remembered.
const BUCKETS: usize = 256;

/// The estimate looks back until it has seen `FEW` arrivals over at least `SPAN` seconds, or `MANY` over at least
/// `SHORTEST`.
const SPAN: f64 = 3.0;
const FEW: f64 = 32.0;
const MANY: f64 = 256.0;
const SHORTEST: f64 = 1.0;

/// A pause longer than so many times the usual one is an outage, and no sign that traffic is thin.
const OUTAGE: f64 = 8.0;

/// The newest pauses count so much for what is usual.
const USUAL: f64 = 1.0 / 4.0;

/// Arrivals up to a moment and those after it are held apart when so much (twice the logarithm of a likelihood ratio,
/// chi-squared with one degree of freedom) speaks for two rates. By chance: one time in a hundred.
const CHANGE: f64 = 7.0;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bucket {
    /// Seconds from the entry before to the first and to the last arrival of this one.
    lead: f64,
    length: f64,
    count: f64,
}

/// Arrivals over a time.
#[derive(Clone, Copy, Default)]
struct Span {
    count: f64,
    elapsed: f64,
}

impl Span {
    fn add(&mut self, bucket: &Bucket) {
        self.count += bucket.count;
        self.elapsed += bucket.length + bucket.lead;
    }

    /// How much speaks for these having another rate than the rest of `all`: twice the logarithm of the likelihood ratio
    /// of Poisson arrivals with two rates and with one.
    fn against(&self, all: &Span) -> f64 {
        let rest = Span { count: all.count - self.count, elapsed: all.elapsed - self.elapsed };
        let gain = |part: &Span| part.count * (part.count / (part.elapsed * all.count / all.elapsed)).ln();
        if rest.count > 0.0 && self.elapsed > 0.0 && rest.elapsed > 0.0 {
            2.0 * (gain(self) + gain(&rest))
        } else {
            0.0
        }
    }
}

/// Times are seconds from any origin and never go back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rate {
    buckets: VecDeque<Bucket>,
    /// First and last arrival of the newest entry.
    first: f64,
    last: f64,
    usual_pause: f64,
}

impl Rate {
    pub fn arrive(&mut self, at: f64) {
        match self.buckets.back_mut() {
            Some(newest) if at - self.first < BUCKET => {
                newest.count += 1.0;
                newest.length += at - self.last;
            }
            Some(_) => {
                let pause = (at - self.last).min((OUTAGE * self.usual_pause).max(2.0 * SPAN));
                self.usual_pause += (pause - self.usual_pause) * USUAL;
                self.open(pause, at);
            }
            None => self.open(0.0, at),
        }
        self.last = at;
    }

    fn open(&mut self, lead: f64, at: f64) {
        if self.buckets.len() == BUCKETS {
            self.buckets.pop_front();
        }
        self.buckets.push_back(Bucket { lead, length: 0.0, count: 1.0 });
        self.first = at;
    }

    /// Arrivals a second, over the time up to the last of them, since they came at another rate.
    pub fn per_second(&self) -> f64 {
        let (mut all, mut entries) = (Span::default(), 0);
        for bucket in self.buckets.iter().rev() {
            all.add(bucket);
            entries += 1;
            if (all.elapsed >= SPAN && all.count >= FEW) || (all.count >= MANY && all.elapsed >= SHORTEST) {
                break;
            }
        }
        let (mut newer, mut since, mut most) = (Span::default(), all, CHANGE);
        // What comes together speaks as one.
        let together = all.count / f64::from(entries.max(1));
        for bucket in self.buckets.iter().rev().take(entries as usize) {
            newer.add(bucket);
            let evidence = newer.against(&all) / together;
            if evidence > most {
                (since, most) = (newer, evidence);
            }
        }
        since.count / since.elapsed.max(if most > CHANGE { BUCKET } else { SHORTEST })
    }

    /// Moves the origin, so that a pause between two runs is none.
    pub fn rebase(&mut self, at: f64) {
        (self.first, self.last) = (at, at);
    }

    pub fn is_sound(&self) -> bool {
        let good = |value: &f64| value.is_finite() && *value >= 0.0;
        self.buckets.len() <= BUCKETS
            && good(&self.usual_pause)
            && self.buckets.iter().all(|b| good(&b.lead) && good(&b.length) && good(&b.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(rate: &mut Rate, from: f64, per_second: f64, seconds: f64) -> f64 {
        let count = (per_second * seconds) as usize;
        (1..=count).for_each(|n| rate.arrive(from + n as f64 / per_second));
        from + seconds
    }

    #[test]
    fn steady_traffic_is_found_at_any_rate() {
        for per_second in [0.01, 0.3, 1.0, 7.0, 100.0, 20_000.0] {
            let mut rate = Rate::default();
            feed(&mut rate, 0.0, per_second, (400.0 / per_second).max(5.0));
            let found = rate.per_second() / per_second;
            assert!((0.95..1.05).contains(&found), "{per_second}: {found}");
        }
    }

    #[test]
    fn batches_once_a_second_read_like_a_stream() {
        let mut rate = Rate::default();
        for second in 1..20 {
            (0..500).for_each(|_| rate.arrive(f64::from(second)));
        }
        assert!((rate.per_second() - 500.0).abs() < 1.0, "{}", rate.per_second());
    }

    #[test]
    fn a_step_shows_within_seconds() {
        let mut rate = Rate::default();
        let mut at = feed(&mut rate, 0.0, 20.0, 60.0);
        at = feed(&mut rate, at, 200.0, 4.0);
        assert!((150.0..=210.0).contains(&rate.per_second()), "{}", rate.per_second());
        feed(&mut rate, at, 20.0, 5.0);
        assert!((19.0..=30.0).contains(&rate.per_second()), "{}", rate.per_second());
    }

    #[test]
    fn so_does_traffic_that_falls_to_a_few_arrivals() {
        let mut rate = Rate::default();
        let at = feed(&mut rate, 0.0, 5.0, 60.0);
        feed(&mut rate, at, 0.5, 6.0);
        assert!((0.45..=0.7).contains(&rate.per_second()), "{}", rate.per_second());
    }

    #[test]
    fn an_outage_is_no_thin_traffic() {
        let mut rate = Rate::default();
        let at = feed(&mut rate, 0.0, 100.0, 60.0);
        feed(&mut rate, at + 3600.0, 100.0, 1.0);
        assert!(rate.per_second() > 20.0, "{}", rate.per_second());
    }
}
