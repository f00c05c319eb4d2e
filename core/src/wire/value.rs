//! `KeyValue` and `AnyValue`.

use super::reader::{BYTES, FIXED64, Reader, VARINT};
use super::text;
use crate::error::{CoreError, Result};

/// One attribute value. Arrays, maps and bytes stay encoded until somebody asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Empty,
    Str(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// An encoded `ArrayValue`; walk it with [`array`].
    Array(&'a [u8]),
    /// An encoded `KeyValueList`; walk it with [`kv_list`].
    KvList(&'a [u8]),
    Bytes(&'a [u8]),
}

/// Decodes a `KeyValue` message.
#[inline]
pub fn key_value(buf: &[u8]) -> Result<(&[u8], Value<'_>)> {
    match usual_key_value(buf) {
        Some(pair) => Ok(pair),
        None => any_key_value(buf),
    }
}

/// The layouts that encoders write: key and value once each, the value with one member. Most write the key first, the
/// Collector writes from the back. `None` for all other layouts.
#[inline(always)]
pub(super) fn usual_key_value(buf: &[u8]) -> Option<(&[u8], Value<'_>)> {
    let (key, value) = match buf.first()? {
        0x0a => {
            let (key, rest) = short_then(buf.get(1..)?, 0x12)?;
            (key, delimited(rest)?)
        }
        0x12 => {
            let mut reader = Reader::new(buf.get(1..)?);
            let value = reader.bytes().ok()?;
            let (&tag, rest) = buf.get(1 + reader.position()..)?.split_first()?;
            if tag != 0x0a {
                return None;
            }
            (delimited(rest)?, value)
        }
        _ => return None,
    };
    let Some((&tag, member)) = value.split_first() else {
        return Some((key, Value::Empty));
    };
    let value = match tag {
        0x0a => Value::Str(delimited(member)?),
        0x18 => Value::Int(sole_varint(member)? as i64),
        0x10 => Value::Bool(sole_varint(member)? != 0),
        0x21 => Value::Double(f64::from_le_bytes(<[u8; 8]>::try_from(member).ok()?)),
        0x2a => Value::Array(delimited(member)?),
        _ => return None,
    };
    Some((key, value))
}

/// Bytes behind a length of one byte, then the tag that must follow; gives the bytes and what comes after the tag.
#[inline(always)]
fn short_then(buf: &[u8], next_tag: u8) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = buf.split_first()?;
    if len >= 0x80 {
        return None;
    }
    let (bytes, rest) = rest.split_at_checked(usize::from(len))?;
    let (&tag, rest) = rest.split_first()?;
    (tag == next_tag).then_some((bytes, rest))
}

/// A length and exactly as many bytes.
#[inline(always)]
fn delimited(buf: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = buf.split_first()?;
    if first < 0x80 {
        return (rest.len() == usize::from(first)).then_some(rest);
    }
    let (&second, rest) = rest.split_first()?;
    if second < 0x80 {
        let len = usize::from(first & 0x7f) | usize::from(second) << 7;
        return (rest.len() == len).then_some(rest);
    }
    let mut reader = Reader::new(buf);
    let value = reader.bytes().ok()?;
    reader.at_end().then_some(value)
}

/// A varint and nothing behind it.
#[inline(always)]
fn sole_varint(buf: &[u8]) -> Option<u64> {
    if let [byte @ 0..0x80] = buf {
        return Some(u64::from(*byte));
    }
    let mut reader = Reader::new(buf);
    let value = reader.varint().ok()?;
    reader.at_end().then_some(value)
}

pub(super) fn any_key_value(buf: &[u8]) -> Result<(&[u8], Value<'_>)> {
    let mut reader = Reader::new(buf);
    let mut key: &[u8] = &[];
    let mut value = Value::Empty;
    while !reader.at_end() {
        match reader.tag()? {
            (1, BYTES) => key = reader.bytes()?,
            (2, BYTES) => value = any_value(reader.bytes()?)?,
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok((key, value))
}

/// Decodes an `AnyValue` message; the last member set wins, as protobuf says.
#[inline]
pub fn any_value(buf: &[u8]) -> Result<Value<'_>> {
    let mut reader = Reader::new(buf);
    let mut value = Value::Empty;
    while !reader.at_end() {
        value = match reader.tag()? {
            (1, BYTES) => Value::Str(reader.bytes()?),
            (2, VARINT) => Value::Bool(reader.varint()? != 0),
            (3, VARINT) => Value::Int(reader.varint()? as i64),
            (4, FIXED64) => Value::Double(f64::from_bits(reader.fixed64()?)),
            (5, BYTES) => Value::Array(reader.bytes()?),
            (6, BYTES) => Value::KvList(reader.bytes()?),
            (7, BYTES) => Value::Bytes(reader.bytes()?),
            (_, wire) => {
                reader.skip(wire)?;
                value
            }
        };
    }
    Ok(value)
}

/// The items of an encoded `ArrayValue`.
pub fn array(buf: &[u8]) -> impl Iterator<Item = Result<Value<'_>>> {
    repeated(buf).map(|item| item.and_then(any_value))
}

/// The entries of an encoded `KeyValueList`.
pub fn kv_list(buf: &[u8]) -> impl Iterator<Item = Result<(&[u8], Value<'_>)>> {
    repeated(buf).map(|item| item.and_then(key_value))
}

/// The occurrences of the length-delimited field 1.
fn repeated(buf: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    let mut reader = Reader::new(buf);
    std::iter::from_fn(move || {
        while !reader.at_end() {
            let step = reader.tag().and_then(|tag| match tag {
                (1, BYTES) => reader.bytes().map(Some),
                (_, wire) => reader.skip(wire).map(|()| None),
            });
            match step {
                Ok(Some(item)) => return Some(Ok(item)),
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

/// Checks that a value is valid UTF-8 wherever protobuf demands it and nested at most `depth` levels.
#[inline]
pub fn check(value: &Value<'_>, depth: usize) -> Result<()> {
    match value {
        Value::Str(text) => utf8(text),
        Value::Array(items) => {
            let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
            array(items).try_for_each(|item| check(&item?, depth))
        }
        Value::KvList(entries) => {
            let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
            kv_list(entries).try_for_each(|entry| {
                let (key, value) = entry?;
                utf8(key)?;
                check(&value, depth)
            })
        }
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Bytes(_) => Ok(()),
    }
}

pub const TOO_DEEP: CoreError = CoreError::Decode { message: "value nested too deeply", offset: 0 };
pub const NOT_UTF8: CoreError = CoreError::Decode { message: "text that is not valid UTF-8", offset: 0 };

#[inline]
pub fn utf8(text: &[u8]) -> Result<()> {
    match text::checked(text) {
        Some(_) => Ok(()),
        None => Err(NOT_UTF8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::writer::{bytes, tag, varint};
    use proptest::prelude::*;

    /// Encodings of every shape, usual or not: fields in any order, twice, with strangers between.
    fn parts() -> impl Strategy<Value = Vec<u8>> {
        let value = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(|text| {
                let mut out = Vec::new();
                bytes(&mut out, 1, &text);
                out
            }),
            any::<u64>().prop_map(|number| {
                let mut out = Vec::new();
                tag(&mut out, 3, 0);
                varint(&mut out, number);
                out
            }),
            proptest::collection::vec(any::<u8>(), 0..12),
        ];
        let field = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(|key| (1, key)),
            value.prop_map(|value| (2, value)),
            proptest::collection::vec(any::<u8>(), 0..5).prop_map(|rest| (9, rest)),
        ];
        proptest::collection::vec(field, 0..4).prop_map(|fields| {
            let mut out = Vec::new();
            for (number, content) in fields {
                bytes(&mut out, number, &content);
            }
            out
        })
    }

    proptest! {
        #[test]
        fn the_short_cut_agrees_with_the_long_way(buf in prop_oneof![parts(), proptest::collection::vec(any::<u8>(), 0..40)]) {
            if let Some((key, value)) = usual_key_value(&buf) {
                let (slow_key, slow_value) = any_key_value(&buf).unwrap();
                prop_assert_eq!(key, slow_key);
                match (value, slow_value) {
                    (Value::Double(a), Value::Double(b)) => prop_assert_eq!(a.to_bits(), b.to_bits()),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}
