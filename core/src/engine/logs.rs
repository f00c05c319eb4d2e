//! Log records: checked, read for what they say about model calls, and passed on under the content policy.

use super::compiled::Compiled;
use super::join::{is_worth_noting, only_what_fills};
use super::{Engine, lock};
use crate::buffer::intern::{Resource, Scope};
use crate::buffer::notes::Note;
use crate::concept::Concept;
use crate::content::Counts;
use crate::content::edit::Entry;
use crate::content::record::log_name;
use crate::error::Result;
use crate::facts::Facts;
use crate::record;
use crate::sample::conditions::Bits;
use crate::wire::json::{self, Signal};
use crate::wire::reader::{BYTES, FIXED64, Reader};
use crate::wire::request::{Head, Visitor, walk};
use crate::wire::span::{Attr, fields, parse};
use crate::wire::writer::{bytes, tag};
use bumpalo::Bump;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What became of a logs request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LogsReport {
    /// Log records in the request.
    pub records: u64,
    /// The request to pass on, where the content policy changed it.
    pub payload: Option<Vec<u8>>,
    /// Records that `limits.log_facts_mib` had no room for.
    pub refused: u64,
}

/// Notes wait at least this long for their span, nanoseconds.
const SHORTEST_WAIT: u64 = 10_000_000_000;

/// Without any of these a record without a name says nothing about a model call.
const MARK: &[u8] = b"gen_ai.";

impl Engine {
    /// Takes one `ExportLogsServiceRequest` received at `now` (Unix nanoseconds). Bytes that are not one are refused and
    /// touch nothing. What its records say about model calls waits for the spans that they were written in, as far as
    /// `limits.log_facts_mib` has room: a decision's time, or until the end with `keep`.
    pub fn take_logs(&self, request: &[u8], now: u64, keep: bool) -> Result<LogsReport> {
        self.clock.fetch_max(now, Ordering::Relaxed);
        let plan = self.plan();
        let records = json::check(Signal::Logs, request)?;
        let wait = if keep { u64::MAX } else { plan.decision_wait.max(SHORTEST_WAIT) };
        let refused = self.note(&plan, request, now.saturating_add(wait))?;
        let mut counts = Counts::default();
        let payload = plan.content.logs(request, &mut counts);
        self.measure().content(&counts);
        Ok(LogsReport { records, payload, refused })
    }

    /// Notes what the records say, until `expires`; returns how many found no room.
    fn note(&self, plan: &Arc<Compiled>, request: &[u8], expires: u64) -> Result<u64> {
        if plan.limits.log_facts_bytes == 0 {
            return Ok(0);
        }
        let none = Head::Slice(&[]);
        let mut events = Events { plan, heads: (none, none), resource: None, scope: None, notes: Vec::new() };
        walk(request, &mut events)?;
        let mut refused = 0;
        for (trace, note) in events.notes {
            let mut note = note;
            // Content takes no more than half of the room: what records tell is worth more.
            if self.noted.load(Ordering::Relaxed) + note.heap_bytes() > plan.limits.log_facts_bytes / 2 {
                note.content = Box::default();
            }
            if note.says_nothing() {
                refused += 1;
                continue;
            }
            let size = note.heap_bytes();
            if self.noted.fetch_add(size, Ordering::Relaxed) + size > plan.limits.log_facts_bytes {
                self.noted.fetch_sub(size, Ordering::Relaxed);
                refused += 1;
            } else {
                lock(&self.shards[self.shard_of(trace)]).notes.add(trace, note, expires);
            }
        }
        self.measure().log_events(0, 0, refused);
        Ok(refused)
    }
}

/// The log records of a request that say something about a model call.
struct Events<'a, 'p> {
    plan: &'p Arc<Compiled>,
    /// Heads of the resource and the scope that are walked; interned once a record asks for them.
    heads: (Head<'a>, Head<'a>),
    resource: Option<Arc<Resource>>,
    scope: Option<Arc<Scope>>,
    notes: Vec<(u128, Note)>,
}

/// Resources, scopes and records lie in a logs request as resources, scopes and spans do in a traces request.
impl<'a> Visitor<'a> for Events<'a, '_> {
    fn resource(&mut self, head: Head<'a>) -> Result<()> {
        (self.heads.0, self.resource) = (head, None);
        Ok(())
    }

    fn scope(&mut self, head: Head<'a>) -> Result<()> {
        (self.heads.1, self.scope) = (head, None);
        Ok(())
    }

    fn span(&mut self, record: &'a [u8]) -> Result<()> {
        let name = log_name(record);
        if !name.is_empty() || memchr::memmem::find(record, MARK).is_some() {
            // A record that cannot be read says nothing; whether it may pass was decided before.
            let noted = as_span(record, name).and_then(|span| self.note(&span));
            self.notes.extend(noted.ok().flatten());
        }
        Ok(())
    }
}

impl Events<'_, '_> {
    fn note(&mut self, span: &[u8]) -> Result<Option<(u128, Note)>> {
        let mut gathered = Vec::new();
        if self.resource.is_none() {
            self.heads.0.gather(&mut gathered)?;
            self.resource = Some(Resource::interned(&gathered, self.plan)?);
        }
        if self.scope.is_none() {
            gathered.clear();
            self.heads.1.gather(&mut gathered)?;
            self.scope = Some(Scope::interned(&gathered, self.plan)?);
        }
        match (&self.resource, &self.scope) {
            (Some(resource), Some(scope)) => note(self.plan, span, resource, scope),
            _ => Ok(None),
        }
    }
}

/// Reads a record in the form of a span.
fn note(plan: &Arc<Compiled>, raw: &[u8], resource: &Resource, scope: &Scope) -> Result<Option<(u128, Note)>> {
    let mut attrs: Vec<Attr<'_>> = Vec::new();
    let span = parse(raw, &plan.keys, plan.limits.attribute_count, &mut attrs)?;
    if !span.valid_ids {
        return Ok(None);
    }
    let arena = Bump::new();
    let mut facts = Facts::new();
    let mut scratch = plan.scratch();
    let says = plan.normalizer.span(&span, &attrs, &resource.facts, &scope.facts, &mut scratch, &arena, &mut facts);
    scratch.anomalies = Default::default();
    plan.give_back(scratch);
    // Who tells the usage makes counting needless.
    let told = USAGE.iter().any(|concept| facts.has(*concept));
    let content = if told { Box::default() } else { plan.estimator.content(raw).concat().into() };
    let mut note =
        Note { span_id: span.span_id, record: Box::default(), content, bits: Bits::default(), plan: plan.clone() };
    if says && is_worth_noting(&facts) {
        only_what_fills(&mut facts);
        plan.policies.conditions.observe(&[], Some(&facts), &mut note.bits);
        let mut record = Vec::new();
        record::encode(&facts, &[], &mut record);
        note.record = record.into();
    }
    Ok((!note.says_nothing()).then_some((span.trace_id, note)))
}

const USAGE: [Concept; 2] = [Concept::InputTokens, Concept::OutputTokens];

/// `LogRecord` fields.
const TIME: u32 = 1;
const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;

/// A log record as a span with one event: what has a place on spans of this convention stands in the record's attributes,
/// and both these and the body are what dialects read from an event of its name.
fn as_span(record: &[u8], name: &[u8]) -> Result<Vec<u8>> {
    let mut span = Vec::with_capacity(record.len() * 2);
    let mut event = Vec::with_capacity(record.len());
    bytes(&mut event, 2, name);
    bytes(&mut span, 5, name);
    let mut reader = Reader::new(record);
    while !reader.at_end() {
        match reader.tag()? {
            (TIME, FIXED64) => {
                let time = reader.fixed64()?.to_le_bytes();
                for field in [7, 8] {
                    tag(&mut span, field, FIXED64);
                    span.extend_from_slice(&time);
                }
            }
            (TRACE_ID, BYTES) => bytes(&mut span, 1, reader.bytes()?),
            (SPAN_ID, BYTES) => bytes(&mut span, 2, reader.bytes()?),
            (ATTRIBUTES, BYTES) => {
                let attribute = reader.bytes()?;
                bytes(&mut span, 9, attribute);
                bytes(&mut event, 3, attribute);
            }
            (BODY, BYTES) => {
                for entry in fields(reader.bytes()?, 6).map_while(Result::ok).flat_map(|map| fields(map, 1)) {
                    let entry = entry?;
                    bytes(&mut event, 3, entry);
                    if Entry::read(entry).key.starts_with(MARK) {
                        bytes(&mut span, 9, entry);
                    }
                }
            }
            (_, wire) => reader.skip(wire)?,
        }
    }
    bytes(&mut span, 11, &event);
    Ok(span)
}
