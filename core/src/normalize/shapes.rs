//! Usage, response id and model out of a provider's response that a span carries as text. The response may lie anywhere
//! in it; the outermost object that has a known shape is read, and none but that one.

use super::compile::Tables;
use super::json::{Base, Leaf, Sink, walk_otlp};
use super::kinds::{Kind, kind_of};
use super::paths::Paths;
use super::plan::{Inclusion, NormalizePlan, Reasoning};
use super::read::{Context, Source};
use crate::concept::Concept;
use crate::facts::{Facts, Val};
use crate::wire::value::Value;

/// Values kept from one text; a text with more known names than this is searched no further.
const MOST: usize = 4096;

#[derive(Default)]
pub struct Shapes {
    paths: Paths,
    shapes: Vec<Shape>,
}

/// One provider's response.
pub struct Shape {
    pub name: Box<str>,
    detect: Vec<(u16, Option<Box<str>>)>,
    fields: Vec<Field>,
    pub cached: Inclusion,
    pub reasoning: Reasoning,
    pub provider_total: bool,
}

struct Field {
    concept: Concept,
    kind: Kind,
    slots: Vec<u16>,
    plus: Vec<u16>,
    ops: u16,
    /// Values are counted instead of read.
    tally: Option<Tally>,
}

/// How many values the slots have: of a text, or any.
struct Tally {
    of: Box<str>,
    /// Counted in the same way, and taken off.
    minus: Vec<(u16, Box<str>)>,
}

/// What a response told, of the facts that were taken from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// How the span's input tokens count cached ones.
    pub cached: Option<Inclusion>,
    /// Where the span's output tokens leave reasoning.
    pub reasoning: Option<Reasoning>,
    /// The provider itself returns the total.
    pub provider_total: Option<bool>,
}

/// Which of a response's facts are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// All that the span lacks; its own counts are those of this response.
    Details,
    /// No counts and no cost: they are of another call, or there are none.
    Rest,
}

const CACHE: [Concept; 5] = [
    Concept::CacheReadTokens,
    Concept::CacheWriteTokens,
    Concept::CacheWrite5mTokens,
    Concept::CacheWrite1hTokens,
    Concept::CacheWrite12hTokens,
];

/// What is billed where no tokens are.
const UNITS: [Concept; 7] = [
    Concept::AudioSeconds,
    Concept::Images,
    Concept::Characters,
    Concept::Pages,
    Concept::RerankSearches,
    Concept::Requests,
    Concept::Seconds,
];

const USAGE: [Concept; 3] = [Concept::InputTokens, Concept::OutputTokens, Concept::TotalTokens];

impl Shapes {
    pub fn compile(plan: &NormalizePlan, tables: &mut Tables) -> Result<Self, String> {
        let mut shapes = Self::default();
        let mut known: Vec<String> = Vec::new();
        for key in &plan.usage_opaque {
            shapes.paths.close(key);
        }
        for shape in &plan.usage_shapes {
            let mut slot = |path: &str| -> Result<u16, String> {
                if let Some(found) = known.iter().position(|p| p == path) {
                    return Ok(found as u16);
                }
                let slot = known.len() as u16;
                shapes.paths.add(&format!("**.{path}"), slot)?;
                known.push(path.to_owned());
                Ok(slot)
            };
            let mut detect = Vec::new();
            for test in &shape.detect {
                let (path, value) = match test.split_once('=') {
                    Some((path, value)) => (path, Some(value.into())),
                    None => (test.as_str(), None),
                };
                detect.push((slot(path)?, value));
            }
            let mut fields = Vec::new();
            for field in &shape.fields {
                let concept = super::compile::concept(&field.concept)?;
                let tally = match &field.each {
                    None => None,
                    Some(of) => Some(Tally {
                        of: of.as_str().into(),
                        minus: field
                            .minus
                            .iter()
                            .map(|(path, of)| Ok((slot(path)?, of.as_str().into())))
                            .collect::<Result<_, String>>()?,
                    }),
                };
                fields.push(Field {
                    concept,
                    kind: kind_of(concept),
                    slots: field.paths.iter().map(|p| slot(p)).collect::<Result<_, _>>()?,
                    plus: field.plus.iter().map(|p| slot(p)).collect::<Result<_, _>>()?,
                    ops: tables.add_ops(&field.transform, plan)?,
                    tally,
                });
            }
            shapes.shapes.push(Shape {
                name: shape.name.as_str().into(),
                detect,
                fields,
                cached: shape.cached,
                reasoning: shape.reasoning,
                provider_total: shape.provider_total,
            });
        }
        Ok(shapes)
    }

    /// Reads `value` into what `facts` lack; `rule` is the carrier's number. Tokens of a span that shows none are read
    /// together; a span that shows some gets the details it lacks from a response with the same counts.
    pub fn read<'a>(
        &'a self,
        value: Value<'a>,
        rule: u16,
        depth: usize,
        tables: &'a Tables,
        context: &mut Context<'_, 'a>,
        facts: &mut Facts<'a>,
    ) -> Told {
        let mut found = Found { hits: bumpalo::collections::Vec::new_in(context.arena), oversize: false, crowded: 0 };
        if walk_otlp(value, &self.paths, depth, context.arena, &mut found).is_err() {
            context.anomalies.bad_json += 1;
        }
        context.anomalies.oversize_json += u64::from(found.oversize);
        context.anomalies.paths_beyond += found.crowded;
        let mut hits = found.hits;
        hits.sort_by_key(|(_, base, _)| *base);
        let wants_usage = !USAGE.iter().any(|concept| facts.has(*concept));
        let (mut units, mut fallback) = (None, None);
        for group in hits.chunk_by(|a, b| a.1 == b.1) {
            let Some(shape) = self.shapes.iter().find(|shape| shape.fits(group)) else {
                continue;
            };
            let mut reading = Reading { shape, group, rule, tables, context };
            if wants_usage {
                if shape.has(&USAGE, group) {
                    reading.fill(Part::All, facts);
                    return shape.told();
                }
                if units.is_none() && shape.has(&UNITS, group) {
                    units = Some((shape, group));
                }
            } else if let Some(told) = reading.agrees(facts) {
                return reading.details(told, facts);
            }
            fallback = fallback.or(Some((shape, group)));
        }
        if let Some((shape, group)) = units {
            Reading { shape, group, rule, tables, context }.fill(Part::All, facts);
            return shape.told();
        }
        if let Some((shape, group)) = fallback {
            Reading { shape, group, rule, tables, context }.fill(Part::Rest, facts);
        }
        Told::default()
    }
}

type Hit<'a> = (u16, Base, Leaf<'a>);

struct Found<'a> {
    hits: bumpalo::collections::Vec<'a, Hit<'a>>,
    oversize: bool,
    crowded: u64,
}

impl<'a> Sink<'a> for Found<'a> {
    fn hit(&mut self, slot: u16, base: Base, leaf: Leaf<'a>) {
        if self.hits.len() < MOST {
            self.hits.push((slot, base, leaf));
        } else {
            self.oversize = true;
        }
    }

    fn crowded(&mut self) {
        self.crowded += 1;
    }
}

fn leaf<'a>(group: &[Hit<'a>], slot: u16) -> Option<Leaf<'a>> {
    group.iter().find(|(hit, _, _)| *hit == slot).map(|(_, _, leaf)| *leaf)
}

fn is(leaf: Leaf<'_>, wanted: &str) -> bool {
    match leaf {
        Leaf::Str { raw, .. } => raw == wanted.as_bytes(),
        Leaf::Otlp(Value::Str(text)) => text == wanted.as_bytes(),
        Leaf::Number(digits) => digits == wanted.as_bytes(),
        Leaf::Bool(value) => wanted == if value { "true" } else { "false" },
        Leaf::Raw(_) | Leaf::Otlp(_) => false,
    }
}

impl Tally {
    /// None where there is nothing to count.
    fn count(&self, group: &[Hit<'_>], slots: &[u16]) -> Option<i64> {
        let (mut sum, mut off) = (0, 0);
        for (slot, _, leaf) in group {
            let counts = |of: &str| of.is_empty() || is(*leaf, of);
            sum += i64::from(slots.contains(slot) && counts(&self.of));
            off += i64::from(self.minus.iter().any(|(path, of)| path == slot && counts(of)));
        }
        (sum > off).then(|| sum - off)
    }
}

impl Shape {
    fn fits(&self, group: &[Hit<'_>]) -> bool {
        self.detect.iter().all(|(slot, wanted)| {
            let Some(leaf) = leaf(group, *slot) else {
                return false;
            };
            wanted.as_deref().is_none_or(|wanted| is(leaf, wanted))
        })
    }

    fn has(&self, concepts: &[Concept], group: &[Hit<'_>]) -> bool {
        self.fields
            .iter()
            .filter(|field| concepts.contains(&field.concept))
            .any(|field| field.slots.iter().any(|slot| leaf(group, *slot).is_some()))
    }

    fn told(&self) -> Told {
        Told { cached: Some(self.cached), reasoning: Some(self.reasoning), provider_total: Some(self.provider_total) }
    }
}

/// One object of a response in the terms of its shape.
struct Reading<'r, 'c, 'a> {
    shape: &'a Shape,
    group: &'r [Hit<'a>],
    rule: u16,
    tables: &'a Tables,
    context: &'r mut Context<'c, 'a>,
}

impl<'a> Reading<'_, '_, 'a> {
    fn value(&mut self, field: &Field) -> Option<Val<'a>> {
        self.sum(field, &field.plus)
    }

    /// The value with the further parts of it in `plus`.
    fn sum(&mut self, field: &Field, plus: &[u16]) -> Option<Val<'a>> {
        if let Some(tally) = &field.tally {
            return tally.count(self.group, &field.slots).map(Val::Int);
        }
        let ops = &self.tables.ops[usize::from(field.ops)];
        let mut read = |slot: &u16| {
            let source = Source::of_leaf(leaf(self.group, *slot)?, self.context.arena)?;
            self.context.read(field.kind, source, ops)
        };
        let value = field.slots.iter().find_map(&mut read);
        plus.iter().fold(value, |sum, slot| match (sum, read(slot)) {
            (Some(Val::Int(a)), Some(Val::Int(b))) => Some(Val::Int(a + b)),
            (sum, _) => sum,
        })
    }

    fn count(&mut self, concept: Concept) -> Option<i64> {
        let shape = self.shape;
        shape.fields.iter().filter(|field| field.concept == concept).find_map(|field| match self.value(field)? {
            Val::Int(value) => Some(value),
            _ => None,
        })
    }

    /// The count is the span's own, with the further parts of it or, as older releases of libraries tell it, without.
    fn is(&mut self, own: i64, concept: Concept) -> bool {
        let shape = self.shape;
        let mut fields = shape.fields.iter().filter(|field| field.concept == concept);
        fields.any(|field| self.value(field) == Some(Val::Int(own)) || self.sum(field, &[]) == Some(Val::Int(own)))
    }

    /// How the span's counts relate to the response's where both are of one call: the same numbers, or the response's
    /// with the parts added that its provider keeps apart.
    fn agrees(&mut self, facts: &Facts<'_>) -> Option<Told> {
        let mut told = self.shape.told();
        // Nothing but other things than tokens: there are no counts that could be another call's.
        if !self.shape.has(&USAGE, self.group) && self.shape.has(&UNITS, self.group) {
            return Some(told);
        }
        let (input, output) = (facts.int(Concept::InputTokens), facts.int(Concept::OutputTokens));
        if let Some(own) = input {
            let raw = self.count(Concept::InputTokens)?;
            let cached =
                self.count(Concept::CacheReadTokens).unwrap_or(0) + self.count(Concept::CacheWriteTokens).unwrap_or(0);
            let same = self.is(own, Concept::InputTokens);
            match self.shape.cached {
                _ if same => {}
                Inclusion::Exclusive if own == raw + cached => told.cached = Some(Inclusion::Inclusive),
                _ => return None,
            }
        }
        if let Some(own) = output {
            let raw = self.count(Concept::OutputTokens)?;
            let reasoning = self.count(Concept::ReasoningTokens).unwrap_or(0);
            match self.shape.reasoning {
                _ if own == raw => {}
                Reasoning::Outside | Reasoning::Apart if own == raw + reasoning => {
                    told.reasoning = Some(Reasoning::Inside)
                }
                _ => return None,
            }
        }
        if input.is_none() && output.is_none() && facts.int(Concept::TotalTokens) != self.count(Concept::TotalTokens) {
            return None;
        }
        Some(told)
    }

    /// Fills what is missing; of `told`, what bears upon the counts that were filled.
    fn details(&mut self, told: Told, facts: &mut Facts<'a>) -> Told {
        let before = facts.present();
        self.fill(Part::Details, facts);
        let filled = |concept: Concept| facts.has(concept) && !before.contains(concept);
        let cached = filled(Concept::InputTokens) || CACHE.into_iter().any(filled);
        let reasoning = filled(Concept::OutputTokens) || filled(Concept::ReasoningTokens);
        Told {
            cached: told.cached.filter(|_| cached),
            reasoning: told.reasoning.filter(|_| reasoning),
            provider_total: told.provider_total.filter(|_| cached),
        }
    }

    /// The total says no more than the input, which is all that the span has.
    fn only_input(&mut self, facts: &Facts<'_>) -> bool {
        let input = facts.int(Concept::InputTokens).filter(|_| !facts.has(Concept::OutputTokens));
        input.is_some() && input == self.count(Concept::TotalTokens)
    }

    fn fill(&mut self, part: Part, facts: &mut Facts<'a>) {
        let shape = self.shape;
        let group = self.group;
        // What the provider billed goes before what an SDK worked out.
        let billed = part != Part::Rest
            && !facts.has(Concept::CostByProvider)
            && shape
                .fields
                .iter()
                .filter(|field| field.concept == Concept::CostByProvider)
                .any(|field| field.slots.iter().any(|slot| leaf(group, *slot).is_some()));
        for field in &shape.fields {
            let known = facts.has(field.concept);
            let wanted = match field.concept {
                Concept::CostTotal => {
                    part != Part::Rest && (!known || (billed && facts.rule(field.concept) != self.rule))
                }
                Concept::CostByProvider => billed && !known && facts.rule(Concept::CostTotal) == self.rule,
                // A total is in the terms of the counts beside it, which may not be the span's; but for one that is all
                // input.
                Concept::TotalTokens => {
                    !known && (part == Part::All || (part == Part::Details && self.only_input(facts)))
                }
                _ if field.kind == Kind::Count => part != Part::Rest && !known,
                _ => !known,
            };
            if !wanted {
                continue;
            }
            match self.value(field) {
                // A detail of nothing adds nothing to the span.
                Some(Val::Int(0)) if part == Part::Details => {}
                Some(value) => facts.set(field.concept, value, self.rule),
                None => {}
            }
        }
    }
}
