//! The adaptive sampler: a probability for each trace, so that what is kept meets a target. One share of the target goes
//! to traces in proportion to their cost, the other to rare keys; a trace gets the higher of both probabilities.
//!
//! Nothing here looks at a trace's randomness, or at what was kept: only at what was expected to be kept. So the
//! probability of a trace never depends on its own draw, totals stay unbiased, and instances that see the same traffic
//! choose the same.

pub mod pps;
pub mod rarity;
pub mod rate;

use pps::Costs;
use rarity::Keys;
use rate::Rate;
use serde::{Deserialize, Serialize};

/// What a sampler aims at.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    /// Volume to keep a second: traces, spans or bytes.
    pub per_second: f64,
    /// Share of the target that goes to cost; the rest goes to rare keys. 0 to 1.
    pub cost_share: f64,
    /// Keys that are told apart.
    pub max_keys: usize,
    /// Seconds of traffic that are remembered at least.
    pub window: f64,
}

/// One trace, as the sampler sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Hash of the trace's key.
    pub key: u64,
    /// Pico-dollars.
    pub cost: f64,
    /// What keeping it takes of the target.
    pub volume: f64,
}

/// A probability, and what it was made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    pub probability: f64,
    pub by_cost: f64,
    pub by_key: f64,
    /// The key shares a place with others, because the table is full.
    pub other_key: bool,
}

/// Seconds between two looks at the target.
const INTERVAL: f64 = 0.25;

/// Seconds over which a deviation is made up for, and how many usual traces that must be at least.
const HORIZON: f64 = 20.0;
const HORIZON_LUMPS: f64 = 10.0;
const LONGEST_HORIZON: f64 = 3600.0;

/// What may be saved up of it while everything is kept.
const SAVED: f64 = 0.2;

/// How far making up may go from the target.
const CORRECTION: (f64, f64) = (0.2, 3.0);

/// The window holds at least so many traces, if that does not take longer than `LONGEST_WINDOW` seconds.
const WINDOW_TRACES: f64 = 1000.0;
const LONGEST_WINDOW: f64 = 3600.0;

/// A pause that counts for no more seconds than this: an outage saves nothing up.
const PAUSE: f64 = 3.0;

#[derive(Clone, Debug)]
pub struct Adaptive {
    aim: Aim,
    rate: Rate,
    costs: Costs,
    keys: Keys,
    numbers: Numbers,
    /// Volume expected to be kept, in this run.
    expected: f64,
    /// Reused by `Keys::scale`.
    room: Vec<(f64, f64)>,
}

/// Everything that is a plain number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Numbers {
    /// Seconds, of the last look and of the latest trace.
    looked: f64,
    clock: f64,
    started: bool,
    /// Traces a second, as of the last look.
    per_second: f64,
    /// Volume that the target allowed and that was not kept, or the other way round.
    credit: f64,
    /// Expected volume kept since the last look.
    spent: f64,
    /// Fading sums over what was kept: volume, and volume squared.
    kept: f64,
    kept_squared: f64,
    /// Fading sums of both shares' probabilities times volume, and of the higher one's.
    parts: f64,
    joined: f64,
    /// The choice of the last look: cost from which a trace is kept for certain, and scale of the keys' quotas. An
    /// infinite scale is written as none.
    threshold: f64,
    scale: Option<f64>,
}

impl Adaptive {
    pub fn new(aim: Aim) -> Self {
        Self {
            aim,
            rate: Rate::default(),
            costs: Costs::default(),
            keys: Keys::default(),
            numbers: Numbers::default(),
            expected: 0.0,
            room: Vec::new(),
        }
    }

    /// Takes a trace into account and chooses its probability. `now`: Unix nanoseconds; a time before the latest one
    /// counts as that.
    pub fn choose(&mut self, now: u64, trace: Seen) -> Chosen {
        self.advance(now);
        self.rate.arrive(self.numbers.clock);
        self.costs.add(trace.cost, trace.volume);
        let counted = self.keys.add(trace.key, trace.volume, self.aim.max_keys);
        let by_cost = pps::probability(trace.cost, self.numbers.threshold);
        let by_key = counted.probability(self.numbers.scale.unwrap_or(f64::INFINITY));
        let probability = by_cost.max(by_key);
        let kept = probability * trace.volume;
        self.expected += kept;
        let numbers = &mut self.numbers;
        numbers.spent += kept;
        numbers.kept += kept;
        numbers.kept_squared += kept * trace.volume;
        numbers.parts += (by_cost + by_key) * trace.volume;
        numbers.joined += kept;
        Chosen { probability, by_cost, by_key, other_key: counted.others }
    }

    /// Counts volume that came after the decision of its trace, which was kept with `probability`.
    pub fn late(&mut self, now: u64, volume: f64, probability: f64) {
        self.advance(now);
        self.numbers.spent += volume * probability;
        self.expected += volume * probability;
    }

    /// What the target is.
    pub fn target(&self) -> f64 {
        self.aim.per_second
    }

    /// Volume that was expected to be kept, since the start.
    pub fn expected(&self) -> f64 {
        self.expected
    }

    /// Traces a second, as of the last look.
    pub fn traces_per_second(&self) -> f64 {
        self.numbers.per_second
    }

    /// Pico-dollars from which a trace is kept for certain; `None` when no cost suffices.
    pub fn certain_from(&self) -> Option<f64> {
        Some(self.numbers.threshold).filter(|threshold| threshold.is_finite())
    }

    /// Keys told apart at present.
    pub fn keys(&self) -> usize {
        self.keys.told_apart()
    }

    fn advance(&mut self, now: u64) {
        let now = now as f64 / 1e9;
        let numbers = &mut self.numbers;
        if !numbers.started {
            (numbers.started, numbers.looked, numbers.clock) = (true, now, now);
            self.rate.rebase(now);
            if self.keys.told_apart() == 0 {
                self.look(0.0);
            }
        }
        self.numbers.clock = self.numbers.clock.max(now);
        let since = self.numbers.clock - self.numbers.looked;
        if since >= INTERVAL {
            self.numbers.per_second = self.rate.per_second();
            self.look(since.min(PAUSE));
        } else if self.numbers.spent > 2.0 * self.aim.per_second * INTERVAL {
            // More at once than was meant to be kept: traffic has stepped up. That it came down shows with time only.
            self.numbers.per_second = self.numbers.per_second.max(self.rate.per_second());
            self.look(since);
        }
    }

    /// Chooses anew, `elapsed` seconds after the last time.
    fn look(&mut self, elapsed: f64) {
        let numbers = &mut self.numbers;
        let target = self.aim.per_second;
        numbers.looked = numbers.clock;
        numbers.credit += target * elapsed - numbers.spent;
        numbers.spent = 0.0;
        let window = (WINDOW_TRACES / numbers.per_second.max(1e-9)).min(LONGEST_WINDOW).max(self.aim.window);
        self.fade((-elapsed / window).exp());
        let numbers = &mut self.numbers;
        let lump = if numbers.kept > 0.0 { numbers.kept_squared / numbers.kept } else { 0.0 };
        let horizon = (HORIZON_LUMPS * lump / target).clamp(HORIZON, LONGEST_HORIZON) * target;
        numbers.credit = numbers.credit.clamp(-horizon, horizon);
        let wanted = target * (1.0 + numbers.credit / horizon).clamp(CORRECTION.0, CORRECTION.1);
        let (count, volume) = self.keys.totals();
        if count == 0.0 || numbers.per_second * volume <= wanted * count {
            // All of it fits. What is left over is not saved up, but for as much as traffic at the target wavers.
            numbers.credit = numbers.credit.min(SAVED * horizon);
            (numbers.threshold, numbers.scale) = (0.0, None);
            return;
        }
        // What both shares want counts once, so each may spend more.
        let overlap = if numbers.parts > 0.0 { (numbers.joined / numbers.parts).max(0.5) } else { 1.0 };
        let budget = wanted * count / numbers.per_second / overlap;
        let (threshold, spent) = self.costs.threshold(budget * self.aim.cost_share);
        let scale = self.keys.scale(budget - spent, &mut self.room);
        (numbers.threshold, numbers.scale) = (threshold, Some(scale).filter(|scale| scale.is_finite()));
    }

    fn fade(&mut self, factor: f64) {
        if factor < 1.0 {
            self.costs.fade(factor);
            self.keys.fade(factor);
            let numbers = &mut self.numbers;
            for sum in [&mut numbers.kept, &mut numbers.kept_squared, &mut numbers.parts, &mut numbers.joined] {
                *sum *= factor;
            }
        }
    }

    pub fn save(&self) -> Vec<u8> {
        let saved = Saved {
            numbers: self.numbers.clone(),
            rate: self.rate.clone(),
            costs: self.costs.save(),
            keys: self.keys.save(),
        };
        serde_json::to_vec(&saved).unwrap_or_default()
    }

    /// Takes over what `save` wrote. The time between is none: nothing fades and nothing is saved up.
    pub fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        let saved: Saved = serde_json::from_slice(saved).map_err(|error| error.to_string())?;
        let unsound = || "not a state of an adaptive policy".to_owned();
        if !saved.numbers.is_sound() || !saved.rate.is_sound() {
            return Err(unsound());
        }
        self.costs = Costs::load(&saved.costs).ok_or_else(unsound)?;
        self.keys = Keys::load(saved.keys, self.aim.max_keys).ok_or_else(unsound)?;
        self.rate = saved.rate;
        self.numbers = Numbers { started: false, ..saved.numbers };
        Ok(())
    }
}

impl Numbers {
    fn is_sound(&self) -> bool {
        let sums = [self.per_second, self.spent, self.kept, self.kept_squared, self.parts, self.joined, self.threshold];
        self.credit.is_finite() && sums.iter().chain(&self.scale).all(|value| value.is_finite() && *value >= 0.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    numbers: Numbers,
    rate: Rate,
    costs: pps::Saved,
    keys: rarity::Saved,
}

#[cfg(test)]
mod tests;
