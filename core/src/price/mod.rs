//! What a model call costs: the book of dated prices, the rules that pick from it, exact arithmetic.
//!
//! [`Book::compile`] turns the plan into tables once; [`Book::price`] prices one call from them without allocating, in
//! a time that depends on neither the size of the book nor on whether the model is known.

mod book;
mod context;
mod explain;
mod finder;
pub(crate) mod glob;
mod lines;
mod modifiers;
pub mod money;
mod names;
mod place;
pub mod plan;
mod rates;
mod recent;
mod table;
#[cfg(test)]
mod tests;

pub use book::Book;
pub use context::Aspects;
pub use explain::{Explanation, Matched};
pub use lines::Line;
pub use rates::NO_ROW;

use crate::usage::{Unit, Usage};

/// A cost that came with the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    pub usd_pico: i128,
    /// The provider or gateway returned it; otherwise an SDK worked it out with its own table.
    pub by_provider: bool,
}

/// One call to price. Strings that are not known are empty.
#[derive(Clone, Copy, Debug)]
pub struct PriceInput<'a> {
    /// The convention's enum value, or what the user calls the provider.
    pub provider: &'a str,
    pub request_model: &'a str,
    pub response_model: &'a str,
    /// `server.address`, or an address that it stands in.
    pub host: &'a str,
    /// When the call started: its prices are those in force then.
    pub time_unix_ns: u64,
    pub duration_ns: u64,
    pub usage: &'a Usage,
    /// As served, where the response said so.
    pub service_tier: &'a str,
    /// As asked for; counts where the response did not say what was served.
    pub requested_tier: &'a str,
    pub batch: bool,
    pub speed: &'a str,
    pub inference_geo: &'a str,
    pub search_context_size: &'a str,
    pub tenant: &'a str,
    /// It ended in an error before any answer.
    pub failed_without_answer: bool,
    /// A gateway answered from its cache: the usage is the stored answer's.
    pub from_cache: bool,
    /// Its tokens were counted from content.
    pub estimated: bool,
    /// The model read and wrote, and only one of both is known.
    pub one_sided: bool,
    pub reported: Option<Reported>,
}

impl<'a> PriceInput<'a> {
    /// A call about which nothing but its usage is known.
    pub fn new(usage: &'a Usage) -> PriceInput<'a> {
        PriceInput {
            provider: "",
            request_model: "",
            response_model: "",
            host: "",
            time_unix_ns: 0,
            duration_ns: 0,
            usage,
            service_tier: "",
            requested_tier: "",
            batch: false,
            speed: "",
            inference_geo: "",
            search_context_size: "",
            tenant: "",
            failed_without_answer: false,
            from_cache: false,
            estimated: false,
            one_sided: false,
            reported: None,
        }
    }
}

/// Why a call has no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    UnknownModel,
    NoUsage,
    NoUnitPrice,
}

impl Reason {
    pub const fn name(self) -> &'static str {
        match self {
            Reason::UnknownModel => "unknown_model",
            Reason::NoUsage => "no_usage",
            Reason::NoUnitPrice => "no_unit_price",
        }
    }
}

/// Where a cost comes from. The five are never confused: an unknown model is unpriced, a free one is computed 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Reported,
    Computed,
    /// Computed from estimated tokens.
    Estimated,
    /// It failed before an answer and shows no usage: 0.
    NotBilled,
    Unpriced(Reason),
}

impl State {
    /// As written on spans and in call records.
    pub const fn name(self) -> &'static str {
        match self {
            State::Reported => "reported",
            State::Computed => "computed",
            State::Estimated => "estimated",
            State::NotBilled => "not_billed",
            State::Unpriced(_) => "unpriced",
        }
    }

    pub const fn is_priced(self) -> bool {
        !matches!(self, State::Unpriced(_))
    }
}

/// Pico-dollars by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Input tokens that neither came from a cache nor went into one, of any modality.
    pub input: i128,
    pub output: i128,
    pub cache_read: i128,
    pub cache_write: i128,
    /// Everything that is not tokens: searches, seconds, images, pages, requests …
    pub other: i128,
}

impl Parts {
    pub fn total(&self) -> i128 {
        self.input + self.output + self.cache_read + self.cache_write + self.other
    }

    fn add(&mut self, unit: Unit, pico: i128) -> Option<()> {
        use Unit::*;
        let part = match unit {
            Input | AudioInput | ImageInput | VideoInput => &mut self.input,
            Output | Reasoning | AudioOutput | ImageOutput | VideoOutput | Citation => &mut self.output,
            CacheRead | AudioCacheRead | ImageCacheRead => &mut self.cache_read,
            CacheWrite | CacheWrite5m | CacheWrite1h | CacheWrite12h => &mut self.cache_write,
            _ => &mut self.other,
        };
        *part = part.checked_add(pico)?;
        // Far above any bill, far below where five parts could overflow.
        (*part < i128::MAX / 8).then_some(())
    }
}

/// What one call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub state: State,
    /// Pico-dollars; 0 when unpriced, where nothing may be written.
    pub total_pico: i128,
    /// Sums to the total when it was computed; all 0 when it was reported.
    pub parts: Parts,
    /// What the book makes of a call whose reported figure was judged, for the metric of differences.
    pub computed_pico: Option<i128>,
    /// 0 was reported beside usage that the book prices; it was not believed.
    pub suspect_zero: bool,
    /// Units (bits) that were counted, that the price list names no price for, and that add nothing to a computed cost.
    pub without_price: u64,
    /// Circumstances that the list says nothing of: the computed cost takes the standard price for them.
    pub assumed: Aspects,
    /// For [`Book::row_label`]; [`NO_ROW`] when no price was used.
    pub row: u32,
}

impl Cost {
    pub(crate) fn unpriced(reason: Reason) -> Cost {
        Cost {
            state: State::Unpriced(reason),
            total_pico: 0,
            parts: Parts::default(),
            computed_pico: None,
            suspect_zero: false,
            without_price: 0,
            assumed: Aspects::NONE,
            row: NO_ROW,
        }
    }

    /// The units of `without_price`, in order.
    pub fn units_without_price(&self) -> impl Iterator<Item = Unit> {
        let mut set = self.without_price;
        std::iter::from_fn(move || {
            let unit = *Unit::ALL.get(set.trailing_zeros() as usize)?;
            set &= set - 1;
            Some(unit)
        })
    }

    /// Takes a part of the total away, from what it was spent on in proportion.
    pub fn reduce(&mut self, pico: i128) {
        let (total, left) = (self.total_pico, self.total_pico - pico);
        if pico <= 0 || left < 0 {
            return;
        }
        self.total_pico = left;
        let parts = &mut self.parts;
        let all =
            [&mut parts.input, &mut parts.output, &mut parts.cache_read, &mut parts.cache_write, &mut parts.other];
        // Each takes its share of what is left for it and those after it, so that the shares come to the whole.
        let (mut before, mut after) = (total, left);
        for part in all {
            let scaled = after.checked_mul(*part).and_then(|product| product.checked_div(before));
            let share = scaled.unwrap_or(after.min(*part));
            before -= *part;
            *part = share;
            after -= share;
        }
    }

    /// USD as the nearest double; None when unpriced.
    pub fn usd(&self) -> Option<f64> {
        self.state.is_priced().then(|| money::to_usd(self.total_pico))
    }
}
