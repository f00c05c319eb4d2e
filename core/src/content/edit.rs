//! The policy applied to encoded values.

use super::cut::{self, Place};
use super::keys::Class;
use super::text::{Redaction, Said};
use super::{Content, Counts};
use crate::wire::reader::{BYTES, FIXED64, Reader, VARINT};
use crate::wire::span::fields;
use crate::wire::writer::{bytes, tag, varint};
use std::borrow::Cow;

/// `AnyValue` members.
const STRING: u32 = 1;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const MAP: u32 = 6;
const RAW: u32 = 7;

/// Levels of nesting that are followed; what lies deeper is left out.
const DEPTH: usize = 64;

/// Bytes of usage, model, cost and structure that a structured value keeps beyond its limit.
const EXTRA: usize = 4096;

/// What became of a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Same,
    /// The new encoding.
    New(Vec<u8>),
    Gone,
}

/// Changes the values of one span or log record.
pub struct Editor<'c> {
    pub content: &'c Content,
    pub counts: &'c mut Counts,
}

impl Editor<'_> {
    /// The encoded `AnyValue` of the attribute `key`.
    pub fn value(&mut self, key: &[u8], value: &[u8], class: Class) -> Fate {
        if class == Class::Diagnostic && self.content.redactor().is_none() {
            return Fate::Same;
        }
        if self.content.drops() {
            self.counts.dropped(class);
            return Fate::Gone;
        }
        self.changed(std::str::from_utf8(key).unwrap_or_default(), value, class)
    }

    /// A log record's encoded body, of which what says usage, model, cost or structure stays.
    pub fn body(&mut self, value: &[u8], class: Class) -> Fate {
        if !self.content.drops() {
            return self.changed("", value, class);
        }
        self.counts.dropped(class);
        match self.shortened(value, 0) {
            Some(new) if !new.is_empty() => Fate::New(new),
            _ => Fate::Gone,
        }
    }

    /// Redacts, but does not shorten.
    pub fn redacted(&mut self, value: &[u8]) -> Fate {
        match self.redact(value, 0, Said::default()) {
            Some(new) => Fate::New(new),
            None => Fate::Same,
        }
    }

    /// Text that is no attribute: the message of a status.
    pub fn text(&mut self, text: &[u8]) -> Option<String> {
        let redactor = self.content.redactor()?;
        Redaction { redactor, keys: &self.content.keys, counts: self.counts }.text(&String::from_utf8_lossy(text))
    }

    fn changed(&mut self, key: &str, value: &[u8], class: Class) -> Fate {
        let redacted = self.redact(value, 0, Said::member(key));
        let value = redacted.as_deref().unwrap_or(value);
        let limit = self.content.limit().filter(|limit| class != Class::Diagnostic && value.len() > *limit);
        if let Some(cut) = limit.and_then(|limit| self.shortened(value, limit)) {
            self.counts.truncated(class);
            return Fate::New(cut);
        }
        redacted.map_or(Fate::Same, Fate::New)
    }

    /// The encoded `AnyValue` without what has to go; `None` when nothing had to.
    fn redact(&mut self, value: &[u8], depth: usize, said: Said<'_>) -> Option<Vec<u8>> {
        let redactor = self.content.redactor()?;
        let mut out = Vec::new();
        let mut is_changed = false;
        let mut reader = Reader::new(value);
        while !reader.at_end() {
            let start = reader.position();
            let Ok((field, wire)) = reader.tag() else { break };
            let mut redaction = Redaction { redactor, keys: &self.content.keys, counts: self.counts };
            let new = match (field, wire) {
                (STRING | RAW, BYTES) => {
                    let Ok(part) = reader.bytes() else { break };
                    // What is not text cannot be looked into.
                    written(field, part).and_then(|text| redaction.member(said, &text)).map(|text| {
                        let mut new = Vec::with_capacity(text.len() + 4);
                        bytes(&mut new, field, text.as_bytes());
                        new
                    })
                }
                (INT, VARINT) => {
                    let Ok(number) = reader.varint() else { break };
                    redaction.number(said, &(number as i64).to_string()).map(|text| {
                        let mut new = Vec::new();
                        bytes(&mut new, STRING, text.as_bytes());
                        new
                    })
                }
                (DOUBLE, FIXED64) => {
                    let Ok(number) = reader.fixed64() else { break };
                    redaction.number(said, &f64::from_bits(number).to_string()).map(|text| {
                        let mut new = Vec::new();
                        bytes(&mut new, STRING, text.as_bytes());
                        new
                    })
                }
                (ARRAY | MAP, BYTES) => {
                    let Ok(items) = reader.bytes() else { break };
                    self.redact_items(items, field == MAP, depth + 1, said).map(|items| {
                        let mut new = Vec::with_capacity(items.len() + 4);
                        bytes(&mut new, field, &items);
                        new
                    })
                }
                (_, wire) => match reader.skip(wire) {
                    Ok(()) => None,
                    Err(_) => break,
                },
            };
            match new {
                Some(new) => {
                    is_changed = true;
                    out.extend_from_slice(&new);
                }
                None => out.extend_from_slice(reader.since(start)),
            }
        }
        is_changed.then_some(out)
    }

    /// The items of an array, or the entries of a map; `None` when all stay as they are.
    fn redact_items(&mut self, items: &[u8], is_map: bool, depth: usize, said: Said<'_>) -> Option<Vec<u8>> {
        if depth > DEPTH {
            return Some(Vec::new());
        }
        let mut out = Vec::new();
        let mut is_changed = false;
        let named = if is_map { self.named_by_another(items) } else { "" };
        let mut before = "";
        let mut reader = Reader::new(items);
        while !reader.at_end() {
            let start = reader.position();
            let Ok((field, wire)) = reader.tag() else { break };
            if (field, wire) != (1, BYTES) {
                if reader.skip(wire).is_err() {
                    break;
                }
                out.extend_from_slice(reader.since(start));
                continue;
            }
            let Ok(item) = reader.bytes() else { break };
            let new = match is_map {
                true => self.redact_entry(item, depth, named),
                false => self.redact(item, depth, Said { before, ..said }),
            };
            before = string(item);
            match new {
                Some(new) => {
                    is_changed = true;
                    bytes(&mut out, 1, &new);
                }
                None => out.extend_from_slice(reader.since(start)),
            }
        }
        is_changed.then_some(out)
    }

    /// What an entry of these says that the value of another is.
    fn named_by_another<'e>(&self, entries: &'e [u8]) -> &'e str {
        let entries = fields(entries, 1).map_while(Result::ok).map(Entry::read);
        let mut names = entries.filter(|entry| self.content.keys.names_another(entry.key));
        names.next().map_or("", |entry| string(entry.value))
    }

    /// `named`: what another entry says that the value is, if this is an entry of which one may.
    fn redact_entry(&mut self, entry: &[u8], depth: usize, named: &str) -> Option<Vec<u8>> {
        let parts = Entry::read(entry);
        let key = self.text(parts.key);
        let survives = self.content.keys.survives(parts.key) && is_number(parts.value);
        let is_named = !named.is_empty() && self.content.keys.is_named_by_another(parts.key);
        let name = if is_named { named } else { std::str::from_utf8(parts.key).unwrap_or_default() };
        let value = if survives { None } else { self.redact(parts.value, depth, Said::member(name)) };
        if key.is_none() && value.is_none() {
            return None;
        }
        let key = key.map_or(Cow::Borrowed(parts.key), |key| Cow::Owned(key.into_bytes()));
        Some(encoded(&key, value.as_deref().unwrap_or(parts.value)))
    }

    /// The encoded `AnyValue` with about `limit` bytes of content; `None` when it is short enough, empty when nothing of
    /// it stays.
    fn shortened(&mut self, value: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut cut = Shortening { content: self.content, left: limit, extra: EXTRA, is_changed: false };
        let mut out = Vec::new();
        let stays = cut.value(value, &mut out, 0, Place::Open);
        if limit == 0 && !stays {
            out.clear();
        }
        cut.is_changed.then_some(out)
    }
}

/// The text of a string, or of bytes that are one.
fn written(field: u32, part: &[u8]) -> Option<Cow<'_, str>> {
    match field {
        STRING => Some(String::from_utf8_lossy(part)),
        _ => std::str::from_utf8(part).ok().map(Cow::Borrowed),
    }
}

/// A `KeyValue`, taken apart.
pub struct Entry<'a> {
    pub key: &'a [u8],
    /// Encoded `AnyValue`.
    pub value: &'a [u8],
}

impl<'a> Entry<'a> {
    pub fn read(entry: &'a [u8]) -> Self {
        let mut parts = Self { key: &[], value: &[] };
        let mut reader = Reader::new(entry);
        while let Ok((field, wire)) = reader.tag() {
            match (field, wire) {
                (1, BYTES) => parts.key = reader.bytes().unwrap_or_default(),
                (2, BYTES) => parts.value = reader.bytes().unwrap_or_default(),
                (_, wire) if reader.skip(wire).is_err() => break,
                _ => {}
            }
        }
        parts
    }
}

/// An encoded `KeyValue`.
pub fn encoded(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + value.len() + 8);
    bytes(&mut out, 1, key);
    bytes(&mut out, 2, value);
    out
}

/// The text of an `AnyValue`; empty when it has none.
fn string(value: &[u8]) -> &str {
    let text = fields(value, STRING).map_while(Result::ok).last().unwrap_or_default();
    std::str::from_utf8(text).unwrap_or_default()
}

fn is_number(value: &[u8]) -> bool {
    matches!(Reader::new(value).tag(), Ok((INT | 2 | 4, _)))
}

/// Truncation of a structured value, as `cut` does it for JSON.
struct Shortening<'c> {
    content: &'c Content,
    left: usize,
    extra: usize,
    is_changed: bool,
}

impl Shortening<'_> {
    /// Writes an `AnyValue`. True when it has to stay although nothing is left for content.
    fn value(&mut self, value: &[u8], out: &mut Vec<u8>, depth: usize, place: Place) -> bool {
        let keys = &self.content.keys;
        let mut kept = false;
        let mut reader = Reader::new(value);
        while !reader.at_end() {
            let start = reader.position();
            let Ok((field, wire)) = reader.tag() else { break };
            if wire != BYTES {
                if reader.skip(wire).is_err() {
                    break;
                }
                kept |= place.keeps_numbers();
                out.extend_from_slice(reader.since(start));
                continue;
            }
            let Ok(part) = reader.bytes() else { break };
            match field {
                STRING | RAW if place.keeps_text() && cut::is_name(part) && self.extra >= part.len() => {
                    self.extra -= part.len();
                    kept = true;
                    out.extend_from_slice(reader.since(start));
                }
                STRING | RAW if part.len() <= self.left => {
                    self.left -= part.len();
                    out.extend_from_slice(reader.since(start));
                }
                STRING | RAW => {
                    let room = std::mem::take(&mut self.left);
                    self.is_changed = true;
                    let Some(text) = written(field, part) else {
                        bytes(out, field, &part[..room.min(part.len())]);
                        continue;
                    };
                    // JSON keeps its usage whatever is left.
                    let new = cut::text(&text, room, &mut self.extra, keys, place);
                    kept |= new.as_ref().is_some_and(|new| new.stays);
                    bytes(out, field, new.map_or(String::new(), |new| new.text).as_bytes());
                }
                ARRAY | MAP if depth < DEPTH => {
                    let mut items = Vec::new();
                    kept |= self.items(part, field == MAP, &mut items, depth + 1, place);
                    tag(out, field, BYTES);
                    varint(out, items.len() as u64);
                    out.extend_from_slice(&items);
                }
                _ => self.is_changed = true,
            }
        }
        kept
    }

    fn items(&mut self, items: &[u8], is_map: bool, out: &mut Vec<u8>, depth: usize, place: Place) -> bool {
        let keys = &self.content.keys;
        let mut kept = false;
        let mut reader = Reader::new(items);
        while !reader.at_end() {
            let start = reader.position();
            let Ok((field, wire)) = reader.tag() else { break };
            let item = match (field, wire) {
                (1, BYTES) => reader.bytes().unwrap_or_default(),
                (_, wire) if reader.skip(wire).is_err() => break,
                _ => {
                    out.extend_from_slice(reader.since(start));
                    continue;
                }
            };
            // Whether this item changes; what happened to those before it says nothing about it.
            let (spent, before) = (self.left == 0, std::mem::take(&mut self.is_changed));
            let mut new = Vec::with_capacity(item.len());
            let stay = if is_map {
                let entry = Entry::read(item);
                let mut value = Vec::new();
                let stay = self.value(entry.value, &mut value, depth, place.member(keys, entry.key));
                new = encoded(entry.key, &value);
                stay
            } else {
                self.value(item, &mut new, depth, place.item())
            };
            kept |= stay;
            if spent && !stay {
                self.is_changed = true;
            } else if self.is_changed {
                bytes(out, 1, &new);
            } else {
                out.extend_from_slice(reader.since(start));
            }
            self.is_changed |= before;
        }
        kept
    }
}
