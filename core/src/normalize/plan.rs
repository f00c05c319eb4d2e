//! The plan section `normalize`, as Python writes it (JSON). These structs are the format: a field that is not here is a
//! fault, and every text that names a concept is a [`Concept`](crate::concept::Concept) name.
//!
//! Globs (`Condition::scope`, `span`, values) are literal text with an optional `*` at the start, at the end or both.
//! Keys may be patterns as in [`KeyTableBuilder::add`](crate::keys::KeyTableBuilder::add): `{n}` for one dot-free
//! segment, `*` at the end for any rest, at least four literal bytes at the start.

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
    #[serde(default)]
    pub carriers: Vec<Carrier>,
    #[serde(default)]
    pub errors: Errors,
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
    /// A legacy attribute on the span with another value than the concept's is replaced too.
    #[serde(default)]
    pub fix_legacy: bool,
}

/// One source of one concept.
///
/// Rules with `dialects` are asked before rules without, then by `priority` (lower first), then in list order; the first
/// that yields a usable value wins. A list concept collects all values of the winning rule.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub concept: String,
    #[serde(default)]
    pub kind: SourceKind,
    /// Attribute key (or pattern) on the span, the event or the resource.
    pub key: String,
    /// `kind: event` only: glob of the event's name.
    #[serde(default)]
    pub event: Option<String>,
    /// Path into the value, which is then JSON text (up to twice encoded), a Python literal, or an OTLP map or array:
    /// `usage.prompt_tokens`, `choices[].finish_reason`, `replies[0].meta.usage`; a leading `**.` finds the rest at any
    /// depth, outermost first.
    #[serde(default)]
    pub path: Option<String>,
    /// Applied in order: `ms` `us` `ns` (to seconds), `iso` (time stamp to seconds after the span's start), `unix_s`
    /// `unix_ms` `unix_ns` (the same from a number), `lower`, `list` (JSON array, comma-separated or single text to a
    /// list), `after_dot` (text after the last dot), `before_dot` (before the first), `host` (of a URL or host:port),
    /// `true` (present means true), `not`, `map:NAME` (a value that the map lacks is no value), `remap:NAME` (… stays as
    /// it is), `known_id` (only text that looks like a provider's response id), `literal` (Python class text
    /// `<class 'a.b.C'>` to `C`).
    #[serde(default)]
    pub transform: Vec<String>,
    #[serde(default)]
    pub priority: u16,
    /// Indices into `dialects`; empty: valid in every dialect.
    #[serde(default)]
    pub dialects: Vec<u16>,
    /// Does not make a span a model span by itself (`error.type`, `server.address`, `user.id` …).
    #[serde(default)]
    pub weak: bool,
    /// For `input_tokens`: what this source says about cached tokens, whatever the dialect's rule is.
    #[serde(default)]
    pub cached: Option<Inclusion>,
    /// For `output_tokens`: what this source says about reasoning tokens.
    #[serde(default)]
    pub reasoning: Option<Reasoning>,
    /// How `explain` shows the source, in the author's notation.
    pub source: String,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    #[default]
    Attr,
    Event,
    Resource,
    /// Loaded and checked; the logs join reads it.
    Log,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Inclusion {
    /// Input tokens contain cache reads and writes.
    Inclusive,
    Exclusive,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Reasoning {
    /// Output tokens contain reasoning tokens.
    Inside,
    Outside,
    /// Neither contained nor told; where a total is given, it has them.
    Missing,
}

/// Where a raw provider response, or its usage object, hides. Searched by `usage_shapes` when the span has no usage
/// attributes, or no response id.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    #[serde(default)]
    pub kind: SourceKind,
    pub key: String,
    #[serde(default)]
    pub event: Option<String>,
    #[serde(default)]
    pub priority: u16,
    #[serde(default)]
    pub dialects: Vec<u16>,
    pub source: String,
}

/// What a provider's response looks like. All paths are relative to the object that holds the usage object, which is
/// found at any depth, outermost first.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct UsageShape {
    pub name: String,
    /// Paths that must be there, `path` or `path=value`.
    pub detect: Vec<String>,
    pub fields: Vec<ShapeField>,
    pub cached: Inclusion,
    #[serde(default = "inside")]
    pub reasoning: Reasoning,
    /// The provider itself returns the total.
    #[serde(default)]
    pub provider_total: bool,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ShapeField {
    pub concept: String,
    /// First present wins.
    pub paths: Vec<String>,
    /// Added to it where present (Gemini's tool-use prompt).
    #[serde(default)]
    pub plus: Vec<String>,
    #[serde(default)]
    pub transform: Vec<String>,
}

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
    /// Operation of its inference spans that name none.
    #[serde(default)]
    pub default_operation: Option<String>,
}

/// Whether input tokens contain cached ones. Nothing stated: the provider's default decides.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct CachedRule {
    #[serde(default)]
    pub default: Option<Inclusion>,
    #[serde(default)]
    pub providers: BTreeMap<String, Inclusion>,
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

#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    #[serde(default)]
    pub operation: Option<String>,
    #[serde(default)]
    pub role: Option<RoleName>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    None,
    Inference,
    Wrapper,
    Other,
    Never,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// Operation value in lower case → canonical operation and role. A value that is not here stays and has no role.
    pub values: BTreeMap<String, Meaning>,
    #[serde(default)]
    pub span_kinds: BTreeMap<String, Meaning>,
    /// Operation of a call that names none, by its model.
    #[serde(default)]
    pub models: Vec<ModelOperation>,
    /// Operation of a call that names none, otherwise.
    #[serde(default)]
    pub default: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ModelOperation {
    #[serde(rename = "match")]
    pub pattern: Match,
    pub operation: String,
}

/// A test of a text in lower case: `{"prefix": "claude"}`.
#[derive(Deserialize, Debug, Clone)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    /// The host itself or any below it.
    Domain(String),
    /// Syntax of the `regex` crate (linear time); not anchored unless it says so.
    Regex(String),
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Providers {
    pub list: Vec<Provider>,
    /// Values that name a framework or nothing; lower case.
    #[serde(default)]
    pub not_providers: Vec<String>,
    /// By the host of the call, first match wins. `provider: null`: a known gateway that says nothing about the provider.
    #[serde(default)]
    pub hosts: Vec<HostRule>,
    /// By the port of a loopback host.
    #[serde(default)]
    pub ports: BTreeMap<u16, String>,
    /// By scope name.
    #[serde(default)]
    pub scopes: Vec<ProviderMatch>,
    /// By model id, vendor prefixes first.
    #[serde(default)]
    pub models: Vec<ProviderMatch>,
    /// Providers whose SDK is used against other hosts: where the host is known to be another's, it wins.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// Model names that stand for none (`unknown`, `none`); lower case.
    #[serde(default)]
    pub model_placeholders: Vec<String>,
    /// What response ids of providers start with (`chatcmpl-`), for the transform `known_id`.
    #[serde(default)]
    pub response_id_prefixes: Vec<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    pub name: String,
    /// Lower case.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether the raw API's input tokens contain cached ones.
    #[serde(default = "inclusive")]
    pub cached: Inclusion,
    /// The API returns a total, so a total on a span is likely its own.
    #[serde(default)]
    pub returns_total: bool,
    #[serde(default = "inside")]
    pub reasoning: Reasoning,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct HostRule {
    #[serde(rename = "match")]
    pub pattern: Match,
    pub provider: Option<String>,
    #[serde(default)]
    pub gateway: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ProviderMatch {
    #[serde(rename = "match")]
    pub pattern: Match,
    pub provider: String,
}

/// How an error is classed: the first of `texts` that holds for any text of the error, then `statuses`.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// Most specific first (`context_length_exceeded` before `client_error`).
    pub texts: Vec<ErrorText>,
    pub statuses: Vec<ErrorStatus>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ErrorText {
    #[serde(rename = "match")]
    pub pattern: Match,
    /// Looks at error types (`error.type`, `exception.type`), messages (span status, `exception.message`), or both.
    #[serde(default)]
    pub of: TextOf,
    pub class: String,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum TextOf {
    Type,
    Message,
    #[default]
    Any,
}

/// HTTP statuses `from` to `to`, both included.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ErrorStatus {
    pub from: u16,
    pub to: u16,
    pub class: String,
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

fn inside() -> Reasoning {
    Reasoning::Inside
}

fn inclusive() -> Inclusion {
    Inclusion::Inclusive
}
