//! Resources and scopes, stored once however many spans share them.

use crate::engine::compiled::Compiled;
use crate::error::Result;
use crate::normalize::{ResourceFacts, ScopeFacts};
use crate::sample::conditions::Bits;
use crate::wire::reader::{BYTES, Reader};
use crate::wire::span::{Attr, fields};
use crate::wire::value::key_value;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex};

/// A resource's fields as received (without its spans) and what they say.
pub struct Resource {
    pub head: Box<[u8]>,
    pub facts: ResourceFacts,
    /// Hash of `service.name` and `service.instance.id`.
    pub instance: u64,
    /// Policy conditions that hold on the resource.
    pub bits: Bits,
}

/// A scope's fields as received (without its spans) and what they say.
pub struct Scope {
    pub head: Box<[u8]>,
    pub facts: ScopeFacts,
    /// Hash of the scope's name: reports of one scope are never merged with each other.
    pub name_hash: u64,
}

/// Anything interned by its encoded bytes.
pub trait Interned {
    fn head(&self) -> &[u8];
}

impl Interned for Resource {
    fn head(&self) -> &[u8] {
        &self.head
    }
}

impl Interned for Scope {
    fn head(&self) -> &[u8] {
        &self.head
    }
}

/// Shares equal objects. Entries nobody holds any more are dropped when the table has doubled since the last sweep.
pub struct Interner<T> {
    hasher: foldhash::fast::RandomState,
    table: Mutex<Table<T>>,
}

struct Table<T> {
    entries: HashTable<Arc<T>>,
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1024;

impl<T: Interned> Interner<T> {
    pub fn new() -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            table: Mutex::new(Table { entries: HashTable::new(), sweep_at: FIRST_SWEEP }),
        }
    }

    /// The shared object of these bytes, made when there is none yet.
    pub fn try_get(&self, head: &[u8], make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let hash = self.hash(head);
        let mut table = self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(found) = table.entries.find(hash, |entry| entry.head() == head) {
            return Ok(found.clone());
        }
        if table.entries.len() >= table.sweep_at {
            table.entries.retain(|entry| Arc::strong_count(entry) > 1);
            table.sweep_at = (table.entries.len() * 2).max(FIRST_SWEEP);
        }
        let entry = Arc::new(make()?);
        table.entries.insert_unique(hash, entry.clone(), |entry| self.hash(entry.head()));
        Ok(entry)
    }

    fn hash(&self, head: &[u8]) -> u64 {
        self.hasher.hash_one(Bytes(head))
    }
}

impl<T: Interned> Default for Interner<T> {
    fn default() -> Self {
        Self::new()
    }
}

struct Bytes<'a>(&'a [u8]);

impl Hash for Bytes<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

impl Resource {
    /// `service.name`, "" when it has none.
    pub fn service(&self) -> &str {
        self.facts.service_name.as_deref().unwrap_or("")
    }

    /// The shared resource of an encoded `ResourceSpans` without its spans.
    pub fn interned(head: &[u8], plan: &Compiled) -> Result<Arc<Resource>> {
        plan.resources.try_get(head, || {
            let mut attrs = Vec::new();
            for resource in fields(head, 1) {
                for attribute in fields(resource?, 1) {
                    let (key, value) = key_value(attribute?)?;
                    attrs.push(Attr { key, value, id: plan.keys.lookup(key) });
                }
            }
            let mut bits = Bits::default();
            plan.policies.conditions.observe(&attrs, &mut bits);
            let pairs: Vec<_> = attrs.iter().map(|attr| (attr.key, attr.value)).collect();
            let facts = plan.normalizer.resource(&pairs);
            let names = (&facts.service_name, &facts.service_instance_id);
            let instance = foldhash::fast::FixedState::default().hash_one(names);
            Ok(Resource { head: head.into(), facts, instance, bits })
        })
    }
}

impl Scope {
    /// The shared scope of an encoded `ScopeSpans` without its spans.
    pub fn interned(head: &[u8], plan: &Compiled) -> Result<Arc<Scope>> {
        plan.scopes.try_get(head, || {
            let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
            for scope in fields(head, 1) {
                let mut reader = Reader::new(scope?);
                while !reader.at_end() {
                    match reader.tag()? {
                        (1, BYTES) => name = reader.bytes()?,
                        (2, BYTES) => version = reader.bytes()?,
                        (_, wire) => reader.skip(wire)?,
                    }
                }
            }
            Ok(Scope {
                head: head.into(),
                facts: plan.normalizer.scope(name, version),
                name_hash: foldhash::fast::FixedState::default().hash_one(name),
            })
        })
    }
}
