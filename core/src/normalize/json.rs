//! Values out of JSON text by path, in one pass and without a tree. Reads what telemetry really holds: JSON, JSON inside
//! JSON strings (twice at most), Python literals and reprs (`{'a': None}`, `Usage(input=3, details=D(cached=1))`,
//! `total_tokens=7 prompt_tokens=5`), and OTLP maps and arrays. Time is linear in the text, depth is bounded.

use super::escape::unescape;
use super::paths::{NodeId, Paths};
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

const DECODES: u8 = 2;
const WIDTH: usize = 6;

#[derive(Clone, Copy, Default)]
struct Active {
    node: NodeId,
    base: Base,
}

/// The paths that are still possible at one place.
#[derive(Clone, Copy, Default)]
struct Front {
    items: [Active; WIDTH],
    len: usize,
}

impl Front {
    fn push(&mut self, node: NodeId, base: Base) {
        if self.len < WIDTH {
            self.items[self.len] = Active { node, base };
            self.len += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = Active> {
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
    let mut walker =
        Walker { text, pos: 0, origin: 0, bare: false, decodes: DECODES, max_depth: depth, paths, arena, sink };
    walker.space();
    if walker.is_keyword_list() {
        walker.bare = true;
        return walker.object(&front, 0, b'=', None);
    }
    walker.value(&front, 0)
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
            let mut inner =
                Walker { text, pos: 0, origin: 0, bare: false, decodes: DECODES, max_depth, paths, arena, sink };
            // Text that is not JSON ends this branch only.
            let _ = inner.value(front, depth + 1);
        }
        _ => {}
    }
    Ok(())
}

fn step(paths: &Paths, front: &Front, key: &[u8], here: Base) -> Front {
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
fn number_step<'a, S: Sink<'a>>(paths: &Paths, front: &Front, next: &mut Front, name: Leaf<'a>, sink: &mut S) {
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

fn item_step(paths: &Paths, front: &Front, index: usize) -> Front {
    let mut next = Front::default();
    for active in front.iter() {
        for node in paths.items(active.node, index).into_iter().flatten() {
            next.push(node, active.base);
        }
    }
    next
}

struct Walker<'t, 'a, S> {
    text: &'a [u8],
    pos: usize,
    /// Place of `text` in the outermost text.
    origin: u32,
    /// Fields without braces: the end of the text ends a value.
    bare: bool,
    /// How many more strings inside strings may be opened.
    decodes: u8,
    max_depth: usize,
    paths: &'t Paths,
    arena: &'a Bump,
    sink: &'t mut S,
}

impl<'a, S: Sink<'a>> Walker<'_, 'a, S> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.pos).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.pos += 1;
        }
    }

    fn emit(&mut self, front: &Front, leaf: Leaf<'a>) {
        for active in front.iter() {
            for &slot in self.paths.slots(active.node) {
                self.sink.hit(slot, active.base, leaf);
            }
        }
    }

    fn value(&mut self, front: &Front, depth: usize) -> Result<(), Stop> {
        if front.len == 0 && !self.paths.has_deep() {
            return self.skip();
        }
        if depth > self.max_depth {
            return Err(Stop::TooDeep);
        }
        self.space();
        let start = self.pos;
        match self.peek().ok_or(Stop::Malformed)? {
            b'{' => {
                self.pos += 1;
                self.object(front, depth, b':', Some(b'}'))?;
                self.emit_raw(front, start);
            }
            b'[' => {
                self.pos += 1;
                self.items(front, depth, b']')?;
                self.emit_raw(front, start);
            }
            b'(' => {
                self.pos += 1;
                self.items(front, depth, b')')?;
                self.emit_raw(front, start);
            }
            quote @ (b'"' | b'\'') => self.text_value(front, depth, quote)?,
            b'-' | b'+' | b'.' | b'0'..=b'9' => {
                let number = self.number();
                // A number at the very end of an unfinished text may have lost digits.
                if depth > 0 && self.pos == self.text.len() && !self.bare {
                    return Err(Stop::Malformed);
                }
                self.emit(front, Leaf::Number(number));
            }
            b'<' => self.angle()?,
            _ => self.word(front, depth)?,
        }
        Ok(())
    }

    fn emit_raw(&mut self, front: &Front, start: usize) {
        if front.len > 0 {
            self.emit(front, Leaf::Raw(&self.text[start..self.pos]));
        }
    }

    fn text_value(&mut self, front: &Front, depth: usize, quote: u8) -> Result<(), Stop> {
        let start = self.pos;
        let (raw, escaped) = self.string(quote)?;
        self.emit(front, Leaf::Str { raw, escaped });
        if self.decodes == 0 || !front.iter().any(|a| self.paths.continues(a.node)) {
            return Ok(());
        }
        let inner = if escaped { unescape(raw, self.arena) } else { raw };
        let start_of = inner.trim_ascii_start();
        if !matches!(start_of.first(), Some(b'{' | b'[' | b'"' | b'\'')) && !is_construction(start_of) {
            return Ok(());
        }
        let mut walker = Walker {
            text: inner,
            pos: 0,
            origin: self.origin + start as u32,
            bare: false,
            decodes: self.decodes - 1,
            max_depth: self.max_depth,
            paths: self.paths,
            arena: self.arena,
            sink: self.sink,
        };
        match walker.value(front, depth + 1) {
            Err(Stop::TooDeep) => Err(Stop::TooDeep),
            // Text that only looked like JSON is text.
            _ => Ok(()),
        }
    }

    /// `{"k": v}`, `Name(k=v)` or a bare `k=v k=v` (no end).
    fn object(&mut self, front: &Front, depth: usize, separator: u8, end: Option<u8>) -> Result<(), Stop> {
        let here = Base { depth: depth as u16, start: self.origin + self.pos as u32 };
        loop {
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.pos += 1;
                    continue;
                }
                Some(byte) if Some(byte) == end => {
                    self.pos += 1;
                    return Ok(());
                }
                None if end.is_none() => return Ok(()),
                None => return Err(Stop::Malformed),
                Some(_) => {}
            }
            let (key, escaped) = match self.peek() {
                Some(quote @ (b'"' | b'\'')) => self.string(quote)?,
                _ => (self.name()?, false),
            };
            self.space();
            if self.peek() != Some(separator) {
                return Err(Stop::Malformed);
            }
            self.pos += 1;
            let mut next = step(self.paths, front, key, here);
            if self.paths.has_numbers() {
                self.space();
                if let Some(b'-' | b'.' | b'0'..=b'9') = self.peek() {
                    number_step(self.paths, front, &mut next, Leaf::Str { raw: key, escaped }, self.sink);
                }
            }
            if next.len == 0 && self.paths.is_closed(key) {
                self.skip()?;
            } else {
                self.value(&next, depth + 1)?;
            }
        }
    }

    fn items(&mut self, front: &Front, depth: usize, end: u8) -> Result<(), Stop> {
        let mut index = 0;
        loop {
            self.space();
            match self.peek().ok_or(Stop::Malformed)? {
                b',' => self.pos += 1,
                byte if byte == end => {
                    self.pos += 1;
                    return Ok(());
                }
                _ => {
                    let before = self.pos;
                    let next = item_step(self.paths, front, index);
                    self.value(&next, depth + 1)?;
                    // The wrong closing bracket is passed over by nobody.
                    if self.pos == before {
                        return Err(Stop::Malformed);
                    }
                    index += 1;
                }
            }
        }
    }

    /// The text between quotes; leaves the cursor behind the closing one.
    fn string(&mut self, quote: u8) -> Result<(&'a [u8], bool), Stop> {
        let start = self.pos + 1;
        let mut at = start;
        let mut escaped = false;
        while let Some(found) = memchr::memchr2(quote, b'\\', &self.text[at.min(self.text.len())..]) {
            at += found;
            if self.text[at] == quote {
                self.pos = at + 1;
                return Ok((&self.text[start..at], escaped));
            }
            escaped = true;
            at += 2;
        }
        self.pos = self.text.len();
        Err(Stop::Malformed)
    }

    fn number(&mut self) -> &'a [u8] {
        let start = self.pos;
        while let Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') = self.peek() {
            self.pos += 1;
        }
        &self.text[start..self.pos]
    }

    fn name(&mut self) -> Result<&'a [u8], Stop> {
        let start = self.pos;
        while let Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-') = self.peek() {
            self.pos += 1;
        }
        if self.pos == start {
            return Err(Stop::Malformed);
        }
        Ok(&self.text[start..self.pos])
    }

    /// `key=` at the start of the text: fields without braces around them.
    fn is_keyword_list(&self) -> bool {
        let rest = &self.text[self.pos..];
        let end = rest.iter().take(64).position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(0);
        end > 0 && rest[0].is_ascii_alphabetic() && rest.get(end) == Some(&b'=')
    }

    /// `true`, `None`, an enum's name, a prefixed string or `Name(…)`.
    fn word(&mut self, front: &Front, depth: usize) -> Result<(), Stop> {
        let start = self.pos;
        let word = self.name()?;
        match (word, self.peek()) {
            (b"true" | b"True", _) => self.emit(front, Leaf::Bool(true)),
            (b"false" | b"False", _) => self.emit(front, Leaf::Bool(false)),
            (b"null" | b"None" | b"NaN" | b"Infinity" | b"undefined" | b"nan" | b"inf", _) => {}
            (_, Some(b'(')) => {
                self.pos += 1;
                self.space();
                let keyword = self.is_keyword_list();
                if keyword {
                    self.object(front, depth, b'=', Some(b')'))?;
                } else {
                    self.items(front, depth, b')')?;
                }
                self.emit_raw(front, start);
            }
            (_, Some(quote @ (b'"' | b'\''))) if word.len() <= 2 => {
                self.text_value(front, depth, quote)?;
            }
            _ => self.emit(front, Leaf::Str { raw: word, escaped: false }),
        }
        Ok(())
    }

    /// `<Reason.STOP: 1>`: passed over.
    fn angle(&mut self) -> Result<(), Stop> {
        let rest = &self.text[self.pos..];
        let end = memchr::memchr(b'>', rest).ok_or(Stop::Malformed)?;
        self.pos += end + 1;
        Ok(())
    }

    /// Passes over one value without recursion, whatever its depth.
    fn skip(&mut self) -> Result<(), Stop> {
        self.space();
        let mut open = 0usize;
        loop {
            let Some(byte) = self.peek() else {
                return if self.bare && open == 0 { Ok(()) } else { Err(Stop::Malformed) };
            };
            match byte {
                quote @ (b'"' | b'\'') => {
                    self.string(quote)?;
                }
                b'{' | b'[' | b'(' => {
                    open += 1;
                    self.pos += 1;
                }
                b'}' | b']' | b')' if open == 0 => return Ok(()),
                b'}' | b']' | b')' => {
                    open -= 1;
                    self.pos += 1;
                }
                b',' if open == 0 => return Ok(()),
                b'<' => self.angle()?,
                b' ' if open == 0 => return Ok(()),
                _ => {
                    self.pos += 1;
                    continue;
                }
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}

/// `Name(key=`: the text of a Python object, not prose with a bracket in it.
fn is_construction(text: &[u8]) -> bool {
    let word = |text: &[u8]| text.iter().take(64).position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(0);
    let name = word(text);
    if name == 0 || text.get(name) != Some(&b'(') {
        return false;
    }
    let inside = &text[name + 1..];
    inside.get(word(inside)) == Some(&b'=')
}
