//! What operations and kinds of span mean.

use super::providers::Match;
use serde::Deserialize;
use std::collections::BTreeMap;

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
