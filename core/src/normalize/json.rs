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

/// Where a path that may start anywhere (`**.`) started: depth of the object, and its place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Base {
    pub depth: u16,
    pub start: u32,
}

pub trait Sink<'a> {
    fn hit(&mut self, slot: u16, base: Base, leaf: Leaf<'a>);
}

/// Why reading stopped before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not JSON, or cut off.
    Malformed,
    TooDeep,
}

const WIDTH: usize = 6;

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
    fn push(&mut self, node: NodeId, base: Base) {
        if self.len < WIDTH {
            self.items[self.len] = Active { node, base };
            self.len += 1;
        }
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
    let mut front = Front::default();
    front.push(Paths::ROOT, Base::default());
    Walker::new(text, depth, paths, arena, sink).whole(&front)
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
        _ => {
            let mut front = Front::default();
            front.push(Paths::ROOT, Base::default());
            otlp(value, paths, &front, 0, depth, arena, sink)
        }
    }
}

fn otlp<'a, S: Sink<'a>>(
    value: Value<'a>,
    paths: &Paths,
    front: &Front,
    depth: usize,
    max_depth: usize,
    arena: &'a Bump,
    sink: &mut S,
) -> Result<(), Stop> {
    if depth >= max_depth {
        return Err(Stop::TooDeep);
    }
    for active in front.iter() {
        for &slot in paths.slots(active.node) {
            sink.hit(slot, active.base, Leaf::Otlp(value));
        }
    }
    let start = front.len as u32;
    match value {
        Value::KvList(entries) => {
            for entry in kv_list(entries) {
                let (key, item) = entry.map_err(|_| Stop::Malformed)?;
                let base = Base { depth: depth as u16, start };
                let mut next = step(paths, front, key, base);
                if paths.has_numbers() && matches!(item, Value::Int(_) | Value::Double(_)) {
                    number_step(paths, front, &mut next, Leaf::Otlp(Value::Str(key)), sink);
                }
                if next.len > 0 || (paths.has_deep() && !paths.is_closed(key)) {
                    otlp(item, paths, &next, depth + 1, max_depth, arena, sink)?;
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in array(items).enumerate() {
                let item = item.map_err(|_| Stop::Malformed)?;
                let next = item_step(paths, front, index);
                if next.len > 0 || paths.has_deep() {
                    otlp(item, paths, &next, depth + 1, max_depth, arena, sink)?;
                }
            }
        }
        Value::Str(text) if front.iter().any(|a| paths.continues(a.node)) => {
            // Text that is not JSON ends this branch only.
            let _ = Walker::new(text, max_depth, paths, arena, sink).value(front, depth + 1);
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn step(paths: &Paths, front: &Front, key: &[u8], here: Base) -> Front {
    let mut next = Front::default();
    for active in front.iter() {
        if let Some(node) = paths.field(active.node, key) {
            next.push(node, active.base);
        }
    }
    if let Some(node) = paths.deep_field(key) {
        next.push(node, here);
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
            next.push(node, active.base);
        }
    }
}

pub(super) fn item_step(paths: &Paths, front: &Front, index: usize) -> Front {
    let mut next = Front::default();
    for active in front.iter() {
        for node in paths.items(active.node, index).into_iter().flatten() {
            next.push(node, active.base);
        }
    }
    next
}
