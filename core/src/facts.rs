//! What a span says about a model call, in one vocabulary.

use crate::concept::{Concept, ConceptSet};

/// Separates the items of a list value. It cannot occur in finish reasons or tool names, which are identifiers.
pub const LIST_SEPARATOR: char = '\u{1f}';

/// A dialect index that stands for none.
pub const NO_DIALECT: u16 = u16::MAX;

/// A rule index that stands for none.
pub const NO_RULE: u16 = u16::MAX;

/// A whole word of tag, so that a copy moves words: with a byte of tag it reads back bytes written one by one, which costs
/// more than the rest of reading an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u64)]
pub enum Val<'a> {
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Text, or the items of a list joined by [`LIST_SEPARATOR`].
    Str(&'a str),
}

/// What part a span plays in the counting of calls (design §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Says nothing about a model call.
    #[default]
    None,
    /// Claims a call: an inference, embedding or rerank operation.
    Inference,
    /// Repeats or sums calls below or beside it: agent, workflow, chain, gateway handler.
    Wrapper,
    /// A tool execution, retrieval or other operation that is no model call and never priced.
    Other,
    /// Never a call, whatever usage it carries (`fetch_response`, prompt templates).
    Never,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::None, Role::Inference, Role::Wrapper, Role::Other, Role::Never];

    pub fn from_name(name: &[u8]) -> Option<Role> {
        Self::ALL.into_iter().find(|role| role.name().as_bytes() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::None => "none",
            Role::Inference => "inference",
            Role::Wrapper => "wrapper",
            Role::Other => "other",
            Role::Never => "never",
        }
    }
}

/// The facts of one span. Reused from span to span: `clear` resets the sets, not the slots.
pub struct Facts<'a> {
    present: ConceptSet,
    slots: [Val<'a>; Concept::COUNT],
    rules: [u16; Concept::COUNT],
    /// Concepts that were concluded, not read (`enricher.inferred`).
    pub inferred: ConceptSet,
    /// Concepts whose canonical attribute stands on the span with exactly this value: nothing to write.
    pub canonical: ConceptSet,
    /// Concepts whose canonical attribute stands on the span with another value: to be replaced, the original kept aside.
    pub misstated: ConceptSet,
    /// Concepts whose legacy attribute stands on the span and stays as it is.
    pub legacy: ConceptSet,
    /// Concepts whose legacy attribute stands on the span with another value and is replaced like a misstated one.
    pub legacy_misstated: ConceptSet,
    /// Another enricher normalized the span before.
    pub marked: bool,
    /// Index into the plan's dialects.
    pub dialect: u16,
    pub role: Role,
}

impl<'a> Facts<'a> {
    pub fn new() -> Self {
        Self {
            present: ConceptSet::default(),
            slots: [Val::Bool(false); Concept::COUNT],
            rules: [NO_RULE; Concept::COUNT],
            inferred: ConceptSet::default(),
            canonical: ConceptSet::default(),
            misstated: ConceptSet::default(),
            legacy: ConceptSet::default(),
            legacy_misstated: ConceptSet::default(),
            marked: false,
            dialect: NO_DIALECT,
            role: Role::None,
        }
    }

    #[inline]
    pub fn clear(&mut self) {
        self.present = ConceptSet::default();
        self.inferred = ConceptSet::default();
        self.canonical = ConceptSet::default();
        self.misstated = ConceptSet::default();
        self.legacy = ConceptSet::default();
        self.legacy_misstated = ConceptSet::default();
        self.marked = false;
        self.dialect = NO_DIALECT;
        self.role = Role::None;
    }

    #[inline]
    pub fn present(&self) -> ConceptSet {
        self.present
    }

    #[inline]
    pub fn has(&self, concept: Concept) -> bool {
        self.present.contains(concept)
    }

    #[inline]
    pub fn get(&self, concept: Concept) -> Option<Val<'a>> {
        if self.present.contains(concept) { Some(self.slots[concept as usize]) } else { None }
    }

    /// The rule (an index into the plan's rules) that gave the value; `NO_RULE` for conclusions.
    pub fn rule(&self, concept: Concept) -> u16 {
        if self.present.contains(concept) { self.rules[concept as usize] } else { NO_RULE }
    }

    #[inline]
    pub fn set(&mut self, concept: Concept, value: Val<'a>, rule: u16) {
        self.present.insert(concept);
        self.slots[concept as usize] = value;
        self.rules[concept as usize] = rule;
    }

    pub fn unset(&mut self, concept: Concept) {
        self.present.remove(concept);
    }

    #[inline]
    pub fn text(&self, concept: Concept) -> Option<&'a str> {
        match self.get(concept) {
            Some(Val::Str(text)) => Some(text),
            _ => None,
        }
    }

    #[inline]
    pub fn int(&self, concept: Concept) -> Option<i64> {
        match self.get(concept) {
            Some(Val::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// A number as float, whichever type it has.
    #[inline]
    pub fn number(&self, concept: Concept) -> Option<f64> {
        match self.get(concept) {
            Some(Val::Float(value)) => Some(value),
            Some(Val::Int(value)) => Some(value as f64),
            _ => None,
        }
    }

    #[inline]
    pub fn flag(&self, concept: Concept) -> Option<bool> {
        match self.get(concept) {
            Some(Val::Bool(value)) => Some(value),
            _ => None,
        }
    }
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self::new()
    }
}
