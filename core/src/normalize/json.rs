//! Values out of JSON text by path, in one pass and without a tree. Reads what telemetry really holds: JSON, JSON inside
//! JSON strings (twice at most), Python literals and reprs (`{'a': None}`, `Usage(input=3, details=D(cached=1))`,
//! `total_tokens=7 prompt_tokens=5`), and OTLP maps and arrays. Time is linear in the text, depth is bounded.

use super::paths::{NodeId, Paths};
use super::walker::Walker;
use crate::wire::value::{Value, array, kv_list};
use bumpalo::Bump;

/// What stands at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leaf<'a> {
    /// Text as it stands between the quotes; `escaped` when it holds backslashes.
    Str {
        raw: &'a [u8],
        escaped: bool,
    },
    /// Digits, sign, point, exponent: not yet parsed.
    Number(&'a [u8]),
    Bool(bool),
    /// An array or object in its own notation.
    Raw(&'a [u8]),
    /// A value of an OTLP map.
    Otlp(Value<'a>),
}

/// Where a path that may start anywhere (`**.`) started: depth of the object, and its place in the text or the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Base {
    pub depth: u16,
    pub start: u32,
}

pub trait Sink<'a> {
    fn hit(&mut self, slot: u16, base: Base, leaf: Leaf<'a>);

    /// A path was given up: more than `WIDTH` go on at one place. Those who bring a few fixed paths never hear it.
    fn crowded(&mut self) {}
}

/// Why reading stopped before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not JSON, or cut off.
    Malformed,
    TooDeep,
}

/// Paths that are followed at one place of a text.
pub(super) const WIDTH: usize = 6;
/// Longest text that is a number, bytes.
pub(super) const NUMBER: usize = 64;

#[derive(Clone, Copy, Default)]
pub(super) struct Active {
    pub node: NodeId,
    pub base: Base,
}

/// The paths that are still possible at one place.
#[derive(Clone, Copy, Default)]
pub(super) struct Front {
    items: [Active; WIDTH],
    pub len: usize,
}

impl Front {
    /// Where all paths begin.
    fn root() -> Self {
        let mut front = Self::default();
        front.items[0].node = Paths::ROOT;
        front.len = 1;
        front
    }

    fn push<'a, S: Sink<'a>>(&mut self, node: NodeId, base: Base, sink: &mut S) {
        if self.len == WIDTH {
            sink.crowded();
            return;
        }
        self.items[self.len] = Active { node, base };
        self.len += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = Active> {
        self.items[..self.len].iter().copied()
    }
}

/// Walks `text`; hits come in the order of the text. Values found before a fault are good.
pub fn walk<'a, S: Sink<'a>>(
    text: &'a [u8],
    paths: &Paths,
    depth: usize,
    arena: &'a Bump,
    sink: &mut S,
) -> Result<(), Stop> {
    Walker::new(text, depth, paths, arena, sink).whole(&Front::root())
}

/// The same over a value of the wire.
pub fn walk_otlp<'a, S: Sink<'a>>(
    value: Value<'a>,
    paths: &Paths,
    depth: usize,
    arena: &'a Bump,
    sink: &mut S,
) -> Result<(), Stop> {
    match value {
        Value::Str(text) => walk(text, paths, depth, arena, sink),
        Value::KvList(whole) | Value::Array(whole) => {
            Tree { whole, paths, max_depth: depth, arena, sink }.value(value, &Front::root(), 0)
        }
        // Nothing lies below it.
        _ => Ok(()),
    }
}

/// A map or an array of the wire, and what is looked for in it.
struct Tree<'t, 'a, S> {
    whole: &'a [u8],
    paths: &'t Paths,
    max_depth: usize,
    arena: &'a Bump,
    sink: &'t mut S,
}

impl<'a, S: Sink<'a>> Tree<'_, 'a, S> {
    fn value(&mut self, value: Value<'a>, front: &Front, depth: usize) -> Result<(), Stop> {
        if depth >= self.max_depth {
            return Err(Stop::TooDeep);
        }
        for active in front.iter() {
            for &slot in self.paths.slots(active.node) {
                self.sink.hit(slot, active.base, Leaf::Otlp(value));
            }
        }
        match value {
            Value::KvList(entries) => {
                let here = Base { depth: depth as u16, start: self.place(entries) };
                for entry in kv_list(entries) {
                    let (key, item) = entry.map_err(|_| Stop::Malformed)?;
                    let mut next = step(self.paths, front, key, here, self.sink);
                    if self.paths.has_numbers() && is_number_value(item) {
                        number_step(self.paths, front, &mut next, Leaf::Otlp(Value::Str(key)), self.sink);
                    }
                    if next.len > 0 || (self.paths.has_deep() && !self.paths.is_closed(key)) {
                        self.value(item, &next, depth + 1)?;
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in array(items).enumerate() {
                    let item = item.map_err(|_| Stop::Malformed)?;
                    let next = item_step(self.paths, front, index, self.sink);
                    if next.len > 0 || self.paths.has_deep() {
                        self.value(item, &next, depth + 1)?;
                    }
                }
            }
            Value::Str(text) if front.iter().any(|a| self.paths.continues(a.node)) => {
                let place = self.place(text);
                let walker = Walker::new(text, self.max_depth, self.paths, self.arena, self.sink);
                // Text that is not JSON ends this branch only.
                let _ = walker.at(place).value(front, depth + 1);
            }
            _ => {}
        }
        Ok(())
    }

    /// Where in the whole value a part of it stands.
    fn place(&self, part: &[u8]) -> u32 {
        (part.as_ptr() as usize).wrapping_sub(self.whole.as_ptr() as usize) as u32
    }
}

fn is_number_value(value: Value<'_>) -> bool {
    match value {
        Value::Int(_) | Value::Double(_) => true,
        Value::Str(text) => is_number(text),
        _ => false,
    }
}

/// Whether a value that begins with this byte is a number.
pub(super) fn begins_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9')
}

/// Text that holds a number and nothing else.
pub(super) fn is_number(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    // Not what only parses as one: `inf`, `nan`.
    let begins = text.len() <= NUMBER && text.first().is_some_and(|byte| begins_number(*byte));
    begins
        && !text.last().is_some_and(u8::is_ascii_alphabetic)
        && std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok())
}

pub(super) fn step<'a, S: Sink<'a>>(paths: &Paths, front: &Front, key: &[u8], here: Base, sink: &mut S) -> Front {
    let mut next = Front::default();
    for active in front.iter() {
        if let Some(node) = paths.field(active.node, key) {
            next.push(node, active.base, sink);
        }
    }
    if let Some(node) = paths.deep_field(key) {
        next.push(node, here, sink);
    }
    next
}

/// Members that are numbers: where they lead, and their names to who asks for them.
pub(super) fn number_step<'a, S: Sink<'a>>(
    paths: &Paths,
    front: &Front,
    next: &mut Front,
    name: Leaf<'a>,
    sink: &mut S,
) {
    for active in front.iter() {
        let (node, slots) = paths.numbers(active.node);
        for &slot in slots {
            sink.hit(slot, active.base, name);
        }
        if let Some(node) = node {
            next.push(node, active.base, sink);
        }
    }
}

pub(super) fn item_step<'a, S: Sink<'a>>(paths: &Paths, front: &Front, index: usize, sink: &mut S) -> Front {
    let mut next = Front::default();
    for active in front.iter() {
        for node in paths.items(active.node, index).into_iter().flatten() {
            next.push(node, active.base, sink);
        }
    }
    next
}
