//! What is measured of one counted call.

use crate::calls::{Before, Texts};
use crate::price::Cost;
use crate::usage::Usage;

/// One counted call.
#[derive(Clone, Copy)]
pub struct CallInput<'a> {
    pub service: &'a str,
    pub texts: &'a Texts<'a>,
    pub usage: &'a Usage,
    pub cost: &'a Cost,
    /// What an earlier verdict counted of it; usage and cost are without that.
    pub before: Option<&'a Before>,
    /// What the span itself claimed, pico-dollars, where that was judged.
    pub reported_pico: Option<i128>,
    pub duration_ns: u64,
    /// Seconds.
    pub ttft: Option<f64>,
    pub error: bool,
    pub trace_id: u128,
    /// Start of the call, Unix nanoseconds.
    pub start: u64,
    pub kept: bool,
    pub now: u64,
}

impl CallInput<'_> {
    /// Whether it is a call that no earlier verdict counted.
    pub(super) fn is_new(&self) -> bool {
        self.before.is_none_or(|before| !before.amounts.call)
    }

    /// Whether it is a failure that no earlier verdict counted.
    pub(super) fn fails(&self) -> bool {
        self.error && self.is_new() && self.before.is_none_or(|before| !before.amounts.error)
    }
}
