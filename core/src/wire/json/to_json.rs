//! Protobuf written as OTLP JSON on one line, as the Collector's file exporter writes it.

use super::messages::{Field, Kind, Message};
use super::{MAX_DEPTH, Signal};
use crate::error::{CoreError, Result};
use crate::wire::reader::{BYTES, FIXED32, FIXED64, Reader, VARINT};
use std::fmt::Write;

const TOO_DEEP: CoreError = CoreError::Decode { message: "message nested too deeply", offset: 0 };
const WRONG_WIRE: CoreError = CoreError::Decode { message: "field with the wrong wire type", offset: 0 };

/// One export request as JSON, without a line end. Unknown fields have no JSON form and are left out.
pub fn to_json(signal: Signal, payload: &[u8]) -> Result<String> {
    let mut out = String::with_capacity(payload.len() * 2);
    message(signal.request(), payload, &mut out, 0)?;
    Ok(out)
}

/// How many items (spans, points, records) a message holds; its framing is checked on the way.
pub fn count(descriptor: &Message, payload: &[u8], depth: usize) -> Result<u64> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP);
    }
    let mut items = u64::from(descriptor.item);
    let mut reader = Reader::new(payload);
    while !reader.at_end() {
        let (number, wire) = reader.tag()?;
        match descriptor.fields.iter().find(|f| f.number == number).map(|f| f.kind) {
            Some(Kind::Message(nested)) if wire == BYTES => items += count(nested, reader.bytes()?, depth + 1)?,
            Some(Kind::Text) if wire == BYTES => crate::wire::value::utf8(reader.bytes()?)?,
            _ => reader.skip(wire)?,
        }
    }
    Ok(items)
}

fn message(descriptor: &Message, payload: &[u8], out: &mut String, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP);
    }
    // Where each field occurs: repeated ones need not stand together on the wire.
    let mut occurrences: Vec<Vec<Scalar<'_>>> = (0..descriptor.fields.len()).map(|_| Vec::new()).collect();
    let mut reader = Reader::new(payload);
    while !reader.at_end() {
        let (number, wire) = reader.tag()?;
        let Some(index) = descriptor.fields.iter().position(|f| f.number == number) else {
            reader.skip(wire)?;
            continue;
        };
        let field = &descriptor.fields[index];
        let seen = &mut occurrences[index];
        if !field.repeated {
            seen.clear();
        }
        read(field, wire, &mut reader, seen)?;
    }
    out.push('{');
    let mut first = true;
    for (field, values) in descriptor.fields.iter().zip(&occurrences) {
        if values.is_empty() {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        out.push('"');
        out.push_str(field.name);
        out.push_str("\":");
        if field.repeated {
            out.push('[');
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write(field.kind, value, out, depth)?;
        }
        if field.repeated {
            out.push(']');
        }
    }
    out.push('}');
    Ok(())
}

enum Scalar<'a> {
    Bytes(&'a [u8]),
    Bits(u64),
}

/// Reads one occurrence; packed repeated numbers give several values.
fn read<'a>(field: &Field, wire: u32, reader: &mut Reader<'a>, out: &mut Vec<Scalar<'a>>) -> Result<()> {
    let expected = match field.kind {
        Kind::Text | Kind::Bytes | Kind::Id | Kind::Message(_) => BYTES,
        Kind::Fixed32 => FIXED32,
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => FIXED64,
        Kind::Bool | Kind::Uint32 | Kind::Int64 | Kind::Uint64 | Kind::Sint32 | Kind::Enum(_) => VARINT,
    };
    if wire == BYTES && expected != BYTES && field.repeated {
        let mut packed = Reader::new(reader.bytes()?);
        while !packed.at_end() {
            out.push(Scalar::Bits(bits(expected, &mut packed)?));
        }
        return Ok(());
    }
    if wire != expected {
        return Err(WRONG_WIRE);
    }
    out.push(if expected == BYTES { Scalar::Bytes(reader.bytes()?) } else { Scalar::Bits(bits(expected, reader)?) });
    Ok(())
}

fn bits(wire: u32, reader: &mut Reader<'_>) -> Result<u64> {
    match wire {
        FIXED32 => reader.fixed32().map(u64::from),
        FIXED64 => reader.fixed64(),
        _ => reader.varint(),
    }
}

fn write(kind: Kind, value: &Scalar<'_>, out: &mut String, depth: usize) -> Result<()> {
    match (kind, value) {
        (Kind::Message(descriptor), Scalar::Bytes(bytes)) => {
            return message(descriptor, bytes, out, depth + 1);
        }
        (Kind::Text, Scalar::Bytes(bytes)) => text(&String::from_utf8_lossy(bytes), out),
        (Kind::Id, Scalar::Bytes(bytes)) => {
            out.push('"');
            for byte in *bytes {
                let _ = write!(out, "{byte:02x}");
            }
            out.push('"');
        }
        (_, Scalar::Bytes(bytes)) => base64(bytes, out),
        (Kind::Bool, Scalar::Bits(bits)) => out.push_str(if *bits == 0 { "false" } else { "true" }),
        (Kind::Int64 | Kind::Sfixed64, Scalar::Bits(bits)) => {
            let _ = write!(out, "\"{}\"", *bits as i64);
        }
        (Kind::Uint64 | Kind::Fixed64, Scalar::Bits(bits)) => {
            let _ = write!(out, "\"{bits}\"");
        }
        (Kind::Sint32, Scalar::Bits(bits)) => {
            let _ = write!(out, "{}", (bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
        (Kind::Double, Scalar::Bits(bits)) => double(f64::from_bits(*bits), out),
        (_, Scalar::Bits(bits)) => {
            let _ = write!(out, "{}", *bits as u32);
        }
    }
    Ok(())
}

fn double(value: f64, out: &mut String) {
    if value.is_finite() {
        // Shortest text that reads back as the same double, and always a JSON number.
        let _ = write!(out, "{}", serde_json::Number::from_f64(value).map_or("0".to_owned(), |n| n.to_string()));
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

/// A JSON string. Control characters are escaped, so that a message stays on one line.
pub fn text(value: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in value.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&value[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&value[plain..]);
    out.push('"');
}

fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push('"');
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(ALPHABET[(word >> (18 - 6 * digit)) as usize & 63] as char);
            } else {
                out.push('=');
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::from_json;
    use super::*;

    const REQUEST: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a \"b\"\n\u0001"}}]},"scopeSpans":[{"scope":{"name":"s","version":"1"},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"chat","kind":3,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"18446744073709551615","attributes":[{"key":"i","value":{"intValue":"-5"}},{"key":"d","value":{"doubleValue":0.1}},{"key":"n","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"AQIDBA=="}},{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true},{"kvlistValue":{"values":[{"key":"x","value":{}}]}}]}}}],"status":{"message":"m","code":2},"flags":257}],"schemaUrl":"u"}]}]}"#;

    #[test]
    fn json_round_trips_to_the_letter() {
        let bytes = from_json(Signal::Traces, REQUEST.as_bytes()).unwrap();
        assert_eq!(to_json(Signal::Traces, &bytes).unwrap(), REQUEST);
        assert_eq!(count(Signal::Traces.request(), &bytes, 0), Ok(1));
    }

    #[test]
    fn snake_case_enum_names_and_bare_numbers_are_read() {
        let text = r#"{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"AB","kind":"SPAN_KIND_CLIENT","start_time_unix_nano":5.0,"unknown":{"x":1},"name":null}]}]}]}"#;
        let bytes = from_json(Signal::Traces, text.as_bytes()).unwrap();
        assert_eq!(
            to_json(Signal::Traces, &bytes).unwrap(),
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"ab","kind":3,"startTimeUnixNano":"5"}]}]}]}"#
        );
    }

    #[test]
    fn packed_metrics_round_trip() {
        let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"dataPoints":[{"count":"3","bucketCounts":["1","2"],"explicitBounds":[0.5],"flags":0}],"aggregationTemporality":2}},{"name":"e","exponentialHistogram":{"dataPoints":[{"scale":-3,"positive":{"offset":-1,"bucketCounts":["7"]}}]}}]}]}]}"#;
        let bytes = from_json(Signal::Metrics, text.as_bytes()).unwrap();
        assert_eq!(to_json(Signal::Metrics, &bytes).unwrap(), text);
        assert_eq!(super::super::check(Signal::Metrics, &bytes), Ok(2));
    }

    #[test]
    fn faults_name_their_place() {
        let fault = |text: &str| match from_json(Signal::Traces, text.as_bytes()) {
            Err(CoreError::Json(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(fault("[").starts_with("not JSON"));
        assert!(fault("[]").contains("not a JSON object"));
        let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}"#;
        assert_eq!(fault(text), "resourceSpans[0].scopeSpans[0].spans[0].traceId: not a hexadecimal id");
        assert!(fault(&"[".repeat(100_000)).contains("recursion"));
    }
}
