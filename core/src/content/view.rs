//! A text as its reader sees it: escapes resolved, characters that only look different folded into ASCII, those that
//! nobody sees left out. What is found in it is found in the text that it was made from.

use std::borrow::Cow;
use std::ops::Range;

pub struct View<'t> {
    pub text: Cow<'t, str>,
    /// Places from which on the distance to the source is another: offset here, offset in the source. In order.
    steps: Vec<(usize, usize)>,
}

/// Longest escape that is looked at, bytes: `&#x10ffff;`.
const LONGEST: usize = 10;

/// The digit 0 of scripts that write numbers as ASCII does (Unicode, general category Nd).
const ZEROS: [u32; 21] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810, 0x1d7ce, 0x1d7d8, 0x1d7e2,
];

impl<'t> View<'t> {
    pub fn of(source: &'t str) -> Self {
        let same = Self { text: Cow::Borrowed(source), steps: Vec::new() };
        let Some(first) = next_change(source, 0) else { return same };
        let mut text = String::with_capacity(source.len());
        let mut steps = Vec::new();
        let (mut done, mut change) = (0, Some(first));
        while let Some(Change { range, new }) = change {
            text.push_str(&source[done..range.start]);
            steps.push((text.len(), range.start));
            text.extend(new);
            steps.push((text.len(), range.end));
            done = range.end;
            change = next_change(source, done);
        }
        text.push_str(&source[done..]);
        Self { text: Cow::Owned(text), steps }
    }

    /// Where in the source stands what stands here in the view.
    pub fn source(&self, range: &Range<usize>) -> Range<usize> {
        let moved = |known: usize, at: usize| match known.checked_sub(1) {
            Some(last) => self.steps[last].1 + (at - self.steps[last].0),
            None => at,
        };
        // What was left out beside a range is no part of it.
        let start = moved(self.steps.partition_point(|(here, _)| *here <= range.start), range.start);
        let before = self.steps.partition_point(|(here, _)| *here < range.end);
        let end = match self.steps.get(before) {
            Some((here, there)) if *here == range.end => *there,
            _ => moved(before, range.end),
        };
        start..end.max(start)
    }
}

/// A part of the source and the character that the view has for it, if any.
struct Change {
    range: Range<usize>,
    new: Option<char>,
}

/// A character of the text is another one in the view, or none, though it is no ASCII.
pub fn is_folded(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|char| folded(char) != Some(char))
}

fn next_change(source: &str, from: usize) -> Option<Change> {
    let bytes = source.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' | b'%' | b'&' => match escape(&source[at..]) {
                (len, Some(new)) => return Some(Change { range: at..at + len, new: folded(new) }),
                (len, None) => at += len,
            },
            byte if byte.is_ascii() => at += 1,
            _ => {
                let char = source[at..].chars().next()?;
                let new = folded(char);
                if new != Some(char) {
                    return Some(Change { range: at..at + char.len_utf8(), new });
                }
                at += char.len_utf8();
            }
        }
    }
    None
}

/// The character that looks the same to a reader; `None` for one that nobody sees.
fn folded(char: char) -> Option<char> {
    let code = u32::from(char);
    Some(match code {
        // Most scripts, without a closer look.
        0..0xa0 | 0xa1..=0xac | 0xae..=0x65f | 0x3001..=0xabef | 0xac00..=0xfdff => char,
        0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069 | 0xfeff => return None,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => ' ',
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => '-',
        0x2018..=0x201b => '\'',
        0x201c..=0x201f => '"',
        0xff01..=0xff5e => char::from_u32(code - 0xff01 + 0x21)?,
        _ => match ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
            Some(zero) => char::from_digit(code - zero, 10)?,
            None => char,
        },
    })
}

/// The length of what may be an escape at the start of the text, and the character that it stands for.
fn escape(text: &str) -> (usize, Option<char>) {
    match text.as_bytes()[0] {
        b'\\' => backslash(text),
        b'%' => percent(text),
        _ => entity(text),
    }
}

/// An escape of JSON, Python or a shell, of an escape of the same, and so on.
fn backslash(text: &str) -> (usize, Option<char>) {
    let run = text.bytes().take_while(|byte| *byte == b'\\').count();
    let rest = &text[run..];
    let (len, new) = match rest.as_bytes().first() {
        Some(b'n') => (1, Some('\n')),
        Some(b'r') => (1, Some('\r')),
        Some(b't') => (1, Some('\t')),
        Some(mark @ (b'"' | b'\'' | b'/')) => (1, Some(char::from(*mark))),
        Some(b'x') => (3, hex(rest, 1, 2).and_then(char::from_u32)),
        Some(b'u') => unit(rest),
        _ => (0, None),
    };
    if new.is_some() { (run + len, new) } else { (run, None) }
}

/// `u0040`, or a pair of surrogates.
fn unit(text: &str) -> (usize, Option<char>) {
    let Some(first) = hex(text, 1, 4) else { return (0, None) };
    if !(0xd800..0xdc00).contains(&first) {
        return (5, char::from_u32(first));
    }
    let slashes = text[5..].bytes().take_while(|byte| *byte == b'\\').count();
    let second =
        text.get(5 + slashes..).filter(|rest| slashes > 0 && rest.starts_with('u')).and_then(|rest| hex(rest, 1, 4));
    let low = second.and_then(|second| second.checked_sub(0xdc00)).filter(|low| *low < 0x400);
    (10 + slashes, low.and_then(|low| char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)))
}

/// Of URLs (RFC 3986), marks and blanks only; what was escaped twice is resolved at once.
fn percent(text: &str) -> (usize, Option<char>) {
    let twice = text.as_bytes()[1..].chunks(2).take_while(|two| two == b"25").count() * 2;
    let new = hex(text, 1 + twice, 2).and_then(char::from_u32).filter(|new| (' '..='~').contains(new));
    if new.is_some() { (3 + twice, new) } else { (1, None) }
}

/// Of HTML: numbered ones, and the named ones that stand in addresses and numbers.
fn entity(text: &str) -> (usize, Option<char>) {
    let head = text.as_bytes().iter().take(LONGEST).position(|byte| *byte == b';');
    let Some(name) = head.and_then(|end| text.get(1..end)) else { return (1, None) };
    let new = match name {
        "nbsp" => Some(' '),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "commat" => Some('@'),
        "period" => Some('.'),
        _ => name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
            Some(number) => u32::from_str_radix(number, 16).ok().and_then(char::from_u32),
            None => number.parse().ok().and_then(char::from_u32),
        }),
    };
    (if new.is_some() { name.len() + 2 } else { 1 }, new)
}

fn hex(text: &str, from: usize, digits: usize) -> Option<u32> {
    let digits = text.get(from..from + digits)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn view(text: &str) -> String {
        View::of(text).text.into_owned()
    }

    #[test]
    fn what_looks_alike_is_alike() {
        assert_eq!(view("４１１１\u{3000}1\u{a0}1\u{2011}1"), "4111 1 1-1");
        assert_eq!(view("a\u{200b}b\u{ad}c ٤٢"), "abc 42");
        assert_eq!(view(r"a\u0040b \\u0040 \xa0| \ud83d\ude00 \\\n"), "a@b @  | \u{1f600} \n");
        assert_eq!(view("a%40b %2540 100% &#64; &#x40; &nbsp;|"), "a@b @ 100% @ @  |");
        for same in [r"\d \ud83d \u00 C:\dir", "5% off & more; &unknown; %zz", "grüße 漢字"] {
            assert_eq!(view(same), same);
        }
    }

    #[test]
    fn a_range_covers_its_escapes_and_nothing_beside() {
        let source = r"to \u0040kim\u200b, \u200bnow";
        let view = View::of(source);
        let found = view.text.find("@kim").unwrap();
        assert_eq!(&source[view.source(&(found..found + 4))], r"\u0040kim");
        assert_eq!(view.source(&(0..view.text.len())), 0..source.len());
    }

    proptest! {
        #[test]
        fn every_range_is_one_of_the_source(text in r#"(\PC|\\|u0040|%40|&#64;|\\n|\u{200b}|４|\\ud83d\\ude00){0,20}"#) {
            let view = View::of(&text);
            let places: Vec<_> = view.text.char_indices().map(|(at, _)| at).chain([view.text.len()]).collect();
            for (index, start) in places.iter().enumerate() {
                for end in &places[index..] {
                    let range = view.source(&(*start..*end));
                    prop_assert!(range.start <= range.end && text.get(range).is_some());
                }
            }
        }
    }
}
