//! Resources and scopes, stored once however many spans share them.

use crate::engine::compiled::Compiled;
use crate::error::{CoreError, Result};
use crate::normalize::{ResourceFacts, ScopeFacts};
use crate::sample::conditions::Bits;
use crate::wire::reader::{BYTES, Reader};
use crate::wire::span::{Attr, fields};
use crate::wire::valid;
use crate::wire::value::key_value;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A resource's fields as received (without its spans) and what they say.
pub struct Resource {
    pub head: Box<[u8]>,
    pub facts: ResourceFacts,
    /// Hash of `service.name` and `service.instance.id`.
    pub instance: u64,
    /// Policy conditions that hold on the resource.
    pub bits: Bits,
    /// Why spans under it are refused.
    pub fault: Option<CoreError>,
    _held: Held,
}

/// A scope's fields as received (without its spans) and what they say.
pub struct Scope {
    pub head: Box<[u8]>,
    pub facts: ScopeFacts,
    /// Hash of the scope's name: reports of one scope are never merged with each other.
    pub name_hash: u64,
    /// Why spans under it are refused.
    pub fault: Option<CoreError>,
    _held: Held,
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

/// Heap bytes of one interned object, counted as long as it lives.
pub struct Held {
    bytes: u64,
    total: Arc<AtomicU64>,
}

impl Held {
    fn new(head: &[u8], total: &Arc<AtomicU64>) -> Self {
        // What is read from the head takes at most about as much again.
        let bytes = 2 * head.len() as u64 + OBJECT_BYTES;
        total.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, total: total.clone() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The object itself and its place in the table.
const OBJECT_BYTES: u64 = 512;

/// Shares equal objects. Those nobody holds any more are dropped when the table has doubled since the last sweep.
pub struct Interner<T> {
    hasher: foldhash::fast::RandomState,
    table: Mutex<Table<T>>,
    held: Arc<AtomicU64>,
}

struct Table<T> {
    entries: HashTable<Arc<T>>,
    bytes: usize,
    /// Bytes of heads at which the next sweep is due.
    sweep_at: usize,
}

impl<T: Interned> Table<T> {
    fn sweep(&mut self) {
        let mut bytes = 0;
        self.entries.retain(|entry| {
            let keep = Arc::strong_count(entry) > 1;
            bytes += if keep { entry.head().len() + OBJECT_BYTES as usize } else { 0 };
            keep
        });
        self.bytes = bytes;
        self.sweep_at = (bytes * 2).max(FIRST_SWEEP);
    }
}

const FIRST_SWEEP: usize = 1 << 20;

impl<T: Interned> Interner<T> {
    /// `held`: where the bytes of everything interned are counted.
    pub fn new(held: &Arc<AtomicU64>) -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            table: Mutex::new(Table { entries: HashTable::new(), bytes: 0, sweep_at: FIRST_SWEEP }),
            held: held.clone(),
        }
    }

    /// The shared object of these bytes, made when there is none yet.
    pub fn try_get(&self, head: &[u8], make: impl FnOnce(Held) -> Result<T>) -> Result<Arc<T>> {
        let hash = self.hash(head);
        let mut table = self.table();
        if let Some(found) = table.entries.find(hash, |entry| entry.head() == head) {
            return Ok(found.clone());
        }
        if table.bytes >= table.sweep_at {
            table.sweep();
        }
        let entry = Arc::new(make(Held::new(head, &self.held))?);
        table.bytes += head.len() + OBJECT_BYTES as usize;
        table.entries.insert_unique(hash, entry.clone(), |entry| self.hash(entry.head()));
        Ok(entry)
    }

    /// Drops what nobody holds any more.
    pub fn sweep(&self) {
        self.table().sweep();
    }

    fn table(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, head: &[u8]) -> u64 {
        self.hasher.hash_one(Bytes(head))
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
        plan.resources.try_get(head, |held| {
            let fault = valid::bad_span(valid::resource_head(head, plan.limits.depth))?;
            let mut attrs = Vec::new();
            for resource in fields(head, 1) {
                for attribute in fields(resource?, 1) {
                    let (key, value) = key_value(attribute?)?;
                    attrs.push(Attr { key, value, id: plan.keys.lookup(key), known: false });
                }
            }
            if fault.is_some() {
                attrs.clear();
            }
            let mut bits = Bits::default();
            plan.policies.conditions.observe(&attrs, None, &mut bits);
            let pairs: Vec<_> = attrs.iter().map(|attr| (attr.key, attr.value)).collect();
            let facts = plan.normalizer.resource(&pairs);
            let names = (&facts.service_name, &facts.service_instance_id);
            let instance = foldhash::fast::FixedState::default().hash_one(names);
            Ok(Resource { head: head.into(), facts, instance, bits, fault, _held: held })
        })
    }
}

impl Scope {
    /// The shared scope of an encoded `ScopeSpans` without its spans.
    pub fn interned(head: &[u8], plan: &Compiled) -> Result<Arc<Scope>> {
        plan.scopes.try_get(head, |held| {
            let fault = valid::bad_span(valid::scope_head(head, plan.limits.depth))?;
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
                fault,
                _held: held,
            })
        })
    }
}
