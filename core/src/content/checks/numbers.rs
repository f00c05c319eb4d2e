//! Numbers of cards, accounts and phones.

use super::edges::{before, byte, digit_at, digits_of, ends_word};
use std::collections::BTreeMap;
use std::ops::Range;

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
                || matches!(prefix(4), 2200..=2204 | 2221..=2720 | 6011)
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

/// How cards print their numbers; numbers of 13 digits in one piece are those of goods (GS1).
const PRINTED: [&[usize]; 10] = [
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[6, 13],
    &[4, 4, 4, 1],
    &[4, 3, 3, 3],
    &[4, 4, 4, 3],
    &[4, 4, 5],
];

/// The digits of a number in groups, as far as they were read.
#[derive(Default)]
struct Groups {
    digits: [u8; 19],
    count: usize,
    /// Digits of each group.
    sizes: Vec<usize>,
    /// What stands between the first two groups: one byte, if it is a blank or a hyphen.
    between: Option<u8>,
    /// What stands between others is something else.
    unusual: bool,
    breaks: bool,
}

impl Groups {
    /// Whether the groups may be those of a card.
    fn fit(&self) -> bool {
        let is_printed = PRINTED.contains(&self.sizes.as_slice());
        match self.sizes.len() {
            1 => self.count != 13,
            _ => is_printed || (!self.unusual && self.sizes.iter().rev().skip(1).all(|size| *size > 2)),
        }
    }
}

/// Bytes that stand between two groups at most: a line's end may be two and be indented.
const BETWEEN: usize = 6;

/// The longest number of a card that starts here, digits in groups or not.
pub fn card(text: &str, start: usize) -> Option<Range<usize>> {
    if digit_at(text, start.wrapping_sub(1)) || (before(text, start) == b'.' && digit_at(text, start.wrapping_sub(2))) {
        return None;
    }
    let mut groups = Groups { sizes: vec![0], ..Groups::default() };
    let (mut at, mut found) = (start, None);
    while groups.count < groups.digits.len() {
        if digit_at(text, at) {
            groups.digits[groups.count] = byte(text, at) - b'0';
            groups.count += 1;
            *groups.sizes.last_mut()? += 1;
            at += 1;
            let digits = &groups.digits[..groups.count];
            let is_whole = !digit_at(text, at) && is_card_range(digits) && luhn(digits) && groups.fit();
            if is_whole && !(groups.breaks && is_in_table(text, start..at)) {
                found = Some(start..at);
            }
            continue;
        }
        let gap = text.as_bytes()[at..].iter().take(BETWEEN + 1).take_while(|byte| is_between(**byte)).count();
        if gap == 0 || gap > BETWEEN || !digit_at(text, at + gap) {
            break;
        }
        let between = &text.as_bytes()[at..at + gap];
        groups.breaks |= between.contains(&b'\n');
        let one = Some(between[0]).filter(|byte| gap == 1 && matches!(byte, b' ' | b'-'));
        groups.between = if groups.sizes.len() == 1 { one } else { groups.between };
        groups.unusual |= one.is_none() || one != groups.between;
        groups.sizes.push(0);
        at += gap;
    }
    // What goes on after a point is a fraction.
    found.filter(|found| !(byte(text, found.end) == b'.' && digit_at(text, found.end + 1)))
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'_' | b'\n' | b'\r' | b'\t')
}

/// More numbers stand before or behind, over a line's end or not.
fn is_in_table(text: &str, at: Range<usize>) -> bool {
    let blanks = |byte: &&u8| byte.is_ascii_whitespace();
    let bytes = text.as_bytes();
    let gap = bytes[..at.start].iter().rev().take(BETWEEN).take_while(blanks).count();
    let next = at.end + bytes[at.end..].iter().take(BETWEEN).take_while(blanks).count();
    digit_at(text, at.start.wrapping_sub(gap + 1)) || (0..4).all(|place| digit_at(text, next + place))
}

/// ISO 13616: length by country, remainder 1 of a division by 97.
pub fn iban(text: &str, start: usize, lengths: &BTreeMap<String, usize>) -> Option<Range<usize>> {
    let length = *lengths.get(&text.get(start..start + 2)?.to_ascii_uppercase())?;
    let mut chars = Vec::with_capacity(length);
    let mut at = start;
    while chars.len() < length {
        let here = byte(text, at);
        if here.is_ascii_alphanumeric() {
            chars.push(here.to_ascii_uppercase());
            at += 1;
            continue;
        }
        let gap = text.as_bytes()[at..].iter().take(BETWEEN + 1).take_while(|byte| is_between(**byte)).count();
        if gap == 0 || gap > BETWEEN {
            return None;
        }
        at += gap;
    }
    // Words between would check one time in 97.
    let is_number = chars.iter().filter(|c| c.is_ascii_digit()).count() * 2 >= length;
    let rest = chars[4..].iter().chain(&chars[..4]).fold(0u32, |rest, &c| match c {
        b'0'..=b'9' => (rest * 10 + u32::from(c - b'0')) % 97,
        _ => (rest * 100 + u32::from(c - b'A') + 10) % 97,
    });
    (rest == 1 && is_number && ends_word(text, at)).then_some(start..at)
}

/// Digits after the point, and no other separator, from which on a number with a sign may be that of a phone (RFC 5733).
const AFTER_POINT: usize = 9;

/// Numbers with a country's code, after `+` or `00`; signed decimals are none.
pub fn phone_international(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let number = text[at.clone()].trim_start_matches(['+', '0']);
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let is_decimal = match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(fraction), None) => number.contains('.') && fraction.len() < AFTER_POINT,
        _ => false,
    };
    let signs = at.len() - number.len();
    let is_number = (8..=15).contains(&digits_of(number)) && signs <= 2 && !is_decimal;
    let goes_on = byte(text, at.end) == b'-' && digit_at(text, at.end + 1);
    (is_number && !goes_on && !digit_at(text, at.end)).then_some(at)
}

/// Numbers as written inside a country: neither dates nor decimals nor parts of longer numbers.
pub fn phone_national(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let number = &text[at.clone()];
    if !(9..=12).contains(&digits_of(number)) {
        return None;
    }
    let joined = |byte: u8| matches!(byte, b'.' | b',' | b'-' | b':' | b'/' | b'+');
    let first = before(text, at.start);
    let inside = joined(first) || (first == b' ' && digit_at(text, at.start.wrapping_sub(2)));
    let next = byte(text, at.end);
    let goes_on = (joined(next) || next == b' ') && digit_at(text, at.end + 1);
    let mixed = number.contains('.') && number.contains('-');
    if inside || goes_on || mixed || number.starts_with("00") || is_date(number.as_bytes()) {
        return None;
    }
    Some(at)
}

/// Numbers in whatever groups; dates and times are none.
pub fn phone_told(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let number = &text[at.clone()];
    let next = byte(text, at.end);
    let goes_on = matches!(next, b':' | b'.' | b',' | b'/') && digit_at(text, at.end + 1);
    let is_number = (7..=15).contains(&digits_of(number)) && !is_date(number.as_bytes()) && !is_day(number);
    (is_number && !goes_on).then_some(at)
}

/// `05-11-2024`, `05.11.2024` …, whatever follows.
fn is_date(number: &[u8]) -> bool {
    let Some(head) = number.first_chunk::<10>() else { return false };
    let is_digit = |at: usize| head[at].is_ascii_digit();
    !is_digit(2) && head[2] == head[5] && [0, 1, 3, 4, 6, 7, 8, 9].into_iter().all(is_digit)
}

/// `2024-11-05`, whatever follows.
fn is_day(number: &str) -> bool {
    let mut parts = number.splitn(3, '-');
    let is_part = |part: Option<&str>, len: usize| part.is_some_and(|part| part.len() == len && digits_of(part) == len);
    is_part(parts.next(), 4) && is_part(parts.next(), 2) && is_part(parts.next().and_then(|day| day.get(..2)), 2)
}
