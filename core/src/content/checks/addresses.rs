//! Addresses of people and of machines.

use super::edges::{before, byte, digit_at, digits_of, ends_word, starts_word};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Endings that files have and domains do not.
const FILES: [&str; 9] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "html", "json"];

/// Endings under which the first label of a domain may be a number: `163.com`.
const OF_NUMBERS: [&str; 4] = ["com", "net", "org", "cn"];

/// Longest part of an address before the `@`, characters (RFC 5321).
const LOCAL: usize = 64;

/// `at`: from the `@` to the end of the domain.
pub fn email(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let start = quoted_local(text, at.start).or_else(|| local(text, at.start))?;
    let domain = text[at.start + 1..at.end].trim_end_matches(['.', '-']);
    let end = at.start + 1 + domain.len();
    // `git@host:path` and `user@host` behind the scheme of a URL are addresses of machines; not where the user's name is
    // an address itself.
    let of_host = in_user_info(text, start) && !is_in_user_info(text, end);
    let is_mail = &text[start..at.start] != "git" && !of_host && is_domain(domain);
    // A picture's size and its rate are none: `1920x1080@60`.
    let is_size = before(text, at.start).is_ascii_digit() && is_sizes(&text[start..at.start]);
    (is_mail && !is_size).then_some(start..end)
}

fn local(text: &str, end: usize) -> Option<usize> {
    let is_local = |c: &char| c.is_alphanumeric() || "._%+-'!$^~".contains(*c);
    let len: usize = text[..end].chars().rev().take(LOCAL).take_while(is_local).map(char::len_utf8).sum();
    let local = &text[end - len..end];
    let start = end - local.trim_start_matches(['.', '\'', '-', '!', '~']).len();
    (start < end).then_some(start)
}

/// `"anna b"@…`
fn quoted_local(text: &str, end: usize) -> Option<usize> {
    let inside = text[..end].strip_suffix('"')?;
    let len: usize = inside.chars().rev().take(LOCAL).take_while(|c| *c != '"').map(char::len_utf8).sum();
    let start = (inside.len() - len).checked_sub(1)?;
    (len > 0 && byte(text, start) == b'"').then_some(start)
}

fn is_domain(domain: &str) -> bool {
    let ending = domain.rsplit('.').next().unwrap_or_default();
    let first = domain.split('.').next().unwrap_or_default();
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let numbers = domain.split('.').take_while(|label| is_number(label)).count();
    let known = ending.starts_with("xn--") || ending.chars().all(char::is_alphabetic);
    domain.contains('.')
        && !domain.contains("..")
        && ending.chars().count() >= 2
        && known
        && !FILES.contains(&ending)
        && (numbers == 0 || numbers == 1 && OF_NUMBERS.contains(&ending))
        && !first.strip_suffix('x').is_some_and(is_number)
}

/// `1920x1080`
fn is_sizes(local: &str) -> bool {
    local.split_once('x').is_some_and(|(width, height)| {
        [width, height].iter().all(|side| !side.is_empty() && side.bytes().all(|byte| byte.is_ascii_digit()))
    })
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

pub fn ipv4(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let goes_on = byte(text, at.end) == b'.' && digit_at(text, at.end + 1);
    let inside = matches!(before(text, at.start), b'.' | b'-');
    // What ends in 0 names a network, or is a version; four single digits number a section (8.8.8.8 is nobody's own).
    let is_host = |address: &Ipv4Addr| address.octets()[3] != 0 && address.octets().iter().any(|part| *part > 9);
    text[at.clone()].parse::<Ipv4Addr>().ok().filter(is_host).filter(|_| !goes_on && !inside).map(|_| at)
}

/// Takes all that may belong to an address around the match; `::` between names of a program is none.
pub fn ipv6(text: &str, at: Range<usize>) -> Option<Range<usize>> {
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
        // Short numbers are a list, or times.
        let is_long = address.split(':').any(|group| group.len() > 2);
        let is_address = is_long && address.parse::<Ipv6Addr>().is_ok() && digits_of(address) > 0;
        (is_address && starts_word(text, start) && ends_word(text, end)).then_some(start..end)
    })
}
