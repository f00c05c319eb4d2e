//! What was found for names seen lately, by thread, in a table of fixed size: a process sees a handful of names over
//! and over. A stranger who sends ever new names only makes every call as slow as the first of its name.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::finder::LookedUp;

const SLOTS: usize = 512;
/// Names of one slot, "" where there are fewer.
pub const NAMES: usize = 4;
/// Bytes of the names of one slot together.
const TEXT_MAX: usize = 208;

static NEXT_OWNER: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static SLOTS_OF_THREAD: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
struct Slot {
    owner: u64,
    key: u64,
    /// Of the names, which follow each other in `text`.
    lengths: [u8; NAMES],
    text: [u8; TEXT_MAX],
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

    /// What was found for the names before, or what `search` finds now. `key` is a number for what else the answer
    /// depends on; it has values from the plan only.
    #[inline]
    pub fn get(&self, names: [&str; NAMES], key: u64, search: impl FnOnce() -> LookedUp) -> LookedUp {
        if names.iter().map(|name| name.len()).sum::<usize>() > TEXT_MAX {
            return search();
        }
        let at = hash(names, key, self.owner) as usize % SLOTS;
        let known = SLOTS_OF_THREAD.with_borrow(|slots| {
            let slot = slots.get(at)?;
            (slot.owner == self.owner && slot.key == key && slot.holds(names)).then_some(slot.found)
        });
        known.unwrap_or_else(|| {
            // It may ask for names itself.
            let found = search();
            SLOTS_OF_THREAD.with_borrow_mut(|slots| {
                if slots.is_empty() {
                    *slots = vec![Slot::EMPTY; SLOTS];
                }
                slots[at].take(self.owner, key, names, found);
            });
            found
        })
    }
}

impl Slot {
    /// No book is number 0.
    const EMPTY: Slot = Slot {
        owner: 0,
        key: 0,
        lengths: [0; NAMES],
        text: [0; TEXT_MAX],
        found: LookedUp { own: None, book: None, first: None },
    };

    #[inline]
    fn holds(&self, names: [&str; NAMES]) -> bool {
        let mut text = &self.text[..];
        names.iter().zip(self.lengths).all(|(name, length)| {
            let (own, rest) = text.split_at(usize::from(length));
            text = rest;
            own == name.as_bytes()
        })
    }

    fn take(&mut self, owner: u64, key: u64, names: [&str; NAMES], found: LookedUp) {
        let mut at = 0;
        for (name, length) in names.iter().zip(&mut self.lengths) {
            self.text[at..at + name.len()].copy_from_slice(name.as_bytes());
            *length = name.len() as u8;
            at += name.len();
        }
        (self.owner, self.key, self.found) = (owner, key, found);
    }
}

/// Both ends and the middle of each name: names that collide only evict each other.
#[inline]
fn hash(names: [&str; NAMES], key: u64, owner: u64) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = (owner ^ key).wrapping_mul(K);
    for name in names {
        let name = name.as_bytes();
        let word = |at: usize| name[at..].first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        mixed ^= (name.len() as u64) << 52;
        if name.len() >= 8 {
            let ends = word(0) ^ word(name.len() - 8).rotate_left(29);
            mixed = (mixed ^ ends).wrapping_mul(K);
            mixed ^= mixed >> 31;
            mixed = (mixed ^ word(name.len() / 2 - 4)).wrapping_mul(K);
        } else {
            let all = name.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
            mixed = (mixed ^ all).wrapping_mul(K);
        }
        mixed ^= mixed >> 31;
    }
    mixed ^ (mixed >> 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> [&str; NAMES] {
        [name, "", "", ""]
    }

    fn found(model: u32) -> LookedUp {
        LookedUp { own: None, book: Some(model), first: None }
    }

    #[test]
    fn the_second_time_is_not_searched() {
        let recent = Recent::new();
        assert_eq!(recent.get(one("gpt-4o"), 1, || found(7)), found(7));
        assert_eq!(recent.get(one("gpt-4o"), 1, || panic!("searched again")), found(7));
    }

    #[test]
    fn name_key_and_book_all_count() {
        let (first, two) = (Recent::new(), Recent::new());
        first.get(one("gpt-4o"), 1, || found(7));
        assert_eq!(first.get(one("gpt-4o"), 2, || found(8)), found(8));
        assert_eq!(first.get(one("gpt-4"), 1, || found(9)), found(9));
        assert_eq!(two.get(one("gpt-4o"), 1, || found(10)), found(10));
        assert_eq!(first.get(["gpt-", "4o", "", ""], 1, || found(11)), found(11));
    }

    #[test]
    fn a_flood_of_names_stays_right() {
        let recent = Recent::new();
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let name = format!("acme-model-{number}");
                assert_eq!(recent.get(one(&name), 1, || found(number)), found(number), "round {round}");
            }
        }
        let long = "x".repeat(TEXT_MAX + 1);
        assert_eq!(recent.get(one(&long), 1, || found(1)), found(1));
    }
}
