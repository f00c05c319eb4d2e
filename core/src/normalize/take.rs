//! What a span is told that other spans said of its call: written like its own facts, where from is told beside it.

use super::append::{INFERRED, INFERRED_FROM, ORIGINAL, Output};
use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, Val};
use crate::wire::span::fields;
use crate::wire::value::{Value, array, key_value};

const ATTRIBUTES: u32 = 9;

/// The first of the rule numbers that stand for where a value was taken from; beyond all that records hold.
pub const TAKEN: u16 = 1 << 14;

/// A value that a span has from elsewhere.
pub struct Taken<'a> {
    pub concept: Concept,
    /// None: what the span says is not so.
    pub value: Option<Val<'a>>,
    /// See [`Sources::rule`].
    pub rule: u16,
    /// Listed in `enricher.inferred`.
    pub inferred: bool,
}

/// Where values were taken from, in words.
#[derive(Default)]
pub struct Sources {
    texts: Vec<String>,
}

impl Sources {
    /// The rule number of a source.
    pub fn rule(&mut self, text: String) -> u16 {
        let at = self.texts.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        });
        TAKEN.saturating_add(u16::try_from(at).unwrap_or(u16::MAX))
    }

    /// The text of a rule number that stands for a source.
    pub fn text(&self, rule: u16) -> Option<&str> {
        self.texts.get(usize::from(rule.checked_sub(TAKEN)?)).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

impl Output {
    /// Puts what was taken in the place of a span's own facts. What its attributes say otherwise gives way.
    pub fn take<'a>(&self, facts: &mut Facts<'a>, taken: &[Taken<'a>], raw: &[u8], sources: &mut Sources) {
        let new = taken.iter().filter(|one| !facts.has(one.concept)).fold(0, |set, one| set | 1 << one.concept as u8);
        let (canonical, legacy) = self.standing(ConceptSet(new), raw);
        for one in taken {
            let concept = one.concept;
            if [facts.canonical, facts.misstated, canonical].iter().any(|set| set.contains(concept)) {
                facts.canonical.remove(concept);
                facts.misstated.insert(concept);
            }
            if [facts.legacy, facts.legacy_misstated, legacy].iter().any(|set| set.contains(concept)) {
                facts.legacy.remove(concept);
                let set = if self.fixes_legacy(concept) { &mut facts.legacy_misstated } else { &mut facts.legacy };
                set.insert(concept);
            }
            match one.value {
                Some(value) => facts.set(concept, value, one.rule),
                None => facts.unset(concept),
            }
            if one.inferred && one.value.is_some() {
                facts.inferred.insert(concept);
            } else {
                facts.inferred.remove(concept);
            }
        }
        if facts.marked && !sources.is_empty() {
            self.remember(facts, taken, raw, sources);
        }
    }

    /// Of these concepts, those whose canonical and whose legacy attribute stand on a span: they were not believed.
    fn standing(&self, concepts: ConceptSet, raw: &[u8]) -> (ConceptSet, ConceptSet) {
        let (mut canonical, mut legacy) = (ConceptSet::default(), ConceptSet::default());
        if concepts.is_empty() {
            return (canonical, legacy);
        }
        let wanted: Vec<_> = self.named.iter().filter(|named| concepts.contains(named.concept)).collect();
        for (key, _) in attributes(raw) {
            for named in &wanted {
                if *key == *named.key.as_bytes() {
                    canonical.insert(named.concept);
                } else if named.legacy.as_ref().is_some_and(|legacy| *key == *legacy.as_bytes()) {
                    legacy.insert(named.concept);
                }
            }
        }
        (canonical, legacy)
    }

    /// The list of a marked span is written anew: what stood there before keeps its source.
    fn remember<'a>(&self, facts: &mut Facts<'a>, taken: &[Taken<'a>], raw: &[u8], sources: &mut Sources) {
        let list = |wanted: &str| {
            let found = attributes(raw).find(|(key, _)| *key == wanted.as_bytes());
            let items = match found {
                Some((_, Value::Array(items))) => items,
                _ => &[],
            };
            array(items).map_while(Result::ok).map(|item| match item {
                Value::Str(text) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            })
        };
        for (name, source) in list(INFERRED).zip(list(INFERRED_FROM)) {
            if let Some(concept) = Concept::from_name(&name)
                && let Some(value) = facts.get(concept)
                && facts.inferred.contains(concept)
                && !taken.iter().any(|one| one.concept == concept)
            {
                facts.set(concept, value, sources.rule(source));
            }
        }
    }
}

fn attributes(raw: &[u8]) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    fields(raw, ATTRIBUTES).map_while(Result::ok).filter_map(|body| key_value(body).ok())
}

/// Whether an original stands on a span already, as an enricher before this one kept it.
pub fn keeps_original(raw: &[u8], key: &[u8]) -> bool {
    attributes(raw).any(|(own, _)| own.strip_prefix(ORIGINAL.as_bytes()) == Some(key))
}
