//! The newest utilization of each provider's rate limits.

use super::labels::Values;
use super::series::Series;
use crate::calls::Report;
use crate::concept::Concept;
use hashbrown::HashMap;

pub struct RateLimitSeries {
    providers: Values,
    /// When a span that told it ended (Unix nanoseconds), and the part that was used, by provider and limit.
    newest: HashMap<(u32, &'static str), (u64, f64)>,
}

impl RateLimitSeries {
    /// `label_limit`: providers told apart.
    pub fn new(label_limit: usize) -> Self {
        Self { providers: Values::new(label_limit), newest: HashMap::default() }
    }

    pub fn record(&mut self, report: &Report<'_>) {
        let provider = report.texts.get(Concept::Provider);
        // Other APIs limit requests by the same headers.
        if provider.is_empty() {
            return;
        }
        for (limit, used) in report.rate_limits.used() {
            let newest = self.newest.entry((self.providers.number(provider), limit)).or_default();
            if report.place.end >= newest.0 {
                *newest = (report.place.end, used);
            }
        }
    }

    pub fn collect(&self, out: &mut Vec<Series>) {
        for ((provider, limit), (_, used)) in &self.newest {
            out.push(Series::number(
                "llm_rate_limit_utilization_ratio",
                [self.providers.name(*provider), limit],
                *used,
            ));
        }
    }
}
