//! One undecided trace: span bytes as received, their records beside them, and the aggregates that decide.

use super::intern::{Resource, Scope};
use super::notes::Note;
use crate::engine::compiled::Compiled;
use crate::sample::conditions::Bits;
use smallvec::SmallVec;
use std::sync::Arc;

/// Where a span lies and what the trace needs to know of it without decoding.
#[derive(Clone, Copy)]
pub struct SpanEntry {
    pub span_id: u64,
    pub parent_id: u64,
    pub start: u64,
    pub end: u64,
    pub segment: u32,
    pub offset: u32,
    pub len: u32,
    /// Bytes of the facts record that follows the span; 0 for a span without model facts.
    pub record_len: u32,
    pub group: u32,
    pub kind: u8,
    pub status: u8,
    pub has_trace_state: bool,
}

/// The spans of one trace in one request, as they enter the buffer.
pub struct Arrival<'a> {
    pub raw: &'a [u8],
    pub record: &'a [u8],
    pub entry: SpanEntry,
    pub resource: &'a Arc<Resource>,
    pub scope: &'a Arc<Scope>,
}

pub struct Trace {
    pub id: u128,
    pub plan: Arc<Compiled>,
    pub first_seen: u64,
    /// When the trace is decided, Unix nanoseconds.
    pub due: u64,
    pub due_reason: Trigger,
    pub segments: SmallVec<[Box<[u8]>; 2]>,
    pub spans: Vec<SpanEntry>,
    pub groups: SmallVec<[(Arc<Resource>, Arc<Scope>); 1]>,
    pub bits: Bits,
    /// Bytes of spans as received.
    pub span_bytes: u64,
    /// Spans that arrived after the verdict of their trace.
    pub late: bool,
    pub randomness: Option<u64>,
    /// What log records said about its spans, once it is due.
    pub notes: Vec<Note>,
    /// By span: what log records hold of the content of its call, in the form of a span.
    contents: Vec<(u64, Box<[u8]>)>,
}

/// Why a trace was decided when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Trigger {
    RootReceived,
    DecisionWait,
    SpanLimit,
    ByteLimit,
    /// `maximum_trace_size_bytes`: dropped whatever the policies say.
    TooLarge,
    MemoryPressure,
    Shutdown,
    Late,
}

impl Trigger {
    pub fn name(self) -> &'static str {
        match self {
            Trigger::RootReceived => "root_received",
            Trigger::DecisionWait => "decision_wait",
            Trigger::SpanLimit => "span_limit",
            Trigger::ByteLimit => "byte_limit",
            Trigger::TooLarge => "too_large",
            Trigger::MemoryPressure => "memory_pressure",
            Trigger::Shutdown => "shutdown",
            Trigger::Late => "late",
        }
    }
}

/// Resources and scopes of a trace that a span's own are compared with; one that is further back is noted anew.
const GROUPS_SEARCHED: usize = 32;

/// What a trace costs besides its spans: the struct, its vectors, its places in the table and the queue.
const TRACE_OVERHEAD: u64 = 480;

const CACHE_LINE: usize = 64;

const GROUP_BYTES: usize = size_of::<(Arc<Resource>, Arc<Scope>)>();

impl Trace {
    pub fn new(id: u128, plan: Arc<Compiled>, now: u64, due: u64, late: bool) -> Self {
        Self {
            id,
            plan,
            first_seen: now,
            due,
            due_reason: if late { Trigger::Late } else { Trigger::DecisionWait },
            segments: SmallVec::new(),
            spans: Vec::new(),
            groups: SmallVec::new(),
            bits: Bits::default(),
            span_bytes: 0,
            late,
            randomness: None,
            notes: Vec::new(),
            contents: Vec::new(),
        }
    }

    /// Copies spans in. One exact allocation holds the bytes, so that a buffered byte costs little more than a byte.
    /// Returns the heap bytes added.
    pub fn add<'a>(&mut self, arrivals: impl Iterator<Item = Arrival<'a>> + Clone) -> u64 {
        let (count, size) =
            arrivals.clone().fold((0, 0), |(count, size), a| (count + 1, size + a.raw.len() + a.record.len()));
        let (segment_index, groups) = (self.segments.len() as u32, self.groups.len());
        let mut segment = Vec::with_capacity(size);
        self.spans.reserve_exact(count);
        for arrival in arrivals {
            let offset = segment.len() as u32;
            segment.extend_from_slice(arrival.raw);
            segment.extend_from_slice(arrival.record);
            self.span_bytes += arrival.raw.len() as u64;
            let group = self.group(arrival.resource, arrival.scope);
            self.spans.push(SpanEntry { segment: segment_index, offset, group, ..arrival.entry });
        }
        self.segments.push(segment.into_boxed_slice());
        let groups = (self.groups.len() - groups) * GROUP_BYTES;
        (size + count * size_of::<SpanEntry>() + groups) as u64 + if segment_index == 0 { TRACE_OVERHEAD } else { 32 }
    }

    /// Spans are missing, as far as that shows: the root has not come, or the trace is decided before its time.
    pub fn incomplete(&self) -> bool {
        let early = match self.due_reason {
            Trigger::RootReceived | Trigger::DecisionWait | Trigger::Late => false,
            Trigger::SpanLimit
            | Trigger::ByteLimit
            | Trigger::TooLarge
            | Trigger::MemoryPressure
            | Trigger::Shutdown => true,
        };
        early || !self.late && self.spans.iter().all(|span| span.parent_id != 0)
    }

    fn group(&mut self, resource: &Arc<Resource>, scope: &Arc<Scope>) -> u32 {
        let same = |(r, s): &(Arc<Resource>, Arc<Scope>)| Arc::ptr_eq(r, resource) && Arc::ptr_eq(s, scope);
        let from = self.groups.len().saturating_sub(GROUPS_SEARCHED);
        let at = self.groups[from..].iter().rposition(same).map_or_else(
            || {
                self.groups.push((resource.clone(), scope.clone()));
                self.groups.len() - 1
            },
            |at| from + at,
        );
        at as u32
    }

    /// Resource and scope of a span.
    pub fn group_of(&self, entry: &SpanEntry) -> &(Arc<Resource>, Arc<Scope>) {
        &self.groups[entry.group as usize]
    }

    pub fn raw(&self, entry: &SpanEntry) -> &[u8] {
        let start = entry.offset as usize;
        &self.segments[entry.segment as usize][start..start + entry.len as usize]
    }

    pub fn record(&self, entry: &SpanEntry) -> &[u8] {
        let start = (entry.offset + entry.len) as usize;
        &self.segments[entry.segment as usize][start..start + entry.record_len as usize]
    }

    /// Keeps what a log record holds of the content of a span's call. Spans come in order of their ids.
    pub fn add_content(&mut self, span: u64, content: &[u8]) {
        self.contents.push((span, content.into()));
    }

    /// What log records hold of the content of a span's call.
    pub fn said(&self, span: u64) -> Vec<&[u8]> {
        let from = self.contents.partition_point(|(id, _)| *id < span);
        self.contents[from..].iter().take_while(|(id, _)| *id == span).map(|(_, content)| &**content).collect()
    }

    /// Gives a span another record.
    pub fn replace_record(&mut self, at: usize, record: &[u8]) {
        let entry = self.spans[at];
        let mut segment = Vec::with_capacity(entry.len as usize + record.len());
        segment.extend_from_slice(self.raw(&entry));
        segment.extend_from_slice(record);
        let segment_index = self.segments.len() as u32;
        self.spans[at] = SpanEntry { segment: segment_index, offset: 0, record_len: record.len() as u32, ..entry };
        self.segments.push(segment.into_boxed_slice());
    }

    /// Lets a span that is a copy of another, byte by byte, lie where that one lies, with its record.
    pub fn share_bytes(&mut self, at: usize, other: usize) {
        let SpanEntry { segment, offset, len, record_len, .. } = self.spans[other];
        self.spans[at] = SpanEntry { segment, offset, len, record_len, ..self.spans[at] };
    }

    /// Brings what says where the spans lie into the cache.
    pub fn touch_places(&self) -> u64 {
        self.spans.iter().fold(0, |sum, entry| sum ^ entry.span_id)
            ^ self.segments.iter().fold(0, |sum, segment| sum ^ segment.len() as u64)
    }

    /// The same of the bytes of the spans and their records.
    pub fn touch_bytes(&self) -> u64 {
        let lines = self.segments.iter().flat_map(|segment| segment.chunks(CACHE_LINE));
        lines.fold(0, |sum, line| sum ^ u64::from(line[0]))
    }

    /// Heap bytes held, as `add` counted them.
    pub fn heap_bytes(&self) -> u64 {
        let segments: usize = self.segments.iter().map(|segment| segment.len()).sum();
        let extra = 32 * (self.segments.len() as u64).saturating_sub(1);
        let groups = self.groups.len() * GROUP_BYTES;
        let said: usize = self.contents.iter().map(|(_, content)| content.len() + size_of::<(u64, Box<[u8]>)>()).sum();
        (segments + said + self.spans.len() * size_of::<SpanEntry>() + groups) as u64 + TRACE_OVERHEAD + extra
    }
}
