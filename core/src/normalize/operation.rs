//! What a span does, and what part it plays in counting calls: the dialect's tests, then the operation's meaning, then
//! the meaning of the dialect's kind of span, then usage.

use super::compile::add_key;
use super::conclusion;
use super::detect::value_matches;
use super::patterns::{Glob, Matcher, covers, first};
use super::plan::{Condition, KeyTest, Meaning as PlanMeaning, NormalizePlan, RoleName};
use super::provider::lowered;
use crate::concept::Concept;
use crate::facts::{Facts, Role, Val};
use crate::keys::{KeyId, KeyTable, KeyTableBuilder};
use crate::wire::span::{Attr, STATUS_ERROR, SpanView};
use bumpalo::Bump;
use hashbrown::HashMap;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
struct Meaning {
    operation: Option<Box<str>>,
    role: Option<Role>,
}

type Meanings = HashMap<Box<str>, Meaning>;

pub struct Operations {
    values: Meanings,
    span_kinds: Meanings,
    models: Vec<(Matcher, Box<str>)>,
    default: Option<Box<str>>,
    dialects: Vec<Own>,
}

/// What one dialect does its own way.
#[derive(Default)]
struct Own {
    values: Meanings,
    span_kinds: Meanings,
    tests: Vec<Test>,
    guesses: Vec<Vec<Check>>,
    default: Option<Box<str>>,
    model_claims: bool,
}

impl Own {
    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.tests.iter().map(|test| &test.all).chain(&self.guesses).flatten()
    }
}

struct Test {
    all: Vec<Check>,
    meaning: Meaning,
}

enum Check {
    Attr {
        key: Box<str>,
        value: Option<Glob>,
        /// Every key id that the key, or pattern, covers; filled by `link`.
        ids: Vec<KeyId>,
    },
    Scope(Glob),
    Span(Glob),
    Operation(Vec<Box<str>>),
    SpanKind(Vec<Box<str>>),
    Kind(Vec<u8>),
    Usage(bool),
    Failed(bool),
    Model(bool),
    Not(Box<Check>),
}

/// The span as checks see it.
pub struct Seen<'s, 'a> {
    pub span: &'s SpanView<'a>,
    pub attrs: &'s [Attr<'a>],
    /// Indices of attributes that some rule asks for.
    pub hits: &'s [(u32, KeyId)],
    pub scope: &'s [u8],
}

impl Operations {
    pub fn compile(plan: &NormalizePlan, keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let section = &plan.operations;
        let mut dialects = Vec::new();
        for dialect in &plan.dialects {
            let mut checks = |all: &[Condition]| {
                let all = all.iter().map(|condition| check(condition, keys));
                all.collect::<Result<Vec<_>, String>>().map_err(|e| format!("dialect {}: {e}", dialect.name))
            };
            let mut tests = Vec::new();
            for test in &dialect.tests {
                tests.push(Test {
                    all: checks(&test.all)?,
                    meaning: Meaning {
                        operation: test.operation.as_deref().map(Into::into),
                        role: test.role.map(role),
                    },
                });
            }
            dialects.push(Own {
                values: meanings(&dialect.operations),
                span_kinds: meanings(&dialect.span_kinds),
                tests,
                guesses: dialect.guesses.iter().map(|all| checks(all)).collect::<Result<_, String>>()?,
                default: dialect.default_operation.as_deref().map(Into::into),
                model_claims: dialect.model_claims,
            });
        }
        Ok(Self {
            values: meanings(&section.values),
            span_kinds: meanings(&section.span_kinds),
            models: section
                .models
                .iter()
                .map(|rule| Ok((Matcher::new(&rule.pattern)?, rule.operation.as_str().into())))
                .collect::<Result<_, String>>()?,
            default: section.default.as_deref().map(Into::into),
            dialects,
        })
    }

    pub fn link(&mut self, table: &KeyTable) {
        for dialect in &mut self.dialects {
            let tests = dialect.tests.iter_mut().map(|test| &mut test.all);
            tests.chain(&mut dialect.guesses).flatten().for_each(|check| check.link(table));
        }
    }

    /// Keys that some test looks at.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> {
        self.dialects.iter().flat_map(Own::checks).flat_map(|check| check.ids().iter().copied())
    }

    /// Marks token counts that the instrumentation is known to guess.
    pub fn mark_guesses(&self, facts: &mut Facts<'_>, dialect: Option<u16>, seen: &Seen<'_, '_>) {
        let Some(own) = dialect.map(|index| &self.dialects[usize::from(index)]) else { return };
        if own.guesses.is_empty() || !has_usage(facts) || facts.has(Concept::TokensEstimated) {
            return;
        }
        let operation = facts.text(Concept::Operation);
        if own.guesses.iter().any(|all| all.iter().all(|check| check.holds(facts, operation, None, seen))) {
            facts.set(Concept::TokensEstimated, Val::Bool(true), conclusion::TEST);
            facts.inferred.insert(Concept::TokensEstimated);
        }
    }

    /// Sets operation and role; false when a test says that the span is not about a model at all.
    pub fn conclude<'a>(
        &'a self,
        facts: &mut Facts<'a>,
        dialect: Option<u16>,
        seen: &Seen<'_, 'a>,
        arena: &'a Bump,
    ) -> bool {
        let own = dialect.map(|index| &self.dialects[usize::from(index)]);
        let told = facts.text(Concept::Operation).map(|text| lowered(text, arena));
        let kind = facts.text(Concept::SpanKind).map(|text| lowered(text, arena));
        let find = |own: Option<&'a Meanings>, all: &'a Meanings, text: Option<&str>| {
            let text = text?;
            own.and_then(|map| map.get(text)).or_else(|| all.get(text))
        };
        let mut operation: Option<(&'a str, u16)> = None;
        let mut role = None;
        let mut take = |meaning: &'a Meaning, why: u16| {
            if let Some(name) = meaning.operation.as_deref()
                && operation.is_none()
            {
                operation = Some((name, why));
            }
            role = role.or(meaning.role);
        };
        let test =
            own.and_then(|own| own.tests.iter().find(|test| test.all.iter().all(|c| c.holds(facts, told, kind, seen))));
        if let Some(test) = test {
            if test.meaning.role == Some(Role::None) {
                return false;
            }
            take(&test.meaning, conclusion::TEST);
        }
        let by_value = find(own.map(|own| &own.values), &self.values, told);
        if let Some(meaning) = by_value {
            take(meaning, facts.rule(Concept::Operation));
        }
        // A value that nobody knows says less than the dialect's own kind of span.
        if by_value.is_none()
            && let Some(meaning) = find(own.map(|own| &own.span_kinds), &self.span_kinds, kind)
        {
            take(meaning, conclusion::OPERATION);
        }
        let claims = || has_usage(facts) || (own.is_some_and(|own| own.model_claims) && has_model(facts));
        facts.role = match role {
            Some(role) => role,
            None if claims() => Role::Inference,
            None => Role::None,
        };
        if facts.role == Role::Inference && told.is_none() && operation.is_none() {
            operation = self.guess(facts, own).map(|name| (name, conclusion::USAGE));
        }
        if let Some((name, why)) = operation
            && facts.text(Concept::Operation) != Some(name)
        {
            let read = facts.has(Concept::Operation) && why < conclusion::HOST;
            facts.set(Concept::Operation, Val::Str(name), why);
            if !read {
                facts.inferred.insert(Concept::Operation);
            }
        }
        true
    }

    fn guess<'a>(&'a self, facts: &Facts<'_>, own: Option<&'a Own>) -> Option<&'a str> {
        let model = facts.text(Concept::RequestModel).or_else(|| facts.text(Concept::ResponseModel));
        if let Some(model) = model
            && !self.models.is_empty()
            && let Some(name) = first(&self.models, &model.to_lowercase())
        {
            return Some(name);
        }
        own.and_then(|own| own.default.as_deref()).or(self.default.as_deref())
    }
}

fn has_usage(facts: &Facts<'_>) -> bool {
    facts.has(Concept::InputTokens) || facts.has(Concept::OutputTokens) || facts.has(Concept::TotalTokens)
}

fn has_model(facts: &Facts<'_>) -> bool {
    facts.has(Concept::RequestModel) || facts.has(Concept::ResponseModel)
}

impl Check {
    fn holds(&self, facts: &Facts<'_>, operation: Option<&str>, kind: Option<&str>, seen: &Seen<'_, '_>) -> bool {
        let one_of =
            |list: &[Box<str>], text: Option<&str>| text.is_some_and(|text| list.iter().any(|item| **item == *text));
        match self {
            Self::Attr { ids, value, .. } => seen.hits.iter().any(|&(at, id)| {
                let fits = |glob: &Glob| value_matches(glob, seen.attrs[at as usize].value);
                ids.contains(&id) && value.as_ref().is_none_or(fits)
            }),
            Self::Scope(glob) => glob.matches(seen.scope),
            Self::Span(glob) => glob.matches(seen.span.name),
            Self::Operation(list) => one_of(list, operation),
            Self::SpanKind(list) => one_of(list, kind),
            Self::Kind(kinds) => kinds.contains(&seen.span.kind),
            Self::Usage(wanted) => has_usage(facts) == *wanted,
            Self::Failed(wanted) => (seen.span.status_code == STATUS_ERROR) == *wanted,
            Self::Model(wanted) => has_model(facts) == *wanted,
            Self::Not(check) => !check.holds(facts, operation, kind, seen),
        }
    }

    fn link(&mut self, table: &KeyTable) {
        match self {
            Self::Attr { key, ids, .. } => {
                let pattern = key.contains(['{', '*']);
                *ids = (0..table.len() as u16)
                    .map(KeyId)
                    .filter(|id| {
                        let name = table.name(*id);
                        **key == *name || (pattern && covers(key, name))
                    })
                    .collect();
            }
            Self::Not(check) => check.link(table),
            _ => {}
        }
    }

    fn ids(&self) -> &[KeyId] {
        match self {
            Self::Attr { ids, .. } => ids,
            Self::Not(check) => check.ids(),
            _ => &[],
        }
    }
}

fn check(condition: &Condition, keys: &mut KeyTableBuilder) -> Result<Check, String> {
    let lower = |list: &[String]| list.iter().map(|text| text.to_lowercase().into()).collect();
    Ok(match condition {
        Condition::Attr(KeyTest { key, value }) => {
            add_key(keys, key)?;
            Check::Attr { key: key.as_str().into(), value: value.as_deref().map(Glob::new), ids: Vec::new() }
        }
        Condition::Scope(glob) => Check::Scope(Glob::new(glob)),
        Condition::Span(glob) => Check::Span(Glob::new(glob)),
        Condition::Operation(list) => Check::Operation(lower(list)),
        Condition::SpanKind(list) => Check::SpanKind(lower(list)),
        Condition::Kind(list) => Check::Kind(
            list.iter()
                .map(|name| match name.as_str() {
                    "unspecified" => Ok(0),
                    "internal" => Ok(1),
                    "server" => Ok(2),
                    "client" => Ok(3),
                    "producer" => Ok(4),
                    "consumer" => Ok(5),
                    _ => Err(format!("{name:?} is no span kind")),
                })
                .collect::<Result<_, String>>()?,
        ),
        Condition::Usage(wanted) => Check::Usage(*wanted),
        Condition::Failed(wanted) => Check::Failed(*wanted),
        Condition::Model(wanted) => Check::Model(*wanted),
        Condition::Not(inner) => Check::Not(Box::new(check(inner, keys)?)),
        Condition::Resource(_) => return Err("resource tests are for detection only".to_owned()),
    })
}

fn meanings(map: &BTreeMap<String, PlanMeaning>) -> Meanings {
    map.iter()
        .map(|(value, meaning)| {
            (
                value.to_lowercase().into(),
                Meaning { operation: meaning.operation.as_deref().map(Into::into), role: meaning.role.map(role) },
            )
        })
        .collect()
}

fn role(name: RoleName) -> Role {
    match name {
        RoleName::None => Role::None,
        RoleName::Inference => Role::Inference,
        RoleName::Wrapper => Role::Wrapper,
        RoleName::Other => Role::Other,
        RoleName::Never => Role::Never,
    }
}
