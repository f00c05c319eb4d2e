//! Walks an `ExportTraceServiceRequest` (or `TracesData`, whose encoding is the same) without building a tree.

use super::reader::{BYTES, FIXED64, Reader};
use crate::error::Result;

/// What the walk meets, in order. A resource's or scope's `head` is everything of its message but the nested spans, so
/// that schema URLs and fields unknown to us travel on.
pub trait Visitor<'a> {
    fn resource(&mut self, head: Head<'a>) -> Result<()>;
    fn scope(&mut self, head: Head<'a>) -> Result<()>;
    fn span(&mut self, raw: &'a [u8]) -> Result<()>;
}

/// Encoded fields: nearly always one slice of the request, otherwise the parts that stood apart.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    Slice(&'a [u8]),
    /// The message; the fields before and after nested ones have to be gathered with [`Head::gather`].
    Scattered(&'a [u8]),
}

impl Head<'_> {
    /// Appends the head's fields to `out`.
    pub fn gather(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Slice(bytes) => out.extend_from_slice(bytes),
            Self::Scattered(message) => {
                let mut reader = Reader::new(message);
                while !reader.at_end() {
                    let start = reader.position();
                    let (field, wire) = reader.tag()?;
                    reader.skip(wire)?;
                    if (field, wire) != (NESTED, BYTES) {
                        out.extend_from_slice(reader.since(start));
                    }
                }
            }
        }
        Ok(())
    }
}

/// `scope_spans` in a resource and `spans` in a scope have the same field number.
const NESTED: u32 = 2;

pub fn walk<'a>(request: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<()> {
    let mut reader = Reader::new(request);
    while !reader.at_end() {
        match reader.tag()? {
            (1, BYTES) => {
                let resource = reader.bytes()?;
                visitor.resource(head(resource)?)?;
                nested(resource, |scope| {
                    visitor.scope(head(scope)?)?;
                    nested(scope, |span| visitor.span(span))
                })?;
            }
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok(())
}

fn nested<'a>(message: &'a [u8], mut each: impl FnMut(&'a [u8]) -> Result<()>) -> Result<()> {
    let mut reader = Reader::new(message);
    while !reader.at_end() {
        match reader.tag()? {
            (NESTED, BYTES) => each(reader.bytes()?)?,
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok(())
}

fn head(message: &[u8]) -> Result<Head<'_>> {
    let mut reader = Reader::new(message);
    // The one run of other fields: start and end, and whether a second run was met.
    let (mut run, mut open, mut scattered) = (0..0, false, false);
    while !reader.at_end() {
        let start = reader.position();
        let (field, wire) = reader.tag()?;
        reader.skip(wire)?;
        if (field, wire) == (NESTED, BYTES) {
            open = false;
        } else if open || run.is_empty() {
            run = if open { run.start } else { start }..reader.position();
            open = true;
        } else {
            scattered = true;
        }
    }
    Ok(if scattered { Head::Scattered(message) } else { Head::Slice(&message[run]) })
}

/// The latest end of a span, Unix nanoseconds; 0 when there is none. Spans that break protobuf's framing are left to
/// whoever takes them: what is read up to the fault counts.
pub fn latest_end(request: &[u8]) -> Result<u64> {
    let mut latest = 0;
    for_each_span(request, |span| latest = latest.max(end_of(span).unwrap_or(0)))?;
    Ok(latest)
}

fn for_each_span(request: &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut reader = Reader::new(request);
    while !reader.at_end() {
        match reader.tag()? {
            (1, BYTES) => nested(reader.bytes()?, |scope| {
                nested(scope, |span| {
                    each(span);
                    Ok(())
                })
            })?,
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok(())
}

/// `Span.end_time_unix_nano`.
fn end_of(span: &[u8]) -> Result<u64> {
    let (mut reader, mut end) = (Reader::new(span), 0);
    while !reader.at_end() {
        match reader.tag()? {
            (8, FIXED64) => end = reader.fixed64()?,
            (_, wire) => reader.skip(wire)?,
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::writer::{bytes, varint};

    #[derive(Default)]
    struct Seen(Vec<(char, Vec<u8>)>);

    impl<'a> Visitor<'a> for Seen {
        fn resource(&mut self, head: Head<'a>) -> Result<()> {
            let mut out = Vec::new();
            head.gather(&mut out)?;
            self.0.push(('r', out));
            Ok(())
        }
        fn scope(&mut self, head: Head<'a>) -> Result<()> {
            let mut out = Vec::new();
            head.gather(&mut out)?;
            self.0.push(('c', out));
            Ok(())
        }
        fn span(&mut self, raw: &'a [u8]) -> Result<()> {
            self.0.push(('s', raw.to_vec()));
            Ok(())
        }
    }

    #[test]
    fn heads_keep_every_field_but_the_nested_ones_wherever_they_stand() {
        let mut scope = Vec::new();
        bytes(&mut scope, 1, b"scope");
        bytes(&mut scope, 2, b"span1");
        bytes(&mut scope, 3, b"url");
        bytes(&mut scope, 2, b"span2");
        let mut resource = Vec::new();
        bytes(&mut resource, 1, b"res");
        bytes(&mut resource, 3, b"schema");
        bytes(&mut resource, 2, &scope);
        let mut request = Vec::new();
        bytes(&mut request, 1, &resource);
        let mut seen = Seen::default();
        walk(&request, &mut seen).unwrap();
        let mut scope_head = Vec::new();
        bytes(&mut scope_head, 1, b"scope");
        bytes(&mut scope_head, 3, b"url");
        assert_eq!(
            seen.0,
            [
                ('r', resource[..resource.len() - scope.len() - 2].to_vec()),
                ('c', scope_head),
                ('s', b"span1".to_vec()),
                ('s', b"span2".to_vec())
            ]
        );
    }

    #[test]
    fn truncation_anywhere_is_an_error_or_a_shorter_message() {
        let mut scope = Vec::new();
        bytes(&mut scope, 2, b"span");
        let mut resource = Vec::new();
        bytes(&mut resource, 2, &scope);
        let mut request = Vec::new();
        bytes(&mut request, 1, &resource);
        for len in 1..request.len() {
            assert!(walk(&request[..len], &mut Seen::default()).is_err(), "{len}");
        }
        varint(&mut request, 0);
        assert!(walk(&request, &mut Seen::default()).is_err());
    }
}
