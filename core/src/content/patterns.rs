//! Finds what is to be redacted. Which expressions are tried at all is decided by one pass for literals and digits.

use super::checks::{Check, ends_word, starts_word, word_after, word_before};
use super::plan::ContentPlan;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Rules fit a word of bits.
const RULES: usize = 64;

/// A match that failed its check is searched again from its second character when it is not longer than this; after a
/// longer one the search goes on behind it, so that the time stays linear.
const RETRIED: usize = 96;

/// What escapes of ASCII characters begin with: what hides behind one cannot be seen by looking for literals.
const ESCAPE: &str = "\\u00";

pub struct Redactor {
    rules: Vec<Rule>,
    literals: AhoCorasick,
    /// By literal: the rules that have it.
    owners: Vec<u64>,
    /// Rules without a literal.
    always: u64,
    ibans: BTreeMap<String, usize>,
}

struct Rule {
    kind: Arc<str>,
    /// What stands in the place of a match.
    label: Box<str>,
    regex: Regex,
    grouped: bool,
    digits: usize,
    check: Option<Check>,
    whole: bool,
    not_after: Vec<String>,
    not_before: Vec<String>,
    never: Vec<String>,
}

/// A part of a text that has to go.
#[derive(Debug)]
pub struct Found {
    pub range: Range<usize>,
    rule: usize,
}

impl Redactor {
    pub fn compile(plan: &ContentPlan) -> Result<Self, String> {
        if plan.patterns.len() > RULES {
            return Err(format!("more than {RULES} patterns of content"));
        }
        let mut rules = Vec::new();
        let mut literals = vec![ESCAPE.to_owned()];
        let mut owners = vec![u64::MAX];
        let mut always = 0;
        for (index, pattern) in plan.patterns.iter().enumerate() {
            let fault = |what: String| format!("pattern {:?}: {what}", pattern.kind);
            let regex = RegexBuilder::new(&pattern.regex).size_limit(4 << 20).build();
            let regex = regex.map_err(|error| fault(error.to_string()))?;
            for literal in &pattern.any {
                literals.push(literal.clone());
                owners.push(1 << index);
            }
            always |= u64::from(pattern.any.is_empty()) << index;
            rules.push(Rule {
                kind: pattern.kind.as_str().into(),
                label: format!("[{}]", pattern.kind.to_uppercase()).into(),
                grouped: regex.captures_len() > 1,
                regex,
                digits: pattern.digits,
                check: pattern.check.as_deref().map(Check::from_name).transpose().map_err(fault)?,
                whole: pattern.whole,
                not_after: pattern.not_after.clone(),
                not_before: pattern.not_before.clone(),
                never: pattern.never.clone(),
            });
        }
        let literals = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .build(&literals)
            .map_err(|error| error.to_string())?;
        Ok(Self { rules, literals, owners, always, ibans: plan.iban_lengths.clone() })
    }

    pub fn label(&self, found: &Found) -> &str {
        &self.rules[found.rule].label
    }

    pub fn kind(&self, found: &Found) -> &Arc<str> {
        &self.rules[found.rule].kind
    }

    /// The rules that a text could match, a bit for each; 0 means that it need not be looked at any closer.
    pub fn suspects(&self, text: &str) -> u64 {
        let mut hits = self.always;
        for literal in self.literals.find_overlapping_iter(text) {
            hits |= self.owners[literal.pattern().as_usize()];
        }
        let escaped = memchr::memmem::find(text.as_bytes(), ESCAPE.as_bytes()).is_some();
        if escaped { self.known(hits) } else { self.with_digits(hits, text) }
    }

    /// The rules that the value of a member could match for what its name tells.
    pub fn suspects_of_member(&self, name: &str, text: &str) -> u64 {
        let mut hits = 0;
        for literal in self.literals.find_overlapping_iter(name) {
            hits |= self.owners[literal.pattern().as_usize()];
        }
        self.with_digits(hits, text)
    }

    /// Without bits that are no rule's.
    fn known(&self, hits: u64) -> u64 {
        if self.rules.is_empty() { 0 } else { hits & u64::MAX >> (RULES - self.rules.len()) }
    }

    /// Without the rules that ask for more digits than a text has.
    fn with_digits(&self, hits: u64, text: &str) -> u64 {
        let mut hits = self.known(hits);
        if hits == 0 {
            return 0;
        }
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        for (index, rule) in self.rules.iter().enumerate() {
            if digits < rule.digits {
                hits &= !(1 << index);
            }
        }
        hits
    }

    /// Everything in a plain text that has to go, in order and apart from each other.
    pub fn find(&self, text: &str, suspects: u64) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (index, rule) in self.rules.iter().enumerate().filter(|(index, _)| suspects >> index & 1 == 1) {
            let mut at = 0;
            while let Some((range, whole)) = rule.next(text, at) {
                let accepted = rule.accept(text, range, &self.ibans);
                at = match &accepted {
                    Some(accepted) => accepted.end.max(whole.start + 1),
                    None if whole.len() <= RETRIED => whole.start + 1,
                    None => whole.end,
                };
                at = (at.max(1)..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
                found.extend(accepted.map(|range| Found { range, rule: index }));
                if at >= text.len() {
                    break;
                }
            }
        }
        found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end), found.rule));
        found.dedup_by(|next, known| {
            // Where two overlap all of both goes.
            let overlaps = next.range.start < known.range.end;
            if overlaps {
                known.range.end = known.range.end.max(next.range.end);
            }
            overlaps
        });
        found
    }
}

impl Rule {
    /// The next match from `at`: what is to be replaced, and all of it.
    fn next(&self, text: &str, at: usize) -> Option<(Range<usize>, Range<usize>)> {
        if !self.grouped {
            let whole = self.regex.find_at(text, at)?.range();
            return Some((whole.clone(), whole));
        }
        let groups = self.regex.captures_at(text, at)?;
        let whole = groups.get(0)?.range();
        Some((groups.get(1).map_or(whole.clone(), |group| group.range()), whole))
    }

    fn accept(&self, text: &str, range: Range<usize>, ibans: &BTreeMap<String, usize>) -> Option<Range<usize>> {
        let range = match self.check {
            Some(check) => check.apply(text, range, ibans)?,
            None => range,
        };
        let stands_alone = !self.whole || (starts_word(text, range.start) && ends_word(text, range.end));
        (stands_alone && !range.is_empty() && !self.is_told_apart(text, &range)).then_some(range)
    }

    /// The match is a word that stands for a value, or a word beside it says that it is something else.
    fn is_told_apart(&self, text: &str, range: &Range<usize>) -> bool {
        let is_in = |words: &[String], word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        (!self.never.is_empty() && is_in(&self.never, &text[range.clone()]))
            || (!self.not_after.is_empty() && is_in(&self.not_after, word_before(text, range.start)))
            || (!self.not_before.is_empty() && is_in(&self.not_before, word_after(text, range.end)))
    }
}
