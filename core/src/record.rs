//! Facts as a compact record that lies beside the span in the buffer. Text that stands in the span is kept as offset and
//! length, anything else in the record itself; a typical record is 60 bytes.
//!
//! Layout: dialect (varint + 1, 0 = none), role, a bit for each of the sets `inferred`, `canonical`, `misstated`, `legacy`,
//! `legacy_misstated` that is not empty, those sets (varint halves), then per concept: id, rule (varint + 1), kind, value.

use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, NO_DIALECT, NO_RULE, Role, Val};
use crate::wire::reader::Reader;
use crate::wire::writer::varint;

const INT: u8 = 0;
const FLOAT: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const IN_SPAN: u8 = 4;
const INLINE: u8 = 5;

/// Appends the record of `facts`; `span` are the bytes it was read from.
pub fn encode(facts: &Facts<'_>, span: &[u8], out: &mut Vec<u8>) {
    varint(out, if facts.dialect == NO_DIALECT { 0 } else { u64::from(facts.dialect) + 1 });
    out.push(facts.role as u8);
    let sets = [facts.inferred, facts.canonical, facts.misstated, facts.legacy, facts.legacy_misstated];
    out.push(sets.iter().zip(0..).fold(0, |mask, (set, bit)| mask | u8::from(!set.is_empty()) << bit));
    for set in sets.iter().filter(|set| !set.is_empty()) {
        varint(out, set.0 as u64);
        varint(out, (set.0 >> 64) as u64);
    }
    let base = span.as_ptr() as usize;
    for concept in facts.present().iter() {
        out.push(concept as u8);
        let rule = facts.rule(concept);
        varint(out, if rule == NO_RULE { 0 } else { u64::from(rule) + 1 });
        match facts.get(concept) {
            Some(Val::Int(value)) => {
                out.push(INT);
                varint(out, zigzag(value));
            }
            Some(Val::Float(value)) => {
                out.push(FLOAT);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Some(Val::Bool(value)) => out.push(if value { TRUE } else { FALSE }),
            Some(Val::Str(text)) => {
                let at = (text.as_ptr() as usize).wrapping_sub(base);
                if at < span.len() && text.len() <= span.len() - at {
                    out.push(IN_SPAN);
                    varint(out, at as u64);
                    varint(out, text.len() as u64);
                } else {
                    out.push(INLINE);
                    varint(out, text.len() as u64);
                    out.extend_from_slice(text.as_bytes());
                }
            }
            None => unreachable!("a present concept has a value"),
        }
    }
}

/// Reads a record back. Records are written by `encode` only, so a fault here is ours: it ends reading, never panics.
pub fn decode<'a>(record: &'a [u8], span: &'a [u8], facts: &mut Facts<'a>) {
    facts.clear();
    // `None` means the record ended.
    let _ = read(record, span, facts);
}

#[inline]
fn read<'a>(mut rest: &'a [u8], span: &'a [u8], facts: &mut Facts<'a>) -> Option<()> {
    facts.dialect = match number(&mut rest)? {
        0 => NO_DIALECT,
        index => (index - 1) as u16,
    };
    facts.role = *Role::ALL.get(usize::from(byte(&mut rest)?))?;
    let mask = byte(&mut rest)?;
    let sets = [
        &mut facts.inferred,
        &mut facts.canonical,
        &mut facts.misstated,
        &mut facts.legacy,
        &mut facts.legacy_misstated,
    ];
    for (set, _) in sets.into_iter().zip(0..).filter(|(_, bit)| mask >> bit & 1 == 1) {
        let low = number(&mut rest)?;
        *set = ConceptSet(u128::from(low) | u128::from(number(&mut rest)?) << 64);
    }
    while !rest.is_empty() {
        let concept = *Concept::ALL.get(usize::from(byte(&mut rest)?))?;
        let rule = match number(&mut rest)? {
            0 => NO_RULE,
            index => (index - 1) as u16,
        };
        let value = match byte(&mut rest)? {
            INT => Val::Int(unzigzag(number(&mut rest)?)),
            FLOAT => {
                let (bits, tail) = rest.split_first_chunk::<8>()?;
                rest = tail;
                Val::Float(f64::from_le_bytes(*bits))
            }
            FALSE => Val::Bool(false),
            TRUE => Val::Bool(true),
            IN_SPAN => {
                let at = number(&mut rest)? as usize;
                let len = number(&mut rest)? as usize;
                Val::Str(std::str::from_utf8(span.get(at..at.checked_add(len)?)?).ok()?)
            }
            INLINE => {
                let len = number(&mut rest)? as usize;
                let (text, tail) = rest.split_at_checked(len)?;
                rest = tail;
                Val::Str(std::str::from_utf8(text).ok()?)
            }
            _ => return None,
        };
        facts.set(concept, value, rule);
    }
    Some(())
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

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
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
