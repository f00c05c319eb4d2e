//! Policy types that the Collector does not have.

use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::rule::Rule;
use crate::price::money::to_decimal;
use serde_json::{Value, json};

/// Thresholds in pico-dollars; an absent one is not looked at.
pub struct Cost {
    trace_pico: Option<i128>,
    call_pico: Option<i128>,
}

impl Cost {
    pub fn compile(trace_pico_usd: &Option<String>, call_pico_usd: &Option<String>) -> Result<Self, String> {
        Ok(Self { trace_pico: pico(trace_pico_usd)?, call_pico: pico(call_pico_usd)? })
    }
}

impl Rule for Cost {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        let whole = self.trace_pico.is_some_and(|limit| trace.cost_pico >= limit);
        Vote::when(whole || self.call_pico.is_some_and(|limit| trace.max_call_cost_pico >= limit))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let mut seen =
            json!({"trace_usd": to_decimal(trace.cost_pico), "max_call_usd": to_decimal(trace.max_call_cost_pico)});
        if let Some(dearest) = trace.calls.iter().max_by_key(|call| call.cost_pico) {
            seen["max_call_span"] = json!(format!("{:016x}", dearest.span_id));
        }
        seen
    }
}

fn pico(text: &Option<String>) -> Result<Option<i128>, String> {
    text.as_ref().map(|digits| digits.parse().map_err(|_| format!("{digits:?} is not an integer"))).transpose()
}
