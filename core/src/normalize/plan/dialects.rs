//! Dialects: how one is told, and what it means by its words.

use super::operations::{Meaning, RoleName};
use super::sources::{Inclusion, Reasoning};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    pub name: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub cached: CachedRule,
    #[serde(default)]
    pub reasoning: ReasoningRule,
    /// The total on the span is the provider's own, so it proves what it fits; false where the emitter adds it up.
    #[serde(default)]
    pub provider_total: Option<bool>,
    /// The provider behind every span of the dialect.
    #[serde(default)]
    pub provider: Option<String>,
    /// The gateway that all its calls pass.
    #[serde(default)]
    pub gateway: Option<String>,
    /// A span with a model claims a call even without usage or operation.
    #[serde(default)]
    pub model_claims: bool,
    /// Own meaning of operation values, before `operations.values`. Lower case.
    #[serde(default)]
    pub operations: BTreeMap<String, Meaning>,
    /// Own meaning of `span_kind` values, before `operations.span_kinds`. Lower case.
    #[serde(default)]
    pub span_kinds: BTreeMap<String, Meaning>,
    /// In order; the first that holds decides role, operation or both.
    #[serde(default)]
    pub tests: Vec<RoleTest>,
    /// Spans that pass all tests of one of these have token counts that their instrumentation guessed.
    #[serde(default)]
    pub guesses: Vec<Vec<Condition>>,
    /// Operation of its inference spans that name none.
    #[serde(default)]
    pub default_operation: Option<String>,
    /// Keys that mean nothing on its spans.
    #[serde(default)]
    pub ignored: Vec<String>,
    /// Its spans come from another instrumentation than those of other dialects with the same scope.
    #[serde(default)]
    pub separate: bool,
    /// A call's span may stand for a loop of calls and show the usage of the last one, the wrapper around it that of all.
    #[serde(default)]
    pub last_step: bool,
}

/// Whether input tokens contain cached ones. Nothing stated: the provider's default decides.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct CachedRule {
    #[serde(default)]
    pub default: Option<Inclusion>,
    #[serde(default)]
    pub providers: BTreeMap<String, Inclusion>,
    /// By the scope's name, before providers and default.
    #[serde(default)]
    pub scopes: BTreeMap<String, Inclusion>,
    /// Asked first, in order, where the scope has a version.
    #[serde(default)]
    pub versions: Vec<VersionRule>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    /// Versions before this one, `6.0.1`; compared by numeric parts.
    pub below: String,
    #[serde(default)]
    pub default: Option<Inclusion>,
    #[serde(default)]
    pub providers: BTreeMap<String, Inclusion>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct ReasoningRule {
    #[serde(default)]
    pub default: Option<Reasoning>,
    #[serde(default)]
    pub providers: BTreeMap<String, Reasoning>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct RoleTest {
    pub all: Vec<Condition>,
    #[serde(default)]
    pub role: Option<RoleName>,
    #[serde(default)]
    pub operation: Option<String>,
}

/// `{"attr": {"key": "gen_ai.system", "value": "strands-agents"}}`, `{"scope": "logfire.*"}`, …
#[derive(Deserialize, Debug)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The span has the attribute (key or pattern), with this value where one is given.
    Attr(KeyTest),
    /// Glob of the scope's name.
    Scope(String),
    /// Glob of the span's name.
    Span(String),
    Resource(KeyTest),
    /// `tests` only: the operation as it stands on the span (lower case) is one of these.
    Operation(Vec<String>),
    /// `tests` only: the dialect's kind of span (lower case) is one of these.
    SpanKind(Vec<String>),
    /// `tests` only: OTLP span kind: `internal` `server` `client` `producer` `consumer`.
    Kind(Vec<String>),
    /// `tests` only: the span has input or output tokens, or has not.
    Usage(bool),
    /// `tests` only: the span ended in an error, or did not.
    Failed(bool),
    /// `tests` only: the span has a request or response model, or has not.
    Model(bool),
    /// `tests` only.
    Not(Box<Condition>),
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct KeyTest {
    pub key: String,
    /// Glob. Compared with text; integers and booleans by their decimal or `true`/`false` form.
    #[serde(default)]
    pub value: Option<String>,
}

/// `dialect` is an index into `dialects`; all conditions must hold.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    pub dialect: u16,
    pub all: Vec<Condition>,
}
