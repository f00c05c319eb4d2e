//! One kept span: its bytes as received with attributes appended, and, where needed, single fields replaced.

use crate::error::Result;
use crate::wire::reader::{BYTES, Reader};
use crate::wire::span::fields;
use crate::wire::value::key_value;
use crate::wire::writer::{bytes, bytes_len, tag, varint};

const TRACE_STATE: u32 = 3;
const ATTRIBUTES: u32 = 9;
/// `ScopeSpans.spans`.
const SPANS: u32 = 2;

/// What changes on a span.
#[derive(Default)]
pub struct Edits {
    /// Encoded `attributes` fields to append.
    pub attributes: Vec<u8>,
    /// The tracestate to write instead of the span's; "" leaves it.
    pub trace_state: String,
    /// Attribute keys to leave out (their replacements are in `attributes`).
    pub omit: Vec<String>,
}

impl Edits {
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.trace_state.clear();
        self.omit.clear();
    }

    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.trace_state.is_empty() && self.omit.is_empty()
    }
}

/// Appends the span as a `ScopeSpans.spans` field.
pub fn write(raw: &[u8], had_trace_state: bool, edits: &Edits, out: &mut Vec<u8>) -> Result<()> {
    if edits.is_empty() {
        bytes(out, SPANS, raw);
        return Ok(());
    }
    let state = edits.trace_state.as_bytes();
    let states = !state.is_empty();
    let added = edits.attributes.len() + if states { bytes_len(state.len()) } else { 0 };
    let append = |kept: &[u8], out: &mut Vec<u8>| {
        tag(out, SPANS, BYTES);
        varint(out, (kept.len() + added) as u64);
        out.extend_from_slice(kept);
        if states {
            bytes(out, TRACE_STATE, state);
        }
        out.extend_from_slice(&edits.attributes);
    };
    if edits.omit.is_empty() && !(had_trace_state && states) {
        append(raw, out);
        return Ok(());
    }
    let mut kept = Vec::with_capacity(raw.len());
    let mut reader = Reader::new(raw);
    while !reader.at_end() {
        let start = reader.position();
        let (field, wire) = reader.tag()?;
        let omitted = if (field, wire) == (ATTRIBUTES, BYTES) {
            let (key, _) = key_value(reader.bytes()?)?;
            edits.omit.iter().any(|omit| omit.as_bytes() == key)
        } else {
            reader.skip(wire)?;
            field == TRACE_STATE && states
        };
        if !omitted {
            kept.extend_from_slice(reader.since(start));
        }
    }
    append(&kept, out);
    Ok(())
}

/// The span's tracestate; empty when it has none.
pub fn trace_state(raw: &[u8]) -> &[u8] {
    fields(raw, TRACE_STATE).filter_map(Result::ok).last().unwrap_or_default()
}
