//! Evaluations of one span. The first has concepts of its own; further ones stand in a text, `Concept::MoreEvaluations`.

use crate::concept::Concept;
use crate::facts::{Facts, LIST_SEPARATOR};
use crate::wire::value::Value;
use std::fmt::Write;

/// Ends each evaluation in the text, and each verdict of a guardrail; name, score and label stand between list separators.
pub const END: char = '\u{1e}';

/// What was said of a call or of anything else. Absent texts are "".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evaluation<'t> {
    pub name: &'t str,
    pub score: Option<f64>,
    pub label: &'t str,
}

impl<'t> Evaluation<'t> {
    /// The first evaluation of a span.
    pub fn of_facts(facts: &Facts<'t>) -> Self {
        let text = |concept| facts.text(concept).unwrap_or("");
        Self {
            name: text(Concept::EvaluationName),
            score: facts.number(Concept::EvaluationScore),
            label: text(Concept::EvaluationLabel),
        }
    }

    /// A name alone says nothing.
    pub fn says_something(&self) -> bool {
        self.score.is_some() || !self.label.is_empty()
    }

    /// Takes what an attribute says, of an event or of a span.
    pub fn learn(&mut self, concept: Concept, value: Value<'t>) {
        match (concept, value) {
            (Concept::EvaluationName, Value::Str(text)) => self.name = clean(text),
            (Concept::EvaluationLabel, Value::Str(text)) => self.label = clean(text),
            (Concept::EvaluationScore, Value::Double(score)) => self.score = Some(score),
            (Concept::EvaluationScore, Value::Int(score)) => self.score = Some(score as f64),
            (Concept::EvaluationScore, Value::Str(text)) => self.score = clean(text).trim().parse().ok(),
            _ => {}
        }
        self.score = self.score.filter(|score| score.is_finite());
    }

    fn plain(self) -> Self {
        Self { name: plain(self.name), label: plain(self.label), ..self }
    }

    /// Whether it says the same, as far as a text of further ones can tell.
    pub fn is_same(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }

    /// Appends it to the text of further ones, unless that would be longer than `limit` bytes; true when appended.
    #[must_use]
    pub fn append(&self, out: &mut String, limit: usize) -> bool {
        let before = out.len();
        let Self { name, label, .. } = self.plain();
        let score = self.score.map(|score| score.to_string()).unwrap_or_default();
        let _ = write!(out, "{name}{LIST_SEPARATOR}{score}{LIST_SEPARATOR}{label}{END}");
        let fits = out.len() <= limit;
        if !fits {
            out.truncate(before);
        }
        fits
    }
}

/// Text that could be taken for the form of the list is none.
pub fn plain(text: &str) -> &str {
    if text.contains([END, LIST_SEPARATOR]) { "" } else { text }
}

fn clean(text: &[u8]) -> &str {
    plain(str::from_utf8(text).unwrap_or(""))
}

/// The evaluations that a text of further ones holds.
pub fn further(text: &str) -> impl Iterator<Item = Evaluation<'_>> {
    text.split_terminator(END).filter_map(|one| {
        let mut parts = one.split(LIST_SEPARATOR);
        let (name, score, label) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Evaluation { name, score: score.parse().ok(), label })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_again() {
        let mut text = String::new();
        let one = Evaluation { name: "relevance", score: Some(0.25), label: "" };
        let other = Evaluation { name: "", score: None, label: "toxic" };
        assert!(one.append(&mut text, 64));
        assert!(other.append(&mut text, 64));
        let full = text.len() + 3;
        assert!(!one.append(&mut text, full));
        assert_eq!(further(&text).collect::<Vec<_>>(), [one, other]);
        assert_eq!(further("").count(), 0);
    }

    #[test]
    fn texts_do_not_break_the_list() {
        let mut told = Evaluation::default();
        told.learn(Concept::EvaluationName, Value::Str("a\u{1e}b".as_bytes()));
        told.learn(Concept::EvaluationScore, Value::Double(f64::NAN));
        assert_eq!(told, Evaluation::default());
        // A span's own attributes may have any name.
        let forged = Evaluation { name: "a\u{1f}0.9\u{1f}\u{1e}forged", score: Some(0.1), label: "b\u{1f}c" };
        let mut text = String::new();
        assert!(forged.append(&mut text, 64));
        let read: Vec<_> = further(&text).collect();
        assert_eq!(read, [Evaluation { score: Some(0.1), ..Evaluation::default() }]);
        assert!(read[0].is_same(&forged));
    }
}
