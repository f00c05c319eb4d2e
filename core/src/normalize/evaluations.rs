//! Evaluations of a span whose attributes tell several: keys with a number in them, or members of an object.

use super::Normalizer;
use super::compile::{Entry, NONE};
use super::json::{Base, Leaf, Sink, walk_otlp};
use super::read::Source;
use super::span::Gather;
use crate::concept::Concept;
use crate::evaluations::Evaluation;
use crate::facts::Val;
use crate::keys::KeyId;
use crate::wire::span::Attr;
use crate::wire::value::Value;

/// Evaluations in the attributes of one span that are told apart.
const MOST: usize = 64;

/// One of them: the number in its key (empty for members of an object), and what is said.
type One<'a> = (&'a [u8], Evaluation<'a>);

struct Members<'m, 'a> {
    normalizer: &'a Normalizer,
    entries: &'m [Entry],
    found: &'m mut bumpalo::collections::Vec<'a, One<'a>>,
    refused: &'m mut u64,
}

impl<'a> Sink<'a> for Members<'_, 'a> {
    fn hit(&mut self, slot: u16, _: Base, leaf: Leaf<'a>) {
        let entry = &self.entries[usize::from(slot)];
        // A path that several dialects ask for has a slot for each.
        let known = |other: &Entry| other.concept == entry.concept && self.normalizer.is_one_of_many(other);
        if !self.normalizer.is_one_of_many(entry) || self.entries[..usize::from(slot)].iter().any(known) {
            return;
        }
        let value = match Source::of_leaf(leaf, self.found.bump()) {
            Some(Source::Text(text)) => Value::Str(text),
            Some(Source::Int(number)) => Value::Int(number),
            Some(Source::Float(number)) => Value::Double(number),
            _ => return,
        };
        // A member's name comes before its number.
        let same = entry.concept == Concept::EvaluationScore
            && self.found.last().is_some_and(|(group, one)| group.is_empty() && one.score.is_none());
        if !same {
            if self.found.len() == MOST {
                *self.refused += 1;
                return;
            }
            self.found.push((b"", Evaluation::default()));
        }
        if let Some((_, one)) = self.found.last_mut() {
            one.learn(entry.concept, value);
        }
    }
}

impl Normalizer {
    fn is_one_of_many(&self, entry: &Entry) -> bool {
        self.tables.rules[usize::from(entry.rule)].one_of_many
    }

    /// The evaluations behind the first that attributes tell, as the text of further ones. The first becomes that of the
    /// facts as a whole: what was gathered for them may be of several. `written`: the first as an enricher wrote it.
    pub(super) fn further_evaluations<'a>(
        &'a self,
        attrs: &[Attr<'a>],
        hits: &[(u32, KeyId)],
        row: &[u16],
        gather: &mut Gather<'_, 'a>,
        written: Evaluation<'a>,
    ) -> String {
        let mut further = String::new();
        let many = |gather: &Gather<'_, 'a>, concept| {
            let rule = self.tables.rules.get(usize::from(gather.facts.rule(concept)));
            rule.is_some_and(|rule| rule.one_of_many)
        };
        if !Concept::EVALUATION.into_iter().any(|concept| many(gather, concept)) {
            return further;
        }
        let mut found: bumpalo::collections::Vec<'a, One<'a>> = bumpalo::collections::Vec::new_in(gather.context.arena);
        // Whose explanation the facts have.
        let mut explained = None;
        for &(at, id) in hits {
            let attr = &attrs[at as usize];
            let (list, entries) = self.tables.list(row[id.index()]);
            for entry in entries.iter().filter(|entry| self.is_one_of_many(entry)) {
                let group = self.number_of(entry, attr.key);
                if entry.concept == Concept::EvaluationExplanation {
                    explained = explained.or(Some(group));
                }
                let known = found.iter().position(|(other, _)| *other == group);
                if known.is_none() && found.len() == MOST {
                    gather.context.anomalies.oversize_text += 1;
                    continue;
                }
                let place = known.unwrap_or_else(|| {
                    found.push((group, Evaluation::default()));
                    found.len() - 1
                });
                found[place].1.learn(entry.concept, attr.value);
            }
            if list.blob != NONE {
                let blob = &self.tables.blobs[usize::from(list.blob)];
                if blob.entries.iter().any(|entry| self.is_one_of_many(entry)) {
                    let refused = &mut gather.context.anomalies.oversize_text;
                    let mut members = Members { normalizer: self, entries: &blob.entries, found: &mut found, refused };
                    // What cannot be read was counted when the first was.
                    let _ = walk_otlp(attr.value, &blob.paths, self.depth, members.found.bump(), &mut members);
                }
            }
        }
        found.retain(|(_, one)| one.says_something());
        let is_again = written.says_something();
        let is_of_another = is_again || explained != found.first().map(|(group, _)| *group);
        if is_of_another && many(gather, Concept::EvaluationExplanation) {
            gather.facts.unset(Concept::EvaluationExplanation);
        }
        let mut all = found.iter().map(|(_, one)| one).filter(|one| **one != written);
        if let Some(first) = if is_again { Some(&written) } else { all.next() } {
            let values = [
                (Concept::EvaluationName, Some(first.name).filter(|name| !name.is_empty()).map(Val::Str)),
                (Concept::EvaluationScore, first.score.map(Val::Float)),
                (Concept::EvaluationLabel, Some(first.label).filter(|label| !label.is_empty()).map(Val::Str)),
            ];
            for (concept, value) in values {
                if !many(gather, concept) {
                    continue;
                }
                let rule = gather.facts.rule(concept);
                match value {
                    Some(value) => gather.facts.set(concept, value, rule),
                    None => gather.facts.unset(concept),
                }
            }
        }
        for one in all {
            if !one.append(&mut further, gather.context.text_bytes) {
                gather.context.anomalies.oversize_text += 1;
            }
        }
        further
    }

    /// What stands in a key where its rule has a number.
    fn number_of<'a>(&self, entry: &Entry, key: &'a [u8]) -> &'a [u8] {
        let rule = &self.tables.rules[usize::from(entry.rule)];
        let from = rule.key.find('{').unwrap_or(0).min(key.len());
        let rest = &key[from..];
        &rest[..memchr::memchr(b'.', rest).unwrap_or(rest.len())]
    }
}
