//! What one policy says about one trace.

use super::threshold::{self, RANGE};

/// A vote, as the threshold that the trace's randomness has to reach: exact, so that a limit's cut falls where it falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote(u64);

impl Vote {
    /// The policy does not want the trace.
    pub const NONE: Vote = Vote(RANGE);
    /// The policy wants it whatever its randomness.
    pub const ALWAYS: Vote = Vote(0);

    pub fn of(probability: f64) -> Self {
        Self(threshold::from_probability(probability))
    }

    /// Thresholds above `RANGE` stand for none.
    pub fn at(threshold: u64) -> Self {
        Self(threshold.min(RANGE))
    }

    pub fn when(matches: bool) -> Self {
        if matches { Self::ALWAYS } else { Self::NONE }
    }

    pub fn is_some(self) -> bool {
        self.0 < RANGE
    }

    pub fn threshold(self) -> u64 {
        self.0
    }

    pub fn probability(self) -> f64 {
        threshold::probability(self.0)
    }

    /// Both must want it: under one randomness the intersection of thresholds is the strictest of them.
    pub fn and(self, other: Vote) -> Self {
        Self(self.0.max(other.0))
    }

    /// Either may want it.
    pub fn or(self, other: Vote) -> Self {
        Self(self.0.min(other.0))
    }

    /// What is left when traces of this probability go.
    pub fn complement(self) -> Self {
        match self {
            Self::NONE => Self::ALWAYS,
            Self::ALWAYS => Self::NONE,
            Self(threshold) => Self::of(threshold::probability(RANGE - threshold)),
        }
    }

    /// Whether a trace of this randomness is wanted.
    pub fn keeps(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// The probability, or nothing, for people.
    pub fn told(self) -> Option<f64> {
        self.is_some().then(|| self.probability())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_combine_as_sets_of_randomness() {
        let (tenth, half) = (Vote::of(0.1), Vote::of(0.5));
        assert_eq!(tenth.and(half), tenth);
        assert_eq!(tenth.or(half), half);
        assert_eq!(Vote::NONE.or(tenth).and(Vote::ALWAYS), tenth);
        assert_eq!(half.complement(), half);
        assert_eq!((Vote::NONE.complement(), Vote::ALWAYS.complement()), (Vote::ALWAYS, Vote::NONE));
        assert!((tenth.complement().probability() - 0.9).abs() < 1e-4);
        assert!(!Vote::NONE.keeps(RANGE - 1) && Vote::ALWAYS.keeps(0));
    }
}
