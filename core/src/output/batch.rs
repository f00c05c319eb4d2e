//! Gathers kept spans into `ExportTraceServiceRequest` payloads bounded by bytes; each resource and scope stands once in
//! a payload.

use crate::buffer::intern::{Resource, Scope};
use crate::wire::writer::{bytes_len, tag, varint};
use hashbrown::HashMap;
use std::sync::Arc;

/// A finished payload.
pub struct Payload {
    pub bytes: Vec<u8>,
    pub spans: u64,
}

/// Spans of one scope of one resource.
struct Group {
    scope: Arc<Scope>,
    /// Encoded `ScopeSpans.spans` fields.
    spans: Vec<u8>,
}

struct ResourceGroup {
    resource: Arc<Resource>,
    scopes: Vec<Group>,
}

/// Stands for the scope in the place of a resource itself; no object has this address.
const RESOURCE_ONLY: usize = 0;

pub struct Batch {
    limit: usize,
    resources: Vec<ResourceGroup>,
    /// Where each (resource, scope) stands, by address: interned objects are shared.
    places: HashMap<(usize, usize), (usize, usize)>,
    size: usize,
    spans: u64,
    /// The span begun last: place of its group, bytes of the group before it, size.
    last: (usize, usize, usize, usize),
    begun: u64,
    pub finished: Vec<Payload>,
    /// Empty buffers of groups that are written, to be filled again.
    spare: Vec<Vec<u8>>,
}

impl Batch {
    /// `limit`: bytes of a payload; only a larger span makes a larger payload. `spare`: see `into_parts`.
    pub fn new(limit: usize, spare: Vec<Vec<u8>>) -> Self {
        Self {
            limit,
            resources: Vec::new(),
            places: HashMap::new(),
            size: 0,
            spans: 0,
            last: (0, 0, 0, 0),
            begun: 0,
            finished: Vec::new(),
            spare,
        }
    }

    /// The finished payloads, and buffers that hold nothing, for the next batch.
    pub fn into_parts(mut self) -> (Vec<Payload>, Vec<Vec<u8>>) {
        self.flush();
        (self.finished, self.spare)
    }

    /// The buffer to append one encoded span field to; `size` is what it will take.
    pub fn span(&mut self, resource: &Arc<Resource>, scope: &Arc<Scope>, size: usize) -> &mut Vec<u8> {
        if self.spans > 0 && self.size + size + resource.head.len() + scope.head.len() + 32 > self.limit {
            self.flush();
        }
        let key = (Arc::as_ptr(resource) as usize, Arc::as_ptr(scope) as usize);
        let (at, inner) = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let at = match self.places.get(&(key.0, RESOURCE_ONLY)) {
                    Some((at, _)) => *at,
                    None => {
                        self.size += resource.head.len() + 16;
                        self.resources.push(ResourceGroup { resource: resource.clone(), scopes: Vec::new() });
                        let at = self.resources.len() - 1;
                        self.places.insert((key.0, RESOURCE_ONLY), (at, 0));
                        at
                    }
                };
                let scopes = &mut self.resources[at].scopes;
                self.size += scope.head.len() + 16;
                scopes.push(Group { scope: scope.clone(), spans: self.spare.pop().unwrap_or_default() });
                let place = (at, scopes.len() - 1);
                self.places.insert(key, place);
                place
            }
        };
        self.size += size;
        self.spans += 1;
        self.begun += 1;
        let spans = &mut self.resources[at].scopes[inner].spans;
        self.last = (at, inner, spans.len(), size);
        spans
    }

    /// How many spans were begun since the start.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Takes the span begun last back, as far as it was written. Once for each span, and not after a flush.
    pub fn undo(&mut self) {
        let (at, inner, len, size) = self.last;
        self.resources[at].scopes[inner].spans.truncate(len);
        self.size -= size;
        self.spans -= 1;
    }

    /// Ends the current payload.
    pub fn flush(&mut self) {
        if self.spans == 0 {
            return;
        }
        let mut out = Vec::with_capacity(self.size + 64);
        for group in &self.resources {
            let scope_len = |scope: &Group| scope.scope.head.len() + scope.spans.len();
            let nested: usize = group.scopes.iter().map(|scope| bytes_len(scope_len(scope))).sum();
            tag(&mut out, 1, 2);
            varint(&mut out, (group.resource.head.len() + nested) as u64);
            out.extend_from_slice(&group.resource.head);
            for scope in &group.scopes {
                tag(&mut out, 2, 2);
                varint(&mut out, scope_len(scope) as u64);
                out.extend_from_slice(&scope.scope.head);
                out.extend_from_slice(&scope.spans);
            }
        }
        self.finished.push(Payload { bytes: out, spans: self.spans });
        let mut held: usize = self.spare.iter().map(Vec::capacity).sum();
        for mut spans in self.resources.drain(..).flat_map(|group| group.scopes).map(|scope| scope.spans) {
            held += spans.capacity();
            if held <= 2 * self.limit {
                spans.clear();
                self.spare.push(spans);
            }
        }
        self.places.clear();
        self.size = 0;
        self.spans = 0;
    }
}
