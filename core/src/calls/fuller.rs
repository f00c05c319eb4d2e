//! Reports of one call of which some leave cached input or reasoning out: which of them knows more, and what they know
//! together. Both sides of a call, input and output, are looked at apart, so that it matters neither which report is the
//! canonical one nor in what order they come.

use super::amounts::Amounts;
use super::sketch::{ABSENT, Counts, Sketch};
use crate::usage::{Unit, Usage};
use std::cmp::Ordering;

/// How a count stands to another report's, each with the part that a reporter may leave out: equal, or less or more by just
/// that part. `None`: they count different tokens.
pub(super) fn compare([own, own_part]: [i64; 2], [theirs, their_part]: [i64; 2]) -> Option<Ordering> {
    match () {
        () if own == theirs => Some(Ordering::Equal),
        () if own == theirs.saturating_sub(their_part) => Some(Ordering::Less),
        () if own.saturating_sub(own_part) == theirs => Some(Ordering::Greater),
        () => None,
    }
}

/// The units of one side of a call.
struct Side {
    count: Unit,
    /// What a reporter may leave out of the count.
    parts: &'static [Unit],
    /// What splits the count further.
    details: &'static [Unit],
}

const SIDES: [Side; 2] = [
    Side {
        count: Unit::Input,
        parts: &[Unit::CacheRead, Unit::CacheWrite],
        details: &[
            Unit::CacheWrite5m,
            Unit::CacheWrite1h,
            Unit::CacheWrite12h,
            Unit::AudioInput,
            Unit::AudioCacheRead,
            Unit::ImageInput,
            Unit::ImageCacheRead,
            Unit::VideoInput,
            Unit::TextInput,
        ],
    },
    Side {
        count: Unit::Output,
        parts: &[Unit::Reasoning],
        details: &[Unit::AudioOutput, Unit::ImageOutput, Unit::VideoOutput, Unit::TextOutput, Unit::Citation],
    },
];

impl Side {
    fn units(&self) -> impl Iterator<Item = Unit> {
        std::iter::once(self.count).chain(self.parts.iter().copied()).chain(self.details.iter().copied())
    }

    fn compare(&self, own: &Usage, other: &Usage) -> Option<Ordering> {
        let part = |usage: &Usage| self.parts.iter().fold(0, |sum: i64, unit| sum.saturating_add(usage.or_zero(*unit)));
        match (own.get(self.count), other.get(self.count)) {
            (Some(ours), Some(theirs)) => compare([ours, part(own)], [theirs, part(other)]),
            _ => Some(Ordering::Equal),
        }
    }

    fn take(&self, own: &mut Usage, other: &Usage) {
        for unit in self.units() {
            match other.get(unit) {
                Some(count) => own.set_raw(unit, count),
                None => own.remove(unit),
            }
        }
    }

    /// Takes what is absent, and what is 0: many write zeros for what they do not know.
    fn fill(&self, own: &mut Usage, other: &Usage) {
        let known = |unit: Unit| Some(own.or_zero(unit)).filter(|count| *count > 0).unwrap_or(other.or_zero(unit));
        let parts = self.parts.iter().fold(0, |sum: i64, unit| sum.saturating_add(known(*unit)));
        // Parts of more than the whole are not of the same whole.
        if own.get(self.count).or(other.get(self.count)).is_some_and(|count| parts > count) {
            return;
        }
        for unit in self.units() {
            if let Some(count) = other.get(unit)
                && (own.get(unit).is_none() || (own.or_zero(unit) == 0 && count > 0))
            {
                own.set_raw(unit, count);
            }
        }
    }
}

/// Adds to a usage what another report of the same call knows more: the counts of a side that it leaves parts out of, unless
/// they were guessed, and units that it does not have, those that split tokens only where both count the same tokens.
/// Returns whether counts were taken.
pub(super) fn complete(own: &mut Usage, other: &Usage, guessed: bool) -> bool {
    if own.is_zero() {
        own.fill_from(other);
        return false;
    }
    for (unit, count) in other.iter().filter(|(unit, _)| !unit.is_tokens()) {
        if own.get(unit).is_none() {
            own.set_raw(unit, count);
        }
    }
    let [Some(input), Some(output)] = [0, 1].map(|at| SIDES[at].compare(own, other)) else { return false };
    let mut taken = false;
    for (side, order) in SIDES.iter().zip([input, output]) {
        match order {
            Ordering::Less if !guessed => {
                side.take(own, other);
                taken = true;
            }
            Ordering::Equal => side.fill(own, other),
            Ordering::Less | Ordering::Greater => {}
        }
    }
    let totals = [own.get(Unit::Total), other.get(Unit::Total)];
    let total = match (input, output) {
        (Ordering::Equal, Ordering::Equal) => totals[0].or(totals[1]),
        _ if guessed => totals[0],
        _ => {
            let fuller = match () {
                () if input.is_le() && output.is_le() => totals[1],
                () if input.is_ge() && output.is_ge() => totals[0],
                () => None,
            };
            let sum = || Some(own.get(Unit::Input)?.saturating_add(own.get(Unit::Output)?));
            fuller.or_else(|| totals[0].or(totals[1]).and_then(|_| sum()))
        }
    };
    match total {
        Some(total) => own.set_raw(Unit::Total, total),
        None => own.remove(Unit::Total),
    }
    taken
}

impl Sketch {
    /// Takes what another report of the same call knows more of its counts.
    pub(super) fn complete_counts(&mut self, other: &Sketch) {
        if self.counts(other) != Counts::Equal {
            return;
        }
        let before = (self.input, self.output);
        for (own, part, theirs, their_part) in [
            (&mut self.input, &mut self.cached, other.input, other.cached),
            (&mut self.output, &mut self.reasoning, other.output, other.reasoning),
        ] {
            if theirs == ABSENT {
                continue;
            }
            match compare([*own, *part], [theirs, their_part]) {
                _ if *own == ABSENT => (*own, *part) = (theirs, their_part),
                Some(Ordering::Less) => (*own, *part) = (theirs, their_part),
                Some(Ordering::Equal) => *part = (*part).max(their_part),
                _ => {}
            }
        }
        if before != (self.input, self.output) && self.input != ABSENT && self.output != ABSENT {
            self.total = self.input.saturating_add(self.output);
        }
    }
}

impl Amounts {
    /// Whether a usage has more tokens of some kind.
    pub(super) fn is_less_than(&self, usage: &Usage) -> bool {
        let more = |unit: &Unit| usage.or_zero(*unit) > self.tokens(*unit);
        SIDES.iter().any(|side| more(&side.count) || side.parts.iter().any(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage<const N: usize>(counts: [(Unit, i64); N]) -> Usage {
        let mut usage = Usage::new();
        for (unit, count) in counts {
            usage.set(unit, count);
        }
        usage
    }

    /// What two reports know together, which does not depend on their order.
    fn both(one: Usage, other: Usage) -> Usage {
        let (mut left, mut right) = (one, other);
        complete(&mut left, &other, false);
        complete(&mut right, &one, false);
        assert_eq!(left, right);
        left
    }

    #[test]
    fn every_kind_of_token_belongs_to_a_side() {
        for unit in Unit::ALL.into_iter().filter(|unit| unit.is_tokens() && *unit != Unit::Total) {
            assert_eq!(SIDES.iter().filter(|side| side.units().any(|one| one == unit)).count(), 1, "{}", unit.name());
        }
    }

    #[test]
    fn the_fuller_count_is_taken_side_by_side() {
        let poor = usage([(Unit::Input, 10), (Unit::Output, 20), (Unit::Total, 30)]);
        let cached = usage([(Unit::Input, 1000), (Unit::Output, 20), (Unit::CacheRead, 990)]);
        assert_eq!(
            both(poor, cached),
            usage([(Unit::Input, 1000), (Unit::Output, 20), (Unit::CacheRead, 990), (Unit::Total, 1020)])
        );
        let thinks = usage([(Unit::Input, 10), (Unit::Output, 120), (Unit::Reasoning, 100)]);
        assert_eq!(
            both(cached, thinks),
            usage([(Unit::Input, 1000), (Unit::Output, 120), (Unit::CacheRead, 990), (Unit::Reasoning, 100)])
        );
    }

    #[test]
    fn zeros_beside_the_same_count_are_not_known() {
        let zeros = usage([(Unit::Input, 600), (Unit::CacheRead, 0), (Unit::CacheWrite, 100)]);
        let read = usage([(Unit::Input, 600), (Unit::CacheRead, 400), (Unit::CacheWrite, 0)]);
        let known = usage([(Unit::Input, 600), (Unit::CacheRead, 400), (Unit::CacheWrite, 100)]);
        assert_eq!(both(zeros, read), known);
    }

    #[test]
    fn other_tokens_and_guesses_are_not_taken() {
        let told = usage([(Unit::Input, 10), (Unit::Output, 20)]);
        for other in [
            usage([(Unit::Input, 11), (Unit::Output, 20), (Unit::CacheRead, 5)]),
            usage([(Unit::Input, 10), (Unit::Output, 20), (Unit::CacheRead, 11)]),
        ] {
            let mut known = told;
            assert!(!complete(&mut known, &other, false));
            assert_eq!(known, told);
        }
        let mut known = told;
        assert!(!complete(&mut known, &usage([(Unit::Input, 15), (Unit::CacheRead, 5)]), true));
        assert_eq!(known, told);
    }
}
