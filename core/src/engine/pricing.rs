//! What the price book is asked about a call, and what the calls of a trace come to.

use super::estimates;
use crate::calls::{Grouping, Report};
use crate::concept::Concept;
use crate::output::stamp::Totals;
use crate::price::{Cost, PriceInput, Reported, State, money};
use crate::usage::Unit;

/// What the book is asked about a call.
pub fn price_input<'a>(report: &'a Report<'a>) -> PriceInput<'a> {
    let text = |concept| report.texts.get(concept);
    PriceInput {
        provider: text(Concept::Provider),
        request_model: text(Concept::RequestModel),
        response_model: text(Concept::ResponseModel),
        host: text(Concept::ServerAddress),
        time_unix_ns: report.place.start,
        duration_ns: report.place.end.saturating_sub(report.place.start),
        service_tier: text(Concept::ServiceTier),
        requested_tier: text(Concept::RequestServiceTier),
        batch: report.batch.unwrap_or(false),
        speed: text(Concept::Speed),
        inference_geo: text(Concept::InferenceGeo),
        search_context_size: text(Concept::SearchContextSize),
        tenant: text(Concept::TenantId),
        failed_without_answer: report.error && !report.has_usage(),
        from_cache: report.cache_hit.unwrap_or(false),
        estimated: report.estimated,
        one_sided: estimates::is_one_sided(report),
        reported: report
            .cost
            .and_then(|cost| Some(Reported { usd_pico: money::from_usd(cost.usd)?, by_provider: cost.by_provider })),
        ..PriceInput::new(&report.usage)
    }
}

/// What the calls of a trace add to the totals.
pub fn totals(grouping: &Grouping<'_>, costs: &[Cost]) -> Totals {
    let mut totals = Totals::default();
    for (call, cost) in grouping.calls.iter().zip(costs) {
        let usage = &call.report.usage;
        totals.calls += u64::from(call.is_new());
        totals.errors += u64::from(call.fails());
        totals.input_tokens = totals.input_tokens.saturating_add(usage.or_zero(Unit::Input));
        totals.output_tokens = totals.output_tokens.saturating_add(usage.or_zero(Unit::Output));
        if !matches!(cost.state, State::Unpriced(_)) {
            totals.cost_pico += cost.total_pico;
            totals.priced = true;
        }
    }
    totals
}
