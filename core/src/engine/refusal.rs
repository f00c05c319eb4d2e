//! Why single spans of a request are refused.

use super::compiled::Limits;
use crate::buffer::intern::{Resource, Scope};
use crate::error::{CoreError, Result};
use crate::wire::span::{Attr, SpanView};
use crate::wire::valid;
use crate::wire::value::{NOT_UTF8, Value, utf8};
use std::fmt;

/// Bytes of an attribute's key in a message.
const KEY_SHOWN: usize = 80;

/// Why a span is refused. A request may have millions of such spans, so the text is made of the first only.
pub(super) enum Refusal<'a> {
    /// It breaks protobuf's framing.
    Broken(CoreError),
    /// More spans than this came before it.
    TooMany(usize),
    Ids,
    Resource(&'static str),
    Scope(&'static str),
    Texts,
    /// An attribute with this key has such content.
    Attribute(&'a [u8], &'static str),
    Content(&'static str),
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(fault) => write!(f, "a span cannot be read: {fault}"),
            Self::TooMany(limit) => write!(f, "more than {limit} spans in a request (limits.request_spans)"),
            Self::Ids => f.write_str("trace and span ids must have 16 and 8 bytes and not be zero"),
            Self::Resource(fault) => write!(f, "its resource has a {fault}"),
            Self::Scope(fault) => write!(f, "its scope has a {fault}"),
            Self::Texts => f.write_str("name, trace state or status message is not valid UTF-8"),
            Self::Attribute(key, fault) => {
                let key = String::from_utf8_lossy(&key[..key.len().min(KEY_SHOWN)]);
                write!(f, "attribute {key:?} has a {fault}")
            }
            Self::Content(fault) => write!(f, "it has a {fault}"),
        }
    }
}

impl<'a> Refusal<'a> {
    /// Why a span cannot be taken; such spans are refused one by one, so that they do not take their neighbors along.
    pub fn of(
        span: &SpanView<'a>,
        attrs: &[Attr<'a>],
        resource: &Resource,
        scope: &Scope,
        limits: &Limits,
    ) -> Result<Option<Self>> {
        if !span.valid_ids {
            return Ok(Some(Self::Ids));
        }
        if let Some(fault) = &resource.fault {
            return Ok(Some(Self::Resource(told(fault))));
        }
        if let Some(fault) = &scope.fault {
            return Ok(Some(Self::Scope(told(fault))));
        }
        Self::of_content(span, attrs, limits.depth)
    }

    /// What on a span no strict decoder would take. A span without events and links, with its fields as encoders write
    /// them, is checked by what was decoded of it; any other is read to its depths.
    fn of_content(span: &SpanView<'a>, attrs: &[Attr<'a>], depth: usize) -> Result<Option<Self>> {
        if [span.name, span.trace_state, span.status_message].into_iter().any(|text| utf8(text).is_err()) {
            return Ok(Some(Self::Texts));
        }
        for attr in attrs {
            if let Some(fault) = attribute_fault(attr, depth)? {
                return Ok(Some(Self::Attribute(attr.key, told(&fault))));
            }
        }
        let seen_whole = !span.unusual && span.events + span.links == 0 && span.attributes as usize == attrs.len();
        if seen_whole {
            return Ok(None);
        }
        Ok(valid::bad_span(valid::span(span.raw, depth))?.map(|fault| Self::Content(told(&fault))))
    }
}

fn attribute_fault(attr: &Attr<'_>, depth: usize) -> Result<Option<CoreError>> {
    if !attr.known && utf8(attr.key).is_err() {
        return Ok(Some(NOT_UTF8));
    }
    match attr.value {
        Value::Str(text) => Ok(utf8(text).err()),
        Value::Array(items) => valid::bad_span(valid::attribute_array(items, depth)),
        _ => Ok(None),
    }
}

/// A fault of content; where in the request it lies says nothing.
fn told(fault: &CoreError) -> &'static str {
    match fault {
        CoreError::Decode { message, .. } => message,
        _ => "fault",
    }
}
