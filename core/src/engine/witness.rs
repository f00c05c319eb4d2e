//! For `explain`: which span, or resource, made a condition hold, and with which value.

use crate::buffer::intern::Resource;
use crate::buffer::trace::{SpanEntry, Trace};
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use crate::record;
use crate::sample::conditions::Bits;
use crate::sample::ottl::Seen;
use crate::sample::summary::Witness;
use crate::wire::span::{Attr, fields, parse};
use crate::wire::value::{Value, key_value};
use serde_json::json;

/// The first witness of each condition that holds on the trace, roots before others; of those that do not, the first
/// value that was asked, for several paths the span with the most of them.
pub fn witnesses(trace: &Trace) -> Vec<Witness> {
    let (plan, mut found) = (&trace.plan, Vec::new());
    let conditions = &plan.policies.conditions;
    let mut attrs = Vec::new();
    let mut facts = Facts::new();
    let mut entries: Vec<_> = trace.spans.iter().collect();
    entries.sort_by_key(|entry| entry.parent_id != 0);
    for entry in entries {
        let raw = trace.raw(entry);
        let (resource, scope) = trace.group_of(entry);
        let Ok(span) = parse(raw, &plan.keys, plan.limits.attribute_count, &mut attrs) else { continue };
        if entry.record_len > 0 {
            record::decode(trace.record(entry), raw, &mut facts);
        }
        let facts = (entry.record_len > 0).then_some(&facts);
        let mut bits = Bits::default();
        conditions.observe(&attrs, facts, &mut bits);
        let seen =
            Seen { span: &span, attrs: &attrs, facts, resource: &resource.head, scope: &scope.head, event: None };
        conditions.observe_span(&seen, &mut bits);
        bits.merge(&resource.bits);
        conditions.observe_groups(entry.status, entry.parent_id == 0, &mut bits);
        for bit in conditions.bits() {
            let key = conditions.key_of(bit);
            let root = entry.parent_id == 0;
            let paths: Vec<_> = conditions.paths_of(bit, &seen).into_iter().map(cut).collect();
            if !paths.is_empty() {
                let span_id = Some(entry.span_id);
                note(
                    &mut found,
                    Witness { bit, holds: bits.get(bit), span_id, key: String::new(), value: None, paths, root },
                );
                continue;
            }
            if !bits.get(bit) {
                let on_span = key.and_then(|key| value_of(key, trace, &attrs, facts));
                let on_resource = || key.and_then(|key| on_resource(key, resource));
                if let Some(value) = on_span.clone().or_else(on_resource) {
                    let carrier = on_span.is_some().then_some(entry);
                    note(&mut found, witness(false, bit, carrier, key, Some(value), root));
                }
                continue;
            }
            let on_span = key.and_then(|key| value_of(key, trace, &attrs, facts));
            let on_resource = key.filter(|_| resource.bits.get(bit)).and_then(|key| on_resource(key, resource));
            let carrier = (on_span.is_some() || on_resource.is_none()).then_some(entry);
            note(&mut found, witness(true, bit, carrier, key, on_span.or(on_resource), root));
        }
    }
    found
}

/// `holds`: whether the condition does on what is noted.
fn witness(
    holds: bool,
    bit: u16,
    entry: Option<&SpanEntry>,
    key: Option<&str>,
    value: Option<serde_json::Value>,
    root: bool,
) -> Witness {
    let (span_id, key) = (entry.map(|entry| entry.span_id), key.unwrap_or_default().to_owned());
    Witness { bit, holds, span_id, key, value, paths: Vec::new(), root }
}

fn note(found: &mut Vec<Witness>, witness: Witness) {
    let noted = found.iter().position(|one| one.bit == witness.bit);
    let weight = |one: &Witness| (one.holds, if one.holds { 0 } else { one.paths.len() });
    if noted.is_some_and(|at| weight(&found[at]) >= weight(&witness)) {
        return;
    }
    match noted {
        Some(at) => found[at] = witness,
        None => found.push(witness),
    }
}

/// What a condition on the key saw: the fact where normalize writes the key, else the attribute.
fn value_of(key: &str, trace: &Trace, attrs: &[Attr<'_>], facts: Option<&Facts<'_>>) -> Option<serde_json::Value> {
    let fact = trace.plan.policies.conditions.fact_of(key).and_then(|concept| facts?.get(concept));
    match fact {
        Some(Val::Int(number)) => Some(json!(number)),
        Some(Val::Float(number)) => Some(json!(number)),
        Some(Val::Bool(flag)) => Some(json!(flag)),
        Some(Val::Str(text)) => Some(json!(text.replace(LIST_SEPARATOR, ", "))),
        None => attrs.iter().find(|attr| attr.key == key.as_bytes()).and_then(|attr| told(&attr.value)),
    }
}

fn on_resource(key: &str, resource: &Resource) -> Option<serde_json::Value> {
    let messages = fields(&resource.head, 1).filter_map(Result::ok);
    let mut pairs = messages.flat_map(|message| fields(message, 1)).filter_map(|pair| key_value(pair.ok()?).ok());
    pairs.find(|(name, _)| *name == key.as_bytes()).and_then(|(_, value)| told(&value))
}

/// Longer texts are cut: they may be content.
const SHOWN: usize = 80;

fn cut((path, value): (String, serde_json::Value)) -> (String, serde_json::Value) {
    let shown = value.as_str().map(|text| json!(text.chars().take(SHOWN).collect::<String>()));
    (path, shown.unwrap_or(value))
}

fn told(value: &Value<'_>) -> Option<serde_json::Value> {
    match value {
        Value::Str(text) => Some(json!(String::from_utf8_lossy(text).chars().take(SHOWN).collect::<String>())),
        Value::Bool(flag) => Some(json!(flag)),
        Value::Int(number) => Some(json!(number)),
        Value::Double(number) => Some(json!(number)),
        Value::Empty | Value::Array(_) | Value::KvList(_) | Value::Bytes(_) => None,
    }
}
