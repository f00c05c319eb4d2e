//! Normalize by itself, for tests against the Python reference: a plan section and a request in, facts as JSON out.

use bumpalo::Bump;
use pyo3::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::error::detached;
use crate::concept::ConceptSet;
use crate::error::{CoreError, Result};
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use crate::keys::{KeyTable, KeyTableBuilder};
use crate::normalize::kinds::{Kind, kind_of};
use crate::normalize::plan::NormalizePlan;
use crate::normalize::{Normalizer, ResourceFacts, ScopeFacts, Scratch};
use crate::wire::reader::{BYTES, Reader};
use crate::wire::span::{self, Attr, fields};
use crate::wire::value::{Value, array, key_value, kv_list};

/// A compiled `normalize` section by itself.
#[pyclass(frozen, module = "enricher._core", name = "Normalizer")]
pub struct Alone {
    normalizer: Normalizer,
    keys: KeyTable,
}

#[pymethods]
impl Alone {
    #[new]
    fn new(py: Python<'_>, plan: &[u8]) -> PyResult<Alone> {
        detached(py, || {
            let plan: NormalizePlan =
                serde_json::from_slice(plan).map_err(|error| CoreError::Plan(error.to_string()))?;
            let mut keys = KeyTableBuilder::default();
            let mut normalizer = Normalizer::compile(&plan, &mut keys).map_err(CoreError::Plan)?;
            let keys = keys.build();
            normalizer.link(&keys).map_err(CoreError::Plan)?;
            Ok(Alone { normalizer, keys })
        })
    }

    fn read(&self, py: Python<'_>, payload: &[u8]) -> PyResult<String> {
        detached(py, || self.answer(payload))
    }
}

impl Alone {
    /// One JSON object: `spans`, in the order of the request, each with `name`, `model` (whether it says anything about
    /// a model), `dialect`, `role`, `facts` and `rules` by concept, the lists `inferred`, `canonical`, `misstated`, and
    /// `attributes`, the attributes of the kept span; and `anomalies`.
    fn answer(&self, payload: &[u8]) -> Result<String> {
        let mut scratch = Scratch::new();
        let mut spans = Vec::new();
        for resource_spans in fields(payload, 1) {
            let resource_spans = resource_spans?;
            let attrs = message(resource_spans, 1)?.map(|resource| attributes(resource, 1)).transpose()?;
            let resource = self.normalizer.resource(&attrs.unwrap_or_default());
            for scope_spans in fields(resource_spans, 2) {
                let scope_spans = scope_spans?;
                let scope = message(scope_spans, 1)?.unwrap_or_default();
                let text = |number| Ok(message(scope, number)?.unwrap_or_default());
                let scope = self.normalizer.scope(text(1)?, text(2)?);
                for raw in fields(scope_spans, 2) {
                    spans.push(one(&self.normalizer, &self.keys, raw?, &resource, &scope, &mut scratch)?);
                }
            }
        }
        let found = scratch.anomalies;
        let anomalies = json!({
            "bad_number": found.bad_number,
            "oversize_text": found.oversize_text,
            "bad_text": found.bad_text,
            "oversize_json": found.oversize_json,
            "bad_json": found.bad_json,
            "zero_usage": found.zero_usage,
            "bad_time": found.bad_time,
            "events_beyond": found.events_beyond,
            "paths_beyond": found.paths_beyond,
        });
        Ok(json!({"spans": spans, "anomalies": anomalies}).to_string())
    }
}

fn one(
    normalizer: &Normalizer,
    keys: &KeyTable,
    raw: &[u8],
    resource: &ResourceFacts,
    scope: &ScopeFacts,
    scratch: &mut Scratch,
) -> Result<Json> {
    let mut attrs: Vec<Attr<'_>> = Vec::new();
    let orders = &mut scratch.orders;
    let view = span::parse_with(raw, usize::MAX, &mut attrs, |view, key, first| {
        if first {
            orders.begin(0, view.name);
        }
        orders.lookup(key, keys)
    })?;
    if view.attributes > 0 {
        scratch.orders.end(&attrs);
    }
    let arena = Bump::new();
    let mut facts = Facts::new();
    let model = normalizer.span(&view, &attrs, resource, scope, scratch, &arena, &mut facts);
    if !model {
        facts.clear();
    }
    let mut values = Map::new();
    let mut rules = Map::new();
    for concept in facts.present().iter() {
        let value = match facts.get(concept) {
            Some(Val::Int(value)) => json!(value),
            Some(Val::Float(value)) => json!(value),
            Some(Val::Bool(value)) => json!(value),
            Some(Val::Str(text)) if kind_of(concept) == Kind::List => {
                json!(text.split(LIST_SEPARATOR).collect::<Vec<_>>())
            }
            Some(Val::Str(text)) => json!(text),
            None => Json::Null,
        };
        values.insert(concept.name().to_owned(), value);
        rules.insert(concept.name().to_owned(), json!(normalizer.source(facts.rule(concept))));
    }
    let mut kept = Vec::new();
    normalizer.copy(&facts, raw, &mut kept);
    normalizer.append(&facts, &mut kept);
    let written: Map<String, Json> = attributes(&kept, 9)?
        .into_iter()
        .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), plain(value, 0)))
        .collect();
    let names = |set: ConceptSet| set.iter().map(|c| c.name()).collect::<Vec<_>>();
    Ok(json!({
        "name": String::from_utf8_lossy(view.name),
        "model": model,
        "dialect": normalizer.dialect(facts.dialect),
        "role": facts.role.name(),
        "facts": values,
        "rules": rules,
        "inferred": names(facts.inferred),
        "canonical": names(facts.canonical),
        "misstated": names(facts.misstated),
        "attributes": written,
    }))
}

/// The last occurrence of a length-delimited field, as protobuf says.
fn message(buf: &[u8], number: u32) -> Result<Option<&[u8]>> {
    let mut reader = Reader::new(buf);
    let mut found = None;
    while !reader.at_end() {
        match reader.tag()? {
            (field, BYTES) if field == number => found = Some(reader.bytes()?),
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok(found)
}

fn attributes(buf: &[u8], number: u32) -> Result<Vec<(&[u8], Value<'_>)>> {
    fields(buf, number).map(|field| key_value(field?)).collect()
}

fn plain(value: Value<'_>, depth: usize) -> Json {
    match value {
        Value::Str(text) => json!(String::from_utf8_lossy(text)),
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Double(value) => json!(value),
        Value::Array(items) if depth < 16 => {
            array(items).map_while(Result::ok).map(|item| plain(item, depth + 1)).collect()
        }
        Value::KvList(entries) if depth < 16 => kv_list(entries)
            .map_while(Result::ok)
            .map(|(key, item)| (String::from_utf8_lossy(key).into_owned(), plain(item, depth + 1)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Bytes(bytes) => json!(bytes),
        Value::Empty | Value::Array(_) | Value::KvList(_) => Json::Null,
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Alone>()
}
