//! Loops and bursts of spend, seen from the spans as they arrive: while a trace is open, and after its decision as well.

use super::key::Hash;
use super::own_plan::{Per, RunawayPlan};
use crate::measure::Series;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one span says that a loop or a burst would show in. Hashes of absent texts are 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    pub trace: u128,
    pub session: u64,
    pub agent: u64,
    pub tenant: u64,
    /// Of a tool's name and arguments, when the span runs one.
    pub tool: u64,
    /// The span reports a model call.
    pub call: bool,
    /// Of the answer's id.
    pub response: u64,
    /// What the call costs, pico-dollars.
    pub pico: i128,
}

/// The hash of a text that stands for itself; 0 for "".
pub fn hash(text: &str) -> u64 {
    let mut hash = Hash::default();
    hash.text(text);
    if text.is_empty() { 0 } else { hash.done() | 1 }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Loop,
    Calls,
    Spend,
}

const KINDS: [(Kind, &str); 3] = [(Kind::Loop, "loop"), (Kind::Calls, "calls"), (Kind::Spend, "spend")];

/// Tools with their arguments that are counted of one trace or session; those that repeat come back.
const TOOLS: usize = 64;

/// Answers that are remembered, so that a call which two libraries report costs once.
const RESPONSES: usize = 16;

/// A count within a sliding window, from those of two fixed ones.
#[derive(Clone, Copy, Debug, Default)]
struct Sliding {
    before: f64,
    now: f64,
}

impl Sliding {
    fn value(self, passed: f64) -> f64 {
        self.now + self.before * (1.0 - passed)
    }

    fn turn(&mut self, turns: u64) {
        self.before = if turns == 1 { self.now } else { 0.0 };
        self.now = 0.0;
    }
}

/// What was counted within the window, for `explain`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    pub calls: f64,
    pub usd: f64,
    /// The tool and arguments that came most often: `Step::tool`, and how often.
    pub repeated: Option<(u64, f64)>,
}

/// What is followed of one trace, session, agent or tenant.
#[derive(Debug, Default)]
struct Burn {
    /// Number of the fixed window.
    window: u64,
    calls: Sliding,
    pico: Sliding,
    tools: HashMap<u64, Sliding>,
    responses: [u64; RESPONSES],
    next_response: usize,
    /// When it was beyond a threshold last; 0 for never.
    beyond: u64,
}

impl Burn {
    fn step(&mut self, step: &Step, plan: &RunawayPlan, now: u64) -> Option<Kind> {
        let window = now / plan.window_ns;
        if window > self.window {
            let turns = window - self.window;
            self.calls.turn(turns);
            self.pico.turn(turns);
            self.tools.retain(|_, count| {
                count.turn(turns);
                count.before > 0.0
            });
            self.window = window;
        }
        let passed = (now % plan.window_ns) as f64 / plan.window_ns as f64;
        let beyond = |limit: Option<f64>, value: f64| limit.is_some_and(|limit| value >= limit);
        if step.tool != 0 && (self.tools.len() < TOOLS || self.tools.contains_key(&step.tool)) {
            let count = self.tools.entry(step.tool).or_default();
            count.now += 1.0;
            if beyond(plan.repeats, count.value(passed)) {
                return Some(Kind::Loop);
            }
        }
        if step.call && self.is_new(step.response) {
            self.calls.now += 1.0;
            self.pico.now += step.pico as f64;
            if beyond(plan.usd, self.pico.value(passed) / 1e12) {
                return Some(Kind::Spend);
            }
            if beyond(plan.calls, self.calls.value(passed)) {
                return Some(Kind::Calls);
            }
        }
        None
    }

    fn counts(&self, plan: &RunawayPlan, now: u64) -> Counts {
        let window = now / plan.window_ns;
        let passed = (now % plan.window_ns) as f64 / plan.window_ns as f64;
        let value = |count: &Sliding| {
            let mut count = *count;
            if window > self.window {
                count.turn(window - self.window);
            }
            count.value(passed)
        };
        let tools = self.tools.iter().map(|(tool, count)| (*tool, value(count))).filter(|(_, count)| *count > 0.0);
        Counts {
            calls: value(&self.calls),
            usd: value(&self.pico) / 1e12,
            repeated: tools.max_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))),
        }
    }

    fn is_new(&mut self, response: u64) -> bool {
        if response == 0 {
            return true;
        }
        if self.responses.contains(&response) {
            return false;
        }
        self.responses[self.next_response] = response;
        self.next_response = (self.next_response + 1) % RESPONSES;
        true
    }
}

#[derive(Debug, Default)]
struct Tracked {
    burns: HashMap<u128, Burn, foldhash::fast::RandomState>,
    detections: [u64; KINDS.len()],
    crowded_out: u64,
    /// When room was looked for last.
    swept: u64,
    /// The latest time.
    now: u64,
}

/// The watch of one policy. What it has seen can be handed on to the same policy of the next plan.
pub struct Watch {
    pub policy: String,
    plan: RunawayPlan,
    tracked: Mutex<Arc<Mutex<Tracked>>>,
}

impl Watch {
    pub fn new(policy: &str, plan: &RunawayPlan) -> Self {
        Self { policy: policy.to_owned(), plan: plan.clone(), tracked: Mutex::default() }
    }

    /// Takes over what the watch of an earlier plan has seen, if it is the same policy.
    pub fn adopt(&self, earlier: &Watch) {
        if self.policy == earlier.policy && self.plan == earlier.plan {
            *lock(&self.tracked) = lock(&earlier.tracked).clone();
        }
    }

    pub fn prices(&self) -> bool {
        self.plan.usd.is_some()
    }

    pub fn per(&self) -> Per {
        self.plan.per
    }

    /// Spans that came at `now`.
    pub fn observe(&self, steps: &[Step], now: u64) {
        let shared = lock(&self.tracked).clone();
        let mut tracked = lock(&shared);
        tracked.now = tracked.now.max(now);
        for step in steps {
            let key = match self.plan.per {
                Per::Trace => step.trace,
                Per::Session => step.session.into(),
                Per::Agent => step.agent.into(),
                Per::Tenant => step.tenant.into(),
            };
            if key != 0 {
                tracked.step(key, step, &self.plan);
            }
        }
    }

    /// Whether it was beyond a threshold within the window.
    pub fn is_beyond(&self, key: u128, now: u64) -> bool {
        let shared = lock(&self.tracked).clone();
        let tracked = lock(&shared);
        tracked.burns.get(&key).is_some_and(|burn| is_beyond(burn, &self.plan, now))
    }

    /// What it has counted of a key; `None` when it follows no such key.
    pub fn counts(&self, key: u128, now: u64) -> Option<Counts> {
        let shared = lock(&self.tracked).clone();
        let tracked = lock(&shared);
        tracked.burns.get(&key).map(|burn| burn.counts(&self.plan, now))
    }

    pub fn series(&self, out: &mut Vec<Series>) {
        let shared = lock(&self.tracked).clone();
        let tracked = lock(&shared);
        let policy = self.policy.as_str();
        for ((_, name), count) in KINDS.iter().zip(tracked.detections) {
            out.push(Series::number("llm_runaway_detections_total", [policy, name], count as f64));
        }
        let active = tracked.burns.values().filter(|burn| is_beyond(burn, &self.plan, tracked.now)).count();
        out.push(Series::number("llm_runaway_active", [policy], active as f64));
        out.push(Series::number("enricher_sampling_keys", [policy], tracked.burns.len() as f64));
        out.push(Series::number("enricher_sampling_keys_overflow_total", [policy], tracked.crowded_out as f64));
    }
}

fn is_beyond(burn: &Burn, plan: &RunawayPlan, now: u64) -> bool {
    burn.beyond != 0 && now.saturating_sub(burn.beyond) < plan.window_ns
}

impl Tracked {
    fn step(&mut self, key: u128, step: &Step, plan: &RunawayPlan) {
        let now = self.now;
        if self.burns.len() >= plan.max_tracked && !self.burns.contains_key(&key) {
            self.sweep(plan);
            if self.burns.len() >= plan.max_tracked {
                self.crowded_out += 1;
                return;
            }
        }
        let burn = self.burns.entry(key).or_insert_with(|| Burn { window: now / plan.window_ns, ..Burn::default() });
        if let Some(kind) = burn.step(step, plan, now) {
            if !is_beyond(burn, plan, now) {
                self.detections[kind as usize] += 1;
            }
            burn.beyond = now;
        }
    }

    /// Forgets what was silent for two windows, at most sixteen times in one.
    fn sweep(&mut self, plan: &RunawayPlan) {
        if self.now.saturating_sub(self.swept) >= plan.window_ns / 16 {
            self.swept = self.now;
            let current = self.now / plan.window_ns;
            self.burns.retain(|_, burn| burn.window + 2 > current);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    fn watch(per: Per, repeats: Option<f64>, calls: Option<f64>, usd: Option<f64>) -> Watch {
        Watch::new("w", &RunawayPlan { per, window_ns: 10 * MINUTE, repeats, calls, usd, max_tracked: 100 })
    }

    fn detections(watch: &Watch) -> [u64; 3] {
        let shared = lock(&watch.tracked).clone();
        let tracked = lock(&shared);
        tracked.detections
    }

    #[test]
    fn the_same_tool_with_the_same_arguments_over_and_over_is_a_loop() {
        let watch = watch(Per::Trace, Some(5.0), None, None);
        for n in 1..=20u64 {
            let steps =
                [Step { trace: 1, tool: 7, ..Step::default() }, Step { trace: 2, tool: 100 + n, ..Step::default() }];
            watch.observe(&steps, 100 * MINUTE + n);
            assert_eq!(watch.is_beyond(1, 100 * MINUTE + n), n >= 5, "{n}");
            let counts = watch.counts(1, 100 * MINUTE + n).unwrap();
            assert_eq!((counts.repeated, counts.calls), (Some((7, n as f64)), 0.0));
        }
        assert!(!watch.is_beyond(2, 101 * MINUTE), "different arguments are progress");
        assert_eq!(detections(&watch), [1, 0, 0], "one loop is told once");
        assert!(!watch.is_beyond(1, 111 * MINUTE));
        // A tenth of the next window has passed, so that nine tenths of what came before still count.
        assert!((watch.counts(1, 111 * MINUTE).unwrap().repeated.unwrap().1 - 18.0).abs() < 1e-6);
        assert_eq!(watch.counts(1, 130 * MINUTE).unwrap().repeated, None);
        assert_eq!(watch.counts(9, 100 * MINUTE), None);
    }

    #[test]
    fn slow_repetition_is_none() {
        let watch = watch(Per::Trace, Some(5.0), None, None);
        for n in 0..20 {
            watch.observe(&[Step { trace: 1, tool: 7, ..Step::default() }], (100 + 5 * n) * MINUTE);
        }
        assert_eq!(detections(&watch), [0, 0, 0]);
    }

    #[test]
    fn spend_and_calls_of_a_session_add_up_over_its_traces_once_for_each_answer() {
        let watch = watch(Per::Session, None, Some(6.0), Some(1.0));
        let call = |trace, response| Step {
            trace,
            session: 9,
            call: true,
            response,
            pico: 300_000_000_000,
            ..Step::default()
        };
        watch.observe(&[call(1, 1), call(1, 1), call(2, 2), call(3, 3)], 100 * MINUTE);
        assert!(!watch.is_beyond(9, 100 * MINUTE));
        watch.observe(&[call(4, 4)], 101 * MINUTE);
        assert!(watch.is_beyond(9, 101 * MINUTE));
        watch.observe(&[Step { session: 0, ..call(5, 0) }], 101 * MINUTE);
        assert_eq!(detections(&watch), [0, 0, 1]);
    }

    #[test]
    fn what_is_followed_is_bounded_and_outlives_a_plan() {
        let one = watch(Per::Trace, Some(2.0), None, None);
        let steps: Vec<_> = (1..=150).map(|trace| Step { trace, tool: 1, ..Step::default() }).collect();
        one.observe(&steps, 100 * MINUTE);
        let other = watch(Per::Trace, Some(2.0), None, None);
        other.adopt(&one);
        other.observe(&steps, 101 * MINUTE);
        assert_eq!(detections(&other), [100, 0, 0]);
        assert_eq!(lock(&lock(&other.tracked).clone()).crowded_out, 100);
        other.observe(&steps[120..121], 130 * MINUTE);
        assert_eq!(lock(&lock(&other.tracked).clone()).burns.len(), 1, "room is made");
        let another = watch(Per::Trace, Some(3.0), None, None);
        another.adopt(&one);
        assert_eq!(detections(&another), [0, 0, 0], "another policy begins anew");
    }
}
