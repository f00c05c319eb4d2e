//! What policies carry from trace to trace. It lives in the engine, not in the plan, so that it outlives a reload: a
//! policy finds the state of its identity (name, type, key and target) whichever plan it stands in.

use crate::measure::Series;
use hashbrown::HashMap;
use std::any::Any;

/// The state of one policy.
pub trait State: Any + Send {
    /// The state as bytes, to be kept over a restart.
    fn save(&self) -> Vec<u8>;

    /// Takes over what `save` wrote; bytes that it did not write are refused.
    fn load(&mut self, saved: &[u8]) -> Result<(), String>;

    /// What operators should see of it.
    fn series(&self, _out: &mut Vec<Series>) {}
}

/// A policy's place for state, as the plan declares it.
pub struct Slot {
    pub identity: String,
    pub make: Box<dyn Fn() -> Box<dyn State> + Send + Sync>,
}

/// The states of all policies of an engine.
#[derive(Default)]
pub struct States {
    live: HashMap<String, Box<dyn State>>,
    /// Of a former run, until the policy asks for it.
    saved: HashMap<String, Vec<u8>>,
}

impl States {
    fn get(&mut self, slot: &Slot) -> &mut dyn State {
        if !self.live.contains_key(&slot.identity) {
            let mut state = (slot.make)();
            if let Some(saved) = self.saved.remove(&slot.identity)
                && state.load(&saved).is_err()
            {
                // Of another version; the policy begins anew.
                state = (slot.make)();
            }
            self.live.insert(slot.identity.clone(), state);
        }
        &mut **self.live.get_mut(&slot.identity).expect("inserted above")
    }

    /// Forgets what none of the slots uses.
    pub fn retain(&mut self, slots: &[&[Slot]]) {
        self.live.retain(|identity, _| slots.iter().any(|plan| plan.iter().any(|slot| slot.identity == *identity)));
    }

    /// What operators should see of the states in these slots.
    pub fn series(&self, slots: &[Slot], out: &mut Vec<Series>) {
        slots.iter().filter_map(|slot| self.live.get(&slot.identity)).for_each(|state| state.series(out));
    }

    /// Every state as bytes, by identity.
    pub fn save(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = self.live.iter().map(|(identity, state)| (identity.clone(), state.save())).collect();
        all.sort();
        all
    }

    /// States of a former run. A policy that is at work already keeps what it has.
    pub fn load(&mut self, saved: impl IntoIterator<Item = (String, Vec<u8>)>) {
        self.saved = saved.into_iter().collect();
    }
}

/// When and with what a batch of traces is decided.
pub struct Moment<'m> {
    /// Unix nanoseconds.
    pub now: u64,
    slots: &'m [Slot],
    states: &'m mut States,
}

impl<'m> Moment<'m> {
    pub fn new(now: u64, slots: &'m [Slot], states: &'m mut States) -> Self {
        Self { now, slots, states }
    }

    /// The state in a slot, which `Compiler::state` gave out for the same type.
    pub fn state<S: State>(&mut self, slot: usize) -> &mut S {
        let state: &mut dyn Any = self.states.get(&self.slots[slot]);
        state.downcast_mut().expect("a slot has one type")
    }
}
