//! Drives the stages: `ingest` takes requests into the buffer, `tick` decides what is due.

pub mod compiled;
mod estimates;
pub mod explain;
pub mod finalize;
pub mod ingest;
mod intake;
mod join;
pub mod logs;
mod pricing;
mod quality;
mod refusal;
mod settle;
mod steps;
mod summary;
mod taken;
#[cfg(test)]
mod tests;
pub mod tick;
mod trace_record;
#[cfg(test)]
mod trips;
mod witness;

use crate::buffer::shard::Shard;
use crate::buffer::verdicts::Verdicts;
use crate::calls::{Loss, RecentCalls};
use crate::error::{CoreError, Result};
use crate::measure::{Measure, Series};
use crate::sample::state::{self, States};
use compiled::{Compiled, Plan};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Decode, normalize, price, buffer, de-duplicate, measure and sample. Shared between threads.
pub struct Engine {
    plan: RwLock<Arc<Compiled>>,
    /// How many plans there were.
    plans: AtomicU32,
    shards: Vec<Mutex<Shard>>,
    recent: RecentCalls,
    measure: Measure,
    /// Heap bytes that buffered traces hold.
    buffered: AtomicU64,
    /// Heap bytes of the resources and scopes that they share.
    held: Arc<AtomicU64>,
    /// Heap bytes of what log records said about spans that are not decided.
    noted: AtomicU64,
    /// Bytes of content that this tick has counted tokens in.
    estimated: AtomicU64,
    /// Size of the largest request refused since ticks last made room, at least 1 until they are done with it.
    refused: AtomicU64,
    /// The latest time that a caller gave, Unix nanoseconds.
    clock: AtomicU64,
    /// Held by a tick from end to end, so that there is one at a time.
    deciding: Mutex<()>,
    /// What policies carry from trace to trace. Held no longer than they vote: whoever asks for metrics waits meanwhile.
    states: Mutex<States>,
    /// Empty buffers that the last tick filled and the next one fills again: at most the bytes of two payloads.
    spare: Mutex<Vec<Vec<u8>>>,
    #[cfg(test)]
    trips: trips::Trips,
}

impl Engine {
    pub fn new(plan: &[u8]) -> Result<Self> {
        let held = Arc::default();
        Self::with_plan(Arc::new(Compiled::new(Plan::parse(plan)?, 0, &held)?), held)
    }

    fn with_plan(plan: Arc<Compiled>, held: Arc<AtomicU64>) -> Result<Self> {
        let measure = Measure::new(&plan.measure)?;
        let shards = plan.limits.shards.max(1);
        let (kept, dropped) = plan.cache_sizes(shards);
        Ok(Self {
            shards: (0..shards).map(|_| Mutex::new(Shard::new(Verdicts::new(kept, dropped)))).collect(),
            plan: RwLock::new(plan),
            plans: AtomicU32::new(1),
            recent: RecentCalls::new(),
            measure,
            buffered: AtomicU64::new(0),
            held,
            noted: AtomicU64::new(0),
            estimated: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            deciding: Mutex::default(),
            states: Mutex::default(),
            spare: Mutex::default(),
            #[cfg(test)]
            trips: trips::Trips::default(),
        })
    }

    /// Swaps the plan. Traces in flight end under the plan they began with.
    pub fn replace_plan(&self, plan: &[u8]) -> Result<()> {
        let generation = self.plans.fetch_add(1, Ordering::Relaxed);
        let compiled = Arc::new(Compiled::new(Plan::parse(plan)?, generation, &self.held)?);
        self.measure.reconfigure(&compiled.measure)?;
        for earlier in &self.plan().policies.watches {
            compiled.policies.watches.iter().for_each(|watch| watch.adopt(earlier));
        }
        let (kept, dropped) = compiled.cache_sizes(self.shards.len());
        self.shards.iter().for_each(|shard| lock(shard).verdicts.resize(kept, dropped));
        let old = std::mem::replace(&mut *self.plan.write().unwrap_or_else(PoisonError::into_inner), compiled.clone());
        self.measure.condition_errors(old.policies.conditions.failures());
        // Traces in flight still vote under the old plan.
        self.states().retain(&[&compiled.policies.slots, &old.policies.slots]);
        Ok(())
    }

    pub fn plan(&self) -> Arc<Compiled> {
        self.plan.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// States of the policies by identity, for a later run (`load_states`).
    pub fn save_states(&self) -> Vec<(String, Vec<u8>)> {
        self.states().save()
    }

    /// Takes over the states of a former run, before any trace is decided.
    pub fn load_states(&self, saved: Vec<(String, Vec<u8>)>) {
        self.states().load(saved);
    }

    /// The states as bytes.
    pub fn state_bytes(&self) -> Vec<u8> {
        state::encode(&self.save_states())
    }

    /// Takes over what `state_bytes` gave in a former run, before any trace is decided. States of policies that are not
    /// there any more are left out, and those that a policy cannot read: it begins anew.
    pub fn load_state_bytes(&self, bytes: &[u8]) -> Result<()> {
        let states = state::decode(bytes).map_err(|message| CoreError::Decode { message, offset: 0 })?;
        self.load_states(states);
        Ok(())
    }

    fn states(&self) -> MutexGuard<'_, States> {
        lock(&self.states)
    }

    pub fn measure(&self) -> &Measure {
        &self.measure
    }

    /// Every metric series, as of the latest time that a caller gave.
    pub fn series(&self) -> Vec<Series> {
        self.measure.buffer(self.buffered_bytes(), self.buffered_traces() as u64);
        self.measure.log_facts(self.noted.load(Ordering::Relaxed));
        let plan = self.plan();
        self.measure.condition_errors(plan.policies.conditions.failures());
        let mut series = self.measure.snapshot(self.clock.load(Ordering::Relaxed));
        for (loss, count) in self.recent.losses() {
            let (name, by) = match loss {
                Loss::Forgotten(memory) => ("enricher_calls_forgotten_total", memory),
                Loss::NotCompared(bound) => ("enricher_reports_not_compared_total", bound),
            };
            series.push(Series::number(name, [by], count as f64));
        }
        self.states().series(&plan.policies.slots, &mut series);
        plan.policies.watches.iter().for_each(|watch| watch.series(&mut series));
        series
    }

    /// Totals since the start, as JSON (design §11).
    pub fn summary(&self) -> String {
        self.measure.summary()
    }

    pub fn buffered_bytes(&self) -> u64 {
        self.buffered.load(Ordering::Relaxed) + self.held.load(Ordering::Relaxed)
    }

    pub fn buffered_traces(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).traces.len()).sum()
    }

    /// When the next trace is due, Unix nanoseconds; `None` when nothing is buffered.
    pub fn next_due(&self) -> Option<u64> {
        self.shards.iter().filter_map(|shard| lock(shard).next_due()).min()
    }

    /// Trace ids are random in their low bits by W3C's advice; ids that are not share a shard, which only costs speed.
    fn shard_of(&self, trace: u128) -> usize {
        let mixed = (trace as u64 ^ (trace >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize % self.shards.len()
    }
}

/// What lies behind these locks is consistent between any two statements that can panic, so a poisoned one is taken as it
/// is.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
