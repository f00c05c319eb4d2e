//! What a kept span gets: canonical attributes that are missing, legacy ones where wanted, and what was inferred from
//! what. Attributes that misstate a fact give way; their value stays under `enricher.original.<key>`.

use super::compile::{RuleInfo, concept};
use super::conclusion;
use super::kinds::{Kind, kind_of};
use super::patterns::covers;
use super::plan::{Conventions, NormalizePlan, SourceKind};
use super::take::{Sources, keeps_original};
use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, LIST_SEPARATOR, NO_RULE, Role, Val};
use crate::wire::reader::{BYTES, Reader};
use crate::wire::value::key_value;
use crate::wire::writer::{self, Scalar};

pub use super::marks::INFERRED;
pub const INFERRED_FROM: &str = "enricher.inferred.from";
/// Before the key of what gave way.
pub const ORIGINAL: &str = "enricher.original.";
const ATTRIBUTES: u32 = 9;

pub(super) struct Named {
    pub(super) concept: Concept,
    /// The set of it alone.
    bit: u128,
    pub(super) key: Box<str>,
    pub(super) legacy: Option<Box<str>>,
}

pub struct Output {
    pub(super) named: Vec<Named>,
    concepts: ConceptSet,
    fix_legacy: ConceptSet,
    both: bool,
    keep_originals: bool,
    /// Keys and patterns that are never removed.
    general: Vec<Box<str>>,
}

impl Output {
    pub fn compile(plan: &NormalizePlan) -> Result<Self, String> {
        let mut output = Self {
            named: Vec::new(),
            concepts: ConceptSet::default(),
            fix_legacy: ConceptSet::default(),
            both: plan.conventions == Conventions::Both,
            keep_originals: plan.keep_originals,
            general: plan.general.iter().map(|key| key.as_str().into()).collect(),
        };
        for entry in &plan.canonical {
            let concept = concept(&entry.concept)?;
            if output.concepts.contains(concept) {
                return Err(format!("{:?} has two canonical keys", entry.concept));
            }
            output.concepts.insert(concept);
            if entry.fix_legacy {
                output.fix_legacy.insert(concept);
            }
            output.named.push(Named {
                concept,
                bit: ConceptSet::of(&[concept]).0,
                key: entry.key.as_str().into(),
                legacy: entry.legacy.as_deref().map(Into::into),
            });
        }
        Ok(output)
    }

    /// The concept has a canonical attribute.
    pub fn writes(&self, concept: Concept) -> bool {
        self.concepts.contains(concept)
    }

    /// Legacy attributes that differ are replaced, not left.
    #[inline]
    pub fn fixes_legacy(&self, concept: Concept) -> bool {
        self.fix_legacy.contains(concept)
    }

    /// Appends fields of a span; `sources`: of what it has from elsewhere.
    ///
    /// What a wrapper's captured response says belongs to the call below it: written here, others would count it twice.
    pub fn append(&self, facts: &Facts<'_>, rules: &[RuleInfo], sources: &Sources, out: &mut Vec<u8>) {
        if facts.role == Role::None {
            return;
        }
        let of_carrier =
            |concept| rules.get(usize::from(facts.rule(concept))).is_some_and(|rule| rule.concept.is_none());
        let theirs = facts.role != Role::Inference;
        let their_usage = theirs && (of_carrier(Concept::InputTokens) || of_carrier(Concept::OutputTokens));
        let present = facts.present().0;
        for named in self.named.iter().filter(|named| present & named.bit != 0) {
            let Some(value) = facts.get(named.concept) else {
                continue;
            };
            if (theirs && of_carrier(named.concept)) || (their_usage && kind_of(named.concept) == Kind::Count) {
                continue;
            }
            // What the resource says need not be repeated on each of its spans.
            let rule = facts.rule(named.concept);
            if rules.get(usize::from(rule)).is_some_and(|rule| rule.kind == SourceKind::Resource) {
                continue;
            }
            let scalar = scalar(named.concept, value);
            if !facts.canonical.contains(named.concept) {
                writer::key_value(out, ATTRIBUTES, &named.key, scalar);
            }
            if let Some(legacy) = &named.legacy
                && self.both
                && !facts.legacy.contains(named.concept)
            {
                writer::key_value(out, ATTRIBUTES, legacy, scalar);
            }
        }
        let mut inferred = ConceptSet(facts.inferred.0 & self.concepts.0);
        if their_usage {
            let counts = |concept: &Concept| kind_of(*concept) == Kind::Count;
            inferred.iter().filter(counts).for_each(|concept| inferred.remove(concept));
        }
        // On a marked span the list stands already.
        if !inferred.is_empty() && (!facts.marked || !sources.is_empty()) {
            let (mut names, mut from) = (String::new(), String::new());
            for concept in inferred.iter() {
                if !names.is_empty() {
                    names.push(LIST_SEPARATOR);
                    from.push(LIST_SEPARATOR);
                }
                names.push_str(concept.name());
                let rule = facts.rule(concept);
                from.push_str(sources.text(rule).unwrap_or_else(|| source(rule, rules)));
            }
            writer::key_value(out, ATTRIBUTES, INFERRED, Scalar::List(&names));
            writer::key_value(out, ATTRIBUTES, INFERRED_FROM, Scalar::List(&from));
        }
    }

    /// The span's bytes cannot be copied as they are.
    pub fn rewrites(&self, facts: &Facts<'_>) -> bool {
        facts.role != Role::None
            && (!facts.misstated.is_empty() || !facts.legacy_misstated.is_empty() || !self.keep_originals)
    }

    pub fn keeps_originals(&self) -> bool {
        self.keep_originals
    }

    /// Copies a span, without what gives way to the attributes of [`append`](Self::append).
    pub fn copy(&self, facts: &Facts<'_>, rules: &[RuleInfo], span: &[u8], out: &mut Vec<u8>) {
        if !self.rewrites(facts) {
            out.extend_from_slice(span);
            return;
        }
        let mut reader = Reader::new(span);
        let mut done = 0;
        while !reader.at_end() {
            let start = reader.position();
            let Ok((field, wire)) = reader.tag() else {
                break;
            };
            if (field, wire) != (ATTRIBUTES, BYTES) {
                if reader.skip(wire).is_err() {
                    break;
                }
                continue;
            }
            let Ok(body) = reader.bytes() else { break };
            let Ok((key, _)) = key_value(body) else { break };
            let fate = self.fate(key, facts, rules);
            if fate == Fate::Keep {
                continue;
            }
            // Everything up to this field, then the field in its new form.
            out.extend_from_slice(&span[done..start]);
            done = reader.position();
            if fate == Fate::Rename && !(facts.marked && keeps_original(span, key)) {
                renamed(body, key, out);
            }
        }
        out.extend_from_slice(&span[done..]);
    }

    fn fate(&self, key: &[u8], facts: &Facts<'_>, rules: &[RuleInfo]) -> Fate {
        let replaced = if self.keep_originals { Fate::Rename } else { Fate::Drop };
        for named in &self.named {
            let concept = named.concept;
            if *key == *named.key.as_bytes() {
                return if facts.misstated.contains(concept) { replaced } else { Fate::Keep };
            }
            if let Some(legacy) = &named.legacy
                && *key == *legacy.as_bytes()
            {
                return if facts.legacy_misstated.contains(concept) {
                    replaced
                } else if !self.keep_originals && !self.both && facts.has(concept) {
                    Fate::Drop
                } else {
                    Fate::Keep
                };
            }
        }
        if !self.keep_originals && self.moved(key, facts, rules) {
            return Fate::Drop;
        }
        Fate::Keep
    }

    /// The whole value of this attribute stands under a canonical key now.
    fn moved(&self, key: &[u8], facts: &Facts<'_>, rules: &[RuleInfo]) -> bool {
        let Ok(key) = std::str::from_utf8(key) else {
            return false;
        };
        if self.general.iter().any(|general| **general == *key || covers(general, key)) {
            return false;
        }
        self.named.iter().any(|named| {
            rules
                .get(usize::from(facts.rule(named.concept)))
                .is_some_and(|rule| rule.whole && (*rule.key == *key || covers(&rule.key, key)))
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Keep,
    Drop,
    Rename,
}

/// The attribute (the body of its field) as `enricher.original.<key>`, value bytes untouched.
pub fn renamed(body: &[u8], key: &[u8], out: &mut Vec<u8>) {
    let mut rest = Vec::with_capacity(body.len());
    let mut reader = Reader::new(body);
    while !reader.at_end() {
        let start = reader.position();
        match reader.tag().and_then(|(field, wire)| reader.skip(wire).map(|()| field)) {
            Ok(1) => {}
            Ok(_) => rest.extend_from_slice(reader.since(start)),
            Err(_) => break,
        }
    }
    let key_len = ORIGINAL.len() + key.len();
    writer::tag(out, ATTRIBUTES, BYTES);
    writer::varint(out, (writer::bytes_len(key_len) + rest.len()) as u64);
    writer::tag(out, 1, BYTES);
    writer::varint(out, key_len as u64);
    out.extend_from_slice(ORIGINAL.as_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(&rest);
}

fn scalar<'a>(concept: Concept, value: Val<'a>) -> Scalar<'a> {
    match value {
        Val::Int(value) => Scalar::Int(value),
        Val::Float(value) => Scalar::Float(value),
        Val::Bool(value) => Scalar::Bool(value),
        Val::Str(text) if kind_of(concept) == Kind::List => Scalar::List(text),
        Val::Str(text) => Scalar::Str(text),
    }
}

/// Where a value came from, in the words of its author or of the conclusion.
pub fn source(rule: u16, rules: &[RuleInfo]) -> &str {
    if rule == NO_RULE {
        return "";
    }
    match rules.get(usize::from(rule)) {
        Some(rule) => &rule.source,
        None => conclusion::text(rule).unwrap_or_default(),
    }
}
