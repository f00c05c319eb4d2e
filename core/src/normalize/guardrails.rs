//! Verdicts of guardrails that a span's attributes and events tell.

use super::Normalizer;
use super::compile::Entry;
use super::conclusion;
use super::plan::NormalizePlan;
use super::read::Source;
use super::span::Gather;
use crate::concept::Concept;
use crate::facts::{NO_RULE, Val};
use crate::guardrails::Guardrail;
use crate::wire::value::Value;

/// Verdicts in the events of one span that are told apart.
const MOST: usize = 64;

/// The decisions, the strictest first.
pub fn strictest(plan: &NormalizePlan) -> Vec<Box<str>> {
    let entry = plan.canonical.iter().find(|entry| entry.concept == Concept::GuardrailDecision.name());
    entry.iter().flat_map(|entry| &entry.strictest).map(|word| word.as_str().into()).collect()
}

/// What the best rule reads of one concept.
#[derive(Clone, Copy, Default)]
struct Best<'a> {
    /// Rank and number of the rule.
    from: Option<(u16, u16)>,
    text: &'a str,
}

/// What one event says.
#[derive(Clone, Copy, Default)]
pub(super) struct Verdict<'a> {
    name: Best<'a>,
    decision: Best<'a>,
}

impl<'a> Verdict<'a> {
    /// Takes a value of an event.
    pub(super) fn learn(&mut self, entry: &Entry, value: Value<'a>, gather: &mut Gather<'_, 'a>) {
        let slot = if entry.concept == Concept::GuardrailName { &mut self.name } else { &mut self.decision };
        if slot.from.is_some_and(|(rank, _)| rank <= entry.rank) {
            return;
        }
        if let Some(Val::Str(text)) = Source::of_value(value).and_then(|source| gather.read(entry, source)) {
            *slot = Best { from: Some((entry.rank, entry.rule)), text };
        }
    }

    pub(super) fn says_something(&self) -> bool {
        self.name.from.is_some() || self.decision.from.is_some()
    }
}

impl Normalizer {
    /// How strict a decision is; 0 is the strictest.
    fn strictness(&self, decision: &str) -> usize {
        self.strictest.iter().position(|word| **word == *decision).unwrap_or(self.strictest.len())
    }

    /// The strictest of some decisions, the first of those that are as strict; "" without any.
    pub fn strictest<'t>(&self, decisions: impl Iterator<Item = &'t str>) -> &'t str {
        decisions.filter(|one| !one.is_empty()).min_by_key(|one| self.strictness(one)).unwrap_or("")
    }

    /// Adds what the events say of guardrails: the strictest verdict becomes the fact, the others are further ones.
    pub(super) fn judge<'a>(&'a self, events: &[Verdict<'a>], gather: &mut Gather<'_, 'a>) {
        let own_name = gather.facts.text(Concept::GuardrailName).unwrap_or("");
        let rule = |best: &Best<'_>| best.from.map_or(NO_RULE, |(_, rule)| rule);
        // An event may name the guardrail whose verdict stands on the span.
        if own_name.is_empty()
            && let Some(lone) = events.iter().find(|one| one.decision.from.is_none())
        {
            gather.facts.set(Concept::GuardrailName, Val::Str(lone.name.text), rule(&lone.name));
        }
        let fold = |word| self.tables.folded(Concept::GuardrailDecision, word);
        let own = gather.facts.text(Concept::GuardrailDecision).map(|word| Guardrail {
            name: gather.facts.text(Concept::GuardrailName).unwrap_or(""),
            decision: fold(word),
        });
        let mut all: Vec<(Guardrail<'a>, [u16; 2])> = own.map(|own| (own, [NO_RULE; 2])).into_iter().collect();
        for Verdict { name, decision } in events.iter().filter(|one| one.decision.from.is_some()) {
            // A name on the span is that of an event without one.
            let named = if name.text.is_empty() && own.is_none() { own_name } else { name.text };
            let one = Guardrail { name: named, decision: fold(decision.text) };
            if all.iter().any(|(known, _)| *known == one) {
                continue;
            }
            if all.len() == MOST {
                gather.context.anomalies.oversize_text += 1;
                break;
            }
            all.push((one, [rule(name), rule(decision)]));
        }
        let Some(at) = (0..all.len()).min_by_key(|at| self.strictness(all[*at].0.decision)) else { return };
        let (first, [name_rule, decision_rule]) = all.remove(at);
        if own != Some(first) && decision_rule != NO_RULE {
            gather.facts.set(Concept::GuardrailDecision, Val::Str(first.decision), decision_rule);
            if first.name.is_empty() {
                gather.facts.unset(Concept::GuardrailName);
            } else if first.name != own_name {
                gather.facts.set(Concept::GuardrailName, Val::Str(first.name), name_rule);
            }
        }
        let mut further = String::new();
        for (one, _) in &all {
            if !one.append(&mut further, gather.context.text_bytes) {
                gather.context.anomalies.oversize_text += 1;
            }
        }
        if !further.is_empty() {
            let further = gather.context.arena.alloc_str(&further);
            gather.facts.set(Concept::MoreGuardrails, Val::Str(further), conclusion::FURTHER_VERDICTS);
        }
    }
}
