//! Spans in, facts out, under a small plan that has one dialect of each habit.

mod attributes;
mod bounds;
mod conclusions;
mod fuzz;
mod json;
mod output;

use super::plan::NormalizePlan;
use super::{Anomalies, Normalizer, Scratch};
use crate::concept::Concept;
use crate::facts::Facts;
use crate::keys::{KeyTable, KeyTableBuilder};
use crate::wire::span::{self, Attr};
use crate::wire::value::{Value, key_value};
use crate::wire::writer::{self, Scalar};
use bumpalo::Bump;

pub const PLAN: &str = include_str!("plan.json");

pub struct Bench {
    pub normalizer: Normalizer,
    pub keys: KeyTable,
}

pub fn bench_of(plan: &str) -> Bench {
    let plan: NormalizePlan = serde_json::from_str(plan).unwrap();
    let mut keys = KeyTableBuilder::default();
    let mut normalizer = Normalizer::compile(&plan, &mut keys).unwrap();
    // Somebody else's key, which one of our patterns covers.
    keys.add("traceloop.association.properties.tenant");
    let keys = keys.build();
    normalizer.link(&keys).unwrap();
    Bench { normalizer, keys }
}

pub fn bench() -> Bench {
    bench_of(PLAN)
}

/// An encoded span in the making.
#[derive(Clone, Default)]
pub struct Span {
    pub bytes: Vec<u8>,
    pub scope: (&'static str, &'static str),
    pub resource: Vec<(&'static str, &'static str)>,
}

impl Span {
    pub fn new(name: &str) -> Self {
        let mut bytes = Vec::new();
        writer::bytes(&mut bytes, 1, &[1; 16]);
        writer::bytes(&mut bytes, 2, &[2; 8]);
        writer::bytes(&mut bytes, 5, name.as_bytes());
        bytes.push(6 << 3);
        bytes.push(3);
        for (field, time) in [(7u32, 1_000_000_000u64), (8, 3_000_000_000)] {
            writer::tag(&mut bytes, field, 1);
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        Self { bytes, ..Self::default() }
    }

    pub fn with(mut self, key: &str, value: Scalar<'_>) -> Self {
        writer::key_value(&mut self.bytes, 9, key, value);
        self
    }

    pub fn str(self, key: &str, value: &str) -> Self {
        self.with(key, Scalar::Str(value))
    }

    pub fn int(self, key: &str, value: i64) -> Self {
        self.with(key, Scalar::Int(value))
    }

    pub fn scope(mut self, name: &'static str, version: &'static str) -> Self {
        self.scope = (name, version);
        self
    }

    pub fn resource(mut self, key: &'static str, value: &'static str) -> Self {
        self.resource.push((key, value));
        self
    }

    pub fn event(mut self, name: &str, attrs: &[(&str, Scalar<'_>)]) -> Self {
        let mut event = Vec::new();
        writer::bytes(&mut event, 2, name.as_bytes());
        for (key, value) in attrs {
            writer::key_value(&mut event, 3, key, *value);
        }
        writer::bytes(&mut self.bytes, 11, &event);
        self
    }

    /// Status ERROR with a message.
    pub fn failed(mut self, message: &str) -> Self {
        let mut status = Vec::new();
        writer::bytes(&mut status, 2, message.as_bytes());
        status.extend_from_slice(&[3 << 3, 2]);
        writer::bytes(&mut self.bytes, 15, &status);
        self
    }
}

/// What a test looks at.
pub struct Seen<'s, 'a> {
    pub facts: &'s Facts<'a>,
    pub normalizer: &'s Normalizer,
    pub model: bool,
    pub anomalies: Anomalies,
    pub raw: &'a [u8],
}

impl Seen<'_, '_> {
    pub fn text(&self, concept: Concept) -> &str {
        self.facts.text(concept).unwrap_or("")
    }

    pub fn int(&self, concept: Concept) -> i64 {
        self.facts.int(concept).unwrap_or(-1)
    }

    pub fn dialect(&self) -> &str {
        self.normalizer.dialect(self.facts.dialect)
    }

    pub fn source(&self, concept: Concept) -> &str {
        self.normalizer.source(self.facts.rule(concept))
    }

    /// The kept span: key and value of each attribute.
    pub fn written(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        self.normalizer.copy(self.facts, self.raw, &mut out);
        self.normalizer.append(self.facts, &mut out);
        span::fields(&out, 9)
            .map(|field| {
                let (key, value) = key_value(field.unwrap()).unwrap();
                (String::from_utf8_lossy(key).into_owned(), show(value))
            })
            .collect()
    }
}

pub fn show(value: Value<'_>) -> String {
    match value {
        Value::Str(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Array(items) => {
            let items: Vec<_> = crate::wire::value::array(items).map(|item| show(item.unwrap())).collect();
            format!("[{}]", items.join(","))
        }
        Value::Int(value) => value.to_string(),
        Value::Double(value) => format!("{value:?}"),
        other => format!("{other:?}"),
    }
}

pub fn read_with<T>(bench: &Bench, span: &Span, look: impl FnOnce(&Seen<'_, '_>) -> T) -> T {
    let mut attrs: Vec<Attr<'_>> = Vec::new();
    let view = span::parse(&span.bytes, &bench.keys, 10_000, &mut attrs).unwrap();
    let resource: Vec<(&[u8], Value<'_>)> =
        span.resource.iter().map(|(key, value)| (key.as_bytes(), Value::Str(value.as_bytes()))).collect();
    let resource = bench.normalizer.resource(&resource);
    let (name, version) = span.scope;
    let scope = bench.normalizer.scope(name.as_bytes(), version.as_bytes());
    let mut scratch = Scratch::new();
    let arena = Bump::new();
    let mut facts = Facts::new();
    let model = bench.normalizer.span(&view, &attrs, &resource, &scope, &mut scratch, &arena, &mut facts);
    look(&Seen { facts: &facts, normalizer: &bench.normalizer, model, anomalies: scratch.anomalies, raw: &span.bytes })
}

pub fn read<T>(span: &Span, look: impl FnOnce(&Seen<'_, '_>) -> T) -> T {
    read_with(&bench(), span, look)
}

pub fn value_of<'w>(written: &'w [(String, String)], key: &str) -> Option<&'w str> {
    let mut found = written.iter().filter(|(name, _)| name == key);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{key} stands twice");
    value
}
