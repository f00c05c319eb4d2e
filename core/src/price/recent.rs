//! What was found for names seen lately, by thread, in a table of fixed size: a process sees a handful of names over
//! and over. A stranger who sends ever new names only makes every call as slow as the first of its name.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::finder::LookedUp;

const SLOTS: usize = 512;
const NAME_MAX: usize = 120;

static NEXT_OWNER: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static SLOTS_OF_THREAD: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
struct Slot {
    owner: u64,
    key: u64,
    length: u8,
    name: [u8; NAME_MAX],
    found: LookedUp,
}

/// The part of the table that belongs to one book. Slots of a book that is gone are overwritten in time.
pub struct Recent {
    owner: u64,
}

impl Recent {
    pub fn new() -> Recent {
        Recent { owner: NEXT_OWNER.fetch_add(1, Ordering::Relaxed) }
    }

    /// What was found for the name before, or what `search` finds now. `key` is a number for what else the answer
    /// depends on; it has values from the plan only.
    #[inline]
    pub fn get(&self, name: &str, key: u64, search: impl FnOnce() -> LookedUp) -> LookedUp {
        let bytes = name.as_bytes();
        if bytes.len() > NAME_MAX {
            return search();
        }
        SLOTS_OF_THREAD.with_borrow_mut(|slots| {
            if slots.is_empty() {
                *slots = vec![Slot::EMPTY; SLOTS];
            }
            let slot = &mut slots[hash(bytes, key, self.owner) as usize % SLOTS];
            let length = bytes.len();
            if slot.owner == self.owner
                && slot.key == key
                && usize::from(slot.length) == length
                && slot.name[..length] == *bytes
            {
                return slot.found;
            }
            let found = search();
            slot.owner = self.owner;
            slot.key = key;
            slot.length = length as u8;
            slot.name[..length].copy_from_slice(bytes);
            slot.found = found;
            found
        })
    }
}

impl Slot {
    /// No book is number 0.
    const EMPTY: Slot = Slot {
        owner: 0,
        key: 0,
        length: 0,
        name: [0; NAME_MAX],
        found: LookedUp { own: None, book: None, first: None },
    };
}

/// Both ends and the middle of the name: two names that collide only evict each other.
#[inline]
fn hash(name: &[u8], key: u64, owner: u64) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |at: usize| name[at..].first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let mut mixed = owner ^ key.wrapping_mul(K) ^ ((name.len() as u64) << 52);
    if name.len() >= 8 {
        for at in [0, name.len() / 2 - 4, name.len() - 8] {
            mixed = (mixed ^ word(at)).wrapping_mul(K);
            mixed ^= mixed >> 31;
        }
    } else {
        for byte in name {
            mixed = (mixed ^ u64::from(*byte)).wrapping_mul(K);
            mixed ^= mixed >> 31;
        }
    }
    mixed ^ (mixed >> 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(model: u32) -> LookedUp {
        LookedUp { own: None, book: Some(model), first: None }
    }

    #[test]
    fn the_second_time_is_not_searched() {
        let recent = Recent::new();
        assert_eq!(recent.get("gpt-4o", 1, || found(7)), found(7));
        assert_eq!(recent.get("gpt-4o", 1, || panic!("searched again")), found(7));
    }

    #[test]
    fn name_key_and_book_all_count() {
        let (one, two) = (Recent::new(), Recent::new());
        one.get("gpt-4o", 1, || found(7));
        assert_eq!(one.get("gpt-4o", 2, || found(8)), found(8));
        assert_eq!(one.get("gpt-4", 1, || found(9)), found(9));
        assert_eq!(two.get("gpt-4o", 1, || found(10)), found(10));
    }

    #[test]
    fn a_flood_of_names_stays_right() {
        let recent = Recent::new();
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let name = format!("acme-model-{number}");
                assert_eq!(recent.get(&name, 1, || found(number)), found(number), "round {round}");
            }
        }
        let long = "x".repeat(NAME_MAX + 1);
        assert_eq!(recent.get(&long, 1, || found(1)), found(1));
    }
}
