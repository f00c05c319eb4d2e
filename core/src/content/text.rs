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

/// Longest name of a member that may tell what its value is.
const NAME: usize = 64;

/// Digits of the shortest number that is looked at.
const SHORTEST: usize = 9;

/// Parts of a text and what stands in their place.
type Edits = Vec<(std::ops::Range<usize>, String)>;

impl Redaction<'_> {
    /// The text without what had to go; `None` when nothing had to.
    pub fn text(&mut self, text: &str) -> Option<String> {
        self.nested(text, 0)
    }

    /// The text that is the value of a member `name`, which may tell what it is.
    pub fn member(&mut self, name: &str, text: &str) -> Option<String> {
        self.named(name, text, 0)
    }

    fn named(&mut self, name: &str, text: &str, depth: usize) -> Option<String> {
        // Text that is redacted by itself, or is JSON, tells by itself.
        let redacted = self.nested(text, depth);
        if redacted.is_some() || looks_like_json(text) { redacted } else { self.told(name, text) }
    }

    /// What the name of a value tells of it.
    fn told(&mut self, name: &str, text: &str) -> Option<String> {
        let suspects = if name.len() <= NAME { self.redactor.suspects_of_member(name, text) } else { 0 };
        if suspects == 0 {
            return None;
        }
        let whole = format!("{name}: {text}");
        let start = whole.len() - text.len();
        let mut found = self.redactor.find(&whole, suspects);
        found.retain(|one| one.range.start >= start);
        self.replaced(&whole, found).map(|redacted| redacted[start..].to_owned())
    }

    /// A number, written out, that is the value of a member `name`; numbers of cards go, and what the name tells.
    pub fn number(&mut self, name: &str, written: &str) -> Option<String> {
        let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = match is_whole(written) {
            true => Cow::Borrowed(written),
            // Numbers of JavaScript and of many a database are doubles.
            false => Cow::Owned(written.parse::<f64>().ok().filter(|number| (1e8..1e19).contains(number))?.to_string()),
        };
        if digits.len() < SHORTEST || !is_whole(&digits) {
            return None;
        }
        // Timestamps and ids are numbers too: only what is sure to be meant is taken.
        let card = (13..=19).contains(&digits.len()).then(|| self.plain(&digits)).flatten();
        card.filter(|redacted| redacted.starts_with('[')).or_else(|| self.told(name, &digits))
    }

    fn nested(&mut self, text: &str, depth: usize) -> Option<String> {
        if self.redactor.suspects(text) == 0 {
            return None;
        }
        if looks_like_json(text) && depth < DEPTH {
            let mut scan = Scan::new(text);
            let mut edits = Vec::new();
            // What is counted on the way into text that turns out not to be JSON is not counted.
            let mut counts = Counts::default();
            let mut inner = Redaction { redactor: self.redactor, keys: self.keys, counts: &mut counts };
            let done = inner.value(&mut scan, &mut edits, depth, false, "");
            if done.is_some() && scan.at_end() {
                self.counts.merge(&counts);
                return (!edits.is_empty()).then(|| splice(text, &edits));
            }
        }
        self.plain(text)
    }

    fn plain(&mut self, text: &str) -> Option<String> {
        let found = self.redactor.find(text, self.redactor.suspects(text));
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

    /// One JSON value. `survives`: it stands under a name of usage, model or cost, whose numbers are left alone. `name`:
    /// of the member whose value, or one of whose values, it is, if any.
    fn value(
        &mut self,
        scan: &mut Scan<'_>,
        edits: &mut Edits,
        depth: usize,
        survives: bool,
        name: &str,
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
                self.string(scan, edits, depth, name)?;
                Some(())
            }
            b'{' => {
                scan.at += 1;
                if scan.take(b'}') {
                    return Some(());
                }
                loop {
                    scan.peek()?;
                    let name = self.string(scan, edits, depth, "")?;
                    if !scan.take(b':') {
                        return None;
                    }
                    let survives = survives || self.keys.survives(name.as_bytes());
                    self.value(scan, edits, depth, survives, name)?;
                    if scan.take(b'}') {
                        return Some(());
                    }
                    if !scan.take(b',') {
                        return None;
                    }
                }
            }
            b'[' => {
                scan.at += 1;
                if scan.take(b']') {
                    return Some(());
                }
                loop {
                    self.value(scan, edits, depth, survives, name)?;
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
                if !survives && let Some(redacted) = self.number(name, word) {
                    let mut quoted = String::new();
                    quote(&redacted, &mut quoted);
                    edits.push((scan.at - word.len()..scan.at, quoted));
                }
                Some(())
            }
        }
    }

    /// Gives the string as it was, between its quotes. `name`: as in `value`.
    fn string<'t>(&mut self, scan: &mut Scan<'t>, edits: &mut Edits, depth: usize, name: &str) -> Option<&'t str> {
        scan.peek()?;
        let start = scan.at;
        let raw = scan.string()?;
        let redacted = match memchr::memchr(b'\\', raw.as_bytes()) {
            None => self.named(name, raw, depth),
            Some(_) => match unescape(raw) {
                Some(text) => self.named(name, &text, depth),
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
