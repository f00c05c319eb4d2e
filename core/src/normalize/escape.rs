//! Backslashes in quoted text.

use bumpalo::Bump;

/// JSON (and Python) escapes decoded. Never longer than its input; what is not an escape stays as it is.
pub fn unescape<'a>(raw: &[u8], arena: &'a Bump) -> &'a [u8] {
    let mut out = bumpalo::collections::Vec::with_capacity_in(raw.len(), arena);
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some(&escape) = rest.get(at + 1) else {
            rest = &[];
            break;
        };
        rest = &rest[at + 2..];
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => match hex4(rest) {
                Some(unit) => {
                    rest = &rest[4..];
                    let low = (0xd800..0xdc00)
                        .contains(&unit)
                        .then(|| rest.strip_prefix(b"\\u").and_then(hex4))
                        .flatten()
                        .filter(|low| (0xdc00..0xe000).contains(low));
                    let code = match low {
                        Some(low) => {
                            rest = &rest[6..];
                            0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                        }
                        None => unit,
                    };
                    let decoded = char::from_u32(code).unwrap_or('\u{fffd}');
                    out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None => out.extend_from_slice(b"\\u"),
            },
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
    out.into_bump_slice()
}

fn hex4(text: &[u8]) -> Option<u32> {
    text.first_chunk::<4>()?.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}
