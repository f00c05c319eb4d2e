//! The plan's section `content`, as `enricher/content/compile.py` writes it.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct ContentPlan {
    #[serde(default)]
    pub policy: Policy,
    /// Bytes of content that a value may keep.
    #[serde(default)]
    pub truncate_bytes: Option<usize>,
    #[serde(default)]
    pub keys: Vec<ContentKey>,
    /// Span events and log records whose attributes and bodies are content.
    #[serde(default)]
    pub events: Vec<ContentEvent>,
    /// What names of log records without a dot lack in front, by instrumentation scope.
    #[serde(default)]
    pub event_prefixes: BTreeMap<String, String>,
    /// Names, in JSON objects and maps, of usage, model and cost.
    #[serde(default)]
    pub survives: Vec<String>,
    /// Names of the structure around content, such as `role`.
    #[serde(default)]
    pub structure: Vec<String>,
    /// Names under which no name means anything: arguments of tools.
    #[serde(default)]
    pub own: Vec<String>,
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    #[serde(default)]
    pub pairs: Pairs,
    /// Length of an IBAN by country.
    #[serde(default)]
    pub iban_lengths: BTreeMap<String, usize>,
}

#[derive(Deserialize, Debug, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    #[default]
    Keep,
    Drop,
    Truncate,
    Redact,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ContentKey {
    /// With `{n}` for a segment, a trailing `*` for any rest.
    pub key: String,
    pub class: String,
    /// Indices of the only dialects in which it is content; none: on every span.
    #[serde(default)]
    pub dialects: Vec<u16>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ContentEvent {
    /// May begin or end with `*`.
    pub name: String,
    pub class: String,
    /// Indices of the only dialects in which it is content; none: on every span and in every log record.
    #[serde(default)]
    pub dialects: Vec<u16>,
}

/// Names of members of an object of which one names the other: `{"name": "API_KEY", "value": "…"}`.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Pairs {
    pub names: Vec<String>,
    pub values: Vec<String>,
}

/// What is redacted.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    pub kind: String,
    /// Its group 1, where it has one, is what is replaced.
    pub regex: String,
    /// Text without any of these has no match; none: it has to be searched.
    #[serde(default)]
    pub any: Vec<String>,
    /// Text with fewer digits has no match.
    #[serde(default)]
    pub digits: usize,
    #[serde(default)]
    pub check: Option<String>,
    /// A match inside a longer word is none.
    #[serde(default)]
    pub whole: bool,
    /// What goes with a match when it stands right behind.
    #[serde(default)]
    pub tail: Option<String>,
    /// A match right after one of these words, or right before one of those, is none.
    #[serde(default)]
    pub not_after: Vec<String>,
    #[serde(default)]
    pub not_before: Vec<String>,
    /// What stands for a value and is none, alone or before other words.
    #[serde(default)]
    pub never: Vec<String>,
}
