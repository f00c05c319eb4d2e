//! Protobuf framing, written into a growing buffer.

#[inline]
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that `varint` writes for a value.
#[inline]
pub fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[inline]
pub fn tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    varint(out, u64::from(field << 3 | wire));
}

#[inline]
pub fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Size of a length-delimited field whose number is below 16.
#[inline]
pub fn bytes_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// One attribute value to write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    Str(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A list of strings joined by `facts::LIST_SEPARATOR`.
    List(&'a str),
}

/// Appends `KeyValue { key, value }` as field `field` (9 on a span).
pub fn key_value(out: &mut Vec<u8>, field: u32, key: &str, value: Scalar<'_>) {
    let value_len = scalar_len(value);
    let len = bytes_len(key.len()) + bytes_len(value_len);
    if field < 16 && len < 0x80 {
        // Every number of nearly every attribute is one byte: they are written together.
        out.extend_from_slice(&[(field << 3 | 2) as u8, len as u8, 1 << 3 | 2, key.len() as u8]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[2 << 3 | 2, value_len as u8]);
    } else {
        tag(out, field, 2);
        varint(out, len as u64);
        bytes(out, 1, key.as_bytes());
        tag(out, 2, 2);
        varint(out, value_len as u64);
    }
    scalar(out, value);
}

fn scalar_len(value: Scalar<'_>) -> usize {
    match value {
        Scalar::Str(s) => bytes_len(s.len()),
        Scalar::Int(i) => 1 + varint_len(i as u64),
        Scalar::Float(_) => 9,
        Scalar::Bool(_) => 2,
        Scalar::List(joined) => bytes_len(list_len(joined)),
    }
}

fn list_len(joined: &str) -> usize {
    joined.split(crate::facts::LIST_SEPARATOR).map(|item| bytes_len(bytes_len(item.len()))).sum()
}

fn scalar(out: &mut Vec<u8>, value: Scalar<'_>) {
    match value {
        Scalar::Str(s) => bytes(out, 1, s.as_bytes()),
        Scalar::Bool(b) => out.extend_from_slice(&[2 << 3, u8::from(b)]),
        Scalar::Int(i) => {
            tag(out, 3, 0);
            varint(out, i as u64);
        }
        Scalar::Float(d) => {
            tag(out, 4, 1);
            out.extend_from_slice(&d.to_le_bytes());
        }
        Scalar::List(joined) => {
            tag(out, 5, 2);
            varint(out, list_len(joined) as u64);
            for item in joined.split(crate::facts::LIST_SEPARATOR) {
                tag(out, 1, 2);
                varint(out, bytes_len(item.len()) as u64);
                bytes(out, 1, item.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_len_matches_what_is_written() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1] {
                let mut out = Vec::new();
                varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value), "{value}");
            }
        }
    }

    #[test]
    fn a_written_attribute_reads_back() {
        let mut out = Vec::new();
        for value in [
            Scalar::Str("x"),
            Scalar::Str(&"long".repeat(40)),
            Scalar::Int(-5),
            Scalar::Float(0.25),
            Scalar::Bool(true),
            Scalar::List("stop\u{1f}length"),
        ] {
            out.clear();
            key_value(&mut out, 9, "k", value);
            let mut reader = crate::wire::reader::Reader::new(&out);
            assert_eq!(reader.tag().unwrap(), (9, 2));
            let (key, read) = crate::wire::value::key_value(reader.bytes().unwrap()).unwrap();
            assert!(reader.at_end());
            assert_eq!(key, b"k");
            use crate::wire::value::Value;
            match (value, read) {
                (Scalar::Str(a), Value::Str(b)) => assert_eq!(a.as_bytes(), b),
                (Scalar::Int(a), Value::Int(b)) => assert_eq!(a, b),
                (Scalar::Float(a), Value::Double(b)) => assert_eq!(a.to_bits(), b.to_bits()),
                (Scalar::Bool(a), Value::Bool(b)) => assert_eq!(a, b),
                (Scalar::List(_), Value::Array(items)) => {
                    let items: Vec<_> = crate::wire::value::array(items).map(|v| v.unwrap()).collect();
                    assert_eq!(items, [Value::Str(b"stop"), Value::Str(b"length")]);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
