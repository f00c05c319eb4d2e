//! One table of every attribute key that any rule asks for: dialect rules, policies and labels share it, so that a key
//! is hashed once however many of them want it.

use hashbrown::HashMap;

/// A key (or pattern) that somebody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u16);

impl KeyId {
    /// No rule asks for this key.
    pub const NONE: Self = Self(u16::MAX);

    #[inline]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }

    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Collects keys while a plan compiles.
#[derive(Default)]
pub struct KeyTableBuilder {
    names: Vec<Box<str>>,
    ids: HashMap<Box<str>, KeyId>,
}

impl KeyTableBuilder {
    /// Registers a key, or a pattern in which `{n}` (or any `{name}`) stands for one dot-free segment and a trailing `*`
    /// for any rest. The same text always gets the same id.
    pub fn add(&mut self, key: &str) -> KeyId {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = KeyId(u16::try_from(self.names.len()).expect("more keys than a plan may have"));
        self.names.push(key.into());
        self.ids.insert(key.into(), id);
        id
    }

    /// How many keys there are; ids run from 0 to here.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn build(self) -> KeyTable {
        let mut patterns: HashMap<u32, Vec<Pattern>> = HashMap::new();
        // A quarter full at most: a miss nearly always ends at the first slot.
        let size = (self.names.len() * 4).next_power_of_two().max(16);
        let mut slots = vec![Slot { hash: 0, id: KeyId::NONE }; size];
        for (index, name) in self.names.iter().enumerate() {
            let id = KeyId(index as u16);
            if name.contains(['{', '*']) {
                let pattern = Pattern::new(name, id);
                patterns.entry(pattern.head()).or_default().push(pattern);
            } else {
                let hash = hash(name.as_bytes());
                let mut at = hash as usize & (size - 1);
                while slots[at].id.is_some() {
                    at = (at + 1) & (size - 1);
                }
                slots[at] = Slot { hash, id };
            }
        }
        let mut heads = [const { Vec::new() }; HEADS];
        for (head, mut bucket) in patterns {
            // The longest literal start is the most specific pattern and must be asked first.
            bucket.sort_by_key(|p| std::cmp::Reverse(p.parts[0].len()));
            heads[place_of(head)].extend(bucket);
        }
        KeyTable { names: self.names, slots, heads }
    }
}

/// Places for patterns, found by the first four bytes.
const HEADS: usize = 64;

fn place_of(head: u32) -> usize {
    (head.wrapping_mul(0x9e37_79b9) >> 26) as usize
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u64,
    id: KeyId,
}

/// Looks keys up. Misses cost about what hits do.
pub struct KeyTable {
    names: Vec<Box<str>>,
    /// Open addressing, a power of two long, never full.
    slots: Vec<Slot>,
    /// By the first four bytes; patterns with a shorter literal start never match, `pattern_is_anchored` tells.
    heads: [Vec<Pattern>; HEADS],
}

impl KeyTable {
    /// The id of a key: an exact one before a pattern, `KeyId::NONE` when neither fits.
    #[inline]
    pub fn lookup(&self, key: &[u8]) -> KeyId {
        let hash = hash(key);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at & mask];
            if !slot.id.is_some() {
                return self.match_pattern(key);
            }
            if slot.hash == hash && self.names[slot.id.index()].as_bytes() == key {
                return slot.id;
            }
            at += 1;
        }
    }

    /// The first pattern that fits, also for keys that are registered exactly.
    pub fn match_pattern(&self, key: &[u8]) -> KeyId {
        let Some(head) = key.first_chunk::<4>() else {
            return KeyId::NONE;
        };
        let bucket = &self.heads[place_of(u32::from_le_bytes(*head))];
        if bucket.is_empty() {
            return KeyId::NONE;
        }
        let start = start_of(key);
        let fits = |p: &&Pattern| start & p.mask == p.start && p.matches(key);
        bucket.iter().find(fits).map_or(KeyId::NONE, |p| p.id)
    }

    /// The text an id was registered with.
    pub fn name(&self, id: KeyId) -> &str {
        &self.names[id.index()]
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// The first 16 bytes of a key, zeros behind a shorter one.
#[inline]
fn start_of(key: &[u8]) -> u128 {
    match key.first_chunk::<16>() {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => {
            let mut chunk = [0; 16];
            chunk[..key.len()].copy_from_slice(key);
            u128::from_le_bytes(chunk)
        }
    }
}

/// Literal parts with one segment between each two; `open` allows any rest after the last.
struct Pattern {
    id: KeyId,
    parts: Vec<Box<[u8]>>,
    open: bool,
    /// The first 16 bytes of the literal start and which of them count: refuses most keys at once.
    start: u128,
    mask: u128,
}

impl Pattern {
    fn new(text: &str, id: KeyId) -> Self {
        let (text, open) = match text.strip_suffix('*') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let mut parts: Vec<Box<[u8]>> = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            parts.push(literal.as_bytes().into());
            rest = tail.split_once('}').map_or("", |(_, after)| after);
        }
        parts.push(rest.as_bytes().into());
        let literal: &[u8] = &parts[0];
        let literal = &literal[..literal.len().min(16)];
        let mask = start_of(&vec![0xff; literal.len()]);
        Self { id, start: start_of(literal), mask, parts, open }
    }

    fn head(&self) -> u32 {
        self.parts[0].first_chunk::<4>().map_or(0, |head| u32::from_le_bytes(*head))
    }

    fn matches(&self, key: &[u8]) -> bool {
        let Some(mut rest) = key.strip_prefix(&*self.parts[0]) else {
            return false;
        };
        for part in &self.parts[1..] {
            let end = memchr::memchr(b'.', rest).unwrap_or(rest.len());
            if end == 0 {
                return false;
            }
            match rest[end..].strip_prefix(&**part) {
                Some(tail) => rest = tail,
                None => return false,
            }
        }
        if self.open { !rest.is_empty() } else { rest.is_empty() }
    }
}

/// A pattern the table can hold starts with at least four literal bytes; others would be asked for every key.
pub fn pattern_is_anchored(text: &str) -> bool {
    let literal = text.find(['{', '*']).unwrap_or(text.len());
    literal >= 4 || !text.contains(['{', '*'])
}

/// Mixes length, both ends and the middle. A stranger's keys cannot degrade the table: only the plan's are stored.
#[inline]
fn hash(key: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let len = key.len();
    let mut h = (len as u64).wrapping_mul(K);
    if let (Some(first), Some(last)) = (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        let middle = key.get(len / 2 - 4..).and_then(|rest| rest.first_chunk::<8>()).unwrap_or(first);
        h = (h ^ u64::from_le_bytes(*last)).wrapping_mul(K);
        h = (h ^ h >> 32 ^ u64::from_le_bytes(*middle)).wrapping_mul(K);
        h = (h ^ h >> 32 ^ u64::from_le_bytes(*first)).wrapping_mul(K);
    } else {
        for &byte in key {
            h = (h ^ u64::from(byte)).wrapping_mul(K);
        }
    }
    h ^ h >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> KeyTable {
        let mut builder = KeyTableBuilder::default();
        for key in [
            "gen_ai.request.model",
            "llm.usage.prompt_tokens",
            "gen_ai.completion.{n}.finish_reason",
            "traceloop.association.properties.*",
            "traceloop.association.properties.user_id",
            "llm.{provider}.usage",
            "ai",
        ] {
            builder.add(key);
        }
        builder.build()
    }

    #[test]
    fn exact_keys_win_over_patterns_and_misses_are_none() {
        let table = table();
        let name = |key: &str| {
            let id = table.lookup(key.as_bytes());
            if id.is_some() { table.name(id).to_owned() } else { String::new() }
        };
        assert_eq!(name("gen_ai.request.model"), "gen_ai.request.model");
        assert_eq!(name("ai"), "ai");
        assert_eq!(name("gen_ai.completion.12.finish_reason"), "gen_ai.completion.{n}.finish_reason");
        assert_eq!(name("gen_ai.completion..finish_reason"), "");
        assert_eq!(name("gen_ai.completion.1.2.finish_reason"), "");
        assert_eq!(name("traceloop.association.properties.user_id"), "traceloop.association.properties.user_id");
        assert_eq!(name("traceloop.association.properties.x.y"), "traceloop.association.properties.*");
        assert_eq!(name("traceloop.association.properties."), "");
        assert_eq!(name("llm.openai.usage"), "llm.{provider}.usage");
        assert_eq!(name("llm.openai.usages"), "");
        assert_eq!(name("http.method"), "");
        assert_eq!(name(""), "");
    }

    #[test]
    fn the_same_key_gets_the_same_id() {
        let mut builder = KeyTableBuilder::default();
        assert_eq!(builder.add("a"), builder.add("a"));
        assert_ne!(builder.add("a"), builder.add("b"));
    }
}
