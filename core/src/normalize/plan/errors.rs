//! Classes of errors.

use super::providers::Match;
use serde::Deserialize;

/// How an error is classed: the first of `texts` that holds for any text of the error, then `statuses`.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// Most specific first (`context_length_exceeded` before `client_error`).
    pub texts: Vec<ErrorText>,
    pub statuses: Vec<ErrorStatus>,
    /// Names of events and log records that tell of an exception.
    #[serde(default)]
    pub events: Vec<String>,
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
