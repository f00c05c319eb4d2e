//! The transforms of rules, in the order they were written.

use super::modality;
use super::paths::Paths;
use super::read::{Context, Source, unquoted};
use super::sums::Members;
use hashbrown::HashMap;
use std::sync::OnceLock;

/// Value maps by index; keys in lower case.
pub type Maps = Vec<HashMap<Box<str>, Box<str>>>;

#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Divides, to get seconds or US dollars.
    Scale(f64),
    /// A time stamp to seconds after the span's start.
    Iso,
    /// The same from a number of units per second.
    Unix(f64),
    Lower,
    List,
    AfterDot,
    BeforeDot,
    Host,
    UrlPath,
    /// A segment of the attribute's key in place of its value.
    Key(usize),
    True,
    Not,
    /// Value map; `true`: what it lacks stays as it is.
    Map(u16, bool),
    KnownId,
    NoUuid,
    Literal,
    /// The tokens of one modality or lifetime, of a list that counts by them.
    Tokens(&'static str),
    /// Members of an object added up.
    Sum(Members),
}

impl Op {
    /// What is read is not the whole value.
    pub fn takes_a_part(&self) -> bool {
        matches!(self, Self::Tokens(_) | Self::Sum(_))
    }
}

/// Compiles transform names; `maps` finds a value map by name.
pub fn compile(names: &[String], maps: impl Fn(&str) -> Option<u16>) -> Result<Vec<Op>, String> {
    names
        .iter()
        .map(|name| {
            Ok(match name.as_str() {
                "ms" => Op::Scale(1e3),
                "us" => Op::Scale(1e6),
                "ns" => Op::Scale(1e9),
                "iso" => Op::Iso,
                "usd_ticks" => Op::Scale(1e10),
                "unix_s" => Op::Unix(1.0),
                "unix_ms" => Op::Unix(1e3),
                "unix_ns" => Op::Unix(1e9),
                "lower" => Op::Lower,
                "list" => Op::List,
                "after_dot" => Op::AfterDot,
                "before_dot" => Op::BeforeDot,
                "host" => Op::Host,
                "path" => Op::UrlPath,
                "true" => Op::True,
                "not" => Op::Not,
                "known_id" => Op::KnownId,
                "no_uuid" => Op::NoUuid,
                "literal" => Op::Literal,
                other => {
                    let (kind, map) = other.split_once(':').unwrap_or((other, ""));
                    if matches!(kind, "modality" | "ttl") {
                        return Ok(Op::Tokens(
                            modality::known(kind, map).ok_or_else(|| format!("unknown {kind} {map:?}"))?,
                        ));
                    }
                    if kind == "key" {
                        return Ok(Op::Key(map.parse().map_err(|_| format!("{other:?} names no segment"))?));
                    }
                    if kind == "sum" {
                        return Ok(Op::Sum(Members::new(map).ok_or_else(|| format!("{other:?} names no member"))?));
                    }
                    let keep = match kind {
                        "map" => false,
                        "remap" => true,
                        _ => return Err(format!("unknown transform {other:?}")),
                    };
                    Op::Map(maps(map).ok_or_else(|| format!("unknown value map {map:?}"))?, keep)
                }
            })
        })
        .collect()
}

pub fn apply<'a>(context: &mut Context<'_, 'a>, source: Source<'a>, ops: &'a [Op]) -> Option<Source<'a>> {
    ops.iter().try_fold(source, |source, op| step(context, source, op))
}

fn step<'a>(context: &mut Context<'_, 'a>, source: Source<'a>, op: &Op) -> Option<Source<'a>> {
    match (op, source) {
        (Op::Scale(factor), _) => Some(Source::Float(context.float(source)? / *factor)),
        // A double cannot hold nanoseconds since 1970.
        (Op::Unix(factor), Source::Int(stamp)) => {
            let after = i128::from(stamp) * (1e9 / *factor) as i128 - i128::from(context.span_start);
            (after >= 0).then_some(Source::Float(after as f64 / 1e9))
        }
        (Op::Unix(factor), _) => {
            let start = context.span_start as f64 / 1e9;
            let after = context.float(source)? / *factor - start;
            (after >= 0.0).then_some(Source::Float(after))
        }
        (Op::Iso, Source::Text(text)) => {
            let nanos = unix_nanos(unquoted(unquoted(text.trim_ascii()).trim_ascii()))?;
            let after = nanos - i128::from(context.span_start);
            (after >= 0).then_some(Source::Float(after as f64 / 1e9))
        }
        (Op::Tokens(name), _) => modality::count(context, source, name).map(Source::Int),
        (Op::Sum(members), _) => members.sum(context, source).map(Source::Int),
        (Op::True, _) => Some(Source::Bool(true)),
        (Op::Not, Source::Bool(value)) => Some(Source::Bool(!value)),
        (Op::Lower, Source::Text(text)) => Some(Source::Text(lower(context, text))),
        (Op::AfterDot, Source::Text(text)) => {
            let at = memchr::memrchr(b'.', text).map_or(0, |at| at + 1);
            Some(Source::Text(&text[at..]))
        }
        (Op::BeforeDot, Source::Text(text)) => {
            let at = memchr::memchr(b'.', text).unwrap_or(text.len());
            Some(Source::Text(&text[..at]))
        }
        (Op::Host, Source::Text(text)) => Some(Source::Text(host(text))),
        (Op::UrlPath, Source::Text(text)) => path(text).map(Source::Text),
        (Op::Key(at), _) => context.key.split(|byte| *byte == b'.').nth(*at).map(Source::Text),
        (Op::KnownId, Source::Text(text)) => context
            .id_prefixes
            .iter()
            .any(|prefix| text.len() > prefix.len() && text.starts_with(prefix))
            .then_some(source),
        (Op::NoUuid, Source::Text(text)) => (!is_uuid(text)).then_some(source),
        (Op::Literal, Source::Text(text)) => Some(Source::Text(class_name(text))),
        (Op::Map(map, keep), _) => {
            let text = match source {
                Source::Text(text) => lower(context, text.trim_ascii()),
                Source::Bool(true) => b"true",
                Source::Bool(false) => b"false",
                Source::Int(value) => bumpalo::format!(in context.arena, "{}", value).into_bump_str().as_bytes(),
                _ => return (*keep).then_some(source),
            };
            let found = std::str::from_utf8(text).ok().and_then(|text| context.maps[usize::from(*map)].get(text));
            match found {
                Some(value) => Some(Source::Text(value.as_bytes())),
                None => (*keep).then_some(source),
            }
        }
        (Op::List, Source::Text(text)) if text.contains(&b',') && !text.trim_ascii().starts_with(b"[") => {
            // Commas become item bounds of a JSON list, which is what lists are read from.
            let mut out = bumpalo::collections::Vec::new_in(context.arena);
            out.push(b'[');
            for item in text.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                if !item.is_empty() && !item.contains(&b'"') && !item.contains(&b'\\') {
                    out.push(b'"');
                    out.extend_from_slice(item);
                    out.extend_from_slice(b"\",");
                }
            }
            out.push(b']');
            Some(Source::Json(out.into_bump_slice()))
        }
        _ => Some(source),
    }
}

fn lower<'a>(context: &Context<'_, 'a>, text: &'a [u8]) -> &'a [u8] {
    if text.len() > context.text_bytes || !text.iter().any(u8::is_ascii_uppercase) {
        return text;
    }
    let copy = context.arena.alloc_slice_copy(text);
    copy.make_ascii_lowercase();
    copy
}

/// The host of `https://user@host:443/path`, `host:443` or `host`.
pub fn host(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let text = memchr::memmem::find(text, b"://").map_or(text, |at| &text[at + 3..]);
    let end = text.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(text.len());
    let text = &text[..end];
    let text = memchr::memrchr(b'@', text).map_or(text, |at| &text[at + 1..]);
    match memchr::memrchr(b':', text) {
        // A second colon before it: a bare IPv6 address.
        Some(at) if memchr::memchr(b':', &text[..at]).is_none() || text[at - 1] == b']' => &text[..at],
        _ => text,
    }
}

/// Five groups of hexadecimal digits, as programs number their own requests.
fn is_uuid(text: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| if dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// The path of a URL, with or without what stands before it.
pub fn path(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    let text = memchr::memmem::find(text, b"://").map_or(text, |at| &text[at + 3..]);
    let end = text.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(text.len());
    let start = memchr::memchr(b'/', &text[..end])?;
    Some(&text[start..end])
}

/// `<class 'openai.RateLimitError'>` to `RateLimitError`; other text stays.
fn class_name(text: &[u8]) -> &[u8] {
    let inner = text.strip_prefix(b"<class '").and_then(|rest| rest.strip_suffix(b"'>"));
    match inner {
        Some(path) => &path[memchr::memrchr(b'.', path).map_or(0, |at| at + 1)..],
        None => text,
    }
}

/// RFC 3339, or Python's `2026-01-02 03:04:05.678+00:00`, to Unix nanoseconds.
pub fn unix_nanos(text: &[u8]) -> Option<i128> {
    let digits = |from: usize, to: usize| -> Option<i128> {
        text.get(from..to)?
            .iter()
            .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i128::from(byte - b'0')))
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 24 || minute > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        for place in 0..9 {
            let digit = fraction[..len].get(place).unwrap_or(&b'0');
            nanos = nanos * 10 + i128::from(digit - b'0');
        }
        rest = &fraction[len..];
    }
    let offset = match rest {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let pair = |a: &u8, b: &u8| {
                (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i128::from(a - b'0') * 10 + i128::from(b - b'0'))
            };
            let seconds = pair(h1, h2)? * 3600 + pair(m1, m2)? * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    // Days from civil (Hinnant, public domain).
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000_000 + nanos)
}

/// Every item of a top-level array, or the `type`-less scalar itself.
pub fn item_paths() -> &'static Paths {
    static PATHS: OnceLock<Paths> = OnceLock::new();
    PATHS.get_or_init(|| {
        let mut paths = Paths::new();
        paths.add("[]", 0).expect("a valid path");
        paths
    })
}
