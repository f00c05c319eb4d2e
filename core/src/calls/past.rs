//! Calls of decided traces, as they are remembered: what comes after the verdict is compared with them.

use super::amounts::Amounts;
use super::late::Terms;
use super::sketch::Sketch;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Calls of decided traces remembered in a shard.
pub(super) const DECIDED: usize = 4096;
/// How long ids and decided calls are remembered, nanoseconds: an agent's trace may last for hours.
pub(super) const MEMORY_NS: u64 = 6 * 3600 * 1_000_000_000;
/// Decided calls of one trace that late spans are compared with.
const DECIDED_PER_TRACE: usize = 4096;

/// A span anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    pub trace: u128,
    pub span: u64,
}

impl Sketch {
    pub fn spot(&self) -> Spot {
        Spot { trace: self.trace, span: self.span }
    }
}

/// Spans of a decided call that are remembered one by one.
pub const MEMBERS: usize = 4;

/// A call of a decided trace, or a wrapper there that was found to be none.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    /// The canonical report, with the usage of the call.
    pub sketch: Sketch,
    /// Id of the nearest span above that had not arrived or is remembered, 0 for none.
    pub hang: u64,
    /// Where the call is counted.
    pub at: Spot,
    /// Span and scope of the reports of the call, the first few.
    pub members: [(u64, u64); MEMBERS],
    /// The canonical report is a wrapper.
    pub wrapper: bool,
    /// It claims a call; otherwise only its span ids matter.
    pub claims: bool,
    /// What it was counted for and no call below it has accounted for yet.
    pub left: Amounts,
    /// Calls below it have accounted for something.
    pub drawn: bool,
    /// A tool ran between it and the span that it hangs below.
    pub in_tool: bool,
    pub terms: Terms,
}

/// Calls of decided traces in order of decision. Those of one trace are chained, newest first.
#[derive(Default)]
pub(super) struct Past {
    pub calls: VecDeque<(Decided, u64, Option<u64>)>,
    /// How many calls were forgotten: the number of the first one still here.
    pub first: u64,
    /// Those of them that were forgotten before their time, because the memory was full.
    pub early: u64,
    /// Trace to the number of its newest call.
    pub newest: HashMap<u128, u64, foldhash::fast::RandomState>,
}

impl Past {
    pub fn forget(&mut self, now: u64) {
        while let Some((oldest, at, _)) = self.calls.front() {
            let old = now.saturating_sub(*at) > MEMORY_NS;
            if !old && self.calls.len() <= DECIDED {
                break;
            }
            self.early += u64::from(!old && oldest.claims);
            let trace = oldest.sketch.trace;
            if self.newest.get(&trace) == Some(&self.first) {
                self.newest.remove(&trace);
            }
            self.calls.pop_front();
            self.first += 1;
        }
    }

    pub fn of(&self, trace: u128) -> impl Iterator<Item = &Decided> {
        let mut next = self.newest.get(&trace).copied();
        std::iter::from_fn(move || {
            let index = usize::try_from(next?.checked_sub(self.first)?).ok()?;
            let (call, _, previous) = self.calls.get(index)?;
            next = *previous;
            Some(call)
        })
        .take(DECIDED_PER_TRACE)
    }

    /// Replaces the calls of a trace, in order.
    pub fn replace(&mut self, trace: u128, calls: &[Decided]) {
        let mut next = self.newest.get(&trace).copied();
        for call in calls.iter().rev() {
            let index = next.and_then(|number| number.checked_sub(self.first)).map(|index| index as usize);
            let Some((known, _, previous)) = index.and_then(|index| self.calls.get_mut(index)) else { return };
            // Another trace may have told its usage meanwhile.
            *known =
                if known.sketch.usage && !call.sketch.usage { Decided { hang: call.hang, ..*known } } else { *call };
            next = *previous;
        }
    }
}
