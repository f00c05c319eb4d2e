//! Whether a strict decoder takes what we forward: framing, UTF-8 in every text, nesting. Protobuf demands valid UTF-8 in
//! all `string` fields (proto3), and decoders in C++, Python and Java stop at 100 nested messages; one bad span would
//! cost the whole batch that it travels in.

use super::reader::{BYTES, Reader};
use super::value::{NOT_UTF8, TOO_DEEP, utf8};
use crate::error::{CoreError, Result};

/// Messages that may be nested in a request, itself not counted.
const MESSAGES: usize = 100;

/// Nesting of a resource's or scope's head and of a span in a request.
const RESOURCE_AT: usize = 1;
const SCOPE_AT: usize = 2;
const SPAN_AT: usize = 3;

/// Messages whose fields we know. What else there is counts as bytes.
#[derive(Clone, Copy)]
enum Kind {
    ResourceSpans,
    Resource,
    EntityRef,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
}

enum Field {
    Text,
    Message(Kind),
    Other,
}

impl Kind {
    /// opentelemetry-proto 1.x; only length-delimited fields are asked for.
    fn field(self, number: u32) -> Field {
        use Field::{Message, Other, Text};
        match (self, number) {
            (Kind::ResourceSpans, 1) => Message(Kind::Resource),
            (Kind::Resource, 1) => Message(Kind::KeyValue),
            (Kind::Resource, 3) => Message(Kind::EntityRef),
            (Kind::EntityRef, 1..=4) => Text,
            (Kind::ScopeSpans, 1) => Message(Kind::Scope),
            (Kind::ResourceSpans | Kind::ScopeSpans, 3) => Text,
            (Kind::Scope, 1 | 2) => Text,
            (Kind::Scope, 3) => Message(Kind::KeyValue),
            (Kind::Span, 3 | 5) => Text,
            (Kind::Span, 9) => Message(Kind::KeyValue),
            (Kind::Span, 11) => Message(Kind::Event),
            (Kind::Span, 13) => Message(Kind::Link),
            (Kind::Span, 15) => Message(Kind::Status),
            (Kind::Event, 2) => Text,
            (Kind::Event, 3) => Message(Kind::KeyValue),
            (Kind::Link, 3) => Text,
            (Kind::Link, 4) => Message(Kind::KeyValue),
            (Kind::Status, 2) => Text,
            (Kind::KeyValue, 1) => Text,
            (Kind::KeyValue, 2) => Message(Kind::AnyValue),
            (Kind::AnyValue, 1) => Text,
            (Kind::AnyValue, 5) => Message(Kind::ArrayValue),
            (Kind::AnyValue, 6) => Message(Kind::KeyValueList),
            (Kind::ArrayValue, 1) => Message(Kind::AnyValue),
            (Kind::KeyValueList, 1) => Message(Kind::KeyValue),
            _ => Other,
        }
    }
}

/// Checks a whole span. `depth`: levels of arrays and maps that a value may have.
pub fn span(raw: &[u8], depth: usize) -> Result<()> {
    message(raw, Kind::Span, MESSAGES - SPAN_AT, depth)
}

/// Checks the encoded items of an array that is the value of a span's attribute.
pub fn attribute_array(items: &[u8], depth: usize) -> Result<()> {
    let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
    // KeyValue, AnyValue and ArrayValue lie between the span and the items.
    message(items, Kind::ArrayValue, MESSAGES - SPAN_AT - 3, depth)
}

/// Checks a `ResourceSpans` without its spans.
pub fn resource_head(head: &[u8], depth: usize) -> Result<()> {
    message(head, Kind::ResourceSpans, MESSAGES - RESOURCE_AT, depth)
}

/// Checks a `ScopeSpans` without its spans.
pub fn scope_head(head: &[u8], depth: usize) -> Result<()> {
    message(head, Kind::ScopeSpans, MESSAGES - SCOPE_AT, depth)
}

/// Tells bad content, for which single spans are refused, from bytes that are not OTLP at all.
pub fn bad_span(checked: Result<()>) -> Result<Option<CoreError>> {
    match checked {
        Ok(()) => Ok(None),
        Err(fault) if fault == NOT_UTF8 || fault == TOO_DEEP => Ok(Some(fault)),
        Err(fault) => Err(fault),
    }
}

/// `below`: messages that may be nested in this one.
fn message(buf: &[u8], kind: Kind, below: usize, depth: usize) -> Result<()> {
    let mut reader = Reader::new(buf);
    while !reader.at_end() {
        let (number, wire) = reader.tag()?;
        if wire != BYTES {
            reader.skip(wire)?;
            continue;
        }
        let field = reader.bytes()?;
        match kind.field(number) {
            Field::Text => utf8(field)?,
            Field::Message(inner) => {
                let below = below.checked_sub(1).ok_or(TOO_DEEP)?;
                let nests = matches!(inner, Kind::ArrayValue | Kind::KeyValueList);
                let depth = depth.checked_sub(usize::from(nests)).ok_or(TOO_DEEP)?;
                message(field, inner, below, depth)?;
            }
            Field::Other => {}
        }
    }
    Ok(())
}
