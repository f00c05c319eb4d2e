//! Facts as a compact record that lies beside the span in the buffer. Text that stands in the span is kept as offset and
//! length, anything else in the record itself; a typical record is 100 bytes.
//!
//! Layout: dialect (varint + 1, 0 = none), role, a bit for each of the sets `inferred`, `canonical`, `misstated`, `legacy`,
//! `legacy_misstated` that is not empty and one for `marked`, those sets (16 bytes each), then an entry per concept. An
//! entry is six bytes, read without a branch on their number: concept (7 bits), kind (3 bits) and rule (14 bits) in three of
//! them, a small value in the others; a value that needs more follows.

use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, NO_DIALECT, NO_RULE, Role, Val};
use crate::wire::reader::Reader;
use crate::wire::text;
use crate::wire::writer::varint;

/// The kinds of an entry; in brackets what its last three bytes hold.
const BOOL: u32 = 0; // (0 or 1)
const SMALL: u32 = 1; // (a count)
const INT: u32 = 2; // (nothing), eight bytes follow
const FLOAT: u32 = 3; // (nothing), eight bytes follow
const NEAR: u32 = 4; // (offset in the span, two bytes, and length, one byte)
const FAR: u32 = 5; // (nothing), offset and length follow, four bytes each
const INLINE: u32 = 6; // (nothing), length, four bytes, and the text follow

const ENTRY: usize = 6;

/// Behind the bits of the sets.
const MARKED: u8 = 1 << 5;

/// Rules are numbered below this, conclusions among them.
pub const RULES: u16 = 0x3fff;

const _: () = assert!(Concept::COUNT <= 1 << 7);

/// What a record says besides single facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head {
    pub dialect: u16,
    pub role: Role,
    pub inferred: ConceptSet,
    pub canonical: ConceptSet,
    pub misstated: ConceptSet,
    pub legacy: ConceptSet,
    pub legacy_misstated: ConceptSet,
    pub marked: bool,
}

/// Appends the record of `facts`; `span` are the bytes it was read from.
pub fn encode(facts: &Facts<'_>, span: &[u8], out: &mut Vec<u8>) {
    varint(out, if facts.dialect == NO_DIALECT { 0 } else { u64::from(facts.dialect) + 1 });
    out.push(facts.role as u8);
    let sets = [facts.inferred, facts.canonical, facts.misstated, facts.legacy, facts.legacy_misstated];
    let mask = sets.iter().zip(0..).fold(0, |mask, (set, bit)| mask | u8::from(!set.is_empty()) << bit);
    out.push(if facts.marked { mask | MARKED } else { mask });
    for set in sets.iter().filter(|set| !set.is_empty()) {
        out.extend_from_slice(&set.0.to_le_bytes());
    }
    let base = span.as_ptr() as usize;
    for concept in facts.present().iter() {
        let Some(value) = facts.get(concept) else { continue };
        let head = concept as u32 | u32::from(facts.rule(concept).min(RULES)) << 10;
        match value {
            Val::Int(value @ 0..=0xff_ffff) => entry(out, head, SMALL, value as u32),
            Val::Int(value) => {
                entry(out, head, INT, 0);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Val::Float(value) => {
                entry(out, head, FLOAT, 0);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Val::Bool(value) => entry(out, head, BOOL, u32::from(value)),
            Val::Str(text) => {
                let at = (text.as_ptr() as usize).wrapping_sub(base);
                if at >= span.len() || text.len() > span.len() - at {
                    entry(out, head, INLINE, 0);
                    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    out.extend_from_slice(text.as_bytes());
                } else if at <= 0xffff && text.len() <= 0xff {
                    entry(out, head, NEAR, at as u32 | (text.len() as u32) << 16);
                } else {
                    entry(out, head, FAR, 0);
                    out.extend_from_slice(&(at as u32).to_le_bytes());
                    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                }
            }
        }
    }
}

#[inline(always)]
fn entry(out: &mut Vec<u8>, head: u32, kind: u32, value: u32) {
    let entry = u64::from(head | kind << 7) | u64::from(value) << 24;
    let bytes: [u8; 8] = entry.to_le_bytes();
    out.extend_from_slice(&bytes[..ENTRY]);
}

/// Reads a record back.
pub fn decode<'a>(record: &'a [u8], span: &'a [u8], facts: &mut Facts<'a>) {
    facts.clear();
    let (head, entries) = read(record, span);
    facts.dialect = head.dialect;
    facts.role = head.role;
    facts.inferred = head.inferred;
    facts.canonical = head.canonical;
    facts.misstated = head.misstated;
    facts.legacy = head.legacy;
    facts.legacy_misstated = head.legacy_misstated;
    facts.marked = head.marked;
    for (concept, rule, value) in entries {
        facts.set(concept, value, rule);
    }
}

/// The head of a record and its facts. Records are written by `encode` only, so a fault here is ours: it ends reading,
/// never panics.
#[inline(always)]
pub fn read<'a>(record: &'a [u8], span: &'a [u8]) -> (Head, Entries<'a>) {
    let mut rest = record;
    match read_head(&mut rest) {
        Some(head) => (head, Entries { rest, span }),
        None => (Head { dialect: NO_DIALECT, ..Head::default() }, Entries { rest: &[], span }),
    }
}

// In place, the sets that a reader does not look at are not read.
#[inline(always)]
fn read_head(rest: &mut &[u8]) -> Option<Head> {
    let dialect = match number(rest)? {
        0 => NO_DIALECT,
        index => (index - 1) as u16,
    };
    let role = *Role::ALL.get(usize::from(byte(rest)?))?;
    let mut head = Head { dialect, role, ..Head::default() };
    let mask = byte(rest)?;
    head.marked = mask & MARKED != 0;
    let sets =
        [&mut head.inferred, &mut head.canonical, &mut head.misstated, &mut head.legacy, &mut head.legacy_misstated];
    for (set, _) in sets.into_iter().zip(0..).filter(|(_, bit)| mask >> bit & 1 == 1) {
        let (bytes, tail) = rest.split_first_chunk()?;
        (*set, *rest) = (ConceptSet(u128::from_le_bytes(*bytes)), tail);
    }
    Some(head)
}

/// The facts of a record with their rules, in the order of the concepts.
pub struct Entries<'a> {
    rest: &'a [u8],
    span: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Concept, u16, Val<'a>);

    // In place, values need not pass through memory: 440 instructions a span fewer.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (entry, rest) = self.rest.split_first_chunk::<ENTRY>()?;
        self.rest = rest;
        let head = u32::from_le_bytes([entry[0], entry[1], entry[2], 0]);
        let small = u32::from_le_bytes([entry[3], entry[4], entry[5], 0]);
        let concept = *Concept::ALL.get((head & 0x7f) as usize)?;
        let rule = match (head >> 10) as u16 {
            RULES => NO_RULE,
            rule => rule,
        };
        let value = match head >> 7 & 7 {
            BOOL => Val::Bool(small != 0),
            SMALL => Val::Int(i64::from(small)),
            INT => Val::Int(i64::from_le_bytes(*self.take()?)),
            FLOAT => Val::Float(f64::from_le_bytes(*self.take()?)),
            NEAR => {
                let at = (small & 0xffff) as usize;
                Val::Str(text::known(self.span.get(at..at + (small >> 16) as usize)?))
            }
            FAR => {
                let at = u32::from_le_bytes(*self.take()?) as usize;
                let len = u32::from_le_bytes(*self.take()?) as usize;
                Val::Str(text::known(self.span.get(at..at.checked_add(len)?)?))
            }
            INLINE => {
                let len = u32::from_le_bytes(*self.take()?) as usize;
                let (inline, rest) = self.rest.split_at_checked(len)?;
                self.rest = rest;
                Val::Str(text::known(inline))
            }
            _ => return None,
        };
        Some((concept, rule, value))
    }
}

impl<'a> Entries<'a> {
    #[inline(always)]
    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(bytes)
    }
}

#[inline(always)]
fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, tail) = rest.split_first()?;
    *rest = tail;
    Some(*byte)
}

#[inline(always)]
fn number(rest: &mut &[u8]) -> Option<u64> {
    match *rest {
        [first @ 0..0x80, tail @ ..] => {
            *rest = tail;
            Some(u64::from(*first))
        }
        [first, second @ 0..0x80, tail @ ..] => {
            *rest = tail;
            Some(u64::from(first & 0x7f) | u64::from(*second) << 7)
        }
        _ => {
            let mut reader = Reader::new(rest);
            let value = reader.varint().ok()?;
            *rest = &rest[reader.position()..];
            Some(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let span = b"....gpt-4o....".to_vec();
        let other = String::from("openai");
        let mut facts = Facts::new();
        let model = std::str::from_utf8(&span[4..10]).unwrap();
        facts.dialect = 3;
        facts.role = Role::Inference;
        facts.inferred.insert(Concept::Provider);
        facts.canonical.insert(Concept::ToolResult);
        facts.set(Concept::RequestModel, Val::Str(model), 7);
        facts.set(Concept::Provider, Val::Str(&other), NO_RULE);
        facts.set(Concept::InputTokens, Val::Int(i64::MIN), 1);
        facts.set(Concept::Ttft, Val::Float(0.25), 2);
        facts.set(Concept::Streaming, Val::Bool(true), 300);
        let mut record = Vec::new();
        encode(&facts, &span, &mut record);
        let moved = span.clone();
        let mut back = Facts::new();
        decode(&record, &moved, &mut back);
        assert_eq!(back.present(), facts.present());
        for concept in facts.present().iter() {
            assert_eq!(back.get(concept), facts.get(concept));
            assert_eq!(back.rule(concept), facts.rule(concept));
        }
        assert_eq!((back.dialect, back.role), (3, Role::Inference));
        assert_eq!((back.inferred, back.canonical), (facts.inferred, facts.canonical));
        decode(&record[..record.len() - 1], &moved, &mut back);
    }
}
