//! Conditions on single spans, evaluated once as a span arrives and remembered as one bit of its trace. Each is found by
//! the attribute key it asks for, so that a span pays for the conditions on its own keys only.

use super::groups::Group;
use super::ottl::{Expr, Path, Seen};
use crate::concept::Concept;
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use crate::keys::{KeyId, KeyTable, KeyTableBuilder};
use crate::normalize::plan::Canonical;
use crate::wire::span::{Attr, events};
use crate::wire::value::{Value, array};
use hashbrown::HashMap;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::atomic::{AtomicU64, Ordering};

/// One bit per condition that held on some span of the trace or on its resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    first: u64,
    /// Words beyond the first 64 conditions.
    more: Vec<u64>,
}

impl Bits {
    #[inline]
    pub fn set(&mut self, index: u16) {
        if index < 64 {
            self.first |= 1 << index;
        } else {
            let word = usize::from(index) / 64 - 1;
            if self.more.len() <= word {
                self.more.resize(word + 1, 0);
            }
            self.more[word] |= 1 << (index % 64);
        }
    }

    pub fn get(&self, index: u16) -> bool {
        if index < 64 {
            self.first >> index & 1 == 1
        } else {
            self.more.get(usize::from(index) / 64 - 1).is_some_and(|word| word >> (index % 64) & 1 == 1)
        }
    }

    #[inline]
    pub fn merge(&mut self, other: &Bits) {
        self.first |= other.first;
        if !other.more.is_empty() {
            if self.more.len() < other.more.len() {
                self.more.resize(other.more.len(), 0);
            }
            for (word, more) in self.more.iter_mut().zip(&other.more) {
                *word |= more;
            }
        }
    }

    #[inline]
    pub fn clear(&mut self) {
        self.first = 0;
        self.more.clear();
    }
}

/// What is asked of one attribute.
#[derive(Debug)]
pub enum Test {
    /// Any of the values, exactly.
    Equals(Vec<Box<[u8]>>),
    /// Any of the patterns, anywhere in the value.
    Matches(Vec<Regex>),
    /// Inclusive bounds.
    Between(f64, f64),
    Is(bool),
}

impl Test {
    fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Equals(values), Value::Str(text)) => values.iter().any(|v| &**v == *text),
            (Self::Matches(patterns), Value::Str(text)) => patterns.iter().any(|p| p.is_match(text)),
            (Self::Equals(_) | Self::Matches(_), Value::Array(items)) => {
                array(items).any(|item| matches!(item, Ok(Value::Str(_))) && self.holds(&item.unwrap_or(Value::Empty)))
            }
            (Self::Between(min, max), Value::Int(number)) => (*min..=*max).contains(&(*number as f64)),
            (Self::Between(min, max), Value::Double(number)) => (*min..=*max).contains(number),
            (Self::Is(wanted), Value::Bool(flag)) => wanted == flag,
            _ => false,
        }
    }
}

/// A pattern in linear-time syntax.
pub fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| error.to_string())
}

/// A key that some condition asks for and that normalize writes for a concept.
struct Told {
    key: KeyId,
    concept: Concept,
    legacy: bool,
}

impl Told {
    /// The attribute of this key on the span gives way to the fact.
    fn replaces(&self, facts: &Facts<'_>) -> bool {
        let misstated = if self.legacy { facts.legacy_misstated } else { facts.misstated };
        misstated.contains(self.concept)
    }
}

/// All conditions of a plan.
#[derive(Default)]
pub struct Conditions {
    /// Bits asked for; those beyond the last are none of their own (`bounded`).
    bits: u32,
    tests: Vec<(u16, Test)>,
    /// Of the tests, in their order.
    names: Vec<Box<str>>,
    /// Indices of tests.
    by_key: Vec<Vec<u16>>,
    told: Vec<Told>,
    /// What normalize writes under the keys of the tests.
    facts: HashMap<Box<str>, Concept>,
    /// Conditions on the span itself.
    on_spans: Vec<(u16, OnSpan)>,
    /// Conditions made of others.
    groups: Vec<(u16, Group)>,
}

/// What is asked of a span besides its attributes.
enum OnSpan {
    /// A member of the W3C trace state with one of the values.
    TraceState {
        key: Box<[u8]>,
        values: Vec<Box<[u8]>>,
    },
    /// The W3C sampled flag is set.
    SampledFlag,
    Ottl(Ottl),
}

/// Conditions of an `ottl_condition` policy: any of them on any span or event.
struct Ottl {
    spans: Vec<Expr>,
    events: Vec<Expr>,
    /// What the conditions look at.
    paths: Vec<Path>,
    /// Times that a condition could not be worked out.
    failed: AtomicU64,
}

impl Ottl {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        self.any(&self.spans, seen)
            || (!self.events.is_empty()
                && events(seen.span.raw)
                    .filter_map(Result::ok)
                    .any(|event| self.any(&self.events, &Seen { event: Some(event), ..*seen })))
    }

    fn any(&self, conditions: &[Expr], seen: &Seen<'_>) -> bool {
        conditions.iter().any(|condition| {
            condition.holds(seen).unwrap_or_else(|_| {
                self.failed.fetch_add(1, Ordering::Relaxed);
                false
            })
        })
    }
}

/// `SAMPLED` of the W3C trace flags, the low byte of OTLP's `Span.flags`.
const SAMPLED: u32 = 1;

impl OnSpan {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        let span = seen.span;
        match self {
            Self::Ottl(conditions) => conditions.holds(seen),
            Self::TraceState { key, values } => {
                let wanted = |value: &[u8]| values.iter().any(|wanted| **wanted == *value);
                members(span.trace_state).any(|(name, value)| *name == **key && wanted(value))
            }
            Self::SampledFlag => span.flags & SAMPLED != 0,
        }
    }
}

/// The members of a trace state: `key=value`, separated by commas, with white space around them.
pub(super) fn members(trace_state: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    trace_state.split(|byte| *byte == b',').filter_map(|member| {
        let member = member.trim_ascii();
        let at = memchr::memchr(b'=', member)?;
        Some((&member[..at], &member[at + 1..]))
    })
}

impl Conditions {
    /// Adds a condition and returns its bit.
    pub fn add(&mut self, keys: &mut KeyTableBuilder, key: &str, test: Test) -> u16 {
        let bit = self.bit();
        let id = keys.add(key);
        if self.by_key.len() <= id.index() {
            self.by_key.resize(id.index() + 1, Vec::new());
        }
        self.by_key[id.index()].push(self.tests.len() as u16);
        self.tests.push((bit, test));
        self.names.push(key.into());
        bit
    }

    /// A condition on a member of the trace state of any span.
    pub fn add_trace_state(&mut self, key: &str, values: Vec<Box<[u8]>>) -> u16 {
        let bit = self.bit();
        self.on_spans.push((bit, OnSpan::TraceState { key: key.as_bytes().into(), values }));
        bit
    }

    /// A condition on the W3C flags of any span.
    pub fn add_sampled_flag(&mut self) -> u16 {
        let bit = self.bit();
        self.on_spans.push((bit, OnSpan::SampledFlag));
        bit
    }

    /// Conditions that one span has to satisfy together.
    pub fn add_group(&mut self, group: Group) -> u16 {
        let bit = self.bit();
        self.groups.push((bit, group));
        bit
    }

    /// Sets the bits of the groups that hold on a span whose own bits, and those of its resource, are all set.
    #[inline]
    pub fn observe_groups(&self, status: u8, root: bool, bits: &mut Bits) {
        for (bit, group) in &self.groups {
            if group.holds(bits, status, root) {
                bits.set(*bit);
            }
        }
    }

    /// Conditions in OTTL on any span and on any event of one.
    pub fn add_ottl(&mut self, spans: Vec<Expr>, events: Vec<Expr>) -> u16 {
        let bit = self.bit();
        self.on_spans.push((bit, OnSpan::Ottl(Ottl { spans, events, paths: Vec::new(), failed: AtomicU64::new(0) })));
        bit
    }

    /// Every condition's bit.
    pub fn bits(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.bits).unwrap_or(u16::MAX)
    }

    /// The attribute that a condition is about, when it is about one.
    pub fn key_of(&self, bit: u16) -> Option<&str> {
        let at = self.tests.iter().position(|(own, _)| *own == bit)?;
        Some(&self.names[at])
    }

    /// The paths of a condition in OTTL that lead to something, with what they lead to: on the event that it holds on,
    /// else on the first event where it asks for events.
    pub fn paths_of(&self, bit: u16, seen: &Seen<'_>) -> Vec<(String, serde_json::Value)> {
        let own = self.on_spans.iter().find(|(own, _)| *own == bit);
        let Some((_, OnSpan::Ottl(Ottl { events: asked, paths, .. }))) = own else { return Vec::new() };
        let on = |event| Seen { event, ..*seen };
        let all = || events(seen.span.raw).filter_map(Result::ok).map(Some);
        let held = |event: &Option<_>| asked.iter().any(|one| one.holds(&on(*event)) == Ok(true));
        let event = if asked.is_empty() { None } else { all().find(held).or_else(|| all().next()).flatten() };
        let looked_at = on(event);
        paths.iter().filter_map(|path| Some((path.name(), path.told(&looked_at)?))).collect()
    }

    /// What normalize writes under a key that some condition asks for.
    pub fn fact_of(&self, key: &str) -> Option<Concept> {
        self.facts.get(key).copied()
    }

    /// How often a condition could not be worked out since this was last asked.
    pub fn failures(&self) -> u64 {
        let failed = |(_, condition): &(u16, OnSpan)| match condition {
            OnSpan::Ottl(conditions) => conditions.failed.swap(0, Ordering::Relaxed),
            _ => 0,
        };
        self.on_spans.iter().map(failed).sum()
    }

    fn bit(&mut self) -> u16 {
        let bit = u16::try_from(self.bits).unwrap_or(u16::MAX);
        self.bits += 1;
        bit
    }

    /// Whether each condition has a bit of its own.
    pub fn bounded(&self) -> Result<(), String> {
        let most = u32::from(u16::MAX);
        if self.bits <= most {
            return Ok(());
        }
        Err(format!("{} conditions where policies may have {most} together", self.bits))
    }

    /// Sets the bits of the conditions that hold on the span itself.
    #[inline]
    pub fn observe_span(&self, seen: &Seen<'_>, bits: &mut Bits) {
        for (bit, condition) in &self.on_spans {
            if condition.holds(seen) {
                bits.set(*bit);
            }
        }
    }

    /// Finds the conditions on keys that normalize writes, so that they hold on what a span means in whatever dialect.
    pub fn link(&mut self, canonical: &[Canonical], keys: &KeyTable) -> Result<(), String> {
        let mut facts = HashMap::new();
        for entry in canonical {
            let concept =
                Concept::from_name(&entry.concept).ok_or_else(|| format!("no concept {:?}", entry.concept))?;
            facts.extend(
                [Some(&entry.key), entry.legacy.as_ref()].into_iter().flatten().map(|key| (key.as_str(), concept)),
            );
            for (name, legacy) in [(Some(&entry.key), false), (entry.legacy.as_ref(), true)] {
                let Some(name) = name else { continue };
                let key = keys.lookup(name.as_bytes());
                if self.by_key.get(key.index()).is_some_and(|wanted| !wanted.is_empty()) {
                    self.told.push(Told { key, concept, legacy });
                    self.facts.insert(name.as_str().into(), concept);
                }
            }
        }
        for (_, condition) in &mut self.on_spans {
            if let OnSpan::Ottl(Ottl { spans, events, paths, .. }) = condition {
                spans.iter_mut().chain(events).for_each(|expr| expr.link(&|key| facts.get(key).copied(), paths));
            }
        }
        Ok(())
    }

    /// Sets the bits of the conditions that hold on these attributes, or on the facts that normalize found in them.
    #[inline]
    pub fn observe(&self, attrs: &[Attr<'_>], facts: Option<&Facts<'_>>, bits: &mut Bits) {
        if self.tests.is_empty() {
            return;
        }
        let facts = facts.filter(|_| !self.told.is_empty());
        for attr in attrs {
            if let Some(wanted) = self.by_key.get(attr.id.index())
                && !wanted.is_empty()
                && !facts.is_some_and(|facts| self.told.iter().any(|told| told.key == attr.id && told.replaces(facts)))
            {
                self.test(wanted, &attr.value, bits);
            }
        }
        let Some(facts) = facts else { return };
        for told in &self.told {
            let wanted = &self.by_key[told.key.index()];
            match facts.get(told.concept) {
                None => {}
                Some(Val::Int(number)) => self.test(wanted, &Value::Int(number), bits),
                Some(Val::Float(number)) => self.test(wanted, &Value::Double(number), bits),
                Some(Val::Bool(flag)) => self.test(wanted, &Value::Bool(flag), bits),
                Some(Val::Str(text)) => {
                    for item in text.split(LIST_SEPARATOR) {
                        self.test(wanted, &Value::Str(item.as_bytes()), bits);
                    }
                }
            }
        }
    }

    fn test(&self, wanted: &[u16], value: &Value<'_>, bits: &mut Bits) {
        for at in wanted {
            let (bit, test) = &self.tests[usize::from(*at)];
            if test.holds(value) {
                bits.set(*bit);
            }
        }
    }
}
