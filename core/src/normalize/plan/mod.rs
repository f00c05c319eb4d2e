//! The plan section `normalize`, as Python writes it (JSON). These structs are the format: a field that is not here is a
//! fault, and every text that names a concept is a [`Concept`](crate::concept::Concept) name.
//!
//! Globs (`Condition::scope`, `span`, values) are literal text with an optional `*` at the start, at the end or both.
//! Keys may be patterns as in [`KeyTableBuilder::add`](crate::keys::KeyTableBuilder::add): `{n}` for one dot-free
//! segment, `*` at the end for any rest, at least four literal bytes at the start.

mod dialects;
mod errors;
mod operations;
mod providers;
mod sources;

pub use dialects::{CachedRule, Condition, Detection, Dialect, KeyTest, ReasoningRule, RoleTest, VersionRule};
pub use errors::{ErrorStatus, ErrorText, Errors, TextOf};
pub use operations::{Meaning, ModelOperation, Operations, RoleName};
pub use providers::{HostRule, Match, Provider, ProviderMatch, Providers};
pub use sources::{Carrier, Inclusion, Reasoning, Rule, ShapeField, SourceKind, UsageShape};

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct NormalizePlan {
    #[serde(default)]
    pub conventions: Conventions,
    /// False: an attribute whose whole value was moved to a canonical key is removed from the span.
    #[serde(default = "yes")]
    pub keep_originals: bool,
    /// Longest text that is searched as JSON, bytes; longer ones are passed over and counted.
    #[serde(default = "json_bytes")]
    pub json_bytes: usize,
    /// Deepest nesting of JSON that is followed.
    #[serde(default = "depth")]
    pub depth: usize,
    /// Longest text that becomes a fact, bytes; longer ones are cut and counted. Content is exempt.
    #[serde(default = "text_bytes")]
    pub text_bytes: usize,
    /// Keys (`session.*`) that `keep_originals: false` leaves: others than readers of model calls ask for them.
    #[serde(default)]
    pub general: Vec<String>,
    pub canonical: Vec<Canonical>,
    pub dialects: Vec<Dialect>,
    pub rules: Vec<Rule>,
    /// In order, the first test that holds names the dialect.
    pub detection: Vec<Detection>,
    pub providers: Providers,
    pub operations: Operations,
    /// In order, the first shape that fits a body is read.
    #[serde(default)]
    pub usage_shapes: Vec<UsageShape>,
    /// Fields of a response that hold content: what looks like usage below them is none.
    #[serde(default)]
    pub usage_opaque: Vec<String>,
    #[serde(default)]
    pub carriers: Vec<Carrier>,
    /// US dollars for one unit of other currencies (ISO 4217), which costs are converted at.
    #[serde(default)]
    pub currencies: BTreeMap<String, f64>,
    #[serde(default)]
    pub errors: Errors,
    #[serde(default)]
    pub placeholders: super::placeholders::Plan,
    /// Value maps by name, for the transform `map:NAME`. Keys are compared in lower case.
    #[serde(default)]
    pub maps: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum Conventions {
    /// Canonical and legacy keys are written.
    #[default]
    Both,
    /// Only canonical ones.
    Latest,
}

/// What a concept is called on a canonical span. A concept without an entry is known to rules and metrics only.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Canonical {
    pub concept: String,
    pub key: String,
    /// Written beside `key` under `conventions: both` where the span does not have it.
    #[serde(default)]
    pub legacy: Option<String>,
    /// Value map that every text of the concept passes, wherever it was read.
    #[serde(default)]
    pub fold: Option<String>,
    /// Value map by which finish reasons tell the concept where nothing else does.
    #[serde(default)]
    pub from_finish: Option<String>,
    /// Of several values on one span the first of these is the fact; none of them: the one that came first.
    #[serde(default)]
    pub strictest: Vec<String>,
    /// A legacy attribute on the span with another value than the concept's is replaced too.
    #[serde(default)]
    pub fix_legacy: bool,
}

fn yes() -> bool {
    true
}

fn json_bytes() -> usize {
    1 << 20
}

fn depth() -> usize {
    64
}

fn text_bytes() -> usize {
    1024
}
