//! How much of a provider's rate limit is used, from the response headers that HTTP instrumentation captured.

use crate::concept::Concept;
use crate::facts::Val;

/// Limits and what was left of them, by what they count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimits {
    requests: Window,
    tokens: Window,
    input_tokens: Window,
    output_tokens: Window,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Window {
    limit: Option<i64>,
    remaining: Option<i64>,
}

impl RateLimits {
    pub(super) fn put(&mut self, concept: Concept, value: Val<'_>) {
        let Val::Int(value) = value else { return };
        let place = match concept {
            Concept::RateLimitRequests => &mut self.requests.limit,
            Concept::RateLimitRequestsRemaining => &mut self.requests.remaining,
            Concept::RateLimitTokens => &mut self.tokens.limit,
            Concept::RateLimitTokensRemaining => &mut self.tokens.remaining,
            Concept::RateLimitInputTokens => &mut self.input_tokens.limit,
            Concept::RateLimitInputTokensRemaining => &mut self.input_tokens.remaining,
            Concept::RateLimitOutputTokens => &mut self.output_tokens.limit,
            Concept::RateLimitOutputTokensRemaining => &mut self.output_tokens.remaining,
            _ => return,
        };
        *place = Some(value);
    }

    /// `requests`, `tokens`, `input_tokens` and `output_tokens` with the part of each that is used, 0 to 1. A limit without
    /// its rest, or a rest beyond its limit, says nothing.
    pub fn used(self) -> impl Iterator<Item = (&'static str, f64)> {
        let windows = [
            ("requests", self.requests),
            ("tokens", self.tokens),
            ("input_tokens", self.input_tokens),
            ("output_tokens", self.output_tokens),
        ];
        windows.into_iter().filter_map(|(name, window)| {
            let (limit, remaining) = (window.limit?, window.remaining?);
            (limit > 0 && (0..=limit).contains(&remaining)).then(|| (name, 1.0 - remaining as f64 / limit as f64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_needs_a_limit_and_a_rest_within_it() {
        let mut limits = RateLimits::default();
        limits.put(Concept::RateLimitRequests, Val::Int(200));
        assert_eq!(limits.used().count(), 0);
        limits.put(Concept::RateLimitRequestsRemaining, Val::Int(50));
        limits.put(Concept::RateLimitTokens, Val::Int(1000));
        limits.put(Concept::RateLimitTokensRemaining, Val::Int(1001));
        assert_eq!(limits.used().collect::<Vec<_>>(), [("requests", 0.75)]);
        limits.put(Concept::RateLimitTokensRemaining, Val::Int(0));
        assert_eq!(limits.used().collect::<Vec<_>>(), [("requests", 0.75), ("tokens", 1.0)]);
    }
}
