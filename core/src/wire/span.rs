//! One span as a borrowed view: scalars decoded, everything else a slice of the request.

use super::reader::{BYTES, FIXED32, FIXED64, Reader, VARINT};
use super::value::{Value, any_key_value, key_value, usual_key_value};
use crate::error::Result;
use crate::keys::{KeyId, KeyTable};

pub const STATUS_UNSET: u8 = 0;
pub const STATUS_OK: u8 = 1;
pub const STATUS_ERROR: u8 = 2;

/// An attribute with its key looked up. `id` is `KeyId::NONE` when no rule asks for the key.
#[derive(Clone, Copy, Debug)]
pub struct Attr<'a> {
    pub key: &'a [u8],
    pub value: Value<'a>,
    pub id: KeyId,
    /// The key stood on an earlier span that was found to be without fault.
    pub known: bool,
}

/// The scalars of a span. Ids are zero when absent or malformed (`valid_ids` tells).
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanView<'a> {
    pub raw: &'a [u8],
    pub trace_id: u128,
    pub span_id: u64,
    pub parent_id: u64,
    pub trace_state: &'a [u8],
    pub name: &'a [u8],
    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u8,
    /// Unix nanoseconds.
    pub start: u64,
    /// Unix nanoseconds.
    pub end: u64,
    pub flags: u32,
    pub status_code: u8,
    pub status_message: &'a [u8],
    /// Trace and span id have the right length and are not zero, the parent id is right or absent.
    pub valid_ids: bool,
    /// Attributes on the span, even those beyond `attribute_count`.
    pub attributes: u32,
    /// Span events; walk them with [`events`].
    pub events: u32,
    pub links: u32,
    /// Something on the span is laid out as encoders do not write it: what was decoded is right, but not all that a
    /// strict decoder looks at.
    pub unusual: bool,
}

impl SpanView<'_> {
    /// Nanoseconds; 0 when the span ends before it starts.
    #[inline]
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Decodes a span. Attributes go to `attrs` (cleared first), at most `attribute_count` of them.
pub fn parse<'a>(
    raw: &'a [u8],
    keys: &KeyTable,
    attribute_count: usize,
    attrs: &mut Vec<Attr<'a>>,
) -> Result<SpanView<'a>> {
    parse_with(raw, attribute_count, attrs, |_, key, _| (keys.lookup(key), false))
}

/// Decodes a span as [`parse`] does. `lookup` gets the span as far as it is decoded, a key, and whether it is the first;
/// it gives the key's id and whether the key is known to be without fault.
#[inline]
pub fn parse_with<'a>(
    raw: &'a [u8],
    attribute_count: usize,
    attrs: &mut Vec<Attr<'a>>,
    mut lookup: impl FnMut(&SpanView<'a>, &'a [u8], bool) -> (KeyId, bool),
) -> Result<SpanView<'a>> {
    attrs.clear();
    let mut span = SpanView { raw, ..SpanView::default() };
    let (mut trace_ok, mut span_ok, mut parent_ok) = (false, false, true);
    let mut reader = Reader::new(raw);
    while !reader.at_end() {
        match reader.tag()? {
            (9, BYTES) => {
                let field = reader.bytes()?;
                let (key, value) = match usual_key_value(field) {
                    Some(pair) => pair,
                    None => {
                        span.unusual = true;
                        any_key_value(field)?
                    }
                };
                if attrs.len() < attribute_count {
                    let (id, known) = lookup(&span, key, span.attributes == 0);
                    attrs.push(Attr { key, value, id, known });
                }
                span.attributes += 1;
            }
            (1, BYTES) => {
                let id = reader.bytes()?;
                span.trace_id = <[u8; 16]>::try_from(id).map_or(0, u128::from_be_bytes);
                trace_ok = span.trace_id != 0;
            }
            (2, BYTES) => {
                span.span_id = span_id(reader.bytes()?);
                span_ok = span.span_id != 0;
            }
            (3, BYTES) => {
                span.unusual |= !span.trace_state.is_empty();
                span.trace_state = reader.bytes()?;
            }
            (4, BYTES) => {
                let id = reader.bytes()?;
                span.parent_id = span_id(id);
                parent_ok = id.is_empty() || id.len() == 8;
            }
            (5, BYTES) => {
                span.unusual |= !span.name.is_empty();
                span.name = reader.bytes()?;
            }
            (6, VARINT) => span.kind = u8::try_from(reader.varint()?).unwrap_or(0),
            (7, FIXED64) => span.start = reader.fixed64()?,
            (8, FIXED64) => span.end = reader.fixed64()?,
            (11, BYTES) => {
                reader.bytes()?;
                span.events += 1;
            }
            (13, BYTES) => {
                reader.bytes()?;
                span.links += 1;
            }
            (15, BYTES) => {
                span.unusual |= !span.status_message.is_empty();
                span.unusual |= status(reader.bytes()?, &mut span)?;
            }
            (16, FIXED32) => span.flags = reader.fixed32()?,
            (_, wire) => reader.skip(wire)?,
        }
    }
    span.valid_ids = trace_ok && span_ok && parent_ok;
    Ok(span)
}

fn span_id(id: &[u8]) -> u64 {
    <[u8; 8]>::try_from(id).map_or(0, u64::from_be_bytes)
}

/// Reads a status into the span. True when the message stands there twice.
fn status<'a>(buf: &'a [u8], span: &mut SpanView<'a>) -> Result<bool> {
    let mut reader = Reader::new(buf);
    let mut messages = 0;
    while !reader.at_end() {
        match reader.tag()? {
            (2, BYTES) => {
                span.status_message = reader.bytes()?;
                messages += 1;
            }
            (3, VARINT) => span.status_code = u8::try_from(reader.varint()?).unwrap_or(STATUS_UNSET),
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok(messages > 1)
}

/// A span event: name, time (Unix ns) and its encoded attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventView<'a> {
    pub raw: &'a [u8],
    pub name: &'a [u8],
    pub time: u64,
}

impl<'a> EventView<'a> {
    pub fn attributes(&self) -> impl Iterator<Item = Result<(&'a [u8], Value<'a>)>> {
        fields(self.raw, 3).map(|field| field.and_then(key_value))
    }
}

/// The events of an encoded span.
pub fn events(span: &[u8]) -> impl Iterator<Item = Result<EventView<'_>>> {
    fields(span, 11).map(|field| {
        let raw = field?;
        let mut event = EventView { raw, ..EventView::default() };
        let mut reader = Reader::new(raw);
        while !reader.at_end() {
            match reader.tag()? {
                (1, FIXED64) => event.time = reader.fixed64()?,
                (2, BYTES) => event.name = reader.bytes()?,
                (_, wire) => reader.skip(wire)?,
            }
        }
        Ok(event)
    })
}

/// The occurrences of one length-delimited field of a message.
pub fn fields(buf: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8]>> {
    let mut reader = Reader::new(buf);
    std::iter::from_fn(move || {
        while !reader.at_end() {
            let step = reader.tag().and_then(|(field, wire)| {
                if field == number && wire == BYTES {
                    reader.bytes().map(Some)
                } else {
                    reader.skip(wire).map(|()| None)
                }
            });
            match step {
                Ok(Some(field)) => return Some(Ok(field)),
                Ok(None) => {}
                Err(error) => {
                    reader = Reader::new(&[]);
                    return Some(Err(error));
                }
            }
        }
        None
    })
}
