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
}

const USAGE: [Concept; 3] = [Concept::InputTokens, Concept::OutputTokens, Concept::TotalTokens];

impl Shapes {
    pub fn compile(plan: &NormalizePlan, tables: &mut Tables) -> Result<Self, String> {
        let mut shapes = Self::default();
        let mut known: Vec<String> = Vec::new();
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
                fields.push(Field {
                    concept,
                    kind: kind_of(concept),
                    slots: field.paths.iter().map(|p| slot(p)).collect::<Result<_, _>>()?,
                    plus: field.plus.iter().map(|p| slot(p)).collect::<Result<_, _>>()?,
                    ops: tables.add_ops(&field.transform, plan)?,
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

    /// Reads `value` into what `facts` lack; `rule` is the carrier's number. Tokens are only read together, and only when
    /// the span shows none. Returns the shape that gave them.
    pub fn read<'a>(
        &'a self,
        value: Value<'a>,
        rule: u16,
        depth: usize,
        tables: &'a Tables,
        context: &mut Context<'_, 'a>,
        facts: &mut Facts<'a>,
    ) -> Option<&'a Shape> {
        let mut found = Found { hits: bumpalo::collections::Vec::new_in(context.arena) };
        if walk_otlp(value, &self.paths, depth, context.arena, &mut found).is_err() {
            context.anomalies.bad_json += 1;
        }
        let mut hits = found.hits;
        hits.sort_by_key(|(_, base, _)| *base);
        let wants_usage = !USAGE.iter().any(|concept| facts.has(*concept));
        let mut fallback = None;
        for group in hits.chunk_by(|a, b| a.1 == b.1) {
            let fitting = self.shapes.iter().find(|shape| shape.fits(group));
            let Some(shape) = fitting else {
                continue;
            };
            if !wants_usage || shape.has_usage(group) {
                shape.fill(group, rule, wants_usage, tables, context, facts);
                return wants_usage.then_some(shape);
            }
            fallback = fallback.or(Some((shape, group)));
        }
        if let Some((shape, group)) = fallback {
            shape.fill(group, rule, false, tables, context, facts);
        }
        None
    }
}

type Hit<'a> = (u16, Base, Leaf<'a>);

struct Found<'a> {
    hits: bumpalo::collections::Vec<'a, Hit<'a>>,
}

impl<'a> Sink<'a> for Found<'a> {
    fn hit(&mut self, slot: u16, base: Base, leaf: Leaf<'a>) {
        if self.hits.len() < MOST {
            self.hits.push((slot, base, leaf));
        }
    }
}

fn leaf<'a>(group: &[Hit<'a>], slot: u16) -> Option<Leaf<'a>> {
    group.iter().find(|(hit, _, _)| *hit == slot).map(|(_, _, leaf)| *leaf)
}

impl Shape {
    fn fits(&self, group: &[Hit<'_>]) -> bool {
        self.detect.iter().all(|(slot, wanted)| {
            let Some(leaf) = leaf(group, *slot) else {
                return false;
            };
            wanted.as_deref().is_none_or(|wanted| match leaf {
                Leaf::Str { raw, .. } => raw == wanted.as_bytes(),
                Leaf::Otlp(Value::Str(text)) => text == wanted.as_bytes(),
                Leaf::Number(digits) => digits == wanted.as_bytes(),
                Leaf::Bool(value) => wanted == if value { "true" } else { "false" },
                Leaf::Raw(_) | Leaf::Otlp(_) => false,
            })
        })
    }

    fn has_usage(&self, group: &[Hit<'_>]) -> bool {
        self.fields
            .iter()
            .filter(|field| USAGE.contains(&field.concept))
            .any(|field| field.slots.iter().any(|slot| leaf(group, *slot).is_some()))
    }

    fn fill<'a>(
        &self,
        group: &[Hit<'a>],
        rule: u16,
        usage: bool,
        tables: &'a Tables,
        context: &mut Context<'_, 'a>,
        facts: &mut Facts<'a>,
    ) {
        for field in &self.fields {
            let token = field.kind == Kind::Count;
            if facts.has(field.concept) || (token && !usage) {
                continue;
            }
            let ops = &tables.ops[usize::from(field.ops)];
            let mut read = |slot: &u16| {
                let source = Source::of_leaf(leaf(group, *slot)?, context.arena)?;
                context.read(field.kind, source, ops)
            };
            let value = field.slots.iter().find_map(&mut read);
            let value = field.plus.iter().fold(value, |sum, slot| match (sum, read(slot)) {
                (Some(Val::Int(a)), Some(Val::Int(b))) => Some(Val::Int(a + b)),
                (sum, _) => sum,
            });
            if let Some(value) = value {
                facts.set(field.concept, value, rule);
            }
        }
    }
}
