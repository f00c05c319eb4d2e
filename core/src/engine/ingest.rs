//! One request into the buffer: parse everything first, then take it, so that a malformed request touches nothing.

use super::compiled::Compiled;
use super::{Engine, lock};
use crate::buffer::intern::{Resource, Scope};
use crate::buffer::shard::Shard;
use crate::buffer::trace::{Arrival, SpanEntry, Trace, Trigger};
use crate::calls::Place;
use crate::error::{CoreError, Result};
use crate::facts::Facts;
use crate::record;
use crate::sample::conditions::Bits;
use crate::sample::tracestate;
use crate::wire::request::{Head, Visitor, walk};
use crate::wire::span::{Attr, SpanView, parse};
use crate::wire::value::{check, utf8};
use bumpalo::Bump;
use hashbrown::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What became of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    pub accepted: u64,
    pub rejected: u64,
    /// Why spans were refused; empty when none were.
    pub message: String,
    /// The buffer is above its high watermark.
    pub pressure: bool,
}

/// Above this share of the buffer the oldest traces are decided early.
pub const HIGH_WATERMARK: f64 = 0.9;

/// How long late spans of a decided trace wait for each other, nanoseconds.
const LATE_WAIT: u64 = 1_000_000_000;

impl Engine {
    /// Takes one `ExportTraceServiceRequest` received at `now` (Unix nanoseconds).
    pub fn ingest(&self, request: &[u8], now: u64) -> Result<IngestReport> {
        self.clock.fetch_max(now, Ordering::Relaxed);
        let plan = self.plan();
        let limit = plan.limits.buffer_bytes;
        let buffered = self.buffered_bytes();
        if buffered + request.len() as u64 > limit {
            self.measure().request_refused();
            return Err(CoreError::Full { buffered, limit });
        }
        let mut places = Places::new(&plan);
        walk(request, &mut places)?;
        let arena = Bump::new();
        let mut intake = Intake::new(self, &plan, &places, now);
        intake.parse(&arena)?;
        let added = self.take(&plan, &intake, now);
        let buffered = self.buffered.fetch_add(added, Ordering::Relaxed) + added;
        let (accepted, rejected) = (intake.pending.len() as u64, intake.rejected);
        self.measure().spans_received(accepted, rejected);
        let message = match &intake.reason {
            Some(reason) => format!("{rejected} spans refused; the first: {reason}"),
            None => String::new(),
        };
        Ok(IngestReport { accepted, rejected, message, pressure: buffered as f64 > limit as f64 * HIGH_WATERMARK })
    }

    /// Moves parsed spans into the buffer, one lock per shard. Returns the heap bytes added.
    fn take(&self, plan: &Arc<Compiled>, intake: &Intake<'_, '_>, now: u64) -> u64 {
        let mut order: Vec<(usize, u32)> =
            intake.chains.iter().zip(0..).map(|(chain, index)| (self.shard_of(chain.trace), index)).collect();
        order.sort_unstable();
        let mut added = 0;
        for same_shard in order.chunk_by(|a, b| a.0 == b.0) {
            let mut shard = lock(&self.shards[same_shard[0].0]);
            for &(_, chain) in same_shard {
                added += intake.enter(&mut shard, plan, &intake.chains[chain as usize], now);
            }
        }
        added
    }
}

/// A span and the resource and scope it stands under.
struct Located<'a> {
    raw: &'a [u8],
    resource: u32,
    scope: u32,
}

/// First pass: where every span stands.
struct Places<'a, 'p> {
    plan: &'p Compiled,
    spans: Vec<Located<'a>>,
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
    gathered: Vec<u8>,
}

impl<'p> Places<'_, 'p> {
    fn new(plan: &'p Compiled) -> Self {
        Self {
            plan,
            spans: Vec::with_capacity(64),
            resources: Vec::with_capacity(1),
            scopes: Vec::with_capacity(4),
            gathered: Vec::new(),
        }
    }
}

impl<'a> Visitor<'a> for Places<'a, '_> {
    fn resource(&mut self, head: Head<'a>) -> Result<()> {
        let head = bytes_of(head, &mut self.gathered)?;
        self.resources.push(Resource::interned(head, self.plan)?);
        Ok(())
    }

    fn scope(&mut self, head: Head<'a>) -> Result<()> {
        let head = bytes_of(head, &mut self.gathered)?;
        self.scopes.push(Scope::interned(head, self.plan)?);
        Ok(())
    }

    fn span(&mut self, raw: &'a [u8]) -> Result<()> {
        let (resource, scope) = (self.resources.len() as u32 - 1, self.scopes.len() as u32 - 1);
        self.spans.push(Located { raw, resource, scope });
        Ok(())
    }
}

fn bytes_of<'b>(head: Head<'b>, gathered: &'b mut Vec<u8>) -> Result<&'b [u8]> {
    if let Head::Slice(bytes) = head {
        return Ok(bytes);
    }
    gathered.clear();
    head.gather(gathered)?;
    Ok(gathered)
}

/// A parsed span that waits for the rest of its request.
struct Pending<'a> {
    raw: &'a [u8],
    record: Range<usize>,
    entry: SpanEntry,
    resource: u32,
    scope: u32,
    /// The next span of the same trace in this request; `LAST` ends the chain.
    next: u32,
}

const LAST: u32 = u32::MAX;

/// The spans of one trace in this request.
struct Chain {
    trace: u128,
    first: u32,
    last: u32,
    count: usize,
    bits: Bits,
    root_ended: bool,
    randomness: Option<u64>,
}

/// Second pass: spans parsed, normalized and chained by trace.
struct Intake<'a, 'p> {
    engine: &'p Engine,
    plan: &'p Compiled,
    places: &'p Places<'a, 'p>,
    now: u64,
    pending: Vec<Pending<'a>>,
    records: Vec<u8>,
    chains: Vec<Chain>,
    by_trace: HashMap<u128, u32, foldhash::fast::RandomState>,
    rejected: u64,
    reason: Option<String>,
}

impl<'a, 'p> Intake<'a, 'p> {
    fn new(engine: &'p Engine, plan: &'p Compiled, places: &'p Places<'a, 'p>, now: u64) -> Self {
        let count = places.spans.len();
        Self {
            engine,
            plan,
            places,
            now,
            pending: Vec::with_capacity(count),
            records: Vec::with_capacity(count * 64),
            chains: Vec::new(),
            by_trace: HashMap::default(),
            rejected: 0,
            reason: None,
        }
    }

    fn parse(&mut self, arena: &Bump) -> Result<()> {
        let limits = &self.plan.limits;
        let mut attrs: Vec<Attr<'_>> = Vec::with_capacity(64);
        let mut scratch = self.plan.scratch();
        let mut facts = Facts::new();
        let mut bits = Bits::default();
        let places = self.places;
        for located in &places.spans {
            let span = parse(located.raw, &self.plan.keys, limits.attribute_count, &mut attrs)?;
            if let Some(reason) = self.refusal(&span, &attrs) {
                self.rejected += 1;
                self.reason.get_or_insert(reason);
                continue;
            }
            let resource = &places.resources[located.resource as usize];
            let scope = &places.scopes[located.scope as usize];
            let start = self.records.len();
            facts.clear();
            let normalizer = &self.plan.normalizer;
            if normalizer.span(&span, &attrs, &resource.facts, &scope.facts, &mut scratch, arena, &mut facts) {
                record::encode(&facts, located.raw, &mut self.records);
                let place = Place {
                    index: 0,
                    trace_id: span.trace_id,
                    span_id: span.span_id,
                    parent_id: span.parent_id,
                    start: span.start,
                    end: span.end,
                    kind: span.kind,
                    status: span.status_code,
                    scope: scope.name_hash,
                    instance: resource.instance,
                };
                self.engine.recent.observe(&place, &facts, self.now);
            }
            bits.clear();
            self.plan.policies.conditions.observe(&attrs, &mut bits);
            bits.merge(&resource.bits);
            let entry = SpanEntry {
                span_id: span.span_id,
                parent_id: span.parent_id,
                start: span.start,
                end: span.end,
                segment: 0,
                offset: 0,
                len: located.raw.len() as u32,
                record_len: (self.records.len() - start) as u32,
                group: 0,
                kind: span.kind,
                status: span.status_code,
                has_trace_state: !span.trace_state.is_empty(),
            };
            self.chain(&span, &bits);
            self.pending.push(Pending {
                raw: located.raw,
                record: start..self.records.len(),
                entry,
                resource: located.resource,
                scope: located.scope,
                next: LAST,
            });
        }
        self.engine.measure().anomalies(&std::mem::take(&mut scratch.anomalies));
        self.plan.give_back(scratch);
        Ok(())
    }

    /// Why a span cannot be taken; such spans are refused one by one, so that they do not take their neighbors along.
    fn refusal(&self, span: &SpanView<'_>, attrs: &[Attr<'_>]) -> Option<String> {
        let fault = if self.pending.len() >= self.plan.limits.request_spans {
            format!("more than {} spans in a request (limits.request_spans)", self.plan.limits.request_spans)
        } else if !span.valid_ids {
            "trace and span ids must have 16 and 8 bytes and not be zero".to_owned()
        } else if utf8(span.name).is_err() || utf8(span.trace_state).is_err() || utf8(span.status_message).is_err() {
            "name, trace state or status message is not valid UTF-8".to_owned()
        } else {
            let faulty = attrs.iter().find_map(|attr| {
                let fault = utf8(attr.key).and_then(|()| check(&attr.value, self.plan.limits.depth)).err()?;
                Some(format!("attribute {:?}: {fault}", String::from_utf8_lossy(attr.key)))
            })?;
            return Some(format!("span {:016x} of trace {:032x}: {faulty}", span.span_id, span.trace_id));
        };
        Some(format!("span {:016x} of trace {:032x}: {fault}", span.span_id, span.trace_id))
    }

    /// Adds the span about to be pushed to the chain of its trace.
    fn chain(&mut self, span: &SpanView<'_>, bits: &Bits) {
        let index = self.pending.len() as u32;
        // Spans of a trace usually come one after the other.
        let known = match self.chains.last() {
            Some(chain) if chain.trace == span.trace_id => Some(self.chains.len() - 1),
            _ => self.by_trace.get(&span.trace_id).map(|at| *at as usize),
        };
        let at = known.unwrap_or_else(|| {
            self.by_trace.insert(span.trace_id, self.chains.len() as u32);
            self.chains.push(Chain {
                trace: span.trace_id,
                first: index,
                last: index,
                count: 0,
                bits: Bits::default(),
                root_ended: false,
                randomness: None,
            });
            self.chains.len() - 1
        });
        let chain = &mut self.chains[at];
        if chain.count > 0 {
            self.pending[chain.last as usize].next = index;
        }
        chain.last = index;
        chain.count += 1;
        chain.bits.merge(bits);
        chain.root_ended |= span.parent_id == 0;
        if !span.trace_state.is_empty() && chain.randomness.is_none() {
            chain.randomness = tracestate::parse(span.trace_state).randomness;
        }
    }

    /// Adds a chain to its trace and moves the trace's due time. Returns the heap bytes added.
    fn enter(&self, shard: &mut Shard, plan: &Arc<Compiled>, chain: &Chain, now: u64) -> u64 {
        let late = shard.verdicts.get(chain.trace).is_some();
        let wait = if late { LATE_WAIT } else { plan.decision_wait };
        let due = now.saturating_add(wait);
        let mut is_new = false;
        let trace = shard.traces.entry(chain.trace).or_insert_with(|| {
            is_new = true;
            Trace::new(chain.trace, plan.clone(), now, due, late)
        });
        let added = trace.add(ChainSpans { intake: self, at: chain.first });
        trace.bits.merge(&chain.bits);
        trace.randomness = trace.randomness.or(chain.randomness);
        let before = trace.due;
        let limits = &trace.plan.limits;
        let full = if trace.spans.len() >= limits.trace_spans || trace.groups_full() {
            Some(Trigger::SpanLimit)
        } else {
            (trace.span_bytes >= limits.trace_bytes).then_some(Trigger::ByteLimit)
        };
        if let Some(trigger) = full {
            if trace.due > now {
                (trace.due, trace.due_reason) = (now, if trace.late { Trigger::Late } else { trigger });
            }
        } else if chain.root_ended && !trace.late {
            let root_due = now.saturating_add(trace.plan.decision_wait_after_root);
            if root_due < trace.due {
                (trace.due, trace.due_reason) = (root_due, Trigger::RootReceived);
            }
        }
        let due = trace.due;
        if is_new || due != before {
            shard.schedule(due, chain.trace);
        }
        added
    }
}

/// Iterates over the arrivals of one chain.
#[derive(Clone)]
struct ChainSpans<'i, 'a, 'p> {
    intake: &'i Intake<'a, 'p>,
    at: u32,
}

impl<'i> Iterator for ChainSpans<'i, '_, '_> {
    type Item = Arrival<'i>;

    fn next(&mut self) -> Option<Arrival<'i>> {
        let span = self.intake.pending.get(self.at as usize)?;
        self.at = span.next;
        Some(Arrival {
            raw: span.raw,
            record: &self.intake.records[span.record.clone()],
            entry: span.entry,
            resource: &self.intake.places.resources[span.resource as usize],
            scope: &self.intake.places.scopes[span.scope as usize],
        })
    }
}
