//! What policies carry from trace to trace. It lives in the engine, not in the plan, so that it outlives a reload: a
//! policy finds the state of its identity (name, type, key and target) whichever plan it stands in.

use super::policies::part::Heard;
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

/// What begins a file of states.
const MAGIC: &[u8] = b"enricher states 1\n";

/// States as one run of bytes.
pub fn encode(states: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (identity, state) in states {
        for part in [identity.as_bytes(), state] {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    out
}

/// The states in bytes that `encode` wrote.
pub fn decode(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or("not a file of sampling states, or one of another version")?;
    let mut states = Vec::new();
    while !rest.is_empty() {
        let identity = part(&mut rest).and_then(|part| String::from_utf8(part.to_vec()).ok());
        let state = part(&mut rest).map(<[u8]>::to_vec);
        states.push(identity.zip(state).ok_or("cut off")?);
    }
    Ok(states)
}

fn part<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (part, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(part)
}

/// When and with what a batch of traces is decided.
pub struct Moment<'m> {
    /// Unix nanoseconds.
    pub now: u64,
    slots: &'m [Slot],
    states: &'m mut States,
    /// For `explain`: notes what each policy and part says.
    pub heard: Option<Heard>,
}

impl<'m> Moment<'m> {
    pub fn new(now: u64, slots: &'m [Slot], states: &'m mut States) -> Self {
        Self { now, slots, states, heard: None }
    }

    /// The state in a slot, which `Compiler::state` gave out for the same type.
    pub fn state<S: State>(&mut self, slot: usize) -> &mut S {
        let state: &mut dyn Any = self.states.get(&self.slots[slot]);
        state.downcast_mut().expect("a slot has one type")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_from_their_bytes_and_junk_is_refused() {
        let states = vec![("a b".to_owned(), vec![1, 2, 3]), (String::new(), Vec::new())];
        let bytes = encode(&states);
        assert_eq!(decode(&bytes).unwrap(), states);
        assert_eq!(decode(&encode(&[])).unwrap(), []);
        for cut in MAGIC.len() + 1..bytes.len() {
            // What is cut between two states is a file of fewer states.
            assert!(decode(&bytes[..cut]).is_ok_and(|states| states.len() == 1) || decode(&bytes[..cut]).is_err());
        }
        assert!(decode(b"").is_err() && decode(b"{}").is_err());
        assert!(decode(&[MAGIC, &[0xff; 8]].concat()).is_err());
    }
}
