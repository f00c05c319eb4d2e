//! The sampler on simulated traffic: minutes of it in milliseconds.

use super::*;

/// xorshift64*: reproducible and good enough for traffic.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Draws the volume of a trace.
type Volume = fn(&mut Random) -> f64;

/// Traffic with Zipf keys and lognormal costs.
struct Traffic {
    random: Random,
    keys: Vec<f64>,
    at: f64,
    /// Seconds between two batches of traces; 0: each comes by itself.
    tick: f64,
    volume: Volume,
}

#[derive(Default, Debug, Clone, Copy)]
struct Totals {
    traces: f64,
    volume: f64,
    kept: f64,
    expected: f64,
}

impl Traffic {
    fn new(keys: usize, seed: u64) -> Self {
        let mut sum = 0.0;
        let cumulated = (1..=keys).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        let keys: Vec<f64> = cumulated.collect();
        Self { random: Random(seed | 1), keys, at: 1e6, tick: 0.0, volume: |_| 1.0 }
    }

    fn run(
        &mut self,
        sampler: &mut Adaptive,
        per_second: f64,
        seconds: f64,
        mut see: impl FnMut(&Seen, &Chosen),
    ) -> Totals {
        let (end, mut totals) = (self.at + seconds, Totals::default());
        loop {
            self.at -= self.random.unit().ln() / per_second;
            if self.at > end {
                self.at = end;
                return totals;
            }
            let place = self.random.unit() * self.keys.last().unwrap();
            let key = self.keys.partition_point(|sum| *sum < place) as u64;
            let cost = 1e9 * (1.55 * self.random.normal()).exp();
            let seen = Seen { key, cost, volume: (self.volume)(&mut self.random) };
            let now = if self.tick > 0.0 { (self.at / self.tick).ceil() * self.tick } else { self.at };
            let chosen = sampler.choose((now * 1e9) as u64, seen);
            see(&seen, &chosen);
            totals.traces += 1.0;
            totals.volume += seen.volume;
            totals.expected += chosen.probability * seen.volume;
            totals.kept += if self.random.unit() < chosen.probability { seen.volume } else { 0.0 };
        }
    }
}

fn sampler(per_second: f64) -> Adaptive {
    Adaptive::new(Aim { per_second, cost_share: 0.5, max_keys: 500, window: 30.0 })
}

fn spans(random: &mut Random) -> f64 {
    (8.0 * (0.5 * random.normal()).exp()).ceil()
}

fn bytes(random: &mut Random) -> f64 {
    (9000.0 * (0.8 * random.normal()).exp()).ceil()
}

#[test]
fn ten_minutes_of_steady_traffic_meet_the_target() {
    let volumes: [(f64, Volume); 3] = [(1.0, |_| 1.0), (9.1, spans), (12_400.0, bytes)];
    for (mean, volume) in volumes {
        for tick in [0.0, 0.1, 1.0] {
            for keys in [1, 40, 400, 20_000] {
                let mut traffic = Traffic { tick, volume, ..Traffic::new(keys, keys as u64 + 7) };
                let mut sampler = sampler(20.0 * mean);
                let kept = traffic.run(&mut sampler, 200.0, 600.0, |_, _| ()).kept / 600.0 / mean / 20.0;
                assert!((0.95..=1.05).contains(&kept), "{keys} keys, ticks of {tick} s, mean {mean}: {kept}");
            }
        }
    }
}

#[test]
fn a_tenfold_step_is_followed_within_the_minute() {
    for tick in [0.0, 0.1, 1.0] {
        for keys in [1, 40, 400, 20_000] {
            let mut traffic = Traffic { tick, ..Traffic::new(keys, 3 + keys as u64) };
            let mut sampler = sampler(20.0);
            traffic.run(&mut sampler, 200.0, 120.0, |_, _| ());
            for rate in [2000.0, 200.0, 2000.0, 200.0] {
                let minute = traffic.run(&mut sampler, rate, 60.0, |_, _| ());
                let kept = minute.expected / 60.0 / 20.0;
                assert!((0.8..=1.2).contains(&kept), "{keys} keys, ticks of {tick} s, to {rate}: {kept}");
            }
        }
    }
}

#[test]
fn a_trace_in_two_seconds_is_as_good_a_target_as_twenty() {
    let volumes: [(f64, Volume); 3] = [(1.0, |_| 1.0), (9.1, spans), (12_400.0, bytes)];
    const RUNS: u64 = 8;
    for per_second in [0.5, 2.0] {
        for (mean, volume) in volumes {
            for keys in [1, 40] {
                // Ten minutes from the first trace on, then a minute each at ten times as much, as before, at no more
                // than the target, as before.
                let steps = [(10.0, 600.0), (100.0, 60.0), (10.0, 60.0), (1.0, 60.0), (10.0, 60.0)];
                let mut kept = [0.0; 5];
                for seed in 0..RUNS {
                    let mut traffic = Traffic { tick: 0.1, volume, ..Traffic::new(keys, 1000 * seed + 7) };
                    let mut sampler = sampler(per_second * mean);
                    for ((times, seconds), kept) in steps.iter().zip(&mut kept) {
                        let step = traffic.run(&mut sampler, per_second * times, *seconds, |_, _| ());
                        *kept += step.expected / (per_second * mean * seconds).min(step.volume) / RUNS as f64;
                    }
                }
                let told = format!("{per_second} a second of {mean}, {keys} keys: {kept:?}");
                assert!((0.95..=1.05).contains(&kept[0]), "{told}");
                // Thirty traces come in the minute after the fall to one in two seconds: some pass before it shows.
                let few = if per_second < 1.0 { 0.6 } else { 0.8 };
                assert!((few..=1.2).contains(&kept[3]), "{told}");
                assert!([1, 2, 4].iter().all(|at| (0.8..=1.2).contains(&kept[*at])), "{told}");
            }
        }
    }
}

#[test]
fn traffic_below_the_target_is_kept_whole_and_saves_nothing_up() {
    let mut traffic = Traffic::new(40, 5);
    let mut sampler = sampler(20.0);
    traffic.run(&mut sampler, 5.0, 300.0, |_, chosen| assert!(chosen.probability > 0.99, "{chosen:?}"));
    let minute = traffic.run(&mut sampler, 50.0, 60.0, |_, _| ());
    let kept = minute.expected / 60.0 / 20.0;
    assert!((0.8..=1.2).contains(&kept), "{kept}");
}

#[test]
fn a_start_under_full_traffic_is_no_flood() {
    let mut traffic = Traffic { tick: 1.0, ..Traffic::new(40, 5) };
    let first = traffic.run(&mut sampler(20.0), 5000.0, 1.0, |_, _| ());
    assert!(first.expected < 200.0, "{first:?}");
    let minute = traffic.run(&mut sampler(20.0), 5000.0, 60.0, |_, _| ());
    assert!((0.8..=1.2).contains(&(minute.expected / 1200.0)), "{minute:?}");
}

#[test]
fn no_key_is_starved_and_all_are_seen() {
    let mut traffic = Traffic::new(400, 11);
    let mut sampler = sampler(20.0);
    let mut seen = vec![(0.0, 0.0); 400];
    traffic.run(&mut sampler, 200.0, 600.0, |trace, chosen| {
        assert!(chosen.probability > 0.0 && chosen.by_key > 0.0);
        seen[trace.key as usize].0 += 1.0;
        seen[trace.key as usize].1 += chosen.probability;
    });
    for (key, (count, kept)) in seen.iter().enumerate().filter(|(_, (count, _))| *count > 0.0) {
        assert!(*kept > 1.0, "key {key}: {kept} of {count}");
    }
    assert!(seen[0].1 / seen[0].0 < seen[399].1 / seen[399].0);
}

#[test]
fn late_spans_count() {
    let mut traffic = Traffic::new(40, 13);
    let mut sampler = sampler(20.0);
    // Every kept trace brings as much again after its decision.
    let mut total = 0.0;
    for _ in 0..600 {
        let mut late = Vec::new();
        total += traffic.run(&mut sampler, 200.0, 1.0, |_, chosen| late.push(chosen.probability)).expected;
        let now = (traffic.at * 1e9) as u64;
        late.into_iter().for_each(|probability| sampler.late(now, 0.5, probability));
    }
    assert!((0.95..=1.05).contains(&(total * 1.5 / 600.0 / 20.0)), "{total}");
}

#[test]
fn a_restored_sampler_goes_on_as_if_nothing_had_been() {
    let mut traffic = Traffic::new(40, 17);
    let mut one = sampler(20.0);
    traffic.run(&mut one, 200.0, 100.0, |_, _| ());
    let mut other = sampler(20.0);
    other.load(&one.save()).unwrap();
    traffic.at += 7200.0;
    let first = traffic.run(&mut other, 200.0, 1.0, |_, _| ());
    assert!(first.expected < 30.0, "{first:?}");
    let minute = traffic.run(&mut other, 200.0, 60.0, |_, _| ());
    assert!((0.95..=1.05).contains(&(minute.expected / 1200.0)), "{minute:?}");
    assert!(sampler(1.0).load(b"{}").is_err());
    assert!(sampler(1.0).load(b"\xff").is_err());
}

#[test]
fn an_outage_saves_nothing_up() {
    let mut traffic = Traffic::new(40, 19);
    let mut sampler = sampler(20.0);
    traffic.run(&mut sampler, 2000.0, 60.0, |_, _| ());
    traffic.at += 3600.0;
    let minute = traffic.run(&mut sampler, 2000.0, 60.0, |_, _| ());
    assert!((0.8..=1.2).contains(&(minute.expected / 1200.0)), "{minute:?}");
}

#[test]
fn nothing_but_free_traces_meet_the_target_too() {
    let mut sampler = sampler(10.0);
    let mut kept = 0.0;
    for n in 0..60_000u64 {
        kept += sampler.choose(n * 10_000_000, Seen { key: n % 7, cost: 0.0, volume: 1.0 }).probability;
    }
    assert!((0.95..=1.05).contains(&(kept / 6000.0)), "{kept}");
}
