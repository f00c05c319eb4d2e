//! What follows from what was read.

use super::errors::Exception;
use super::kinds::{Kind, kind_of};
use super::operation;
use super::origin::ScopeFacts;
use super::read::Context;
use super::scratch::Scratch;
use super::shapes::Told;
use super::tokens::{self, Evidence};
use super::{Normalizer, conclusion};
use crate::concept::{Concept, ConceptSet};
use crate::facts::{Facts, LIST_SEPARATOR, Role, Val};
use crate::keys::KeyId;
use crate::wire::span::{Attr, SpanView};
use crate::wire::value::{Value, array};
use bumpalo::Bump;

/// The span besides its facts.
pub struct Seen<'s, 'a> {
    pub span: &'s SpanView<'a>,
    pub attrs: &'s [Attr<'a>],
    pub hits: &'s [(u32, KeyId)],
    pub scope: &'a ScopeFacts,
    pub dialect: Option<u16>,
    pub exception: Exception<'a>,
    /// Of the raw response that counts were read from.
    pub told: Told,
    /// What an enricher before this one concluded.
    pub settled: Option<Role>,
    /// It wrote the cost.
    pub in_dollars: bool,
}

impl Normalizer {
    pub(super) fn finish<'a>(
        &'a self,
        seen: &Seen<'_, 'a>,
        scratch: &mut Scratch,
        arena: &'a Bump,
        facts: &mut Facts<'a>,
    ) {
        self.currencies.conclude(facts, seen.in_dollars);
        let dialect = seen.dialect.map(|index| &self.dialects[usize::from(index)]);
        let provider =
            self.providers.conclude(facts, seen.scope.provider, dialect.and_then(|dialect| dialect.provider), scratch);
        self.tables.fold(facts, arena);
        self.tables.follow_from_finish(facts);
        if let Some(gateway) = dialect.and_then(|dialect| dialect.gateway.as_deref())
            && !facts.has(Concept::Gateway)
        {
            facts.set(Concept::Gateway, Val::Str(gateway), conclusion::DIALECT);
        }
        let rule = |concept| self.tables.rules.get(usize::from(facts.rule(concept)));
        let evidence = Evidence {
            habits: seen.dialect.map(|index| &self.habits[usize::from(index)]),
            provider: provider.map(|index| self.providers.counts_as(index, facts)),
            version: seen.scope.number,
            scope: &seen.scope.name,
            cached: seen.told.cached.or_else(|| rule(Concept::InputTokens)?.cached),
            reasoning: seen.told.reasoning.or_else(|| rule(Concept::OutputTokens)?.reasoning),
            from_response: seen.told.reasoning.is_some(),
            provider_total: seen.told.provider_total,
        };
        let evidence = Some(&evidence).filter(|_| seen.settled.is_none());
        tokens::conclude(facts, evidence, &self.providers, &mut scratch.anomalies);
        cache_hit(facts, scratch);
        first_token(facts, seen.span.duration(), scratch);
        let view =
            operation::Seen { span: seen.span, attrs: seen.attrs, hits: seen.hits, scope: seen.scope.name.as_bytes() };
        if let Some(role) = seen.settled {
            facts.role = role;
        } else if !self.operations.conclude(facts, seen.dialect, &view, arena) {
            facts.clear();
            return;
        } else {
            self.operations.mark_guesses(facts, seen.dialect, &view);
        }
        let mut context = Context {
            arena,
            anomalies: &mut scratch.anomalies,
            text_bytes: self.text_bytes,
            span_start: seen.span.start,
            maps: &self.tables.maps,
            id_prefixes: &self.tables.id_prefixes,
            key: b"",
        };
        self.errors.conclude(facts, seen.span, seen.exception, &mut context);
        self.compare(seen.attrs, scratch, facts);
    }

    /// Which canonical and legacy attributes already say what the facts say.
    fn compare(&self, attrs: &[Attr<'_>], scratch: &Scratch, facts: &mut Facts<'_>) {
        let present = facts.present();
        let says = |concept: Concept, at: u32| {
            facts
                .get(concept)
                .is_some_and(|value| same(kind_of(concept), value, attrs[at as usize].value, self.text_bytes))
        };
        let mut canonical = ConceptSet::default();
        let mut misstated = ConceptSet::default();
        for concept in ConceptSet(scratch.canonical.set.0 & present.0).iter() {
            if says(concept, scratch.canonical.at[concept as usize]) {
                canonical.insert(concept);
            } else {
                misstated.insert(concept);
            }
        }
        let mut legacy = ConceptSet::default();
        let mut legacy_misstated = ConceptSet::default();
        for concept in ConceptSet(scratch.legacy.set.0 & present.0).iter() {
            if !self.output.fixes_legacy(concept) || says(concept, scratch.legacy.at[concept as usize]) {
                legacy.insert(concept);
            } else {
                legacy_misstated.insert(concept);
            }
        }
        facts.canonical = canonical;
        facts.misstated = misstated;
        facts.legacy = legacy;
        facts.legacy_misstated = legacy_misstated;
    }
}

/// A cache hit beside tokens that were read from the provider's cache is that cache's, and is paid. Unless a gateway said
/// it, whose stored answers repeat the tokens of their first time, or the span says so in our own words.
fn cache_hit(facts: &mut Facts<'_>, scratch: &Scratch) {
    let own = scratch.canonical.set.contains(Concept::CacheHit);
    let has_read = facts.int(Concept::CacheReadTokens).is_some_and(|tokens| tokens > 0);
    if facts.flag(Concept::CacheHit) == Some(true) && has_read && !own && !facts.has(Concept::Gateway) {
        facts.unset(Concept::CacheHit);
    }
}

/// How far a time may exceed the span's duration and still be in the unit of its key: the two are taken by two clocks, or
/// rounded. Milliseconds read as seconds exceed it as far only when the first token came in a five hundredth of the call.
const SKEW: f64 = 2.0;

/// Seconds that a span without a duration is taken to have lasted: calls are seldom longer.
const UNTIMED: f64 = 300.0;

/// A time to first token far beyond the span's duration is in milliseconds or nanoseconds, whatever its key says.
fn first_token(facts: &mut Facts<'_>, duration: u64, scratch: &mut Scratch) {
    let Some(told) = facts.number(Concept::Ttft) else {
        return;
    };
    let longest = if duration == 0 { UNTIMED } else { duration as f64 / 1e9 };
    if told <= longest * SKEW {
        return;
    }
    match [told / 1e3, told / 1e9].into_iter().find(|v| *v <= longest) {
        Some(seconds) => {
            facts.set(Concept::Ttft, Val::Float(seconds), conclusion::UNIT);
            facts.inferred.insert(Concept::Ttft);
        }
        None => {
            scratch.anomalies.bad_time += 1;
            facts.unset(Concept::Ttft);
        }
    }
}

/// Whether an attribute says exactly a fact, so that nothing need be written. A whole double is as good as an integer.
fn same(kind: Kind, fact: Val<'_>, value: Value<'_>, text_bytes: usize) -> bool {
    match (fact, value) {
        (Val::Int(a), Value::Int(b)) => a == b,
        (Val::Int(a), Value::Double(b)) => a as f64 == b,
        (Val::Float(a), Value::Double(b)) => a == b,
        (Val::Float(a), Value::Int(b)) => a == b as f64,
        (Val::Bool(a), Value::Bool(b)) => a == b,
        (Val::Str(_), Value::Str(_)) if kind == Kind::List => false,
        (Val::Str(a), Value::Str(b)) => {
            let (a, pointer) = (a.as_bytes(), a.as_ptr() == b.as_ptr());
            // Cut text stands for the whole of it.
            (pointer && a.len() == b.len())
                || a == b
                || (b.len() > text_bytes && a.len() + 4 > text_bytes && b.starts_with(a))
        }
        (Val::Str(a), Value::Array(items)) => {
            let mut items = array(items);
            a.split(LIST_SEPARATOR).all(|item| matches!(items.next(), Some(Ok(Value::Str(b))) if item.as_bytes() == b))
                && items.next().is_none()
        }
        _ => false,
    }
}
