//! The spans of one request: found, parsed, normalized and chained by trace, before anything is taken.

use super::compiled::Compiled;
use super::refusal::Refusal;
use super::steps::step;
use crate::buffer::intern::{Resource, Scope};
use crate::buffer::trace::{Arrival, SpanEntry};
use crate::calls::{self, Place, RecentCalls, Sketch};
use crate::error::{CoreError, Result};
use crate::facts::Facts;
use crate::normalize::Anomalies;
use crate::record;
use crate::sample::conditions::Bits;
use crate::sample::ottl::Seen;
use crate::sample::runaway::Step;
use crate::sample::tracestate;
use crate::wire::request::{Head, Visitor};
use crate::wire::span::{Attr, SpanView, parse_with};
use bumpalo::Bump;
use hashbrown::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A span and the resource and scope it stands under.
struct Located<'a> {
    raw: &'a [u8],
    resource: u32,
    scope: u32,
}

/// First pass: where every span stands.
pub(super) struct Places<'a, 'p> {
    plan: &'p Compiled,
    spans: Vec<Located<'a>>,
    /// Spans beyond `limits.request_spans`.
    beyond: u64,
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
    gathered: Vec<u8>,
}

impl<'p> Places<'_, 'p> {
    pub fn new(plan: &'p Compiled) -> Self {
        Self {
            plan,
            spans: Vec::with_capacity(64),
            beyond: 0,
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
        if self.spans.len() >= self.plan.limits.request_spans {
            self.beyond += 1;
            return Ok(());
        }
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
pub(super) struct Pending<'a> {
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
pub(super) struct Chain {
    pub trace: u128,
    first: u32,
    last: u32,
    count: usize,
    pub bits: Bits,
    pub root_ended: bool,
    /// Of explicit values that differ the smallest, in whatever order they come.
    pub randomness: Option<u64>,
}

/// Second pass: spans parsed, normalized and chained by trace.
pub(super) struct Intake<'a, 'p> {
    plan: &'p Compiled,
    places: &'p Places<'a, 'p>,
    pub pending: Vec<Pending<'a>>,
    records: Vec<u8>,
    /// The spans that may report calls; the index of a place counts `pending`.
    arrivals: Vec<calls::Arrival>,
    /// What watches look at.
    pub steps: Vec<Step>,
    pub chains: Vec<Chain>,
    by_trace: HashMap<u128, u32, foldhash::fast::RandomState>,
    pub rejected: u64,
    /// Why the first of them was.
    pub reason: Option<String>,
    /// How many of them break protobuf's framing, and how the first does.
    broken: Option<(usize, CoreError)>,
}

impl<'a, 'p> Intake<'a, 'p> {
    pub fn new(plan: &'p Compiled, places: &'p Places<'a, 'p>) -> Self {
        let count = places.spans.len();
        Self {
            plan,
            places,
            pending: Vec::with_capacity(count),
            records: Vec::with_capacity(count * 64),
            arrivals: Vec::new(),
            steps: Vec::new(),
            chains: Vec::new(),
            by_trace: HashMap::default(),
            rejected: 0,
            reason: None,
            broken: None,
        }
    }

    /// Reads the spans that came at `now`; `recent` is told of the calls that they report. Fails when there are spans
    /// and none of them is one.
    pub fn parse(&mut self, arena: &Bump, recent: &RecentCalls, now: u64) -> Result<Anomalies> {
        let anomalies = self.read(arena, true);
        let mut facts = Facts::new();
        recent.observe(&self.arrivals, now, |arrival| {
            let span = &self.pending[arrival.place.index as usize];
            record::decode(&self.records[span.record.clone()], span.raw, &mut facts);
            Sketch::of_facts(&arrival.place, &facts)
        });
        match self.broken.take() {
            Some((count, fault)) if count == self.places.spans.len() => Err(fault),
            _ => Ok(anomalies),
        }
    }

    /// The same for spans that were taken once and told of.
    pub fn reparse(&mut self, arena: &Bump) {
        self.read(arena, false);
    }

    /// The spans of some chains as places under another plan.
    pub fn places_under<'q>(&self, plan: &'q Compiled, chains: &[u32]) -> Result<Places<'a, 'q>> {
        let resources = &self.places.resources;
        let scopes = &self.places.scopes;
        let mut places = Places::new(plan);
        places.resources = resources.iter().map(|one| Resource::interned(&one.head, plan)).collect::<Result<_>>()?;
        places.scopes = scopes.iter().map(|one| Scope::interned(&one.head, plan)).collect::<Result<_>>()?;
        for chain in chains {
            let mut at = self.chains[*chain as usize].first;
            while let Some(span) = self.pending.get(at as usize) {
                places.spans.push(Located { raw: span.raw, resource: span.resource, scope: span.scope });
                at = span.next;
            }
        }
        Ok(places)
    }

    fn read(&mut self, arena: &Bump, first_time: bool) -> Anomalies {
        let limits = &self.plan.limits;
        let mut attrs: Vec<Attr<'_>> = Vec::with_capacity(64);
        let mut scratch = self.plan.scratch();
        let mut facts = Facts::new();
        let mut bits = Bits::default();
        let places = self.places;
        for located in &places.spans {
            let resource = &places.resources[located.resource as usize];
            let scope = &places.scopes[located.scope as usize];
            let orders = &mut scratch.orders;
            let parsed = parse_with(located.raw, limits.attribute_count, &mut attrs, |span, key, first| {
                if first {
                    orders.begin(scope.name_hash, span.name);
                }
                orders.lookup(key, &self.plan.keys)
            });
            let refusal = match &parsed {
                Ok(span) if first_time => Refusal::of(span, &attrs, resource, scope, limits),
                Ok(_) => Ok(None),
                Err(fault) => Err(fault.clone()),
            };
            if let Some(refusal) = refusal.unwrap_or_else(|fault| Some(Refusal::Broken(fault))) {
                self.refuse(parsed.as_ref().ok(), &refusal);
                continue;
            }
            let Ok(span) = parsed else { continue };
            if span.attributes > 0 {
                scratch.orders.end(&attrs);
            }
            let start = self.records.len();
            facts.clear();
            bits.clear();
            let normalizer = &self.plan.normalizer;
            let conditions = &self.plan.policies.conditions;
            let model = normalizer.span(&span, &attrs, &resource.facts, &scope.facts, &mut scratch, arena, &mut facts);
            if model {
                record::encode(&facts, located.raw, &mut self.records);
                if first_time {
                    let place = Place {
                        index: self.pending.len() as u32,
                        scope: normalizer.reporter(scope.name_hash, facts.dialect),
                        ..place(&span, resource, scope)
                    };
                    self.arrivals.extend(calls::Arrival::of(place, &facts));
                    if !self.plan.policies.watches.is_empty() {
                        self.steps.extend(step(self.plan, place, &facts));
                    }
                }
            }
            let facts = model.then_some(&facts);
            conditions.observe(&attrs, facts, &mut bits);
            let (resource_head, scope_head) = (&resource.head, &scope.head);
            let seen =
                Seen { span: &span, attrs: &attrs, facts, resource: resource_head, scope: scope_head, event: None };
            conditions.observe_span(&seen, &mut bits);
            bits.merge(&resource.bits);
            conditions.observe_groups(span.status_code, span.parent_id == 0, &mut bits);
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
        if places.beyond > 0 {
            self.refuse(None, &Refusal::TooMany(limits.request_spans));
            self.rejected += places.beyond - 1;
        }
        let anomalies = std::mem::take(&mut scratch.anomalies);
        self.plan.give_back(scratch);
        anomalies
    }

    /// Notes a refused span; why is told of the first.
    fn refuse(&mut self, span: Option<&SpanView<'_>>, why: &Refusal<'_>) {
        self.rejected += 1;
        if let Refusal::Broken(fault) = why {
            self.broken.get_or_insert_with(|| (0, fault.clone())).0 += 1;
        }
        self.reason.get_or_insert_with(|| match (span, why) {
            (None, _) | (_, Refusal::Broken(_)) => why.to_string(),
            (Some(span), _) => format!("span {:016x} of trace {:032x}: {why}", span.span_id, span.trace_id),
        });
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
        if !span.trace_state.is_empty() {
            let own = tracestate::parse(span.trace_state).randomness;
            chain.randomness = chain.randomness.into_iter().chain(own).min();
        }
    }

    /// The arrivals of one chain.
    pub fn spans<'i>(&'i self, chain: &Chain) -> ChainSpans<'i, 'a, 'p> {
        ChainSpans { intake: self, at: chain.first }
    }
}

fn place(span: &SpanView<'_>, resource: &Resource, scope: &Scope) -> Place {
    Place {
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
    }
}

/// Iterates over the arrivals of one chain.
#[derive(Clone)]
pub(super) struct ChainSpans<'i, 'a, 'p> {
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
