//! What other traces and earlier verdicts said, bounded by count and time, shared by all shards.
//!
//! Three memories: response ids (rule 1 across traces), reports by service instance (rule 4 across traces), and the calls
//! of decided traces, so that spans that arrive after the verdict do not count a call again.

use super::amounts::Amounts;
use super::elsewhere::{Elsewhere, Losses};
use super::group::Rule;
use super::identity::{self, Answer};
use super::ids::{Ids, Places};
use super::own::{Own, WithId};
use super::past::{Decided, MEMORY_NS, Past, Spot};
use super::report::{Place, is_inference};
use super::sketch::{Sketch, TOLERANCE_NS, id_and_rank};
use crate::facts::Facts;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// Wrappers above a call whose usage is told in another trace.
const WRAPPERS: usize = 16;

/// What the memories are told of a span that may report a call.
pub struct Arrival {
    pub place: Place,
    /// Hash of its response id, 0 without one.
    pub id: u64,
    /// How good a canonical report it would be.
    pub rank: u64,
    pub answer: Answer,
}

impl Arrival {
    /// Nothing of a span that claims no call.
    pub fn of(place: Place, facts: &Facts<'_>) -> Option<Self> {
        if !is_inference(facts) {
            return None;
        }
        let (id, rank, answer) = id_and_rank(&place, facts).unwrap_or((0, 0, Answer::UNKNOWN));
        Some(Self { place, id, rank, answer })
    }
}

/// What is known of a response id. Small, because most of these are read once, from memory that is in no cache.
#[derive(Clone, Copy)]
struct Known {
    /// Halves of the trace id, which as a whole would be aligned to 16 bytes.
    trace: [u64; 2],
    span: u64,
    /// How good a canonical report that span is, or `COUNTED`.
    rank: u64,
    /// Scope and instance in one.
    source: u32,
    answer: Answer,
    start: u64,
    end: u64,
}

const COUNTED: u64 = u64::MAX;

impl Known {
    fn of(sketch: &Sketch, rank: u64) -> Self {
        let Sketch { trace, span, scope, instance, start, end, .. } = *sketch;
        Self::new(Spot { trace, span }, rank, source(scope, instance), sketch.answer(), [start, end])
    }

    fn new(spot: Spot, rank: u64, source: u32, answer: Answer, [start, end]: [u64; 2]) -> Self {
        Self {
            trace: [spot.trace as u64, (spot.trace >> 64) as u64],
            span: spot.span,
            rank,
            source,
            answer,
            start,
            end,
        }
    }

    /// Whether the call of another report, which has the same id, is not this one.
    fn is_another(&self, id: u64, other: &Known) -> bool {
        let within = |inner: &Known, outer: &Known| {
            outer.start <= inner.start.saturating_add(TOLERANCE_NS)
                && inner.end <= outer.end.saturating_add(TOLERANCE_NS)
        };
        let apart = !within(self, other) && !within(other, self);
        identity::is_reused(id, self.source == other.source, apart, self.answer.differs(other.answer))
    }

    /// The same of the reports of a call that have the id, the first few.
    fn is_of_another(&self, with_id: &WithId<'_>) -> bool {
        let mut reports = with_id.reports().take(identity::SAME_ID);
        reports.any(|report| self.is_another(with_id.id(), &Known::of(report, report.rank())))
    }

    fn spot(&self) -> Spot {
        Spot { trace: u128::from(self.trace[0]) | u128::from(self.trace[1]) << 64, span: self.span }
    }
}

fn source(scope: u64, instance: u64) -> u32 {
    let both = scope ^ instance.rotate_left(32);
    (both ^ both >> 32) as u32
}

/// What a bound costs: a call that is told of again may count again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Calls forgotten before their time, by the memory.
    Forgotten(&'static str),
    /// Reports not compared with all that may tell of their call, by the bound.
    NotCompared(&'static str),
}

/// Shared by all shards of the engine.
pub struct RecentCalls {
    ids: [Mutex<Ids<Known>>; SHARDS],
    /// Of `ids`.
    places: [Places; SHARDS],
    past: [Mutex<Past>; SHARDS],
    elsewhere: [Mutex<Elsewhere>; SHARDS],
    /// Reports for which not all wrappers were looked at that may have counted them.
    wrappers: AtomicU64,
}

impl Default for RecentCalls {
    fn default() -> Self {
        Self::new()
    }
}

fn see_id(ids: &mut Ids<Known>, id: u64, seen: Known, now: u64) {
    match ids.get_mut(id) {
        // Of several calls with one id, the latest is the one that is told of next.
        Some(known) if known.rank >= seen.rank && !known.is_another(id, &seen) => {}
        Some(known) => *known = seen,
        None => ids.insert(id, seen, now),
    }
}

/// Every change to the memories is complete between two statements that can panic.
fn lock<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shard(hash: u64) -> usize {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize
}

impl RecentCalls {
    pub fn new() -> Self {
        let ids = std::array::from_fn(|_| Mutex::new(Ids::new(MEMORY_NS)));
        Self {
            places: std::array::from_fn(|at| lock(&ids[at]).places()),
            ids,
            past: std::array::from_fn(|_| Mutex::default()),
            elsewhere: std::array::from_fn(|_| Mutex::default()),
            wrappers: AtomicU64::new(0),
        }
    }

    /// Notes the spans of a request as they arrive, `now` in Unix nanoseconds, so that the traces that share their calls
    /// know of them. `make` gives the sketch of one.
    pub fn observe(&self, arrivals: &[Arrival], now: u64, mut make: impl FnMut(&Arrival) -> Sketch) {
        self.touch(arrivals.iter().map(|arrival| arrival.id));
        let named = arrivals.iter().zip(0..).filter(|(arrival, _)| arrival.id != 0);
        let mut order: Vec<(usize, u32)> = named.map(|(arrival, index)| (shard(arrival.id), index)).collect();
        order.sort_unstable();
        for same_shard in order.chunk_by(|a, b| a.0 == b.0) {
            let mut ids = lock(&self.ids[same_shard[0].0]);
            for (_, index) in same_shard {
                let Arrival { place, id, rank, answer } = &arrivals[*index as usize];
                let Place { trace_id: trace, span_id: span, scope, instance, start, end, .. } = *place;
                let source = source(scope, instance);
                let known = Known::new(Spot { trace, span }, *rank, source, *answer, [start, end.max(start)]);
                see_id(&mut ids, *id, known, now);
            }
        }
        for same_instance in arrivals.chunk_by(|a, b| a.place.instance == b.place.instance) {
            let instance = same_instance[0].place.instance;
            let mut elsewhere = lock(&self.elsewhere[shard(instance)]);
            for arrival in same_instance {
                let Place { scope, parent_id, .. } = arrival.place;
                elsewhere.observe(instance, scope, parent_id == 0, now, || make(arrival));
            }
        }
    }

    /// What the bounds of the memories cost so far.
    pub fn losses(&self) -> [(Loss, u64); 7] {
        let sum = |of: fn(&Losses) -> u64| self.elsewhere.iter().map(|one| of(&lock(one).losses)).sum();
        [
            (Loss::Forgotten("ids"), self.ids.iter().map(|ids| lock(ids).forgotten).sum()),
            (Loss::Forgotten("decided"), self.past.iter().map(|past| lock(past).early).sum()),
            (Loss::Forgotten("reports"), sum(|losses| losses.reports)),
            (Loss::Forgotten("pairs"), sum(|losses| losses.pairs)),
            (Loss::NotCompared("scopes"), sum(|losses| losses.scopes)),
            (Loss::NotCompared("searches"), sum(|losses| losses.searches)),
            (Loss::NotCompared("wrappers"), self.wrappers.load(Ordering::Relaxed)),
        ]
    }

    /// Notes reports for which not all wrappers were looked at.
    pub(super) fn lose_wrappers(&self, reports: u64) {
        if reports > 0 {
            self.wrappers.fetch_add(reports, Ordering::Relaxed);
        }
    }

    /// The same for a report, where there is one already.
    #[cfg(test)]
    pub(super) fn note(&self, report: &super::report::Report<'_>, now: u64) {
        let (place, sketch) = (&report.place, Sketch::of(report));
        if sketch.response_id != 0 {
            let mut ids = lock(&self.ids[shard(sketch.response_id)]);
            see_id(&mut ids, sketch.response_id, Known::of(&sketch, sketch.rank()), now);
        }
        let mut elsewhere = lock(&self.elsewhere[shard(place.instance)]);
        elsewhere.observe(place.instance, place.scope, place.parent_id == 0, now, || sketch);
    }

    /// Makes ready for questions about these response ids; 0 is none.
    pub(super) fn touch(&self, ids: impl Iterator<Item = u64>) {
        let sum = ids.filter(|id| *id != 0).fold(0, |sum, id| sum ^ self.places[shard(id)].touch(id));
        black_box(sum);
    }

    /// The calls that earlier verdicts on a trace found, in order.
    pub(super) fn decided(&self, trace: u128, found: &mut Vec<Decided>) {
        found.clear();
        found.extend(lock(&self.past[shard(trace as u64)]).of(trace));
        found.reverse();
    }

    /// Replaces the calls that `decided` found.
    pub(super) fn correct(&self, trace: u128, calls: &[Decided]) {
        lock(&self.past[shard(trace as u64)]).replace(trace, calls);
    }

    /// Remembers the calls of a trace that is decided now.
    pub(super) fn remember(&self, trace: u128, calls: &[Decided], now: u64) {
        if calls.is_empty() {
            return;
        }
        let mut past = lock(&self.past[shard(trace as u64)]);
        let mut previous = past.newest.get(&trace).copied();
        for call in calls {
            let number = past.first + past.calls.len() as u64;
            past.calls.push_back((*call, now, previous));
            previous = Some(number);
        }
        past.newest.extend(previous.map(|number| (trace, number)));
        past.forget(now);
    }

    /// The call that was counted at this span, when nobody has told its usage.
    pub(super) fn counted_bare(&self, at: Spot) -> Option<Decided> {
        let past = lock(&self.past[shard(at.trace as u64)]);
        past.of(at.trace).find(|call| call.claims && call.at == at && !call.sketch.usage).copied()
    }

    /// Adds `rest` to what the call at this span was counted for, `told` to what is known of it. What the wrappers above it
    /// were counted for goes to `before`; what nobody had counted stays in `rest`.
    pub(super) fn top_up(&self, at: Spot, told: &Sketch, rest: &mut Amounts, before: &mut Amounts) {
        let mut past = lock(&self.past[shard(at.trace as u64)]);
        let mut calls: Vec<Decided> = past.of(at.trace).copied().collect();
        calls.reverse();
        let Some(own) = calls.iter().position(|call| call.claims && call.at == at) else { return };
        calls[own].left = calls[own].left.with(rest);
        calls[own].sketch.learn(told);
        let holds = |id: u64| move |call: &Decided| call.members.iter().any(|member| member.0 == id);
        let mut above = calls[own].hang;
        for _ in 0..WRAPPERS {
            let Some(upper) = (above != 0).then(|| calls.iter().position(holds(above))).flatten() else { break };
            let upper = &mut calls[upper];
            if upper.wrapper && upper.claims {
                upper.drawn |= upper.left.give(rest, before);
            }
            above = upper.hang;
        }
        past.replace(at.trace, &calls);
    }

    /// Where the call of a report is counted that is decided.
    fn counted_at(&self, spot: Spot) -> Option<Spot> {
        // One that is not among the calls of a decided trace came after the verdict.
        let past = lock(&self.past[shard(spot.trace as u64)]);
        let own = past.of(spot.trace).find(|call| call.members.iter().any(|member| member.0 == spot.span));
        own.map(|call| call.at)
    }

    /// Decides whether the reports of one call within a trace count, or some span of another trace does. `canonical` is
    /// their canonical report with the usage of the call; it is among `members`.
    pub(super) fn settle(
        &self,
        instance: u64,
        canonical: &Sketch,
        members: &[Sketch],
        now: u64,
    ) -> Option<(Spot, Rule)> {
        let own = Own::of(members);
        let other = self.same_id(canonical, &own).map(|spot| (spot, Rule::ResponseId)).or_else(|| {
            let decided = |spot| self.counted_at(spot);
            let mut elsewhere = lock(&self.elsewhere[shard(instance)]);
            let spot = elsewhere.settle(instance, canonical, &own, now, decided)?;
            // The other one may have yielded to us already.
            (!own.holds(spot)).then_some((spot, Rule::OtherTrace))
        });
        // A report that yields to one that is not decided yet leaves the id to it.
        let at = match other {
            Some((spot, Rule::ResponseId)) => self.counted_at(spot),
            Some((spot, _)) => Some(spot),
            None => Some(canonical.spot()),
        };
        if let Some(at) = at {
            for with_id in own.ids() {
                let id = with_id.id();
                let counted = Known::of(&Sketch { trace: at.trace, span: at.span, ..*with_id.first() }, COUNTED);
                let mut ids = lock(&self.ids[shard(id)]);
                match ids.get_mut(id) {
                    Some(known) if known.rank == COUNTED && (known.spot() == at || !known.is_of_another(&with_id)) => {}
                    Some(known) => *known = counted,
                    None => ids.insert(id, counted, now),
                }
            }
        }
        other
    }

    /// The span that counts the call with one of these response ids, when it is not ours.
    fn same_id(&self, canonical: &Sketch, own: &Own<'_>) -> Option<Spot> {
        own.ids().find_map(|with_id| {
            let id = with_id.id();
            let ids = lock(&self.ids[shard(id)]);
            let known = ids.get(id)?;
            let best = known.spot();
            // What is one call within a trace is known better than by an id that others may have.
            let is_told = best.trace == canonical.trace && identity::is_weak(id);
            if is_told || known.is_of_another(&with_id) {
                return None;
            }
            let yields = known.rank == COUNTED || (best.trace != canonical.trace && known.rank > canonical.rank());
            (yields && !own.holds(best)).then_some(best)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::ids;
    use crate::calls::late::Terms;
    use crate::calls::past::{DECIDED, MEMBERS};

    #[test]
    fn memories_are_bounded() {
        let recent = RecentCalls::new();
        for index in 0..(SHARDS * ids::CAPACITY * 2) as u64 {
            let id = format!("resp-{index}");
            let place = Place {
                trace_id: 1,
                span_id: index + 1,
                scope: index % 40,
                instance: index % 5000,
                ..Place::default()
            };
            let mut facts = Facts::new();
            facts.role = crate::facts::Role::Inference;
            facts.set(crate::concept::Concept::ResponseId, crate::facts::Val::Str(&id), 0);
            let arrival = Arrival::of(place, &facts).unwrap();
            recent.observe(&[arrival], index, |arrival| Sketch::of_facts(&arrival.place, &facts));
            let decided = Decided {
                sketch: Sketch { trace: u128::from(index), ..Sketch::EMPTY },
                hang: 0,
                at: Spot { trace: 0, span: 0 },
                members: [(0, 0); MEMBERS],
                wrapper: false,
                claims: true,
                left: Amounts::NONE,
                drawn: false,
                in_tool: false,
                terms: Terms::default(),
            };
            recent.remember(u128::from(index), &[decided], index);
        }
        let forgotten =
            |memory| recent.losses().into_iter().find(|(loss, _)| *loss == Loss::Forgotten(memory)).unwrap().1;
        assert!(forgotten("ids") > 0 && forgotten("reports") > 0);
        assert_eq!(forgotten("decided") as usize, SHARDS * ids::CAPACITY * 2 - SHARDS * DECIDED);
        for memory in &recent.ids {
            assert!(lock(memory).len() <= ids::CAPACITY);
        }
        for memory in &recent.past {
            let past = lock(memory);
            assert!(past.calls.len() <= DECIDED && past.newest.len() <= DECIDED);
        }
        for memory in &recent.elsewhere {
            assert!(lock(memory).is_bounded());
        }
    }

    #[test]
    fn time_forgets() {
        let recent = RecentCalls::new();
        let canonical = Sketch { trace: 1, span: 2, response_id: 76, ..Sketch::EMPTY };
        assert_eq!(recent.settle(0, &canonical, &[canonical], 0), None);
        let other = Sketch { trace: 5, span: 6, response_id: 76, ..Sketch::EMPTY };
        assert_eq!(recent.settle(0, &other, &[other], 1), Some((canonical.spot(), Rule::ResponseId)));
        let fresh = Sketch { trace: 5, span: 6, response_id: 78, ..Sketch::EMPTY };
        for shard in 0..1000_u64 {
            let filler = Sketch { trace: 9, span: shard, response_id: 1000 + shard, ..Sketch::EMPTY };
            recent.settle(0, &filler, &[filler], MEMORY_NS + 2);
        }
        assert_eq!(recent.settle(0, &fresh, &[fresh], MEMORY_NS + 3), None);
        assert_eq!(recent.settle(0, &other, &[other], MEMORY_NS + 3), None);
    }
}
