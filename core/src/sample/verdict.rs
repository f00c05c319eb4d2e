//! What the votes of all policies come to.

use super::threshold;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub keep: bool,
    /// Index of the credited policy: the one that voted highest, or the `drop` that matched.
    pub policy: Option<u16>,
    pub dropped_by_policy: bool,
    pub threshold: u64,
}

impl Verdict {
    pub const KEEP_ALL: Verdict = Verdict { keep: true, policy: None, dropped_by_policy: false, threshold: 0 };

    pub fn probability(&self) -> f64 {
        threshold::probability(self.threshold)
    }
}
