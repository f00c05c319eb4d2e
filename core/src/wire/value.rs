//! `KeyValue` and `AnyValue`.

use super::reader::{BYTES, FIXED64, Reader, VARINT};
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
    if text.is_ascii() || std::str::from_utf8(text).is_ok() { Ok(()) } else { Err(NOT_UTF8) }
}
