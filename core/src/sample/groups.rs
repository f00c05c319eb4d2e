//! Conditions that one span has to satisfy together. Each is a bit of its own, set as the span arrives.

use super::conditions::Bits;

/// What one span is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The span is a root.
    pub root: bool,
    /// One bit per status code that will do; 0: any.
    pub statuses: u8,
    /// Bits of conditions on the span or its resource, and whether each must hold or must not.
    pub all: Vec<(u16, bool)>,
    /// One of these must hold; empty: not asked.
    pub any: Vec<u16>,
}

impl Group {
    /// `bits`: what holds on the span and its resource.
    pub fn holds(&self, bits: &Bits, status: u8, root: bool) -> bool {
        (root || !self.root)
            && (self.statuses == 0 || self.statuses >> status.min(7) & 1 == 1)
            && self.all.iter().all(|(bit, wanted)| bits.get(*bit) == *wanted)
            && (self.any.is_empty() || self.any.iter().any(|bit| bits.get(*bit)))
    }
}
