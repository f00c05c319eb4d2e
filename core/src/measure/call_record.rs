//! One counted call as a JSON line (design §11). Never content; what is unknown is null.

use super::call_input::CallInput;
use crate::calls::{Before, Report, total};
use crate::concept::{Concept, ConceptSet};
use crate::evaluations::Evaluation;
use crate::facts::LIST_SEPARATOR;
use crate::price::money::to_decimal;
use crate::usage::Unit;
use crate::wire::json::write_text;
use std::fmt::Write;

/// What a record has besides what is measured.
pub struct Context<'a> {
    pub report: &'a Report<'a>,
    /// "" for none.
    pub dialect: &'a str,
    /// The price row and its date, "" for none.
    pub price: &'a str,
    /// Reports merged into the call besides the canonical one.
    pub duplicates: usize,
    /// What was concluded or taken from elsewhere, not read on the call's span.
    pub inferred: ConceptSet,
    /// Those that its reports tell.
    pub evaluations: Vec<Evaluation<'a>>,
    /// The strictest verdict of a guardrail that its reports tell, "" for none.
    pub guardrail: &'a str,
    /// The credited policy.
    pub policy: Option<&'a str>,
}

/// Appends the record and a line end.
pub fn write(call: &CallInput<'_>, context: &Context<'_>, out: &mut String) {
    let mut record = Record::begin(out);
    let report = context.report;
    let texts = call.texts;
    let milliseconds = call.duration_ns as f64 / 1e6;
    record.text("time", &rfc3339(call.start));
    record.text("trace_id", &format!("{:032x}", call.trace_id));
    record.text("span_id", &format!("{:016x}", report.place.span_id));
    record.text("service", call.service);
    for (name, concept) in [
        ("operation", Concept::Operation),
        ("provider", Concept::Provider),
        ("request_model", Concept::RequestModel),
        ("response_model", Concept::ResponseModel),
        ("response_id", Concept::ResponseId),
    ] {
        record.text(name, texts.get(concept));
    }
    record.integer("calls", Some(i64::from(call.is_new())));
    record.tokens(call);
    record.bool("tokens_estimated", Some(report.estimated));
    let cost = call.cost.state.is_priced().then(|| to_decimal(call.cost.total_pico));
    record.text("cost_usd", cost.as_deref().unwrap_or(""));
    record.text("cost_state", call.cost.state.name());
    record.text("price", context.price);
    record.number("duration_ms", Some(milliseconds));
    record.number("ttft_ms", call.ttft.map(|seconds| seconds * 1e3));
    record.number("tokens_per_second", tokens_per_second(call));
    record.bool("streaming", report.streaming);
    record.text("status", if call.error { "error" } else { "ok" });
    record.text("error_class", texts.get(Concept::ErrorClass));
    record.number("http_status", report.http_status.map(f64::from));
    record.list("finish_reasons", texts.get(Concept::FinishReason));
    record.text("session_id", texts.get(Concept::SessionId));
    record.text("user_id", texts.get(Concept::UserId));
    record.text("tenant_id", texts.get(Concept::TenantId));
    record.text("feature", texts.get(Concept::Feature));
    record.text("agent_id", first_of(texts.get(Concept::AgentId), texts.get(Concept::AgentName)));
    record.text("prompt_name", texts.get(Concept::PromptName));
    record.text("prompt_version", texts.get(Concept::PromptVersion));
    record.text("variant", texts.get(Concept::Variant));
    record.list("tools", first_of(texts.get(Concept::ToolCalls), texts.get(Concept::ToolName)));
    record.text("guardrail", context.guardrail);
    record.evaluations(&context.evaluations);
    record.text("dialect", context.dialect);
    let inferred: Vec<_> = context.inferred.iter().map(Concept::name).collect();
    record.key("inferred");
    record.items(inferred.into_iter());
    record.before(call.before);
    record.number("duplicates", Some(context.duplicates as f64));
    record.bool("sampled", Some(call.kept));
    record.text("policy", context.policy.unwrap_or(""));
    record.end();
}

/// Output tokens over the time that output took: from the first chunk to the end, or the whole call when it is unknown.
pub fn tokens_per_second(call: &CallInput<'_>) -> Option<f64> {
    let before = call.before.map_or(0, |before| before.amounts.tokens(Unit::Output));
    let output = call.usage.get(Unit::Output).map(|tokens| tokens + before).filter(|tokens| *tokens > 0)?;
    let seconds = call.duration_ns as f64 / 1e9 - call.ttft.unwrap_or(0.0);
    (seconds > 0.0).then(|| output as f64 / seconds)
}

fn first_of<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.is_empty() { other } else { one }
}

/// A JSON object that is written field by field.
pub struct Record<'o> {
    pub out: &'o mut String,
    first: bool,
}

impl<'o> Record<'o> {
    pub fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    pub fn end(self) {
        self.out.push_str("}\n");
    }

    pub fn key(&mut self, name: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// "" is unknown.
    pub fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.value(value);
    }

    fn value(&mut self, value: &str) {
        if value.is_empty() {
            self.out.push_str("null");
        } else {
            write_text(value, self.out);
        }
    }

    pub fn bool(&mut self, name: &str, value: Option<bool>) {
        self.key(name);
        self.out.push_str(value.map_or("null", |flag| if flag { "true" } else { "false" }));
    }

    pub fn integer(&mut self, name: &str, value: Option<i64>) {
        self.key(name);
        match value {
            Some(value) => drop(write!(self.out, "{value}")),
            None => self.out.push_str("null"),
        }
    }

    pub fn number(&mut self, name: &str, value: Option<f64>) {
        self.key(name);
        match value.filter(|value| value.is_finite()) {
            Some(value) => drop(write!(self.out, "{value}")),
            None => self.out.push_str("null"),
        }
    }

    fn tokens(&mut self, call: &CallInput<'_>) {
        let get = |unit| call.usage.get(unit);
        let before = |unit| call.before.map_or(0, |before| before.amounts.tokens(unit));
        let added = |sum: i64| sum + before(Unit::Input) + before(Unit::Output) - before(Unit::Total);
        self.integer("input_tokens", get(Unit::Input));
        self.integer("output_tokens", get(Unit::Output));
        self.integer("total_tokens", total(call.usage).map(added));
        self.integer("cache_read_tokens", get(Unit::CacheRead));
        self.integer("cache_write_tokens", get(Unit::CacheWrite));
        self.integer("reasoning_tokens", get(Unit::Reasoning));
    }

    /// What an earlier verdict counted of the call, and the span with which it did; null for a call that is new.
    fn before(&mut self, before: Option<&Before>) {
        self.key("counted_before");
        let Some(before) = before else {
            self.out.push_str("null");
            return;
        };
        let amounts = &before.amounts;
        let mut inside = Record::begin(self.out);
        inside.text("trace_id", &format!("{:032x}", before.at.trace));
        inside.text("span_id", &format!("{:016x}", before.at.span));
        inside.integer("calls", Some(i64::from(amounts.call)));
        inside.integer("errors", Some(i64::from(amounts.error)));
        for (name, unit) in [
            ("input_tokens", Unit::Input),
            ("output_tokens", Unit::Output),
            ("total_tokens", Unit::Total),
            ("cache_read_tokens", Unit::CacheRead),
            ("cache_write_tokens", Unit::CacheWrite),
            ("reasoning_tokens", Unit::Reasoning),
        ] {
            inside.integer(name, Some(amounts.tokens(unit)));
        }
        inside.text("cost_usd", &to_decimal(amounts.cost_pico()));
        inside.out.push('}');
    }

    /// A list joined by the separator; null when there is none.
    fn list(&mut self, name: &str, joined: &str) {
        self.key(name);
        if joined.is_empty() {
            self.out.push_str("null");
        } else {
            self.items(joined.split(LIST_SEPARATOR));
        }
    }

    fn items<'i>(&mut self, items: impl Iterator<Item = &'i str>) {
        self.out.push('[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write_text(item, self.out);
        }
        self.out.push(']');
    }

    fn evaluations(&mut self, told: &[Evaluation<'_>]) {
        self.key("evaluations");
        if told.is_empty() {
            self.out.push_str("null");
            return;
        }
        for (index, evaluation) in told.iter().enumerate() {
            self.out.push_str(if index == 0 { "[{" } else { ",{" });
            self.first = true;
            self.text("name", evaluation.name);
            self.number("score", evaluation.score);
            self.text("label", evaluation.label);
            self.out.push('}');
        }
        self.out.push(']');
        self.first = false;
    }
}

/// `2026-11-21T10:48:01.123456789Z`. Proleptic Gregorian calendar, by Howard Hinnant's `civil_from_days`.
pub fn rfc3339(unix_ns: u64) -> String {
    let (seconds, nanos) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_nanoseconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(1_709_251_199_000_000_001), "2024-02-29T23:59:59.000000001Z");
        assert_eq!(rfc3339(1_795_258_081_123_456_789), "2026-11-21T10:48:01.123456789Z");
        assert_eq!(rfc3339(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }
}
