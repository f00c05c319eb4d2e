//! Keys of traces and of calls: a hash over chosen parts, the same in every run and on every instance.

use super::summary::{CallFacts, Needs, TraceSummary};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a key may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Service,
    SpanName,
    Operation,
    Provider,
    Model,
    Agent,
    Tenant,
    Tool,
    ErrorClass,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Service => "service",
            Part::SpanName => "span_name",
            Part::Operation => "operation",
            Part::Provider => "provider",
            Part::Model => "model",
            Part::Agent => "agent",
            Part::Tenant => "tenant",
            Part::Tool => "tool",
            Part::ErrorClass => "error_class",
        }
    }
}

/// Values of one part that a trace's key looks at; an agent's loop may bring thousands.
const VALUES: usize = 64;

/// What a trace must tell for its key.
pub fn needs(parts: &[Part], needs: &mut Needs) {
    for part in parts {
        match part {
            Part::Service | Part::SpanName | Part::Agent | Part::Tenant => needs.origin = true,
            Part::Operation | Part::Provider | Part::Model => needs.calls = true,
            Part::Tool => needs.tools = true,
            Part::ErrorClass => needs.error_classes = true,
        }
    }
}

/// What `of_trace` makes a key of, in words.
pub fn told(parts: &[Part], trace: &TraceSummary<'_>) -> Value {
    let mut told = Map::new();
    let mut values = Vec::new();
    for part in parts {
        values_of(*part, trace, &mut values);
        told.insert(part.name().to_owned(), values.join(", ").into());
    }
    Value::Object(told)
}

/// The key of a whole trace. Of a part with several values all count, in whatever order and however often they come.
pub fn of_trace(parts: &[Part], trace: &TraceSummary<'_>) -> u64 {
    let mut hash = Hash::default();
    let mut values = Vec::new();
    for part in parts {
        values_of(*part, trace, &mut values);
        values.iter().for_each(|value| hash.text(value));
        hash.end();
    }
    hash.done()
}

/// The values of one part, sorted.
fn values_of<'t>(part: Part, trace: &TraceSummary<'t>, values: &mut Vec<&'t str>) {
    values.clear();
    match part {
        Part::Service => values.push(trace.origin.service),
        Part::SpanName => values.push(trace.origin.span_name),
        Part::Agent => values.push(trace.origin.agent),
        Part::Tenant => values.push(trace.origin.tenant),
        Part::Operation | Part::Provider | Part::Model => {
            trace.calls.iter().for_each(|call| note(values, call_part(part, call)));
        }
        Part::Tool => trace.tools.iter().for_each(|tool| note(values, tool)),
        Part::ErrorClass => trace.error_classes.iter().for_each(|class| note(values, class)),
    }
    values.sort_unstable();
}

/// The key of one call. Parts that only a trace has are the same for all calls.
pub fn of_call(parts: &[Part], call: &CallFacts<'_>) -> u64 {
    let mut hash = Hash::default();
    for part in parts {
        hash.text(call_part(*part, call));
        hash.end();
    }
    hash.done()
}

fn call_part<'t>(part: Part, call: &CallFacts<'t>) -> &'t str {
    match part {
        Part::Service => call.service,
        Part::Operation => call.operation,
        Part::Provider => call.provider,
        Part::Model => call.model,
        Part::Agent => call.agent,
        Part::Tenant => call.tenant,
        Part::ErrorClass => call.error_class,
        Part::SpanName | Part::Tool => "",
    }
}

fn note<'t>(values: &mut Vec<&'t str>, value: &'t str) {
    if values.len() < VALUES && !values.contains(&value) {
        values.push(value);
    }
}

/// FNV-1a with a finish that spreads the bits: saved states outlive the process, so the hash may not change with it.
pub struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn end(&mut self) {
        self.bytes(&[0xfe]);
    }

    pub fn done(&self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace<'t>(models: &[&'t str], service: &'t str) -> TraceSummary<'t> {
        let calls = models.iter().map(|model| CallFacts { model, ..CallFacts::default() }).collect();
        let mut trace = TraceSummary { calls, ..TraceSummary::default() };
        trace.origin.service = service;
        trace
    }

    #[test]
    fn values_count_once_and_in_any_order() {
        let key = |models: &[&'static str], service| of_trace(&[Part::Service, Part::Model], &trace(models, service));
        assert_eq!(key(&["a", "b", "a"], "s"), key(&["b", "a"], "s"));
        assert_ne!(key(&["a"], "s"), key(&["b"], "s"));
        assert_ne!(key(&["a", "b"], "s"), key(&["ab"], "s"));
        assert_ne!(key(&["a"], ""), key(&[], "a"));
    }

    #[test]
    fn a_key_is_the_same_in_every_run() {
        assert_eq!(of_trace(&[Part::Model], &trace(&["gpt-4o"], "")), 10_114_888_688_603_650_268);
    }
}
