//! Model names as they are compared: `us.anthropic.claude-3-5-sonnet-20241022-v2:0`, `anthropic/claude-3.5-sonnet` and
//! `claude-3-5-sonnet-latest` name the same model.

use super::sketch::hash;
use std::cell::Cell;

/// A name that stands for none.
pub const UNKNOWN: u64 = 0;

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Longer names are not model names; their tails do not matter.
const NAME_MAX: usize = 256;

/// Low bits of a key that hold the version behind the name plus one (`text-embedding-005`), 0 for none.
const VERSION: u64 = (1 << 10) - 1;

/// Names cleaned before, by a hash of the name as it is: a program asks few models many times.
const REMEMBERED: usize = 64;

thread_local! {
    static KEYS: [Cell<(u64, u64)>; REMEMBERED] = const { [const { Cell::new((0, UNKNOWN)) }; REMEMBERED] };
}

/// Whether two keys may be of one model: a name without a version stands for each of its versions.
pub fn agree(one: u64, other: u64) -> bool {
    let (version, another) = (one & VERSION, other & VERSION);
    one != UNKNOWN && one & !VERSION == other & !VERSION && (version == 0 || another == 0 || version == another)
}

/// A hash of the cleaned-up name, with its version; `UNKNOWN` for "" and placeholders.
pub fn key(name: &str) -> u64 {
    if name.is_empty() {
        return UNKNOWN;
    }
    let bytes = name.as_bytes();
    let name = &bytes[..bytes.len().min(NAME_MAX)];
    let raw = hash(name);
    KEYS.with(|keys| {
        let slot = &keys[raw as usize % REMEMBERED];
        let (known, key) = slot.get();
        if known == raw {
            return key;
        }
        let key = cleaned(name);
        slot.set((raw, key));
        key
    })
}

fn cleaned(name: &[u8]) -> u64 {
    if [&b"unknown"[..], b"none", b"null"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
        return UNKNOWN;
    }
    let (core, version) = strip(name);
    let mut hash = FNV_START;
    for byte in core {
        // Spellings differ in punctuation and case: `gpt-3.5-turbo`, `gpt-35-turbo`.
        if byte.is_ascii_alphanumeric() || *byte >= 0x80 {
            hash = (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(FNV_PRIME);
        }
    }
    (hash & !VERSION).max(VERSION + 1) | version
}

/// The name without path, region, vendor, variant, version and date; and the version as keys have it.
fn strip(name: &[u8]) -> (&[u8], u64) {
    if name.starts_with(b"ft:") {
        return (name, 0);
    }
    let mut core = match name.iter().rposition(|byte| *byte == b'/') {
        Some(at) if at + 1 < name.len() => &name[at + 1..],
        _ => name,
    };
    if let Some(at) = core.iter().position(|byte| matches!(byte, b':' | b'@')).filter(|at| *at > 0) {
        core = &core[..at];
    }
    // Leading parts of letters only are regions and vendors; `gpt-4.1` keeps its dot.
    while let Some(at) = core.iter().position(|byte| *byte == b'.') {
        let is_label = core[..at].iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
        if !is_label || at + 1 >= core.len() {
            break;
        }
        core = &core[at + 1..];
    }
    let (shorter, last) = split_last(core);
    // Bedrock's version of a dated model; elsewhere `v2` is part of the name.
    if is_version_number(last) && split_last(shorter).1.len() == 8 && is_year_or_date(split_last(shorter).1) {
        core = shorter;
    }
    let (mut version, mut behind) = (0, &b""[..]);
    loop {
        let (shorter, last) = split_last(core);
        let before = split_last(shorter).1;
        let in_date = |part: &[u8]| part.len() == 4 && is_year_or_date(part) || is_month_or_day(part);
        if last.len() == 3 && version == 0 && last.iter().all(u8::is_ascii_digit) {
            version = 1 + last.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
        } else if !last.eq_ignore_ascii_case(b"latest")
            && !is_year_or_date(last)
            // One number of two digits is part of a name.
            && !(is_month_or_day(last) && (in_date(before) || in_date(behind)))
        {
            return (core, version);
        }
        (core, behind) = (shorter, last);
    }
}

/// What stands before and behind the last `-`; nothing behind when there is none.
fn split_last(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|byte| *byte == b'-') {
        Some(at) if at > 0 => (&name[..at], &name[at + 1..]),
        _ => (name, &[]),
    }
}

/// `0613`, `20240806`, and the year of `2024-08-06` or `08-2024`.
fn is_year_or_date(part: &[u8]) -> bool {
    part.len() >= 4 && part.iter().all(u8::is_ascii_digit)
}

/// A part of `2024-08-06` or `05-20`.
fn is_month_or_day(part: &[u8]) -> bool {
    matches!(part, [b'0', b'1'..=b'9'] | [b'1' | b'2', b'0'..=b'9'] | [b'3', b'0' | b'1'])
}

fn is_version_number(part: &[u8]) -> bool {
    part.len() >= 2 && part[0].eq_ignore_ascii_case(&b'v') && part[1..].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_model_agree() {
        for same in [
            &["gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "GPT-4o-latest", "gpt-4o:free"][..],
            &[
                "claude-3-5-sonnet-20241022",
                "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
                "anthropic/claude-3.5-sonnet",
                "claude-3-5-sonnet@20240620",
                "arn:aws:bedrock:us-east-1::inference-profile/eu.anthropic.claude-3-5-sonnet-20241022-v2:0",
            ],
            &["gemini-2.5-flash", "models/gemini-2.5-flash-001", "publishers/google/models/gemini-2.5-flash"],
            &["gemini-2.5-pro-preview", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro-preview-12-31"],
            &["command-r", "command-r-08-2024", "command-r-0824"],
            &["gpt-3.5-turbo", "gpt-35-turbo-0613"],
        ] {
            for name in same {
                assert!(agree(key(name), key(same[0])), "{name}");
            }
        }
    }

    #[test]
    fn different_models_differ() {
        let names = [
            "gpt-4",
            "gpt-4o",
            "gpt-4.1",
            "gpt-4o-mini",
            "claude-3-5-sonnet",
            "claude-3-7-sonnet",
            "claude-opus-4",
            "claude-opus-4-1",
            "o1",
            "o3",
            "ft:gpt-4o:acme::a",
            "ft:gpt-4o:acme::b",
            "text-embedding-3-small",
            "amazon.titan-embed-text-v1",
            "amazon.titan-embed-text-v2:0",
            "text-embedding-004",
            "publishers/google/models/text-embedding-005",
            "gemini-1.5-flash-001",
            "gemini-1.5-flash-002",
            "other-10",
            "other-11",
            "other",
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].iter().any(|other| agree(key(other), key(name))), "{name}");
        }
    }

    #[test]
    fn placeholders_name_no_model() {
        assert!(["", "unknown", "None"].iter().all(|name| key(name) == UNKNOWN));
        assert!(!agree(UNKNOWN, UNKNOWN));
        assert_ne!(key("/"), UNKNOWN);
        assert_ne!(key(&"x".repeat(1 << 20)), UNKNOWN);
    }
}
