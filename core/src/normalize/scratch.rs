//! What one worker reuses from span to span.

use super::provider::HostFacts;
use super::read::Anomalies;
use crate::concept::{Concept, ConceptSet};
use crate::key_order::KeyOrders;
use crate::keys::KeyId;
use hashbrown::HashMap;

/// Results per text, at most `LIMIT` of them; full, it starts anew.
pub struct Cache<T> {
    known: HashMap<Box<str>, T>,
}

const LIMIT: usize = 4096;
const LONGEST: usize = 256;

impl<T: Copy> Cache<T> {
    #[inline]
    pub fn get(&self, text: &str) -> Option<T> {
        self.known.get(text).copied()
    }

    pub fn put(&mut self, text: &str, value: T) {
        if text.len() > LONGEST {
            return;
        }
        if self.known.len() >= LIMIT {
            self.known.clear();
        }
        self.known.insert(text.into(), value);
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { known: HashMap::new() }
    }
}

/// Buffers and caches of one thread or shard. Bound to one plan: make a new one when the plan is replaced.
pub struct Scratch {
    pub orders: KeyOrders,
    /// What was wrong with values so far.
    pub anomalies: Anomalies,
    /// Attributes that some rule asks for.
    pub(super) hits: Vec<(u32, KeyId)>,
    /// Attributes with paths to follow: index, blob.
    pub(super) blobs: Vec<(u32, u16)>,
    pub(super) ranks: [u16; Concept::COUNT],
    /// Where canonical and legacy attributes stand.
    pub(super) canonical: Seen,
    pub(super) legacy: Seen,
    pub(super) hosts: Cache<HostFacts>,
    pub(super) models: Cache<Option<u16>>,
}

pub(super) struct Seen {
    pub set: ConceptSet,
    pub at: [u32; Concept::COUNT],
}

impl Seen {
    #[inline]
    pub fn note(&mut self, concept: Concept, at: usize) {
        self.set.insert(concept);
        self.at[concept as usize] = at as u32;
    }
}

impl Scratch {
    pub fn new() -> Self {
        let seen = || Seen { set: ConceptSet::default(), at: [0; Concept::COUNT] };
        Self {
            orders: KeyOrders::new(),
            anomalies: Anomalies::default(),
            hits: Vec::new(),
            blobs: Vec::new(),
            ranks: [0; Concept::COUNT],
            canonical: seen(),
            legacy: seen(),
            hosts: Cache::default(),
            models: Cache::default(),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
