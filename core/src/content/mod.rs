//! What the app's users said and what models answered: which values carry it, and what becomes of them before anything
//! leaves (design §4). Facts are read before, so that usage, model and cost survive every policy.
//!
//! `keys` knows which attributes, events and log records carry content; `edit` walks spans and log records and applies
//! the policy to their values; `text` and `json` change text, JSON in it and JSON in that; `patterns` and `checks` find
//! what is to be redacted, in the `view` of a text.

pub mod checks;
pub mod cut;
pub mod edit;
pub mod json;
pub mod keys;
pub mod patterns;
pub mod plan;
pub mod record;
pub mod text;
pub mod view;

use crate::error::CoreError;
use hashbrown::HashMap;
use keys::{Class, ContentKeys};
use patterns::Redactor;
use plan::{ContentPlan, Policy};
use std::sync::Arc;

/// The plan's section `content`, ready to be applied.
pub struct Content {
    pub keys: ContentKeys,
    action: Action,
}

enum Action {
    Keep,
    Drop,
    Change { redactor: Option<Redactor>, limit: Option<usize> },
}

impl Content {
    pub fn compile(plan: &ContentPlan) -> Result<Self, CoreError> {
        let keys = ContentKeys::compile(plan).map_err(CoreError::Plan)?;
        let redactor = || Redactor::compile(plan).map_err(CoreError::Plan);
        let action = match plan.policy {
            Policy::Keep => Action::Keep,
            Policy::Drop => Action::Drop,
            Policy::Truncate => Action::Change { redactor: None, limit: plan.truncate_bytes },
            Policy::Redact => Action::Change { redactor: Some(redactor()?), limit: plan.truncate_bytes },
        };
        Ok(Self { keys, action })
    }

    /// Nothing is ever changed.
    pub fn keeps_all(&self) -> bool {
        matches!(self.action, Action::Keep)
    }

    fn redactor(&self) -> Option<&Redactor> {
        match &self.action {
            Action::Change { redactor, .. } => redactor.as_ref(),
            Action::Keep | Action::Drop => None,
        }
    }

    /// Bytes of content that a value may keep; `None` for no bound.
    fn limit(&self) -> Option<usize> {
        match self.action {
            Action::Change { limit, .. } => limit,
            Action::Drop => Some(0),
            Action::Keep => None,
        }
    }

    fn drops(&self) -> bool {
        matches!(self.action, Action::Drop)
    }
}

/// What was done to values: dropped or truncated by class of content, redacted by kind of pattern.
#[derive(Default, Debug)]
pub struct Counts(HashMap<(&'static str, Arc<str>), u64>);

impl Counts {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        self.0.iter().map(|((action, kind), count)| (*action, &**kind, *count))
    }

    pub fn merge(&mut self, other: &Counts) {
        for (key, count) in &other.0 {
            *self.0.entry(key.clone()).or_default() += count;
        }
    }

    fn dropped(&mut self, class: Class) {
        *self.0.entry(("dropped", class.name().into())).or_default() += 1;
    }

    fn truncated(&mut self, class: Class) {
        *self.0.entry(("truncated", class.name().into())).or_default() += 1;
    }

    fn redacted(&mut self, kind: &Arc<str>) {
        *self.0.entry(("redacted", kind.clone())).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
