//! Redaction of text: plain, JSON, and JSON in the strings of JSON.

use super::Counts;
use super::cut::NULL;
use super::json::{DEPTH, Scan, looks_like_json, quote, unescape};
use super::keys::ContentKeys;
use super::patterns::{Found, Redactor};
use std::borrow::Cow;

/// Redacts texts and counts what it redacted.
pub struct Redaction<'c> {
    pub redactor: &'c Redactor,
    pub keys: &'c ContentKeys,
    pub counts: &'c mut Counts,
}

/// Longest name that may tell what a value is, bytes.
const NAME: usize = 64;

/// Digits of the shortest number that is looked at.
const SHORTEST: usize = 7;

/// What may tell what a value is; empty where there is none.
#[derive(Clone, Copy, Default)]
pub struct Said<'n> {
    /// The name of the member or entry whose value, or one of whose values, it is.
    pub member: &'n str,
    /// The text before it in a list: `["x-api-key", "…"]`.
    pub before: &'n str,
}

impl<'n> Said<'n> {
    pub fn member(member: &'n str) -> Self {
        Self { member, before: "" }
    }
}

/// Parts of a text and what stands in their place.
type Edits = Vec<(std::ops::Range<usize>, String)>;

impl Redaction<'_> {
    /// The text without what had to go; `None` when nothing had to.
    pub fn text(&mut self, text: &str) -> Option<String> {
        self.nested(text, 0)
    }

    /// The text of which something is said.
    pub fn member(&mut self, said: Said<'_>, text: &str) -> Option<String> {
        self.named(said, text, 0)
    }

    fn named(&mut self, said: Said<'_>, text: &str, depth: usize) -> Option<String> {
        // Text that is redacted by itself, or is JSON, tells by itself.
        let redacted = self.nested(text, depth);
        if redacted.is_some() || looks_like_json(text) { redacted } else { self.told(said, text) }
    }

    /// What is said of a value, as people write it: assigned to the name of a member, beside another text.
    fn told(&mut self, said: Said<'_>, text: &str) -> Option<String> {
        let written = [["", said.member, ": \""], ["\"", said.before, "\", \""]];
        written.into_iter().find_map(|[open, name, link]| {
            let rules = if name.len() <= NAME { self.redactor.told_by(name) } else { 0 };
            if rules == 0 {
                return None;
            }
            let whole = [open, name, link, text, "\""].concat();
            let (start, end) = (whole.len() - text.len() - 1, whole.len() - 1);
            let found = self.redactor.told(&whole, start, end, rules);
            self.replaced(&whole, found).map(|redacted| redacted[start..redacted.len() - 1].to_owned())
        })
    }

    /// A number, written out, of which something is said: numbers of cards go, and what is told.
    pub fn number(&mut self, said: Said<'_>, written: &str) -> Option<String> {
        let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = match is_whole(written) {
            true => Cow::Borrowed(written),
            // Numbers of JavaScript and of many a database are doubles.
            false => Cow::Owned(written.parse::<f64>().ok().filter(|number| (1e6..1e19).contains(number))?.to_string()),
        };
        if digits.len() < SHORTEST || !is_whole(&digits) {
            return None;
        }
        // Timestamps and ids are numbers too: only what is sure to be meant is taken.
        let card = (13..=19).contains(&digits.len()).then(|| self.plain(&digits)).flatten();
        card.filter(|redacted| redacted.starts_with('[')).or_else(|| self.told(said, &digits))
    }

    fn nested(&mut self, text: &str, depth: usize) -> Option<String> {
        if looks_like_json(text) && depth < DEPTH {
            if !self.redactor.suspects(text) {
                return None;
            }
            let mut scan = Scan::new(text);
            let mut edits = Vec::new();
            // What is counted on the way into text that turns out not to be JSON is not counted.
            let mut counts = Counts::default();
            let mut inner = Redaction { redactor: self.redactor, keys: self.keys, counts: &mut counts };
            let done = inner.value(&mut scan, &mut edits, depth, false, Said::default());
            if done.is_some() && scan.at_end() {
                self.counts.merge(&counts);
                return (!edits.is_empty()).then(|| splice(text, &edits));
            }
        }
        self.plain(text)
    }

    fn plain(&mut self, text: &str) -> Option<String> {
        let found = self.redactor.find(text);
        self.replaced(text, found)
    }

    fn replaced(&mut self, text: &str, found: Vec<Found>) -> Option<String> {
        if found.is_empty() {
            return None;
        }
        let mut edits = Vec::with_capacity(found.len());
        for one in found {
            self.counts.redacted(self.redactor.kind(&one));
            let label = self.redactor.label(&one).to_owned();
            edits.push((one.range, label));
        }
        Some(splice(text, &edits))
    }

    /// One JSON value. `survives`: it stands under a name of usage, model or cost, whose numbers are left alone.
    fn value(
        &mut self,
        scan: &mut Scan<'_>,
        edits: &mut Edits,
        depth: usize,
        survives: bool,
        said: Said<'_>,
    ) -> Option<()> {
        let depth = depth + 1;
        match scan.peek()? {
            b'{' | b'[' if depth > DEPTH => {
                let start = scan.at;
                scan.skip()?;
                edits.push((start..scan.at, NULL.to_owned()));
                Some(())
            }
            b'"' => {
                self.string(scan, edits, depth, said)?;
                Some(())
            }
            b'{' => self.object(scan, edits, depth, survives),
            b'[' => {
                scan.at += 1;
                if scan.take(b']') {
                    return Some(());
                }
                let mut before = "";
                loop {
                    scan.peek()?;
                    let start = scan.at;
                    self.value(scan, edits, depth, survives, Said { before, ..said })?;
                    before = plain_string(&scan.text[start..scan.at]).unwrap_or_default();
                    if scan.take(b']') {
                        return Some(());
                    }
                    if !scan.take(b',') {
                        return None;
                    }
                }
            }
            _ => {
                let word = scan.word()?;
                if !survives && let Some(redacted) = self.number(said, word) {
                    let mut quoted = String::new();
                    quote(&redacted, &mut quoted);
                    edits.push((scan.at - word.len()..scan.at, quoted));
                }
                Some(())
            }
        }
    }

    fn object(&mut self, scan: &mut Scan<'_>, edits: &mut Edits, depth: usize, survives: bool) -> Option<()> {
        scan.at += 1;
        if scan.take(b'}') {
            return Some(());
        }
        // What another member of the object says its value is, and the value that waits for it.
        let (mut named, mut waiting) = (None, None);
        loop {
            let name = self.string(scan, edits, depth, Said::default())?;
            if !scan.take(b':') {
                return None;
            }
            scan.peek()?;
            let (start, edited) = (scan.at, edits.len());
            let is_value = self.keys.is_named_by_another(name.as_bytes());
            let member = named.filter(|_| is_value).unwrap_or(name);
            let survives = survives || self.keys.survives(name.as_bytes());
            self.value(scan, edits, depth, survives, Said::member(member))?;
            let range = start..scan.at;
            if is_value && named.is_none() && edits.len() == edited && !survives {
                waiting = Some((range, edited));
            } else if self.keys.names_another(name.as_bytes()) && named.is_none() {
                named = plain_string(&scan.text[range]);
                if let (Some(named), Some((range, place))) = (named, waiting.take()) {
                    let edit = self.late(&scan.text[range.clone()], Said::member(named));
                    edits.splice(place..place, edit.map(|new| (range, new)));
                }
            }
            if scan.take(b'}') {
                return Some(());
            }
            if !scan.take(b',') {
                return None;
            }
        }
    }

    /// A string or a number of JSON of which something is said after it: what stands in its place.
    fn late(&mut self, value: &str, said: Said<'_>) -> Option<String> {
        let redacted = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(raw) => unescape(raw).filter(|text| !looks_like_json(text)).and_then(|text| self.told(said, &text)),
            None => self.number(said, value),
        };
        redacted.map(|redacted| {
            let mut quoted = String::new();
            quote(&redacted, &mut quoted);
            quoted
        })
    }

    /// Gives the string as it was, between its quotes.
    fn string<'t>(&mut self, scan: &mut Scan<'t>, edits: &mut Edits, depth: usize, said: Said<'_>) -> Option<&'t str> {
        scan.peek()?;
        let start = scan.at;
        let raw = scan.string()?;
        let redacted = match memchr::memchr(b'\\', raw.as_bytes()) {
            None => self.named(said, raw, depth),
            Some(_) => match unescape(raw) {
                Some(text) => self.named(said, &text, depth),
                None => self.plain(raw),
            },
        };
        if let Some(text) = redacted {
            let mut quoted = String::with_capacity(text.len() + 2);
            quote(&text, &mut quoted);
            edits.push((start..scan.at, quoted));
        }
        Some(raw)
    }
}

/// A string of JSON without escapes, between its quotes.
fn plain_string(value: &str) -> Option<&str> {
    let raw = value.strip_prefix('"')?.strip_suffix('"')?;
    (!raw.contains('\\')).then_some(raw)
}

fn splice(text: &str, edits: &Edits) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in edits {
        out.push_str(&text[done..range.start]);
        out.push_str(new);
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
}
