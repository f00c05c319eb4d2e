//! Keys, passwords and what carries them.

use super::edges::{before, byte};
use std::ops::Range;

/// Different characters that a key has at least.
const VARIETY: usize = 8;

/// A point that ends a sentence is no part of it.
pub fn key(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let key = text[at.clone()].trim_end_matches('.');
    (is_mixed(key) && !is_written(key)).then_some(at.start..at.start + key.len())
}

fn is_mixed(key: &str) -> bool {
    let mut seen = [false; 256];
    key.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let least = VARIETY.min(key.len() * 2 / 3);
    has_both(key) && seen.iter().filter(|seen| **seen).count() >= least
}

fn has_both(key: &str) -> bool {
    key.bytes().any(|byte| byte.is_ascii_digit()) && key.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Digits that the parts of a name end in at most (`learn-pipeline-v2`, `settings.key_01`), and those of a name in one
/// part (`SecretStr3`).
const NUMBERED: usize = 3;
const NUMBERED_ALONE: usize = 1;

/// Every part of it is a word, with or without a number: what people write and nobody draws.
fn is_written(key: &str) -> bool {
    let parts = || key.split(['.', '-', '_', '/', '+', '~', '=', '%']);
    let most = if parts().nth(1).is_some() { NUMBERED } else { NUMBERED_ALONE };
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        let inner = letters.get(1..).unwrap_or_default();
        let is_plain = letters.bytes().all(|byte| byte.is_ascii_lowercase())
            || letters.bytes().all(|byte| byte.is_ascii_uppercase());
        // Of camel case: no capital beside another.
        let capitals = inner.as_bytes().windows(2).any(|two| two.iter().all(u8::is_ascii_uppercase));
        let is_camel = letters.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !capitals
            && inner.bytes().filter(u8::is_ascii_uppercase).count() * 4 <= letters.len();
        digits <= most && (is_plain || is_camel)
    };
    parts().all(is_word)
}

/// Of a value in the query of a URL the part before the next name.
fn in_query(text: &str, at: Range<usize>) -> Range<usize> {
    let value = &text[at.clone()];
    let is_name = |(at, _): &(usize, &str)| value[at + 1..].split('&').next().is_some_and(|next| next.contains('='));
    let end = value.match_indices('&').find(is_name).map_or(value.len(), |(at, _)| at);
    at.start..at.start + end
}

/// What opens an expression: `${DB_PASSWORD}`, `{{ password }}`, `<password>`, `%PASSWORD%`.
fn is_expression(value: &str) -> bool {
    value.starts_with(['$', '<', '{', '%', '*']) || value.contains("{{") || value.contains("${")
}

pub fn password(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let at = in_query(text, at);
    let value = &text[at.clone()];
    (has_both(value) && !is_expression(value)).then_some(at)
}

pub fn password_word(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let at = in_query(text, at);
    let word = text[at.clone()].trim_end_matches(['.', '!', '?', ':']);
    let end = at.start + word.len();
    let first = word.bytes().next()?;
    let varied = word.bytes().take(4).any(|byte| byte != first);
    let has_letter = word.chars().any(char::is_alphabetic);
    // `os.environ["PW"]`, `getpass()`, `=self.password`, a path, a mask.
    let is_name = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let attribute = before(text, at.start) == b'=' && word.contains('.') && is_name(word);
    let opens = matches!(byte(text, at.end), b'(' | b'[' | b'{' | b'$');
    let computed = attribute || opens || is_expression(word) || word.contains(['/', '*', '`', '%']);
    // `password: see below`
    let in_prose = before(text, at.start) == b' ' && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let goes_on = byte(text, end) == b' ' && byte(text, end + 1).is_ascii_lowercase();
    let long = word.len() >= if in_prose && goes_on { 6 } else { 4 };
    (long && varied && has_letter && !computed).then_some(at.start..end)
}

/// Shortest value of a cookie that may be a key.
const COOKIE: usize = 8;

pub fn cookie(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let cookies = text[at.clone()].trim_end_matches(['.', '!', ';']);
    let is_key = |pair: &str| pair.split_once('=').is_some_and(|(_, value)| value.len() >= COOKIE && has_both(value));
    cookies.split(';').any(is_key).then_some(at.start..at.start + cookies.len())
}

pub fn is_credentials(encoded: &[u8]) -> bool {
    let (mut bits, mut count, mut colon) = (0u32, 0, false);
    for byte in encoded.iter().take_while(|byte| **byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let decoded = (bits >> count) as u8;
            if decoded < b' ' || decoded == 0x7f {
                return false;
            }
            colon |= decoded == b':';
        }
    }
    colon
}
