//! Finds what is to be redacted. Which expressions are tried at all is decided by one pass for literals and digits.

use super::checks::Check;
use super::checks::edges::{ends_word, starts_word, word_after, word_before};
use super::plan::ContentPlan;
use super::view::{View, is_folded};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A bit for each rule.
pub type Rules = u128;
const RULES: usize = Rules::BITS as usize;

/// A match that failed its check is searched again from its second character when it is not longer than this; after a
/// longer one the search goes on behind it, so that the time stays linear.
const RETRIED: usize = 96;

/// What escapes of what a view has as ASCII begin with: what hides behind one cannot be seen by looking for literals.
const ESCAPES: [&str; 9] = ["\\u00", "\\u20", "\\uff", "\\u06", "\\u3000", "\\x", "&#", "&nbsp;", "&commat;"];

/// Letters of the shortest word that tells something.
const LETTERS: usize = 2;

pub struct Redactor {
    rules: Vec<Rule>,
    literals: AhoCorasick,
    /// By literal: the rules that have it.
    owners: Vec<Rules>,
    /// The same, for literals that are words: a name tells nothing by its marks.
    words: Vec<Rules>,
    /// Rules without a literal.
    always: Rules,
    /// Numbers of digits, and the rules that ask for so many. In order.
    digits: Vec<(usize, Rules)>,
    ibans: BTreeMap<String, usize>,
}

struct Rule {
    kind: Arc<str>,
    /// What stands in the place of a match.
    label: Box<str>,
    regex: Regex,
    grouped: bool,
    check: Option<Check>,
    whole: bool,
    /// What goes with a match when it stands right behind.
    tail: Option<Regex>,
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
        let mut literals: Vec<String> = ESCAPES.map(str::to_owned).into();
        let mut owners = vec![Rules::MAX; ESCAPES.len()];
        let mut words = vec![0; ESCAPES.len()];
        let mut always = 0;
        let mut digits: BTreeMap<usize, Rules> = BTreeMap::new();
        for (index, pattern) in plan.patterns.iter().enumerate() {
            let fault = |what: String| format!("pattern {:?}: {what}", pattern.kind);
            let compiled = |regex: &str| {
                let built = RegexBuilder::new(regex).size_limit(4 << 20).build();
                built.map_err(|error| fault(error.to_string()))
            };
            let regex = compiled(&pattern.regex)?;
            for literal in &pattern.any {
                literals.push(literal.clone());
                owners.push(1 << index);
                let letters = literal.chars().filter(|char| char.is_alphabetic()).count();
                words.push(if letters < LETTERS { 0 } else { 1 << index });
            }
            always |= Rules::from(pattern.any.is_empty()) << index;
            *digits.entry(pattern.digits).or_default() |= 1 << index;
            rules.push(Rule {
                kind: pattern.kind.as_str().into(),
                label: format!("[{}]", pattern.kind.to_uppercase()).into(),
                grouped: regex.captures_len() > 1,
                regex,
                check: pattern.check.as_deref().map(Check::from_name).transpose().map_err(fault)?,
                whole: pattern.whole,
                tail: pattern.tail.as_deref().map(|tail| compiled(&format!("^(?:{tail})"))).transpose()?,
                not_after: pattern.not_after.clone(),
                not_before: pattern.not_before.clone(),
                never: pattern.never.clone(),
            });
        }
        let literals = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&literals)
            .map_err(|error| error.to_string())?;
        let digits = digits.into_iter().collect();
        Ok(Self { rules, literals, owners, words, always, digits, ibans: plan.iban_lengths.clone() })
    }

    pub fn label(&self, found: &Found) -> &str {
        &self.rules[found.rule].label
    }

    pub fn kind(&self, found: &Found) -> &Arc<str> {
        &self.rules[found.rule].kind
    }

    /// Whether something in a text, or in what it is an encoding of, could have to go.
    pub fn suspects(&self, text: &str) -> bool {
        self.suspected(text) != 0 || is_folded(text)
    }

    /// Rules of which a literal stands in the text, or may hide behind an escape in it.
    fn hits(&self, text: &str) -> Rules {
        self.found_in(text, &self.owners) | self.always
    }

    fn found_in(&self, text: &str, owners: &[Rules]) -> Rules {
        let hits = self.literals.find_overlapping_iter(text).map(|literal| owners[literal.pattern().as_usize()]);
        hits.fold(0, |all, owners| all | owners)
    }

    /// Without bits that are no rule's.
    fn known(&self, hits: Rules) -> Rules {
        if self.rules.is_empty() { 0 } else { hits & Rules::MAX >> (RULES - self.rules.len()) }
    }

    /// The rules that a text could match.
    fn suspected(&self, text: &str) -> Rules {
        let hits = self.hits(text);
        // What digits an escape stands for is not known.
        if hits == Rules::MAX { self.known(hits) } else { self.with_digits(self.known(hits), text) }
    }

    /// Without the rules that ask for more digits than a text has.
    fn with_digits(&self, hits: Rules, text: &str) -> Rules {
        if hits == 0 {
            return 0;
        }
        let count = text.bytes().filter(u8::is_ascii_digit).count();
        self.digits.iter().filter(|(least, _)| *least > count).fold(hits, |hits, (_, rules)| hits & !rules)
    }

    /// Everything in a plain text that has to go, in order and apart from each other.
    pub fn find(&self, text: &str) -> Vec<Found> {
        let view = View::of(text);
        self.matches(&view, self.suspected(&view.text))
    }

    /// The rules by which a name may tell what a value is.
    pub fn told_by(&self, name: &str) -> Rules {
        self.known(self.found_in(name, &self.words))
    }

    /// What has to go by these rules of a text that stands from `start` to `end` of what is said of it.
    pub fn told(&self, said: &str, start: usize, end: usize, rules: Rules) -> Vec<Found> {
        let view = View::of(said);
        let mut found = self.matches(&view, self.with_digits(rules, &view.text));
        found.retain(|one| one.range.start >= start);
        found.iter_mut().for_each(|one| one.range.end = one.range.end.min(end));
        found
    }

    fn matches(&self, view: &View<'_>, suspects: Rules) -> Vec<Found> {
        let text = &*view.text;
        let mut found: Vec<Found> = Vec::new();
        let mut left = suspects;
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let rule = &self.rules[index];
            let mut at = 0;
            while let Some((range, whole)) = rule.next(text, at) {
                let accepted = rule.accept(text, range, &self.ibans);
                at = match &accepted {
                    Some(accepted) => accepted.end.max(whole.start + 1),
                    None if whole.len() <= RETRIED => whole.start + 1,
                    None => whole.end,
                };
                at = (at.max(1)..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
                found.extend(accepted.map(|range| Found { range: view.source(&range), rule: index }));
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
        let tail = self.tail.as_ref().and_then(|tail| tail.find(&text[range.end..]));
        let range = range.start..range.end + tail.map_or(0, |tail| tail.end());
        let stands_alone = !self.whole || (starts_word(text, range.start) && ends_word(text, range.end));
        (stands_alone && !range.is_empty() && !self.is_told_apart(text, &range)).then_some(range)
    }

    /// The match is a word that stands for a value, or a word beside it says that it is something else.
    fn is_told_apart(&self, text: &str, range: &Range<usize>) -> bool {
        let is_in = |words: &[String], word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        let first = || text[range.clone()].split([' ', ',', '.']).next().unwrap_or_default();
        (!self.never.is_empty() && (is_in(&self.never, &text[range.clone()]) || is_in(&self.never, first())))
            || (!self.not_after.is_empty() && is_in(&self.not_after, word_before(text, range.start)))
            || (!self.not_before.is_empty() && is_in(&self.not_before, word_after(text, range.end)))
    }
}
