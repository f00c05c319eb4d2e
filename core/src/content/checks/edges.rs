//! What stands beside a match.

/// Nothing of a word stands before `start`.
pub fn starts_word(text: &str, start: usize) -> bool {
    !text[..start].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_')
}

pub fn ends_word(text: &str, end: usize) -> bool {
    !text[end..].chars().next().is_some_and(|after| after.is_alphanumeric() || after == '_')
}

/// Longest word that is looked at beside a match, and the marks and blanks between them, bytes.
const WORD: usize = 24;
const BETWEEN: usize = 4;

/// The word that ends right before `start`, blanks and marks between.
pub fn word_before(text: &str, start: usize) -> &str {
    let bytes = &text.as_bytes()[..start];
    let gap = bytes.iter().rev().take(BETWEEN).take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let end = start - gap;
    let len = bytes[..end].iter().rev().take(WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
    text.get(end - len..end).unwrap_or_default()
}

/// The word that begins right after `end`, a blank between.
pub fn word_after(text: &str, end: usize) -> &str {
    let bytes = &text.as_bytes()[end..];
    let gap = bytes.iter().take(BETWEEN).take_while(|byte| **byte == b' ').count();
    let len = bytes[gap..].iter().take(WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
    text.get(end + gap..end + gap + len).unwrap_or_default()
}

pub fn byte(text: &str, at: usize) -> u8 {
    text.as_bytes().get(at).copied().unwrap_or(b' ')
}

pub fn before(text: &str, at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |at| byte(text, at))
}

pub fn digit_at(text: &str, at: usize) -> bool {
    byte(text, at).is_ascii_digit()
}

pub fn digits_of(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}
