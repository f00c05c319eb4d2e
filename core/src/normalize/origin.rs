//! What resource and scope say, worked out once and shared by their spans.

use super::Normalizer;
use super::compile::Entry;
use super::detect::State;
use super::read::{Anomalies, Context, Source};
use super::tokens::{Version, version};
use crate::facts::Val;
use crate::wire::value::Value;
use bumpalo::Bump;

/// Owned: outlives the request it came with.
pub struct ResourceFacts {
    /// `service.name`, cut like other facts.
    pub service_name: Option<String>,
    /// `service.instance.id`.
    pub service_instance_id: Option<String>,
    /// `deployment.environment.name`, or its older name.
    pub environment: Option<String>,
    pub(super) values: Vec<(Entry, Owned)>,
    pub(super) state: State,
}

/// Owned: cache it with the scope.
pub struct ScopeFacts {
    pub name: String,
    pub version: String,
    pub(super) provider: Option<u16>,
    pub(super) number: Option<Version>,
    pub(super) state: State,
    /// The name alone tells the dialect, so that its spans are looked at whatever their keys.
    pub(super) telling: bool,
}

pub(super) enum Owned {
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(Box<str>),
}

impl Owned {
    fn new(value: Val<'_>) -> Self {
        match value {
            Val::Int(value) => Self::Int(value),
            Val::Float(value) => Self::Float(value),
            Val::Bool(value) => Self::Bool(value),
            Val::Str(text) => Self::Str(text.into()),
        }
    }

    pub(super) fn val(&self) -> Val<'_> {
        match self {
            Self::Int(value) => Val::Int(*value),
            Self::Float(value) => Val::Float(*value),
            Self::Bool(value) => Val::Bool(*value),
            Self::Str(text) => Val::Str(text),
        }
    }
}

impl Normalizer {
    /// Facts of a resource from its attributes.
    pub fn resource(&self, attrs: &[(&[u8], Value<'_>)]) -> ResourceFacts {
        let arena = Bump::new();
        let mut anomalies = Anomalies::default();
        let mut context = Context {
            arena: &arena,
            anomalies: &mut anomalies,
            text_bytes: self.text_bytes,
            span_start: 0,
            maps: &self.tables.maps,
            id_prefixes: &self.tables.id_prefixes,
            key: b"",
        };
        let mut facts = ResourceFacts {
            service_name: None,
            service_instance_id: None,
            environment: None,
            values: Vec::new(),
            state: State::START,
        };
        for (key, value) in attrs {
            let Ok(name) = std::str::from_utf8(key) else {
                continue;
            };
            self.detector.resource(name, *value, &mut facts.state);
            let text = match value {
                Value::Str(text) => context.bounded(text).map(str::to_owned),
                _ => None,
            };
            match name {
                "service.name" => facts.service_name = text,
                "service.instance.id" => facts.service_instance_id = text,
                "deployment.environment.name" => facts.environment = text,
                "deployment.environment" if facts.environment.is_none() => {
                    facts.environment = text;
                }
                _ => {}
            }
            for entry in self.tables.resources.get(*key).into_iter().flatten() {
                if let Some(source) = Source::of_value(*value)
                    && let Some(value) = context.read(entry.kind, source, &self.tables.ops[usize::from(entry.ops)])
                {
                    facts.values.push((*entry, Owned::new(value)));
                }
            }
        }
        facts.values.sort_by_key(|(entry, _)| entry.rank);
        facts
    }

    /// Facts of a scope from its name and version.
    pub fn scope(&self, name: &[u8], version_text: &[u8]) -> ScopeFacts {
        let bounded = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(self.text_bytes)]).into_owned();
        let version_text = bounded(version_text);
        let state = self.detector.scope(name);
        ScopeFacts {
            name: bounded(name),
            provider: self.providers.of_scope(name),
            number: version(&version_text),
            version: version_text,
            telling: state.decided(),
            state,
        }
    }
}
