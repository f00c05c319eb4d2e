//! Bytes as text. Protobuf and JSON hand out bytes; everything behind them reads `&str`.
//!
//! The two conversions below are the crate's only `unsafe`. Checking anew what is known to be UTF-8, and checking ASCII
//! by the rules of UTF-8, was 9 % of the instructions of the whole job (`core::str::from_utf8` under callgrind).
#![allow(unsafe_code)]

/// The text of bytes that are UTF-8; `None` for others. Nearly all text is ASCII, which is seen faster than decoded.
#[inline]
pub fn checked(bytes: &[u8]) -> Option<&str> {
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

/// The text of bytes that a `&str` was written to. Only `record` may ask: it wrote the bytes, or noted where in a span
/// they stand, from a `&str`, and a record is never parted from its span.
#[inline]
pub fn known(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok(), "a record points at bytes that are no text");
    // SAFETY: see above.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
