//! Paths into a span, its event, its resource and its scope.

use super::{Context, Fault};
use crate::concept::Concept;
use crate::keys::{KeyId, KeyTableBuilder};

/// A step into a map or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    Key(String),
    At(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// What normalize found counts where it says something about the key (`fact`).
    SpanAttribute {
        key: String,
        id: KeyId,
        fact: Option<Concept>,
        inside: Vec<Index>,
    },
    ResourceAttribute {
        key: String,
        inside: Vec<Index>,
    },
    ScopeAttribute {
        key: String,
        inside: Vec<Index>,
    },
    EventAttribute {
        key: String,
        inside: Vec<Index>,
    },
    TraceStateMember {
        key: String,
    },
    Field(Field),
}

/// Fields that are one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Name,
    Kind,
    KindString,
    KindDeprecatedString,
    StatusCode,
    StatusMessage,
    TraceId,
    TraceIdString,
    SpanId,
    SpanIdString,
    ParentSpanId,
    ParentSpanIdString,
    TraceState,
    StartTimeUnixNano,
    EndTimeUnixNano,
    Flags,
    ScopeName,
    ScopeVersion,
    EventName,
    EventTimeUnixNano,
}

const SPAN: [(&str, Field); 16] = [
    ("name", Field::Name),
    ("kind", Field::Kind),
    ("kind.string", Field::KindString),
    ("kind.deprecated_string", Field::KindDeprecatedString),
    ("status.code", Field::StatusCode),
    ("status.message", Field::StatusMessage),
    ("trace_id", Field::TraceId),
    ("trace_id.string", Field::TraceIdString),
    ("span_id", Field::SpanId),
    ("span_id.string", Field::SpanIdString),
    ("parent_span_id", Field::ParentSpanId),
    ("parent_span_id.string", Field::ParentSpanIdString),
    ("trace_state", Field::TraceState),
    ("start_time_unix_nano", Field::StartTimeUnixNano),
    ("end_time_unix_nano", Field::EndTimeUnixNano),
    ("flags", Field::Flags),
];

const SCOPE: [(&str, Field); 2] = [("name", Field::ScopeName), ("version", Field::ScopeVersion)];

const EVENT: [(&str, Field); 2] = [("name", Field::EventName), ("time_unix_nano", Field::EventTimeUnixNano)];

impl Path {
    /// As one writes it, those of the span without `span.`.
    pub fn name(&self) -> String {
        let (of, key, inside): (_, _, &[Index]) = match self {
            Path::SpanAttribute { key, inside, .. } => ("", key, inside),
            Path::ResourceAttribute { key, inside } => ("resource.", key, inside),
            Path::ScopeAttribute { key, inside } => ("scope.", key, inside),
            Path::EventAttribute { key, inside } => ("spanevent.", key, inside),
            Path::TraceStateMember { key } => return format!("trace_state[{key:?}]"),
            Path::Field(field) => return field.name(),
        };
        let steps: String = inside.iter().map(Index::written).collect();
        format!("{of}attributes[{key:?}]{steps}")
    }
}

impl Index {
    fn written(&self) -> String {
        match self {
            Index::Key(key) => format!("[{key:?}]"),
            Index::At(at) => format!("[{at}]"),
        }
    }
}

impl Field {
    fn name(self) -> String {
        let all: [(&str, &[(&str, Field)]); 3] = [("", &SPAN), ("scope.", &SCOPE), ("spanevent.", &EVENT)];
        let named = all.iter().flat_map(|(of, fields)| fields.iter().map(move |(name, field)| (of, name, *field)));
        let mut own = named.filter(|(_, _, field)| *field == self);
        own.next().map_or_else(String::new, |(of, name, _)| format!("{of}{name}"))
    }
}

/// `names`: the words between the dots, at least one; `start`: where the first stands.
pub fn path(
    names: &[String],
    indices: Vec<Index>,
    start: usize,
    context: Context,
    keys: &mut KeyTableBuilder,
) -> Result<Path, Fault> {
    let (of, rest) = match (names[0].as_str(), context) {
        ("span", _) => ("span", &names[1..]),
        ("spanevent", Context::SpanEvent) => ("spanevent", &names[1..]),
        ("spanevent", Context::Span) => return Err(Fault::new(start, "events are asked under `spanevent:`")),
        ("resource", _) => ("resource", &names[1..]),
        ("scope" | "instrumentation_scope", _) => ("scope", &names[1..]),
        (_, Context::Span) => ("span", names),
        (_, Context::SpanEvent) => ("spanevent", names),
    };
    let field = rest.join(".");
    if field == "attributes" {
        return attribute(of, indices, start, keys);
    }
    let fields: &[(&str, Field)] = match of {
        "span" => &SPAN,
        "spanevent" => &EVENT,
        "scope" => &SCOPE,
        _ => &[],
    };
    if field == "trace_state" && of == "span" {
        let mut indices = indices.into_iter();
        return match (indices.next(), indices.next()) {
            (None, _) => Ok(Path::Field(Field::TraceState)),
            (Some(Index::Key(key)), None) => Ok(Path::TraceStateMember { key }),
            _ => Err(Fault::new(start, "a member of `trace_state` is named by one key")),
        };
    }
    let Some((_, known)) = fields.iter().find(|(name, _)| *name == field) else {
        let mut available: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        available.insert(0, "attributes[\"…\"]");
        let message = format!("`{}` is not supported; available in {of}: {}", names.join("."), available.join(", "));
        return Err(Fault::new(start, message));
    };
    if !indices.is_empty() {
        return Err(Fault::new(start, format!("`{field}` cannot be indexed")));
    }
    Ok(Path::Field(*known))
}

fn attribute(of: &str, indices: Vec<Index>, start: usize, keys: &mut KeyTableBuilder) -> Result<Path, Fault> {
    let mut indices = indices.into_iter();
    let Some(Index::Key(key)) = indices.next() else {
        return Err(Fault::new(start, "an attribute is named by its key: attributes[\"key\"]"));
    };
    let inside = indices.collect();
    Ok(match of {
        "span" => Path::SpanAttribute { id: keys.add(&key), key, fact: None, inside },
        "spanevent" => Path::EventAttribute { key, inside },
        "resource" => Path::ResourceAttribute { key, inside },
        _ => Path::ScopeAttribute { key, inside },
    })
}
