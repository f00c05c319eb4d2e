//! What a regular expression cannot tell: whether digits check, whether an address is one, where a match ends.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Email,
    Card,
    Iban,
    Ipv4,
    Ipv6,
    PhoneInternational,
    PhoneNational,
    /// Letters and digits in a mixture, as keys are and words are not.
    Mixed,
    /// Letters and digits in a mixture of any length, as passwords are and the words of a sentence are not.
    Password,
    /// What is assigned to a password and has no digit: neither an expression of a program nor the beginning of a sentence.
    PasswordWord,
    /// `user:password` in base64 (RFC 7617).
    Basic,
}

impl Check {
    pub fn from_name(name: &str) -> Result<Self, String> {
        Ok(match name {
            "email" => Self::Email,
            "card" => Self::Card,
            "iban" => Self::Iban,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "phone_international" => Self::PhoneInternational,
            "phone_national" => Self::PhoneNational,
            "mixed" => Self::Mixed,
            "password" => Self::Password,
            "password_word" => Self::PasswordWord,
            "basic" => Self::Basic,
            _ => return Err(format!("unknown check {name:?}")),
        })
    }

    /// What is to be replaced, given where the regular expression matched; `None` when it is not what it looks like.
    pub fn apply(self, text: &str, at: Range<usize>, ibans: &BTreeMap<String, usize>) -> Option<Range<usize>> {
        match self {
            Self::Email => email(text, at),
            Self::Card => card(text, at.start),
            Self::Iban => iban(text, at.start, ibans),
            Self::Ipv4 => ipv4(text, at),
            Self::Ipv6 => ipv6(text, at),
            Self::PhoneInternational => phone_international(text, at),
            Self::PhoneNational => phone_national(text, at),
            Self::Mixed => mixed(&text[at.clone()]).then_some(at),
            Self::Password => {
                let at = in_query(text, at);
                has_both(&text[at.clone()]).then_some(at)
            }
            Self::PasswordWord => password_word(text, in_query(text, at)),
            Self::Basic => is_credentials(&text.as_bytes()[at.clone()]).then_some(at),
        }
    }
}

/// Nothing of a word stands before `start`. The letter of an escape (`\n`) is none: text that could not be read as JSON
/// still has its escapes.
pub fn starts_word(text: &str, start: usize) -> bool {
    match text[..start].chars().next_back() {
        Some(before) if before.is_alphanumeric() || before == '_' => is_escape(text.as_bytes(), start - 1),
        _ => true,
    }
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
    let start = end - len;
    let start = if is_escape(text.as_bytes(), start) { start + 1 } else { start };
    text.get(start..end).unwrap_or_default()
}

/// The word that begins right after `end`, a blank between.
pub fn word_after(text: &str, end: usize) -> &str {
    let bytes = &text.as_bytes()[end..];
    let gap = bytes.iter().take(BETWEEN).take_while(|byte| **byte == b' ').count();
    let len = bytes[gap..].iter().take(WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
    text.get(end + gap..end + gap + len).unwrap_or_default()
}

/// The byte at `at` is the letter of an escape.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1] == b'\\' && matches!(bytes.get(at), Some(b'n' | b'r' | b't' | b'b' | b'f'))
}

fn byte(text: &str, at: usize) -> u8 {
    text.as_bytes().get(at).copied().unwrap_or(b' ')
}

fn before(text: &str, at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |at| byte(text, at))
}

fn digit_at(text: &str, at: usize) -> bool {
    byte(text, at).is_ascii_digit()
}

fn digits_of(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Endings that files have and domains do not.
const FILES: [&str; 9] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "html", "json"];

/// What separates the parts of a URL, escaped (RFC 3986); unescaped it cannot stand in what is read before an `@` here,
/// although RFC 5321 would let it.
const URL_MARKS: [&str; 7] = ["%2f", "%3f", "%3d", "%26", "%23", "%3a", "%3c"];

/// `at`: from the `@`, or its escape in URLs, to the end of the domain.
fn email(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let is_escaped = byte(text, at.start) == b'%';
    let mark = if is_escaped { "%40".len() } else { 1 };
    let is_local = |c: &char| c.is_alphanumeric() || "._%+-'!$^~".contains(*c);
    let mut start = at.start;
    for c in text[..at.start].chars().rev().take(64).take_while(is_local) {
        let next = start - c.len_utf8();
        if is_escape(text.as_bytes(), next) {
            break;
        }
        start = next;
    }
    let local = &text[start..at.start];
    start += local.len() - local.trim_start_matches(['.', '\'']).len();
    let lower = text[start..at.start].to_ascii_lowercase();
    start += URL_MARKS.iter().filter_map(|mark| lower.rfind(mark).map(|at| at + mark.len())).max().unwrap_or(0);
    let domain = text[at.start + mark..at.end].trim_end_matches(['.', '-']);
    let end = at.start + mark + domain.len();
    // `git@host:path` and `user@host` behind the scheme of a URL are addresses of machines; not where the user's name is
    // an address itself.
    let of_host = !is_escaped && in_user_info(text, start) && !is_in_user_info(text, end);
    if &text[start..at.start] == "git" || of_host {
        return None;
    }
    let ending = domain.rsplit('.').next().unwrap_or_default();
    let numbers = domain.split('.').take_while(|label| label.bytes().all(|b| b.is_ascii_digit())).count();
    let is_domain = domain.contains('.')
        && !domain.contains("..")
        && ending.chars().count() >= 2
        && ending.chars().all(char::is_alphabetic)
        && !FILES.contains(&ending)
        && numbers < 2;
    (start < at.start && is_domain).then_some(start..end)
}

/// Longest user and password of a URL that is looked at, bytes.
const USER_INFO: usize = 128;

fn ends_user_info(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'\\')
}

/// What starts here stands right behind the scheme of a URL, or behind a user there.
fn in_user_info(text: &str, start: usize) -> bool {
    let bytes = &text.as_bytes()[..start];
    let len = bytes.iter().rev().take(USER_INFO).take_while(|byte| !ends_user_info(**byte)).count();
    bytes[..start - len].ends_with(b"://")
}

/// A password and an `@` follow.
fn is_in_user_info(text: &str, end: usize) -> bool {
    let mut rest = text.as_bytes()[end..].iter().take(USER_INFO).take_while(|byte| !ends_user_info(**byte));
    rest.next() == Some(&b':') && rest.any(|byte| *byte == b'@')
}

/// Lengths of card numbers by what they begin with (ISO/IEC 7812 and the networks' published ranges).
fn is_card_range(digits: &[u8]) -> bool {
    let prefix = |len: usize| digits[..len].iter().fold(0u32, |number, digit| number * 10 + u32::from(*digit));
    match digits.len() {
        13 | 19 if digits[0] == 4 => true,
        15 => matches!(prefix(2), 34 | 37),
        14 => matches!(prefix(2), 36 | 38 | 39) || matches!(prefix(3), 300..=305),
        16 => {
            digits[0] == 4
                || matches!(prefix(2), 51..=55 | 62 | 65 | 35)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2221..=2720 | 6011)
        }
        17..=19 => matches!(prefix(2), 62) || matches!(prefix(2), 50 | 56..=58 | 63 | 67),
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match place % 2 {
            0 => u32::from(digit),
            _ => u32::from(digit) * 2 - if digit > 4 { 9 } else { 0 },
        })
        .sum();
    sum.is_multiple_of(10)
}

/// What stands between the groups of a number: blanks and hyphens, also those that do not break a line.
const SPACES: [char; 8] = [' ', '-', '\u{a0}', '\u{2007}', '\u{2009}', '\u{2010}', '\u{2011}', '\u{202f}'];

/// The longest number of a card that starts here, digits in groups or not.
fn card(text: &str, start: usize) -> Option<Range<usize>> {
    if digit_at(text, start.wrapping_sub(1)) || (before(text, start) == b'.' && digit_at(text, start.wrapping_sub(2))) {
        return None;
    }
    let mut digits = [0u8; 19];
    let (mut count, mut at, mut found) = (0, start, None);
    while count < digits.len() {
        match text[at..].chars().next() {
            Some(digit @ '0'..='9') => {
                digits[count] = digit as u8 - b'0';
                count += 1;
                at += 1;
                if !digit_at(text, at) && is_card_range(&digits[..count]) && luhn(&digits[..count]) {
                    found = Some(start..at);
                }
            }
            Some(between) if SPACES.contains(&between) && digit_at(text, at + between.len_utf8()) => {
                at += between.len_utf8();
            }
            _ => break,
        }
    }
    // What goes on after a point is a fraction.
    found.filter(|found| !(byte(text, found.end) == b'.' && digit_at(text, found.end + 1)))
}

/// ISO 13616: length by country, remainder 1 of a division by 97.
fn iban(text: &str, start: usize, lengths: &BTreeMap<String, usize>) -> Option<Range<usize>> {
    let length = *lengths.get(&text.get(start..start + 2)?.to_ascii_uppercase())?;
    let mut chars = Vec::with_capacity(length);
    let mut at = start;
    while chars.len() < length {
        let here = byte(text, at);
        if here.is_ascii_alphanumeric() {
            chars.push(here.to_ascii_uppercase());
        } else if !(matches!(here, b' ' | b'-') && byte(text, at + 1).is_ascii_alphanumeric()) {
            return None;
        }
        at += 1;
    }
    let rest = chars[4..].iter().chain(&chars[..4]).fold(0u32, |rest, &c| match c {
        b'0'..=b'9' => (rest * 10 + u32::from(c - b'0')) % 97,
        _ => (rest * 100 + u32::from(c - b'A') + 10) % 97,
    });
    (rest == 1 && ends_word(text, at)).then_some(start..at)
}

fn ipv4(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let goes_on = byte(text, at.end) == b'.' && digit_at(text, at.end + 1);
    let inside = matches!(before(text, at.start), b'.' | b'-');
    // What ends in 0 names a network, or is a version; four single digits number a section (8.8.8.8 is nobody's own).
    let is_host = |address: &Ipv4Addr| address.octets()[3] != 0 && address.octets().iter().any(|part| *part > 9);
    text[at.clone()].parse::<Ipv4Addr>().ok().filter(is_host).filter(|_| !goes_on && !inside).map(|_| at)
}

/// Takes all that may belong to an address around the match; `::` between names of a program is none.
fn ipv6(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let (mut start, mut end) = (at.start, at.end);
    while start > 0 && at.start - start < 40 && part(before(text, start)) {
        start -= 1;
    }
    while end < text.len() && end - at.end < 40 && part(byte(text, end)) {
        end += 1;
    }
    let whole = &text[start..end];
    // The end of a sentence is no part of it, nor is the word behind.
    let short = whole.split('.').next().unwrap_or_default();
    let bare = |text: &'_ str| if text.ends_with("::") { text.len() } else { text.trim_end_matches(':').len() };
    [whole.trim_end_matches('.'), short].into_iter().find_map(|address| {
        let address = &address[..bare(address)];
        let end = start + address.len();
        // Eight short numbers are a list.
        let is_long = address.contains("::") || address.split(':').any(|group| group.len() > 2);
        let is_address = is_long && address.parse::<Ipv6Addr>().is_ok() && digits_of(address) > 0;
        (is_address && starts_word(text, start) && ends_word(text, end)).then_some(start..end)
    })
}

/// Digits after the point, and no other separator, from which on a number with a sign may be that of a phone (RFC 5733).
const AFTER_POINT: usize = 9;

/// Numbers with a country's code; signed decimals are none.
fn phone_international(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let number = &text[at.start + 1..at.end];
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let is_decimal = match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(fraction), None) => number.contains('.') && fraction.len() < AFTER_POINT,
        _ => false,
    };
    let is_number = (8..=15).contains(&digits_of(number)) && !number.starts_with('0') && !is_decimal;
    (is_number && !digit_at(text, at.end)).then_some(at)
}

/// Numbers as written inside a country: neither dates nor decimals nor parts of longer numbers.
fn phone_national(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let number = &text[at.clone()];
    if !(9..=12).contains(&digits_of(number)) {
        return None;
    }
    let joined = |byte: u8| matches!(byte, b'.' | b',' | b'-' | b':' | b'/' | b'+');
    let first = before(text, at.start);
    let inside = joined(first) || (first == b' ' && digit_at(text, at.start.wrapping_sub(2)));
    let next = byte(text, at.end);
    let goes_on = (joined(next) || next == b' ') && digit_at(text, at.end + 1);
    if inside || goes_on || is_date(number.as_bytes()) {
        return None;
    }
    Some(at)
}

/// `05-11-2024`, `05.11.2024` …, whatever follows.
fn is_date(number: &[u8]) -> bool {
    let Some(head) = number.first_chunk::<10>() else { return false };
    let is_digit = |at: usize| head[at].is_ascii_digit();
    !is_digit(2) && head[2] == head[5] && [0, 1, 3, 4, 6, 7, 8, 9].into_iter().all(is_digit)
}

/// Of a value in the query of a URL the part before the next name.
fn in_query(text: &str, at: Range<usize>) -> Range<usize> {
    let value = &text[at.clone()];
    let is_name = |(at, _): &(usize, &str)| value[at + 1..].split('&').next().is_some_and(|next| next.contains('='));
    let end = value.match_indices('&').find(is_name).map_or(value.len(), |(at, _)| at);
    at.start..at.start + end
}

/// Different characters that a key has at least.
const VARIETY: usize = 8;

fn mixed(key: &str) -> bool {
    let mut seen = [false; 256];
    key.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let least = VARIETY.min(key.len() * 2 / 3);
    has_both(key) && seen.iter().filter(|seen| **seen).count() >= least
}

fn password_word(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let word = text[at.clone()].trim_end_matches(['.', '!', '?', ':']);
    let end = at.start + word.len();
    let first = word.bytes().next()?;
    let varied = word.bytes().take(4).any(|byte| byte != first);
    let has_letter = word.chars().any(char::is_alphabetic);
    // `os.environ["PW"]`, `getpass()`, `=self.password`, a path, a mask.
    let is_name = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let attribute = before(text, at.start) == b'=' && word.contains('.') && is_name(word);
    let opens = matches!(byte(text, at.end), b'(' | b'[' | b'{' | b'$');
    let computed = attribute || opens || word.contains(['/', '*', '`', '%']);
    // `password: see below`
    let in_prose = before(text, at.start) == b' ' && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let goes_on = byte(text, end) == b' ' && byte(text, end + 1).is_ascii_lowercase();
    let long = word.len() >= if in_prose && goes_on { 6 } else { 4 };
    (long && varied && has_letter && !computed).then_some(at.start..end)
}

fn is_credentials(encoded: &[u8]) -> bool {
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

fn has_both(key: &str) -> bool {
    key.bytes().any(|byte| byte.is_ascii_digit()) && key.bytes().any(|byte| byte.is_ascii_alphabetic())
}
