//! Which span counts the call with a response id: bounded, and small where it is looked at most. Nearly every id is new, so
//! what decides is how much memory that is in no cache one question touches.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Response ids remembered by one [`Ids`].
pub const CAPACITY: usize = 8192;

/// Ids of one generation.
const GENERATION: usize = CAPACITY / 2;
/// Places of its index: half full at most.
const PLACES: usize = GENERATION * 2;
/// A place holds the number of an entry plus one in its low bits, 0 when it is free, and bits of the id above.
const NUMBER: u32 = (PLACES - 1) as u32;

const _: () = assert!(PLACES.is_power_of_two() && GENERATION < PLACES - 1);

/// Values by hash of a response id, in two generations: the older one goes as a whole when the newer one is full or old.
pub struct Ids<T> {
    newer: Generation<T>,
    older: Generation<T>,
    /// When the newer generation began, Unix nanoseconds.
    since: u64,
    memory_ns: u64,
    /// Ids forgotten before their time because both generations were full.
    pub forgotten: u64,
}

struct Generation<T> {
    /// Written under the lock of the whole only; `Places` reads it without.
    index: Index,
    entries: Vec<Entry<T>>,
}

/// Made when there is something to find.
type Index = Arc<OnceLock<Box<[AtomicU32]>>>;

/// One line of memory, not parts of two.
#[repr(align(64))]
struct Entry<T> {
    id: u64,
    value: T,
}

/// The index of an [`Ids`], to be looked at without its lock.
pub struct Places([Index; 2]);

impl Places {
    /// Brings what the question for an id looks at first into the cache. Several in a row wait for memory together, where
    /// the locks between the questions themselves make each wait alone.
    #[inline]
    pub fn touch(&self, id: u64) -> u32 {
        self.0.iter().filter_map(|index| index.get()).fold(0, |sum, index| sum ^ index[home(id)].load(Relaxed))
    }
}

impl<T> Generation<T> {
    fn new() -> Self {
        Self { index: Index::default(), entries: Vec::new() }
    }

    /// The entry of an id, or the place it would be found at.
    #[inline]
    fn find(&self, id: u64) -> Result<usize, usize> {
        let (mut place, tag) = (home(id), tag(id));
        let Some(index) = self.index.get() else { return Err(place) };
        loop {
            match index[place].load(Relaxed) {
                0 => return Err(place),
                held if held & !NUMBER == tag => {
                    let number = (held & NUMBER) as usize - 1;
                    if self.entries[number].id == id {
                        return Ok(number);
                    }
                }
                _ => {}
            }
            place = (place + 1) % PLACES;
        }
    }

    fn insert(&mut self, id: u64, value: T) {
        match self.find(id) {
            Ok(number) => self.entries[number].value = value,
            Err(place) => {
                self.entries.push(Entry { id, value });
                let index = self.index.get_or_init(|| (0..PLACES).map(|_| AtomicU32::new(0)).collect());
                index[place].store(tag(id) | self.entries.len() as u32, Relaxed);
            }
        }
    }

    fn clear(&mut self) {
        self.index.get().into_iter().flatten().for_each(|place| place.store(0, Relaxed));
        self.entries.clear();
    }
}

/// Ids are hashes, but what they were sharded by must not decide the place as well.
#[inline]
fn mixed(id: u64) -> u64 {
    (id ^ id >> 32).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

#[inline]
fn home(id: u64) -> usize {
    (mixed(id) >> 40) as usize % PLACES
}

#[inline]
fn tag(id: u64) -> u32 {
    mixed(id) as u32 & !NUMBER
}

impl<T> Ids<T> {
    /// Values are remembered for `memory_ns` nanoseconds at most.
    pub fn new(memory_ns: u64) -> Self {
        Self { newer: Generation::new(), older: Generation::new(), since: 0, memory_ns, forgotten: 0 }
    }

    pub fn places(&self) -> Places {
        Places([self.newer.index.clone(), self.older.index.clone()])
    }

    pub fn get(&self, id: u64) -> Option<&T> {
        let generation = [&self.newer, &self.older];
        generation.into_iter().find_map(|generation| Some(&generation.entries[generation.find(id).ok()?].value))
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let generations = [&mut self.newer, &mut self.older];
        generations.into_iter().find_map(|generation| {
            let number = generation.find(id).ok()?;
            Some(&mut generation.entries[number].value)
        })
    }

    /// Remembers a value at `now`, Unix nanoseconds.
    pub fn insert(&mut self, id: u64, value: T, now: u64) {
        let age = now.saturating_sub(self.since);
        if self.newer.entries.len() >= GENERATION || age > self.memory_ns / 2 {
            std::mem::swap(&mut self.newer, &mut self.older);
            if age <= self.memory_ns / 2 {
                self.forgotten += self.newer.entries.len() as u64;
            }
            self.newer.clear();
            if age > self.memory_ns {
                self.older.clear();
            }
            self.since = now;
        }
        self.newer.insert(id, value);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.newer.entries.len() + self.older.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_latest_are_found_and_the_oldest_are_gone() {
        let mut ids = Ids::new(u64::MAX);
        let mut known = HashMap::new();
        for step in 0..5 * CAPACITY as u64 {
            let id = foldhash_of(step % 30_000);
            assert_eq!(ids.get(id).is_some(), ids.get_mut(id).is_some());
            ids.insert(id, step, step);
            known.insert(id, step);
            assert_eq!(ids.get(id), Some(&step));
            let recent = foldhash_of((step - step.min(1000)) % 30_000);
            assert_eq!(ids.get(recent), known.get(&recent), "a thousand steps back");
            assert!(ids.len() <= CAPACITY);
        }
        assert_eq!(ids.get(foldhash_of(20_000)), None, "twenty thousand steps back");
    }

    #[test]
    fn ids_that_differ_in_few_bits_are_told_apart() {
        let mut ids = Ids::new(u64::MAX);
        for bit in 0..64 {
            ids.insert(1 << bit, bit, 0);
        }
        for bit in 0..64 {
            assert_eq!(ids.get(1 << bit), Some(&bit));
        }
        assert_eq!(ids.get(3), None);
    }

    fn foldhash_of(step: u64) -> u64 {
        use std::hash::BuildHasher;
        foldhash::fast::FixedState::default().hash_one(step)
    }
}
