//! One pass over text in the notations that telemetry holds: JSON, Python literals and reprs, fields without braces.

use super::escape::unescape;
use super::json::{Base, Front, Leaf, NUMBER, Sink, Stop, begins_number, is_number, item_step, number_step, step};
use super::paths::Paths;
use bumpalo::Bump;

/// How many strings inside strings are opened.
const DECODES: u8 = 2;

/// A place in a text, and what is looked for in it.
pub(super) struct Walker<'t, 'a, S> {
    text: &'a [u8],
    pos: usize,
    /// Place of `text` in the outermost text or value.
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

impl<'t, 'a, S: Sink<'a>> Walker<'t, 'a, S> {
    /// At the start of an outermost text.
    pub fn new(text: &'a [u8], max_depth: usize, paths: &'t Paths, arena: &'a Bump, sink: &'t mut S) -> Self {
        Self { text, pos: 0, origin: 0, bare: false, decodes: DECODES, max_depth, paths, arena, sink }
    }

    /// The same for a text that stands at `origin` in a value of the wire.
    pub fn at(mut self, origin: u32) -> Self {
        self.origin = origin;
        self
    }

    /// Reads a text that is a value, or fields without braces.
    pub fn whole(&mut self, front: &Front) -> Result<(), Stop> {
        self.space();
        if self.is_keyword_list() {
            self.bare = true;
            return self.object(front, 0, b'=', None);
        }
        self.value(front, 0)
    }

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

    /// Reads one value; what follows it is left.
    pub fn value(&mut self, front: &Front, depth: usize) -> Result<(), Stop> {
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
            byte if begins_number(byte) => {
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
            let mut next = step(self.paths, front, key, here, self.sink);
            if self.paths.has_numbers() {
                self.space();
                if self.number_is_next() {
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
                    let next = item_step(self.paths, front, index, self.sink);
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

    /// The value here is a number, or text that is one.
    fn number_is_next(&self) -> bool {
        let Some((&first, rest)) = self.text[self.pos..].split_first() else { return false };
        if !matches!(first, b'"' | b'\'') {
            return begins_number(first);
        }
        let end = rest.iter().take(NUMBER + 1).position(|byte| *byte == first);
        end.is_some_and(|end| is_number(&rest[..end]))
    }

    fn number(&mut self) -> &'a [u8] {
        let start = self.pos;
        while let Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') = self.peek() {
            self.pos += 1;
        }
        if matches!(self.text[start..self.pos], [b'-' | b'+']) {
            // `-Infinity`, which Python writes.
            while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
                self.pos += 1;
            }
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
