//! OTLP JSON read into protobuf.

use super::messages::{Field, Kind, Message};
use super::{MAX_DEPTH, Signal};
use crate::error::{CoreError, Result};
use crate::wire::writer::{bytes, tag, varint};
use serde_json::Value;

/// Encodes one OTLP JSON message of a signal. Errors name the place, e.g. `resourceSpans[0].scopeSpans[0].spans[2].traceId`.
pub fn from_json(signal: Signal, text: &[u8]) -> Result<Vec<u8>> {
    let value: Value = serde_json::from_slice(text).map_err(|error| CoreError::Json(format!("not JSON: {error}")))?;
    if !value.is_object() {
        return Err(CoreError::Json("the message is not a JSON object".to_owned()));
    }
    let mut out = Vec::with_capacity(text.len());
    message(signal.request(), &value, &mut out, 0).map_err(|fault| CoreError::Json(fault.to_string()))?;
    Ok(out)
}

/// A fault with its place; the path is built outwards, one step a frame.
struct Fault {
    path: Vec<String>,
    what: String,
}

impl Fault {
    fn new(what: impl Into<String>) -> Self {
        Self { path: Vec::new(), what: what.into() }
    }

    fn within(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.path.iter().rev().enumerate() {
            if index > 0 && !step.starts_with('[') {
                f.write_str(".")?;
            }
            f.write_str(step)?;
        }
        write!(f, ": {}", self.what)
    }
}

fn message(descriptor: &Message, value: &Value, out: &mut Vec<u8>, depth: usize) -> std::result::Result<(), Fault> {
    let Value::Object(object) = value else {
        return Err(Fault::new(format!("expected an object, found {}", kind_of(value))));
    };
    if depth > MAX_DEPTH {
        return Err(Fault::new("nested too deeply"));
    }
    for (name, value) in object {
        let found = descriptor.fields.iter().find(|f| f.name == name || is_snake_of(name, f.name));
        if let Some(descriptor) = found
            && !value.is_null()
        {
            field(descriptor, value, out, depth).map_err(|fault| fault.within(name.clone()))?;
        }
    }
    Ok(())
}

fn field(field: &Field, value: &Value, out: &mut Vec<u8>, depth: usize) -> std::result::Result<(), Fault> {
    if !field.repeated {
        return single(field, value, out, depth);
    }
    let Value::Array(items) = value else {
        return Err(Fault::new(format!("expected an array, found {}", kind_of(value))));
    };
    for (index, item) in items.iter().enumerate() {
        single(field, item, out, depth).map_err(|fault| fault.within(format!("[{index}]")))?;
    }
    Ok(())
}

fn single(field: &Field, value: &Value, out: &mut Vec<u8>, depth: usize) -> std::result::Result<(), Fault> {
    let number = field.number;
    match field.kind {
        Kind::Text => bytes(out, number, text(value)?.as_bytes()),
        Kind::Bytes => bytes(out, number, &base64(text(value)?).ok_or_else(|| Fault::new("not base64"))?),
        Kind::Id => bytes(out, number, &hex(text(value)?).ok_or_else(|| Fault::new("not a hexadecimal id"))?),
        Kind::Bool => {
            let flag = value.as_bool().ok_or_else(|| Fault::new(format!("expected true or false, found {value}")))?;
            tag(out, number, 0);
            out.push(u8::from(flag));
        }
        Kind::Uint32 | Kind::Uint64 => {
            tag(out, number, 0);
            varint(out, unsigned(value)?);
        }
        Kind::Int64 => {
            tag(out, number, 0);
            varint(out, signed(value)? as u64);
        }
        Kind::Sint32 => {
            let value = signed(value)?;
            tag(out, number, 0);
            varint(out, ((value << 1) ^ (value >> 63)) as u64);
        }
        Kind::Enum(names) => {
            let code = match value {
                Value::String(name) => match names.iter().position(|n| n == name) {
                    Some(code) => code as u64,
                    None => unsigned(value).map_err(|_| Fault::new(format!("unknown enum value {name:?}")))?,
                },
                _ => unsigned(value)?,
            };
            tag(out, number, 0);
            varint(out, code);
        }
        Kind::Fixed32 => {
            let bits = u32::try_from(unsigned(value)?).map_err(|_| Fault::new("does not fit 32 bits"))?;
            tag(out, number, 5);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Kind::Fixed64 => {
            tag(out, number, 1);
            out.extend_from_slice(&unsigned(value)?.to_le_bytes());
        }
        Kind::Sfixed64 => {
            tag(out, number, 1);
            out.extend_from_slice(&signed(value)?.to_le_bytes());
        }
        Kind::Double => {
            tag(out, number, 1);
            out.extend_from_slice(&double(value)?.to_le_bytes());
        }
        Kind::Message(descriptor) => {
            let mut nested = Vec::new();
            message(descriptor, value, &mut nested, depth + 1)?;
            bytes(out, number, &nested);
        }
    }
    Ok(())
}

fn text(value: &Value) -> std::result::Result<&str, Fault> {
    value.as_str().ok_or_else(|| Fault::new(format!("expected text, found {}", kind_of(value))))
}

fn unsigned(value: &Value) -> std::result::Result<u64, Fault> {
    let parsed = match value {
        Value::Number(number) => number.as_u64().or_else(|| integral(number.as_f64()?).and_then(|i| i.try_into().ok())),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| Fault::new(format!("expected a non-negative integer, found {}", shortened(value))))
}

fn signed(value: &Value) -> std::result::Result<i64, Fault> {
    let parsed = match value {
        Value::Number(number) => number.as_i64().or_else(|| integral(number.as_f64()?).and_then(|i| i.try_into().ok())),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| Fault::new(format!("expected an integer, found {}", shortened(value))))
}

/// JavaScript has one number type: `1e3` and `5.0` are integers.
fn integral(value: f64) -> Option<i128> {
    (value.fract() == 0.0 && value.abs() < 2f64.powi(64)).then_some(value as i128)
}

fn double(value: &Value) -> std::result::Result<f64, Fault> {
    let parsed = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            other => other.parse().ok(),
        },
        _ => None,
    };
    parsed.ok_or_else(|| Fault::new(format!("expected a number, found {}", shortened(value))))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn is_snake_of(snake: &str, camel: &str) -> bool {
    if !snake.contains('_') {
        return false;
    }
    let mut letters = snake.bytes();
    for expected in camel.bytes() {
        if expected.is_ascii_uppercase() {
            if letters.next() != Some(b'_') || letters.next() != Some(expected.to_ascii_lowercase()) {
                return false;
            }
        } else if letters.next() != Some(expected) {
            return false;
        }
    }
    letters.next().is_none()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let high = (pair[0] as char).to_digit(16)?;
            let low = (pair[1] as char).to_digit(16)?;
            Some((high << 4 | low) as u8)
        })
        .collect()
}

/// Standard and URL-safe alphabets, with or without padding, as protobuf's JSON mapping accepts.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    if count == 6 { None } else { Some(out) }
}
