//! What the votes of all policies come to.

use super::threshold::{self, RANGE};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub keep: bool,
    /// Index of the credited policy: the one that voted highest, or the `drop` that matched.
    pub policy: Option<u16>,
    pub dropped_by_policy: bool,
    pub threshold: u64,
    /// `sampling.limit` made the threshold stricter than the votes did.
    pub limited: bool,
    /// Randomness that the trace id does not have, to be written as `rv`.
    pub rv: Option<u64>,
    /// What would have been decided without `dry_run`.
    pub trial: Option<Trial>,
}

/// A verdict that is told, not carried out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    pub keep: bool,
    pub policy: Option<u16>,
    pub threshold: u64,
}

impl Verdict {
    pub const KEEP_ALL: Verdict = Verdict {
        keep: true,
        policy: None,
        dropped_by_policy: false,
        threshold: 0,
        limited: false,
        rv: None,
        trial: None,
    };

    /// Without a vote, by an option.
    pub const DROP: Verdict = Verdict { keep: false, threshold: RANGE, ..Self::KEEP_ALL };

    pub fn probability(&self) -> f64 {
        threshold::probability(self.threshold)
    }

    pub fn as_trial(&self) -> Trial {
        Trial { keep: self.keep, policy: self.policy, threshold: self.threshold }
    }
}

impl Trial {
    pub fn probability(&self) -> f64 {
        threshold::probability(self.threshold)
    }
}
