//! One source value to one fact: type, transform, bounds.

use super::escape::unescape;
use super::json::Leaf;
use super::kinds::{Kind, MAX_COUNT};
use super::transform::{self, Op};
use crate::facts::{LIST_SEPARATOR, Val};
use crate::wire::text;
use crate::wire::value::{Value, array};
use bumpalo::Bump;

/// What was wrong with values, since the scratch was made. The engine adds these up and clears them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies {
    /// A count, quantity or number that is negative, not finite, beyond reason or not a number.
    pub bad_number: u64,
    /// Text that was cut to `text_bytes`, items of lists beyond them, and evaluations beyond the first of a span that
    /// together are longer.
    pub oversize_text: u64,
    /// Text that is not UTF-8 where a fact was to be read from it.
    pub bad_text: u64,
    /// JSON longer than `json_bytes`, and responses with more known members than are kept of one.
    pub oversize_json: u64,
    /// Text that ended before its JSON did, is none, or nests deeper than `depth`, where a path was to be followed.
    pub bad_json: u64,
    /// Input and output both 0 on a call: taken as unknown.
    pub zero_usage: u64,
    /// A time to first token that fits no unit.
    pub bad_time: u64,
    /// Events beyond those of one span that are looked at.
    pub events_beyond: u64,
    /// Paths that were given up because too many go on at one place of a value.
    pub paths_beyond: u64,
    /// Copies of a span, each different, beyond those that its log records add facts to.
    pub copies_beyond: u64,
    /// Evaluations of a call beyond those that stand in its record.
    pub evaluations_beyond: u64,
    /// Spans that were not told who asked, because those of their trace had gained too much by that.
    pub context_beyond: u64,
}

/// A source value in one form, wherever it came from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    Text(&'a [u8]),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// An encoded `ArrayValue`.
    Array(&'a [u8]),
    /// An encoded `KeyValueList`.
    Map(&'a [u8]),
    /// An array or object in JSON or Python notation.
    Json(&'a [u8]),
}

impl<'a> Source<'a> {
    #[inline]
    pub fn of_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Str(text) => Some(Self::Text(text)),
            Value::Int(value) => Some(Self::Int(value)),
            Value::Double(value) => Some(Self::Float(value)),
            Value::Bool(value) => Some(Self::Bool(value)),
            Value::Array(items) => Some(Self::Array(items)),
            Value::KvList(entries) => Some(Self::Map(entries)),
            Value::Empty | Value::Bytes(_) => None,
        }
    }

    pub fn of_leaf(leaf: Leaf<'a>, arena: &'a Bump) -> Option<Self> {
        match leaf {
            Leaf::Str { raw, escaped } => Some(Self::Text(if escaped { unescape(raw, arena) } else { raw })),
            Leaf::Number(digits) => Some(number(digits)),
            Leaf::Bool(value) => Some(Self::Bool(value)),
            Leaf::Raw(text) => Some(Self::Json(text)),
            Leaf::Otlp(value) => Self::of_value(value),
        }
    }
}

/// Digits to the narrowest type. What does not parse is returned as text, so that it counts as a bad number.
fn number<'a>(digits: &'a [u8]) -> Source<'a> {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    if let Ok(value) = text.parse::<i64>() {
        return Source::Int(value);
    }
    match text.parse::<f64>() {
        Ok(value) if text.len() <= 64 => Source::Float(value),
        _ => Source::Text(digits),
    }
}

/// What reading needs to know besides the value.
pub struct Context<'s, 'a> {
    pub arena: &'a Bump,
    pub anomalies: &'s mut Anomalies,
    /// Longest text that becomes a fact.
    pub text_bytes: usize,
    /// Unix nanoseconds.
    pub span_start: u64,
    pub maps: &'a transform::Maps,
    pub id_prefixes: &'a [Box<[u8]>],
    /// Of the attribute that is read.
    pub key: &'a [u8],
}

impl<'a> Context<'_, 'a> {
    /// The value as a concept of `kind` has it; none when it is absent in disguise (`""`, `None`, `unknown` for numbers)
    /// or unusable, which is counted.
    #[inline]
    pub fn read(&mut self, kind: Kind, source: Source<'a>, ops: &'a [Op]) -> Option<Val<'a>> {
        let source = if ops.is_empty() { source } else { transform::apply(self, source, ops)? };
        match kind {
            Kind::Count => self.count(source),
            Kind::Text => self.text(source),
            Kind::Quantity => match self.float(source)? {
                value if (0.0..=MAX_COUNT as f64).contains(&value) => Some(Val::Float(value)),
                _ => self.bad_number(),
            },
            Kind::Number => self.float(source).map(Val::Float),
            Kind::Int => match source {
                Source::Int(value) => Some(Val::Int(value)),
                _ => match self.float(source)? {
                    value if value.fract() == 0.0 && value.abs() <= MAX_COUNT as f64 => Some(Val::Int(value as i64)),
                    _ => self.bad_number(),
                },
            },
            Kind::Bool => boolean(source).map(Val::Bool),
            Kind::List => self.list(source).map(Val::Str),
            Kind::Content => match source {
                Source::Text(text) | Source::Json(text) if !text.is_empty() => self.utf8(text).map(Val::Str),
                // Content in the form that the conventions prefer is no text, but there it is.
                Source::Array(items) | Source::Map(items) if !items.is_empty() => Some(Val::Bool(true)),
                _ => None,
            },
        }
    }

    #[inline]
    fn count(&mut self, source: Source<'a>) -> Option<Val<'a>> {
        let value = match source {
            Source::Int(value) => value,
            _ => {
                let value = self.float(source)?;
                if value.fract() != 0.0 || value.abs() > MAX_COUNT as f64 {
                    return self.bad_number();
                }
                value as i64
            }
        };
        if (0..=MAX_COUNT).contains(&value) { Some(Val::Int(value)) } else { self.bad_number() }
    }

    #[cold]
    fn bad_number<T>(&mut self) -> Option<T> {
        self.anomalies.bad_number += 1;
        None
    }

    /// A finite number.
    pub fn float(&mut self, source: Source<'a>) -> Option<f64> {
        let value = match source {
            Source::Int(value) => return Some(value as f64),
            Source::Float(value) => value,
            Source::Text(text) => {
                let text = unquoted(text.trim_ascii());
                if means_nothing(text) {
                    return None;
                }
                match std::str::from_utf8(text).ok().map(str::parse::<f64>) {
                    Some(Ok(value)) if text.len() <= 64 => value,
                    _ => return self.bad_number(),
                }
            }
            // Captured headers are lists, of one value as a rule.
            Source::Array(items) => {
                let mut items = array(items);
                return match (items.next(), items.next()) {
                    (Some(Ok(one @ (Value::Str(_) | Value::Int(_) | Value::Double(_)))), None) => {
                        self.float(Source::of_value(one)?)
                    }
                    _ => self.bad_number(),
                };
            }
            Source::Map(_) => return None,
            Source::Bool(_) | Source::Json(_) => return self.bad_number(),
        };
        if value.is_finite() { Some(value) } else { self.bad_number() }
    }

    #[inline]
    fn text(&mut self, source: Source<'a>) -> Option<Val<'a>> {
        let text = match source {
            Source::Text(text) => {
                let text = unquoted(text.trim_ascii());
                if text.is_empty() || text == b"None" || text == b"null" {
                    return None;
                }
                self.bounded(text)?
            }
            Source::Int(value) => bumpalo::format!(in self.arena, "{}", value).into_bump_str(),
            Source::Float(value) => bumpalo::format!(in self.arena, "{}", value).into_bump_str(),
            Source::Bool(value) => {
                if value {
                    "true"
                } else {
                    "false"
                }
            }
            Source::Array(items) => match array(items).next()? {
                Ok(Value::Str(text)) if !text.is_empty() => self.bounded(text)?,
                _ => return None,
            },
            Source::Json(_) | Source::Map(_) => return None,
        };
        Some(Val::Str(text))
    }

    /// Text as far as facts go; what lies beyond `text_bytes` is cut.
    #[inline]
    pub fn bounded(&mut self, text: &'a [u8]) -> Option<&'a str> {
        if text.len() <= self.text_bytes {
            return self.utf8(text);
        }
        self.anomalies.oversize_text += 1;
        let cut = &text[..self.text_bytes];
        match std::str::from_utf8(cut) {
            Ok(text) => Some(text),
            Err(error) if error.error_len().is_none() => std::str::from_utf8(&cut[..error.valid_up_to()]).ok(),
            Err(_) => self.utf8(cut),
        }
    }

    #[inline]
    fn utf8(&mut self, text: &'a [u8]) -> Option<&'a str> {
        let known = text::checked(text);
        if known.is_none() {
            self.anomalies.bad_text += 1;
        }
        known
    }

    /// Items joined. Text that starts with `[` is JSON, other text is one item.
    fn list(&mut self, source: Source<'a>) -> Option<&'a str> {
        match source {
            Source::Array(items) => {
                let mut joined = bumpalo::collections::String::new_in(self.arena);
                let mut only = None;
                for item in array(items) {
                    if let Ok(Value::Str(text)) = item
                        && !text.is_empty()
                    {
                        if joined.len() >= self.text_bytes {
                            self.anomalies.oversize_text += 1;
                            break;
                        }
                        let text = self.bounded(text)?;
                        if only.is_none() && joined.is_empty() {
                            only = Some(text);
                            continue;
                        }
                        if let Some(first) = only.take() {
                            joined.push_str(first);
                        }
                        joined.push(LIST_SEPARATOR);
                        joined.push_str(text);
                    }
                }
                only.or_else(|| (!joined.is_empty()).then(|| joined.into_bump_str()))
            }
            Source::Text(text) | Source::Json(text) => {
                let text = text.trim_ascii();
                if text.first() == Some(&b'[') {
                    return self.json_list(text);
                }
                match self.text(Source::Text(text))? {
                    Val::Str(text) => Some(text),
                    _ => None,
                }
            }
            Source::Int(_) | Source::Float(_) | Source::Bool(_) | Source::Map(_) => None,
        }
    }

    fn json_list(&mut self, text: &'a [u8]) -> Option<&'a str> {
        if text.len() > 4 * self.text_bytes {
            self.anomalies.oversize_text += 1;
            return None;
        }
        let mut items = Items { joined: bumpalo::collections::String::new_in(self.arena), arena: self.arena };
        let paths = transform::item_paths();
        if super::json::walk(text, paths, 4, self.arena, &mut items).is_err() {
            self.anomalies.bad_json += 1;
        }
        (!items.joined.is_empty()).then(|| items.joined.into_bump_str())
    }
}

struct Items<'a> {
    joined: bumpalo::collections::String<'a>,
    arena: &'a Bump,
}

impl<'a> super::json::Sink<'a> for Items<'a> {
    fn hit(&mut self, _: u16, _: super::json::Base, leaf: Leaf<'a>) {
        if let Some(Source::Text(text)) = Source::of_leaf(leaf, self.arena)
            && let Some(text) = text::checked(text)
            && !text.is_empty()
        {
            if !self.joined.is_empty() {
                self.joined.push(LIST_SEPARATOR);
            }
            self.joined.push_str(text);
        }
    }
}

fn boolean(source: Source<'_>) -> Option<bool> {
    match source {
        Source::Bool(value) => Some(value),
        Source::Int(0) => Some(false),
        Source::Int(1) => Some(true),
        Source::Text(text) => {
            let text = unquoted(text.trim_ascii());
            if text.eq_ignore_ascii_case(b"true") || text == b"1" {
                Some(true)
            } else if text.eq_ignore_ascii_case(b"false") || text == b"0" {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// MLflow and others JSON-encode every value: text in quotes is the text between them.
#[inline]
pub fn unquoted(text: &[u8]) -> &[u8] {
    match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => text,
    }
}

/// Words that numbers are missing with.
fn means_nothing(text: &[u8]) -> bool {
    text.is_empty()
        || [&b"none"[..], b"null", b"unknown", b"n/a", b"inf"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
