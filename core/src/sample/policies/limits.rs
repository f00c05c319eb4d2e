//! Policies that bound what passes in a time. Each fills a token bucket; traces that are due together share what is in it.
//!
//! A limit is a threshold like any other vote, so that totals estimated from kept traces stay unbiased. Where the bucket
//! holds enough for any of the traces, they are taken from the highest randomness down and the first that does not fit
//! sets the threshold of all (bottom-k with the first excluded value, as in arXiv 1708.04970). Where it may not hold
//! enough for even one, that rule would give some traces no chance at all; there a probability that spends what is left
//! on average is chosen beforehand, and what it spends too much is owed by the traces that follow.

use super::super::state::{Moment, State};
use super::super::summary::TraceSummary;
use super::super::threshold;
use super::super::vote::Vote;
use super::part::{Part, vote_of};
use super::rule::{Compiler, Rule};
use serde_json::{Value, json};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Traces,
    Spans,
    Bytes,
}

impl Unit {
    pub fn of(self, trace: &TraceSummary<'_>) -> f64 {
        match self {
            Unit::Traces => 1.0,
            Unit::Spans => trace.span_count as f64,
            Unit::Bytes => trace.bytes as f64,
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Unit::Traces, Unit::Spans, Unit::Bytes].into_iter().find(|unit| unit.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Unit::Traces => "traces",
            Unit::Spans => "spans",
            Unit::Bytes => "bytes",
        }
    }
}

/// A token bucket. Below zero it owes.
#[derive(Debug, Default)]
pub struct Bucket {
    pub(super) tokens: f64,
    /// Unix nanoseconds; 0 before the first use.
    filled_at: u64,
    /// For `explain`: what there was for the last batch, and how many traces asked for it.
    pub(super) offered: f64,
    pub(super) asked: usize,
}

impl State for Bucket {
    fn save(&self) -> Vec<u8> {
        [self.tokens.to_le_bytes(), self.filled_at.to_le_bytes()].concat()
    }

    fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        let (tokens, filled_at) = saved.split_first_chunk().ok_or("too short")?;
        self.tokens = f64::from_le_bytes(*tokens);
        self.filled_at = u64::from_le_bytes(filled_at.try_into().map_err(|_| "of another length")?);
        if self.tokens.is_finite() { Ok(()) } else { Err("not a number".to_owned()) }
    }
}

/// Of what came in since the last batch, how much is spent even when the bucket is empty, so that no trace is without
/// any chance. The rest pays what is owed.
const SPENT_WHEN_EMPTY: f64 = 0.5;

/// The longest time, in seconds, that counts for it.
const LONGEST_S: f64 = 1.0;

/// A bound per second with room for bursts.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    pub unit: Unit,
    pub per_second: f64,
    pub burst: f64,
}

impl Limiter {
    /// Votes for what is `open` of each trace and takes what is kept out of the bucket.
    pub fn votes(
        &self,
        bucket: &mut Bucket,
        now: u64,
        traces: &[&TraceSummary<'_>],
        open: &[Vote],
        votes: &mut [Vote],
    ) {
        let since = self.fill(bucket, now);
        // What is larger than the bucket never passes.
        let fits = |trace: &TraceSummary<'_>, open: Vote| open.is_some() && self.unit.of(trace) <= self.burst;
        let asked: Vec<Asked> = traces
            .iter()
            .zip(open)
            .filter(|(trace, open)| fits(trace, **open))
            .map(|(trace, open)| Asked {
                randomness: trace.randomness,
                threshold: open.threshold().max(trace.passed),
                passed: trace.passed,
                cost: self.unit.of(trace),
            })
            .collect();
        (bucket.offered, bucket.asked) = (bucket.tokens, asked.len());
        let cut = Vote::at(cut(&asked, bucket.tokens, self.least(since)));
        for ((trace, open), vote) in traces.iter().zip(open).zip(votes) {
            *vote = if fits(trace, *open) { cut } else { Vote::NONE };
            if open.and(*vote).keeps(trace.randomness) {
                bucket.tokens -= self.unit.of(trace);
            }
        }
    }

    /// The bucket as the last batch found and left it, for `explain`.
    pub(super) fn told(&self, bucket: &Bucket) -> Value {
        json!({
            "per_second": self.per_second,
            "burst": self.burst,
            "tokens": bucket.offered,
            "tokens_left": bucket.tokens,
            "traces_at_once": bucket.asked,
        })
    }

    /// What may be spent on average though the bucket is empty, `since` seconds after the last batch.
    pub(super) fn least(&self, since: f64) -> f64 {
        SPENT_WHEN_EMPTY * self.per_second * since.min(LONGEST_S)
    }

    /// Fills up to now; returns the seconds since the last time.
    pub(super) fn fill(&self, bucket: &mut Bucket, now: u64) -> f64 {
        if bucket.filled_at == 0 {
            bucket.tokens = self.burst;
            bucket.filled_at = now;
        }
        let since = now.saturating_sub(bucket.filled_at) as f64 / 1e9;
        bucket.filled_at = bucket.filled_at.max(now);
        bucket.tokens = (bucket.tokens + since * self.per_second).min(self.burst);
        since
    }
}

/// A trace that asks for room.
pub(super) struct Asked {
    pub(super) randomness: u64,
    /// What others leave of it.
    pub(super) threshold: u64,
    /// What it passed upstream.
    pub(super) passed: u64,
    pub(super) cost: f64,
}

/// The threshold under which traces fit into `tokens`. `least`: what may be spent on average whatever is left.
pub(super) fn cut(asked: &[Asked], tokens: f64, least: f64) -> u64 {
    let largest = asked.iter().map(|trace| trace.cost).fold(0.0, f64::max);
    // Which rule applies depends on sizes alone, never on the randomness of these traces.
    if largest > tokens {
        return threshold::from_probability(affordable(asked, tokens.max(least)));
    }
    let mut order: Vec<&Asked> = asked.iter().filter(|trace| trace.randomness >= trace.threshold).collect();
    order.sort_unstable_by_key(|trace| std::cmp::Reverse(trace.randomness));
    let mut spent = 0.0;
    for trace in order {
        spent += trace.cost;
        if spent > tokens {
            return trace.randomness + 1;
        }
    }
    0
}

/// The probability that spends `tokens` on average; a trace that was sampled upstream stands for others that did not come.
fn affordable(asked: &[Asked], tokens: f64) -> f64 {
    let spent = |probability: f64| -> f64 {
        let share = |trace: &Asked| {
            probability.min(threshold::probability(trace.threshold)) / threshold::probability(trace.passed)
        };
        asked.iter().map(|trace| trace.cost * share(trace)).sum()
    };
    if spent(1.0) <= tokens {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if spent(middle) <= tokens { low = middle } else { high = middle }
    }
    low
}

const HALVINGS: u32 = 40;

/// `rate_limiting`, `bytes_limiting`.
pub struct RateLimit {
    limiter: Limiter,
    slot: usize,
}

impl RateLimit {
    pub fn compile(unit: Unit, per_second: f64, burst: f64, path: &str, to: &mut Compiler<'_>) -> Self {
        let identity = format!("limit {} {per_second} {burst}", unit.name());
        let slot = to.state(path, &identity, Bucket::default);
        Self { limiter: Limiter { unit, per_second, burst }, slot }
    }
}

impl Rule for RateLimit {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        vote_of(self, trace, moment)
    }

    fn learned(&self, _: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        self.limiter.told(moment.state(self.slot))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({self.limiter.unit.name(): self.limiter.unit.of(trace), "burst_capacity": self.limiter.burst})
    }

    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        let now = moment.now;
        self.limiter.votes(moment.state(self.slot), now, traces, open, votes);
    }

    fn limits(&self) -> bool {
        true
    }
}

/// `composite`: the first part that wants a trace has it, within its own share of the total.
pub struct Composite {
    parts: Vec<Part>,
    /// Of the parts, in their order.
    shares: Vec<RateLimit>,
    /// In which order they are asked.
    order: Vec<usize>,
}

impl Composite {
    /// `rates`: spans per second of each part; a part may spend a second's worth at once. `order`: of the parts.
    pub fn compile(
        parts: Vec<Part>,
        rates: &[f64],
        order: &[usize],
        path: &str,
        to: &mut Compiler<'_>,
    ) -> Result<Self, String> {
        let mut each = order.to_vec();
        each.sort_unstable();
        if parts.len() != rates.len() || !each.into_iter().eq(0..parts.len()) {
            return Err("composite needs a rate and a place in the order for each sub-policy".to_owned());
        }
        let limit =
            |(at, rate): (usize, &f64)| RateLimit::compile(Unit::Spans, *rate, *rate, &format!("{path}/{at}"), to);
        let shares = rates.iter().enumerate().map(limit).collect();
        Ok(Self { parts, shares, order: order.to_vec() })
    }
}

impl Rule for Composite {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        vote_of(self, trace, moment)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"spans": trace.span_count})
    }

    fn learned(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        json!({"shares": self.shares.iter().map(|share| share.learned(trace, moment)).collect::<Vec<_>>()})
    }

    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        self.parts.iter().for_each(|part| part.rule.late(trace, credited, moment));
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        self.parts.iter().for_each(|part| part.rule.observe(trace, moment));
    }

    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        votes.fill(Vote::NONE);
        let mut left = open.to_vec();
        let mut wanted = vec![Vote::NONE; traces.len()];
        let mut room = wanted.clone();
        for at in &self.order {
            let (part, limit) = (&self.parts[*at], &self.shares[*at]);
            part.votes(traces, &left, moment, &mut wanted);
            let asked: Vec<Vote> = left.iter().zip(&wanted).map(|(left, wanted)| left.and(*wanted)).collect();
            limit.votes(traces, &asked, moment, &mut room);
            for (at, vote) in votes.iter_mut().enumerate() {
                *vote = vote.or(wanted[at].and(room[at]));
                // What a part wants for certain does not fall through to the next, be it over its share or not. What it
                // wants by chance does, whatever the chance: who is asked must not depend on the randomness.
                if wanted[at] == Vote::ALWAYS {
                    left[at] = Vote::NONE;
                }
            }
        }
    }

    fn limits(&self) -> bool {
        true
    }
}
