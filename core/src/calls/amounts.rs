//! What is counted of a call: the call itself, its tokens, its cost. What a wrapper counted before the calls below it came
//! is a balance on which they draw.

use super::past::Spot;
use super::sketch::Sketch;
use crate::price::Cost;
use crate::usage::{Unit, Usage};

/// The tokens that are counted apart. The total is one of them because some reports tell nothing else.
const KINDS: [Unit; 6] = [Unit::Input, Unit::Output, Unit::Total, Unit::CacheRead, Unit::CacheWrite, Unit::Reasoning];

/// As wide as what is counted: where a balance holds less than was counted, the rest of it counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub call: bool,
    /// The call is one that failed.
    pub error: bool,
    /// Its cost is known.
    pub priced: bool,
    /// By `KINDS`, none below 0.
    tokens: [i64; KINDS.len()],
    /// Pico-dollars; 0 when unpriced.
    cost: i128,
}

/// Input and output, or what is told of both together.
pub fn total(usage: &Usage) -> Option<i64> {
    let sum = || Some(usage.get(Unit::Input)?.saturating_add(usage.get(Unit::Output)?));
    sum().or_else(|| usage.get(Unit::Total))
}

impl Amounts {
    /// Nothing; the identity of what is taken.
    pub const NONE: Amounts = Amounts { call: false, error: false, priced: false, tokens: [0; KINDS.len()], cost: 0 };

    /// All of a call.
    pub fn of(usage: &Usage, cost: &Cost) -> Amounts {
        let priced = cost.state.is_priced();
        let cost = if priced { cost.total_pico } else { 0 };
        Amounts { call: true, priced, cost, ..Amounts::of_tokens(usage) }
    }

    /// The tokens of a usage alone.
    pub fn of_tokens(usage: &Usage) -> Amounts {
        let tokens = KINDS.map(|unit| match unit {
            Unit::Total => total(usage).unwrap_or(0).max(0),
            _ => usage.or_zero(unit).max(0),
        });
        Amounts { tokens, ..Amounts::NONE }
    }

    /// The kinds of tokens as a usage; the total is what it told.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::new();
        for (unit, count) in KINDS.iter().zip(self.tokens).filter(|(unit, _)| **unit != Unit::Total) {
            usage.set_raw(*unit, count);
        }
        usage
    }

    /// A call that is counted elsewhere, as far as it is known here.
    pub fn of_sketch(sketch: &Sketch) -> Amounts {
        let tokens = KINDS.map(|unit| match unit {
            Unit::Input => sketch.input.max(0),
            Unit::Output => sketch.output.max(0),
            Unit::Total => sketch.tokens().max(0),
            _ => 0,
        });
        Amounts { call: true, error: sketch.error, priced: true, tokens, cost: 0 }
    }

    pub fn tokens(&self, unit: Unit) -> i64 {
        KINDS.iter().position(|kind| *kind == unit).map_or(0, |at| self.tokens[at])
    }

    pub fn cost_pico(&self) -> i128 {
        self.cost
    }

    /// The cost without the tokens.
    pub fn cost_alone(&self) -> Amounts {
        Amounts { cost: self.cost, ..Amounts::NONE }
    }

    /// Whether a call more may be in it: each reads and writes.
    pub fn has_step(&self) -> bool {
        self.tokens(Unit::Input) > 0 && self.tokens(Unit::Output) > 0
    }

    pub fn has_tokens(&self) -> bool {
        self.tokens.iter().any(|count| *count > 0)
    }

    pub fn is_none(&self) -> bool {
        !self.call && !self.has_tokens() && self.cost == 0
    }

    /// Moves to `taken` what is here of `wanted`; says whether that is something.
    pub fn give(&mut self, wanted: &mut Amounts, taken: &mut Amounts) -> bool {
        let before = *taken;
        if self.call && wanted.call {
            (self.call, wanted.call, taken.call) = (false, false, true);
        }
        if self.error && wanted.error {
            (self.error, wanted.error, taken.error) = (false, false, true);
        }
        for ((own, wanted), taken) in self.tokens.iter_mut().zip(&mut wanted.tokens).zip(&mut taken.tokens) {
            let count = (*own).min(*wanted);
            (*own, *wanted, *taken) = (*own - count, *wanted - count, taken.saturating_add(count));
        }
        let cost = self.cost.min(wanted.cost);
        (self.cost, wanted.cost, taken.cost) = (self.cost - cost, wanted.cost - cost, taken.cost.saturating_add(cost));
        *taken != before
    }

    /// Moves all tokens to `taken`.
    pub fn give_tokens(&mut self, taken: &mut Amounts) {
        let mut all = Amounts { tokens: self.tokens, ..Amounts::NONE };
        all.give(self, taken);
    }

    /// Moves all the cost to `taken`.
    pub fn give_cost(&mut self, taken: &mut Amounts) {
        let mut all = Amounts { cost: self.cost, ..Amounts::NONE };
        all.give(self, taken);
    }

    /// The sum of both.
    pub fn with(&self, more: &Amounts) -> Amounts {
        let mut tokens = self.tokens;
        tokens.iter_mut().zip(more.tokens).for_each(|(own, more)| *own = own.saturating_add(more));
        Amounts {
            call: self.call || more.call,
            error: self.error || more.error,
            priced: self.priced || more.priced,
            tokens,
            cost: self.cost.saturating_add(more.cost),
        }
    }

    /// Takes these tokens out of a usage. A total that is told stays: what it adds is the caller's to work out.
    pub fn reduce(&self, usage: &mut Usage) {
        for (unit, count) in KINDS.iter().zip(self.tokens) {
            if let Some(told) = usage.get(*unit).filter(|_| *unit != Unit::Total) {
                usage.set_raw(*unit, told.saturating_sub(count).max(0));
            }
        }
    }

    /// Undoes `reduce`.
    pub fn restore(&self, usage: &mut Usage) {
        for (unit, count) in KINDS.iter().zip(self.tokens) {
            if let Some(left) = usage.get(*unit).filter(|_| *unit != Unit::Total) {
                usage.set_raw(*unit, left.saturating_add(count));
            }
        }
    }
}

/// What of a call an earlier verdict counted, with a wrapper in whose sum it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The span that counted it.
    pub at: Spot,
    pub amounts: Amounts,
    /// Something of the call was not counted yet.
    pub adds: bool,
}
