//! Policy types of the Collector's `tail_sampling` that look at one trace.

use super::super::conditions::{Test, pattern};
use super::super::ottl;
use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::rule::{Compiler, Rule};
use crate::wire::span::{STATUS_ERROR, STATUS_OK, STATUS_UNSET};
use serde_json::{Value, json};

pub struct Always;

impl Rule for Always {
    fn vote(&self, _: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        Vote::ALWAYS
    }

    fn looked_at(&self, _: &TraceSummary<'_>) -> Value {
        json!({})
    }
}

const STATUSES: [(&str, u8); 3] = [("UNSET", STATUS_UNSET), ("OK", STATUS_OK), ("ERROR", STATUS_ERROR)];

pub struct StatusCode {
    pub mask: u8,
}

impl StatusCode {
    pub fn compile(names: &[String]) -> Result<Self, String> {
        let mask = names.iter().try_fold(0, |mask, name| {
            let known = STATUSES.iter().find(|(status, _)| status == name);
            known.map(|(_, code)| mask | 1 << code).ok_or_else(|| format!("unknown status code {name:?}"))
        })?;
        Ok(Self { mask })
    }
}

impl Rule for StatusCode {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        Vote::when(trace.statuses & self.mask != 0)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let seen = STATUSES.iter().filter(|(_, code)| trace.statuses >> code & 1 == 1);
        json!({"status_codes": seen.map(|(name, _)| name).collect::<Vec<_>>()})
    }
}

/// By whole milliseconds, as the Collector counts them.
pub struct Latency {
    above_ms: f64,
    up_to_ms: f64,
}

impl Latency {
    pub fn compile(threshold_ms: f64, upper_threshold_ms: Option<f64>) -> Self {
        Self { above_ms: threshold_ms, up_to_ms: upper_threshold_ms.unwrap_or(f64::INFINITY) }
    }
}

impl Rule for Latency {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        let duration = (trace.duration() / 1_000_000) as f64;
        Vote::when(duration > self.above_ms && duration <= self.up_to_ms)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"duration_ms": trace.duration() as f64 / 1e6})
    }
}

pub struct Probabilistic {
    vote: Vote,
}

impl Probabilistic {
    pub fn compile(sampling_percentage: f64) -> Self {
        Self { vote: Vote::of(sampling_percentage / 100.0) }
    }
}

impl Rule for Probabilistic {
    fn vote(&self, _: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        self.vote
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"randomness": format!("{:014x}", trace.randomness)})
    }
}

pub struct SpanCount {
    /// Inclusive.
    pub min: u64,
    pub max: Option<u64>,
}

impl Rule for SpanCount {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        Vote::when(trace.span_count >= self.min && self.max.is_none_or(|max| trace.span_count <= max))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"spans": trace.span_count})
    }
}

/// A condition on any span or resource, evaluated as spans arrived.
pub struct Attribute {
    bit: u16,
    invert: bool,
}

impl Attribute {
    pub fn numeric(compiler: &mut Compiler<'_>, key: &str, min: Option<f64>, max: Option<f64>, invert: bool) -> Self {
        let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
        Self { bit: compiler.condition(key, Test::Between(min, max)), invert }
    }

    pub fn text(
        compiler: &mut Compiler<'_>,
        key: &str,
        values: &[String],
        regex: bool,
        invert: bool,
    ) -> Result<Self, String> {
        let test = if regex {
            Test::Matches(values.iter().map(|value| pattern(value)).collect::<Result<_, _>>()?)
        } else {
            Test::Equals(values.iter().map(|value| value.as_bytes().into()).collect())
        };
        Ok(Self { bit: compiler.condition(key, test), invert })
    }

    pub fn trace_state(compiler: &mut Compiler<'_>, key: &str, values: &[String]) -> Self {
        let values = values.iter().map(|value| value.as_bytes().into()).collect();
        Self { bit: compiler.conditions.add_trace_state(key, values), invert: false }
    }

    pub fn ottl(compiler: &mut Compiler<'_>, span: &[String], spanevent: &[String]) -> Result<Self, String> {
        let mut read = |texts: &[String], context| {
            let expr = |text: &String| {
                ottl::parse(text, context, compiler.keys)
                    .map_err(|fault| format!("condition {text:?}, character {}: {}", fault.offset + 1, fault.message))
            };
            texts.iter().map(expr).collect::<Result<Vec<_>, _>>()
        };
        let (spans, events) = (read(span, ottl::Context::Span)?, read(spanevent, ottl::Context::SpanEvent)?);
        Ok(Self { bit: compiler.conditions.add_ottl(spans, events), invert: false })
    }

    pub fn sampled_flag(compiler: &mut Compiler<'_>) -> Self {
        Self { bit: compiler.conditions.add_sampled_flag(), invert: false }
    }

    /// The bit, and whether it must not be set.
    pub fn parts(&self) -> (u16, bool) {
        (self.bit, self.invert)
    }

    pub fn flag(compiler: &mut Compiler<'_>, key: &str, value: bool, invert: bool) -> Self {
        Self { bit: compiler.condition(key, Test::Is(value)), invert }
    }
}

impl Rule for Attribute {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        Vote::when(trace.bits.get(self.bit) != self.invert)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let mut seen = json!({"attribute_matched": trace.bits.get(self.bit)});
        if let Some(witness) = trace.witness(self.bit) {
            seen["on"] = witness.span_id.map_or_else(|| json!("resource"), |span| json!(format!("{span:016x}")));
            if !witness.key.is_empty() {
                seen["key"] = json!(witness.key);
                seen["value"] = json!(witness.value);
            }
            if !witness.paths.is_empty() {
                seen["paths"] = json!(witness.paths);
            }
        }
        seen
    }
}
