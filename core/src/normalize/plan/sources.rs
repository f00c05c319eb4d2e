//! Where facts come from: attributes, events, resources, and raw bodies of providers.

use serde::Deserialize;

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
    /// depth, outermost first; a last `*` is every member that is a number, `*~` its name.
    #[serde(default)]
    pub path: Option<String>,
    /// Applied in order: `ms` `us` `ns` (to seconds), `iso` (time stamp to seconds after the span's start), `unix_s`
    /// `unix_ms` `unix_ns` (the same from a number), `lower`, `list` (JSON array, comma-separated or single text to a
    /// list), `after_dot` (text after the last dot), `before_dot` (before the first), `host` (of a URL or host:port),
    /// `path` (of a URL), `key:N` (in place of the value, segment N of the attribute's key, counted from 0), `true` (present means true), `not`, `map:NAME` (a value that the map lacks is no value), `remap:NAME` (… stays as
    /// it is), `known_id` (only text that looks like a provider's response id), `no_uuid` (no text that is a UUID), `literal` (Python class text
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
    /// Neither in the output nor in the provider's own total.
    Apart,
    /// Neither contained nor told; where a total is given, it has them.
    Missing,
}

/// Where a raw provider response, or its usage object, hides. Searched by `usage_shapes` for what the span lacks.
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
    /// The fact is how many values the paths lead to: all for "", else those that are this text.
    #[serde(default)]
    pub each: Option<String>,
    /// (path, text) of values that are counted in the same way and taken off.
    #[serde(default)]
    pub minus: Vec<(String, String)>,
}

fn inside() -> Reasoning {
    Reasoning::Inside
}
