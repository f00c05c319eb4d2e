//! Texts that stand for nothing where a name or an id should be, and dress of names that is no part of them.

use super::compile::{Tables, concept};
use super::conclusion;
use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use bumpalo::Bump;
use hashbrown::HashSet;
use serde::Deserialize;
use std::borrow::Cow;

/// Words that stand for none (lower case, below 64 bytes), and the concepts that they are looked for in.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub words: Vec<String>,
    pub concepts: Vec<String>,
}

pub struct Placeholders {
    words: HashSet<Box<str>>,
    /// Bit n: some word is n bytes long.
    lengths: u64,
    concepts: ConceptSet,
}

impl Placeholders {
    pub fn compile(plan: &Plan) -> Result<Self, String> {
        let mut placeholders = Self { words: HashSet::new(), lengths: 0, concepts: ConceptSet::default() };
        for word in &plan.words {
            if word.len() >= 64 {
                return Err(format!("the placeholder {word:?} is longer than any name"));
            }
            placeholders.lengths |= 1 << word.len();
            placeholders.words.insert(word.to_ascii_lowercase().into());
        }
        for name in &plan.concepts {
            placeholders.concepts.insert(concept(name)?);
        }
        Ok(placeholders)
    }

    /// Whether a text says that there is no value. An id that many calls seem to share would make one call of them.
    #[inline]
    pub fn stands_for_none(&self, concept: Concept, text: &str) -> bool {
        text.len() < 64
            && self.lengths >> text.len() & 1 == 1
            && self.concepts.contains(concept)
            && self.words.contains(&*text.to_ascii_lowercase())
    }
}

/// A model's name without the escapes that color it on a terminal (`ESC [ … m`).
pub fn without_styles<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if !text.contains('\x1b') {
        return text;
    }
    let mut plain = bumpalo::collections::String::new_in(arena);
    for (at, part) in text.split('\x1b').enumerate() {
        let codes = |text: &str| text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        let style = part.strip_prefix('[').and_then(|rest| rest[codes(rest)..].strip_prefix('m'));
        plain.push_str(style.filter(|_| at > 0).unwrap_or(part));
    }
    plain.into_bump_str()
}

impl Tables {
    /// What a reason to stop says beside itself.
    pub(super) fn follow_from_finish<'a>(&'a self, facts: &mut Facts<'a>) {
        for &(concept, map) in &self.finishes {
            if facts.has(concept) {
                continue;
            }
            let map = &self.maps[usize::from(map)];
            let reasons = facts.text(Concept::FinishReason).unwrap_or_default();
            if let Some(found) = reasons.split(LIST_SEPARATOR).find_map(|reason| map.get(&*reason.to_lowercase())) {
                facts.set(concept, Val::Str(found), conclusion::FINISH);
                facts.inferred.insert(concept);
            }
        }
    }

    /// One spelling for values that are known under several: what their maps lack stays, what they map to nothing goes.
    fn mapped(&self, map: u16, word: &str) -> Option<&str> {
        let lower = match word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(word.to_ascii_lowercase()),
            false => Cow::Borrowed(word),
        };
        self.maps[usize::from(map)].get(&*lower).map(|known| &**known)
    }

    /// One word as the concept has it.
    pub(super) fn folded<'a>(&'a self, concept: Concept, word: &'a str) -> &'a str {
        let map = self.folds.iter().find(|(folded, _)| *folded == concept);
        map.and_then(|(_, map)| self.mapped(*map, word)).unwrap_or(word)
    }

    pub(super) fn fold<'a>(&self, facts: &mut Facts<'a>, arena: &'a Bump) {
        for &(concept, map) in &self.folds {
            let Some(told) = facts.text(concept) else {
                continue;
            };
            let one = |item: &str| self.mapped(map, item);
            if !told.split(LIST_SEPARATOR).any(|item| one(item).is_some_and(|known| known != item)) {
                continue;
            }
            let mut items = bumpalo::collections::String::new_in(arena);
            for item in told.split(LIST_SEPARATOR).map(|item| one(item).unwrap_or(item)).filter(|i| !i.is_empty()) {
                if !items.is_empty() {
                    items.push(LIST_SEPARATOR);
                }
                items.push_str(item);
            }
            if items.is_empty() {
                facts.unset(concept);
            } else {
                facts.set(concept, Val::Str(items.into_bump_str()), facts.rule(concept));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_go_and_brackets_stay() {
        let arena = Bump::new();
        assert_eq!(without_styles("\x1b[1mclaude-opus-4-1\x1b[22m", &arena), "claude-opus-4-1");
        assert_eq!(without_styles("\x1b[1;31mclaude\x1b[0m[1m]", &arena), "claude[1m]");
        assert_eq!(without_styles("claude[1m]", &arena), "claude[1m]");
        assert_eq!(without_styles("a\x1b[\x1b", &arena), "a[");
    }

    #[test]
    fn words_stand_for_none_only_where_they_are_looked_for() {
        let plan = Plan { words: vec!["none".into(), "".into()], concepts: vec!["response_id".into()] };
        let placeholders = Placeholders::compile(&plan).unwrap();
        assert!(placeholders.stands_for_none(Concept::ResponseId, "None"));
        assert!(!placeholders.stands_for_none(Concept::ResponseId, "chatcmpl-none"));
        assert!(!placeholders.stands_for_none(Concept::ReasoningEffort, "none"));
        assert!(Placeholders::compile(&Plan { words: vec!["x".repeat(64)], concepts: Vec::new() }).is_err());
    }
}
