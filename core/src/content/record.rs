//! Spans and log records, walked field by field: content is edited, every other byte stays.

use super::edit::{Editor, Entry, Fate, encoded};
use super::keys::Class;
use super::{Content, Counts};
use crate::facts::NO_DIALECT;
use crate::normalize::append::ORIGINAL;
use crate::wire::reader::{BYTES, Reader};
use crate::wire::span::fields;
use crate::wire::writer::bytes;

/// Fields that hold content, by message.
mod span {
    pub const ATTRIBUTES: u32 = 9;
    pub const EVENTS: u32 = 11;
    pub const LINKS: u32 = 13;
    pub const STATUS: u32 = 15;
}
const EVENT_NAME: u32 = 2;
const EVENT_ATTRIBUTES: u32 = 3;
const LINK_ATTRIBUTES: u32 = 4;
const STATUS_MESSAGE: u32 = 2;
mod request {
    pub const RESOURCES: u32 = 1;
    pub const SCOPE: u32 = 1;
    pub const SCOPE_NAME: u32 = 1;
    /// Scopes in a resource, records in a scope.
    pub const NESTED: u32 = 2;
}
mod log {
    pub const BODY: u32 = 5;
    pub const ATTRIBUTES: u32 = 6;
    pub const EVENT_NAME: u32 = 12;
}
/// Where the name of an event stood before log records had a field for it.
const NAME_ATTRIBUTE: &[u8] = b"event.name";

impl Content {
    /// The span (or any run of its fields) after the policy; `None` when nothing changes. `dialect` is asked when a key
    /// is met that is content in some dialects only.
    pub fn span(&self, raw: &[u8], dialect: &dyn Fn() -> u16, counts: &mut Counts) -> Option<Vec<u8>> {
        if self.keeps_all() {
            return None;
        }
        let mut editor = Editor { content: self, counts };
        edited(raw, |field, part| match field {
            span::ATTRIBUTES => editor.attribute(part, dialect, None),
            span::EVENTS => editor.event(part, dialect),
            span::LINKS => {
                let links = edited(part, |field, part| match field {
                    LINK_ATTRIBUTES => editor.attribute(part, dialect, None),
                    _ => Fate::Same,
                });
                links.map_or(Fate::Same, Fate::New)
            }
            span::STATUS => {
                let status = edited(part, |field, part| match field {
                    STATUS_MESSAGE => editor.text(part).map_or(Fate::Same, |text| Fate::New(text.into_bytes())),
                    _ => Fate::Same,
                });
                status.map_or(Fate::Same, Fate::New)
            }
            _ => Fate::Same,
        })
    }

    /// A span without its attributes, events, links and status message, for one that the policy could not be applied to.
    pub fn bare(raw: &[u8]) -> Vec<u8> {
        let gone = |field, _: &[u8]| match field {
            span::ATTRIBUTES | span::EVENTS | span::LINKS | span::STATUS => Fate::Gone,
            _ => Fate::Same,
        };
        edited(raw, gone).unwrap_or_else(|| raw.to_vec())
    }

    /// An `ExportLogsServiceRequest` after the policy; `None` when nothing changes.
    pub fn logs(&self, request: &[u8], counts: &mut Counts) -> Option<Vec<u8>> {
        if self.keeps_all() {
            return None;
        }
        let same_or = |new: Option<Vec<u8>>| new.map_or(Fate::Same, Fate::New);
        edited(request, |field, resource| match field {
            request::RESOURCES => same_or(edited(resource, |field, scope| match field {
                request::NESTED => {
                    let prefix = self.keys.event_prefix(scope_name(scope));
                    same_or(edited(scope, |field, record| match field {
                        request::NESTED => same_or(self.log_record(record, prefix, counts)),
                        _ => Fate::Same,
                    }))
                }
                _ => Fate::Same,
            })),
            _ => Fate::Same,
        })
    }

    /// A log record after the policy; `None` when nothing changes. `prefix`: what its name lacks when it has no dot.
    pub fn log_record(&self, raw: &[u8], prefix: &[u8], counts: &mut Counts) -> Option<Vec<u8>> {
        if self.keeps_all() {
            return None;
        }
        let name = log_name(raw);
        let body = fields(raw, log::BODY).map_while(Result::ok).last().map_or(&[][..], string);
        // Claude Code's body is the whole name, of which the attribute has the end.
        let is_named = !name.is_empty() && body.strip_suffix(name).is_some_and(|head| matches!(head, [] | [.., b'.']));
        let mut class = self.keys.event(name, none);
        if class.is_none() && is_named {
            class = self.keys.event(body, none);
        }
        if class.is_none() && !prefix.is_empty() && !name.contains(&b'.') {
            class = self.keys.event(&[prefix, name].join(&b'.'), none);
        }
        let mut editor = Editor { content: self, counts };
        edited(raw, |field, part| match (field, class) {
            (log::ATTRIBUTES, _) => editor.attribute(part, &none, class),
            (log::BODY, Some(_)) if is_named => Fate::Same,
            (log::BODY, Some(class)) => editor.body(part, class),
            (log::BODY, None) => editor.redacted(part),
            _ => Fate::Same,
        })
    }
}

/// The name of the event that a log record is; empty for plain log lines.
pub fn log_name(raw: &[u8]) -> &[u8] {
    if let Some(name) = fields(raw, log::EVENT_NAME).map_while(Result::ok).last().filter(|name| !name.is_empty()) {
        return name;
    }
    let attributes = fields(raw, log::ATTRIBUTES).map_while(Result::ok).map(Entry::read);
    attributes.filter(|entry| entry.key == NAME_ATTRIBUTE).last().map_or(&[], |entry| string(entry.value))
}

/// The name of the scope of a `ScopeLogs`.
fn scope_name(logs: &[u8]) -> &[u8] {
    let scope = fields(logs, request::SCOPE).map_while(Result::ok).last();
    scope.and_then(|scope| fields(scope, request::SCOPE_NAME).map_while(Result::ok).last()).unwrap_or_default()
}

/// The dialect of what has none.
fn none() -> u16 {
    NO_DIALECT
}

fn string(value: &[u8]) -> &[u8] {
    fields(value, 1).map_while(Result::ok).last().unwrap_or_default()
}

impl Editor<'_> {
    /// An encoded `KeyValue`. `event`: what attributes of this event carry unless their name says otherwise.
    fn attribute(&mut self, entry: &[u8], dialect: &dyn Fn() -> u16, event: Option<Class>) -> Fate {
        let parts = Entry::read(entry);
        let keys = &self.content.keys;
        // What gave way to a canonical attribute is what it was before.
        let key = parts.key.strip_prefix(ORIGINAL.as_bytes()).unwrap_or(parts.key);
        let class = keys.class(key, dialect).or_else(|| {
            let name = key.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
            let known = [key, name].into_iter().any(|name| keys.survives(name) || keys.is_structure(name));
            event.filter(|_| !known && key != NAME_ATTRIBUTE && is_content(parts.value))
        });
        let Some(class) = class else { return Fate::Same };
        match self.value(key, parts.value, class) {
            Fate::New(value) => Fate::New(encoded(parts.key, &value)),
            other => other,
        }
    }

    fn event(&mut self, event: &[u8], dialect: &dyn Fn() -> u16) -> Fate {
        let name = fields(event, EVENT_NAME).map_while(Result::ok).last().unwrap_or_default();
        let class = self.content.keys.event(name, dialect);
        let new = edited(event, |field, part| match field {
            EVENT_ATTRIBUTES => self.attribute(part, dialect, class),
            _ => Fate::Same,
        });
        new.map_or(Fate::Same, Fate::New)
    }
}

/// Text, lists, maps and bytes; numbers and flags say nothing.
fn is_content(value: &[u8]) -> bool {
    matches!(Reader::new(value).tag(), Ok((_, BYTES)))
}

/// A message in which `edit` decides about each length-delimited field; `None` when all stay.
fn edited(message: &[u8], mut edit: impl FnMut(u32, &[u8]) -> Fate) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut done = 0;
    let mut reader = Reader::new(message);
    while let Some((start, field, part)) = reader.next_bytes() {
        let fate = edit(field, part);
        if fate == Fate::Same {
            continue;
        }
        let out = out.get_or_insert_with(|| Vec::with_capacity(message.len()));
        out.extend_from_slice(&message[done..start]);
        if let Fate::New(new) = fate {
            bytes(out, field, &new);
        }
        done = reader.position();
    }
    out.map(|mut out| {
        out.extend_from_slice(&message[done..]);
        out
    })
}
