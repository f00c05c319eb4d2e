//! Providers, and what tells them: names, hosts, scopes, models.

use super::sources::{Inclusion, Reasoning};
use serde::Deserialize;
use std::collections::BTreeMap;

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
    pub scopes: Vec<ScopeMatch>,
    /// By model id, vendor prefixes first.
    #[serde(default)]
    pub models: Vec<ProviderMatch>,
    /// Providers whose SDK is used against other hosts: where the host is known to be another's, it wins.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// Of these, the ones that say so little that behind a gateway the model decides.
    #[serde(default)]
    pub vague: Vec<String>,
    /// What libraries append to the name of any provider (`.chat`); lower case.
    #[serde(default)]
    pub suffixes: Vec<String>,
    /// Models that a provider counts as their maker does.
    #[serde(default)]
    pub counts_as: Vec<CountsAs>,
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
    /// Regex whose first group is the name of the provider in the URL's path.
    #[serde(default)]
    pub path: Option<String>,
}

/// None: a framework's scope, which says nothing.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ScopeMatch {
    #[serde(rename = "match")]
    pub pattern: Match,
    pub provider: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ProviderMatch {
    #[serde(rename = "match")]
    pub pattern: Match,
    pub provider: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct CountsAs {
    #[serde(rename = "match")]
    pub pattern: Match,
    pub provider: String,
    pub maker: String,
}

fn inside() -> Reasoning {
    Reasoning::Inside
}

fn inclusive() -> Inclusion {
    Inclusion::Inclusive
}
