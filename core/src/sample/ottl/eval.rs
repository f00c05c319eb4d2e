//! Conditions asked of a span. What cannot be worked out (the length of a number, a part beyond the end of a text) fails
//! the condition, as in the Collector; what is absent is nil.

use super::paths::{Field, Index, Path};
use super::{Call, Expr, Op, Term};
use crate::concept::Concept;
use crate::facts::{Facts, LIST_SEPARATOR, Val};
use crate::normalize::kinds::{Kind, kind_of};
use crate::wire::span::{Attr, EventView, SpanView, fields};
use crate::wire::value::{Value, array, key_value, kv_list};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A span with everything around it that a path may lead to.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub span: &'a SpanView<'a>,
    pub attrs: &'a [Attr<'a>],
    /// What normalize found; the attributes it stands for are read from here.
    pub facts: Option<&'a Facts<'a>>,
    /// `ResourceSpans` and `ScopeSpans` without their spans.
    pub resource: &'a [u8],
    pub scope: &'a [u8],
    /// In conditions on events.
    pub event: Option<EventView<'a>>,
}

/// The condition cannot be worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// A value at run time.
#[derive(Clone, Debug)]
enum Found<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Str(Cow<'a, [u8]>),
    Bytes(Cow<'a, [u8]>),
    /// An encoded list or map.
    List(&'a [u8]),
    Map(&'a [u8]),
    /// A list of normalize's.
    Texts(&'a str),
}

impl<'a> From<Value<'a>> for Found<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Empty => Found::Nil,
            Value::Str(text) => Found::Str(text.into()),
            Value::Bool(flag) => Found::Bool(flag),
            Value::Int(number) => Found::Int(number),
            Value::Double(number) => Found::Double(number),
            Value::Array(items) => Found::List(items),
            Value::KvList(pairs) => Found::Map(pairs),
            Value::Bytes(bytes) => Found::Bytes(bytes.into()),
        }
    }
}

impl Expr {
    pub fn holds(&self, seen: &Seen<'_>) -> Result<bool, Failed> {
        match self {
            Expr::Or(parts) => {
                for part in parts {
                    if part.holds(seen)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Expr::And(parts) => {
                for part in parts {
                    if !part.holds(seen)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Expr::Not(part) => Ok(!part.holds(seen)?),
            Expr::Compare(left, op, right) => Ok(compare(&left.value(seen)?, *op, &right.value(seen)?)),
            Expr::Holds(term) => match term.value(seen)? {
                Found::Bool(flag) => Ok(flag),
                _ => Err(Failed),
            },
        }
    }

    /// Finds which attributes normalize writes, so that they are read from what it found. `fact`: the concept that an
    /// attribute key stands for. `paths`: gets all paths, each once.
    pub fn link(&mut self, fact: &impl Fn(&str) -> Option<Concept>, paths: &mut Vec<Path>) {
        match self {
            Expr::Or(parts) | Expr::And(parts) => parts.iter_mut().for_each(|part| part.link(fact, paths)),
            Expr::Not(part) => part.link(fact, paths),
            Expr::Compare(left, _, right) => {
                left.link(fact, paths);
                right.link(fact, paths);
            }
            Expr::Holds(term) => term.link(fact, paths),
        }
    }
}

impl Term {
    fn link(&mut self, wanted: &impl Fn(&str) -> Option<Concept>, paths: &mut Vec<Path>) {
        match self {
            Term::Path(path) => {
                if let Path::SpanAttribute { key, fact, .. } = path {
                    *fact = wanted(key);
                }
                if !paths.contains(path) {
                    paths.push(path.clone());
                }
            }
            Term::Call(call) => call.terms().into_iter().for_each(|term| term.link(wanted, paths)),
            _ => {}
        }
    }

    fn value<'a>(&'a self, seen: &Seen<'a>) -> Result<Found<'a>, Failed> {
        Ok(match self {
            Term::Nil => Found::Nil,
            Term::Bool(flag) => Found::Bool(*flag),
            Term::Int(number) => Found::Int(*number),
            Term::Double(number) => Found::Double(*number),
            Term::Str(text) => Found::Str(text.as_bytes().into()),
            Term::Bytes(bytes) => Found::Bytes(bytes.as_slice().into()),
            Term::Path(path) => path.value(seen)?,
            Term::Call(call) => call.value(seen)?,
        })
    }
}

impl Call {
    fn terms(&mut self) -> Vec<&mut Term> {
        use Call::*;
        match self {
            IsMatch(one, _)
            | IsString(one)
            | IsInt(one)
            | IsDouble(one)
            | IsBool(one)
            | IsMap(one)
            | IsList(one)
            | Int(one)
            | Double(one)
            | Len(one)
            | ToLowerCase(one)
            | ToUpperCase(one) => vec![one],
            HasPrefix(one, other) | HasSuffix(one, other) => vec![one, other],
            Concat(items, one) => items.iter_mut().chain([one]).collect(),
            Substring(one, from, length) => vec![one, from, length],
            IsRootSpan => Vec::new(),
        }
    }

    fn value<'a>(&'a self, seen: &Seen<'a>) -> Result<Found<'a>, Failed> {
        let of = |term: &'a Term| term.value(seen);
        Ok(match self {
            Call::IsMatch(target, pattern) => {
                let target = of(target)?;
                Found::Bool(!matches!(target, Found::Nil) && pattern.is_match(&text_like(target)?))
            }
            Call::HasPrefix(target, prefix) => Found::Bool(text(of(target)?)?.starts_with(&text(of(prefix)?)?)),
            Call::HasSuffix(target, suffix) => Found::Bool(text(of(target)?)?.ends_with(&text(of(suffix)?)?)),
            Call::IsString(term) => Found::Bool(matches!(of(term)?, Found::Str(_))),
            Call::IsInt(term) => Found::Bool(matches!(of(term)?, Found::Int(_))),
            Call::IsDouble(term) => Found::Bool(matches!(of(term)?, Found::Double(_))),
            Call::IsBool(term) => Found::Bool(matches!(of(term)?, Found::Bool(_))),
            Call::IsMap(term) => Found::Bool(matches!(of(term)?, Found::Map(_))),
            Call::IsList(term) => Found::Bool(matches!(of(term)?, Found::List(_) | Found::Texts(_))),
            Call::IsRootSpan => Found::Bool(seen.span.parent_id == 0),
            Call::Int(term) => match of(term)? {
                Found::Int(number) => Found::Int(number),
                Found::Double(number) => Found::Int(number as i64),
                Found::Bool(flag) => Found::Int(i64::from(flag)),
                Found::Str(text) => parsed(&text).map_or(Found::Nil, Found::Int),
                _ => Found::Nil,
            },
            Call::Double(term) => match of(term)? {
                Found::Int(number) => Found::Double(number as f64),
                Found::Double(number) => Found::Double(number),
                Found::Bool(flag) => Found::Double(f64::from(u8::from(flag))),
                Found::Str(text) => parsed(&text).map_or(Found::Nil, Found::Double),
                _ => Found::Nil,
            },
            Call::Len(term) => Found::Int(length(of(term)?)? as i64),
            Call::Concat(items, delimiter) => {
                let items = items.iter().map(|item| text_like(of(item)?)).collect::<Result<Vec<_>, _>>()?;
                Found::Str(items.join(&*text(of(delimiter)?)?).into())
            }
            Call::Substring(target, from, length) => substring(text(of(target)?)?, of(from)?, of(length)?)?,
            Call::ToLowerCase(target) => Found::Str(cased(&text(of(target)?)?, str::to_lowercase).into()),
            Call::ToUpperCase(target) => Found::Str(cased(&text(of(target)?)?, str::to_uppercase).into()),
        })
    }
}

fn text(found: Found<'_>) -> Result<Cow<'_, [u8]>, Failed> {
    match found {
        Found::Str(text) => Ok(text),
        _ => Err(Failed),
    }
}

/// As text, where a value has one form that everybody would write.
fn text_like(found: Found<'_>) -> Result<Cow<'_, [u8]>, Failed> {
    Ok(match found {
        Found::Str(text) => text,
        Found::Bool(flag) => flag.to_string().into_bytes().into(),
        Found::Int(number) => number.to_string().into_bytes().into(),
        Found::Double(number) => number.to_string().into_bytes().into(),
        Found::Bytes(bytes) => hex(&bytes).into_bytes().into(),
        Found::Texts(texts) => texts.replace(LIST_SEPARATOR, ",").into_bytes().into(),
        Found::Nil | Found::List(_) | Found::Map(_) => return Err(Failed),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parsed<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn cased(text: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    std::str::from_utf8(text).map_or_else(|_| text.to_vec(), |text| change(text).into_bytes())
}

fn length(found: Found<'_>) -> Result<usize, Failed> {
    Ok(match found {
        Found::Str(text) | Found::Bytes(text) => text.len(),
        Found::List(items) => array(items).count(),
        Found::Map(pairs) => kv_list(pairs).count(),
        Found::Texts(texts) => texts.split(LIST_SEPARATOR).count(),
        _ => return Err(Failed),
    })
}

fn substring<'a>(text: Cow<'a, [u8]>, from: Found<'_>, length: Found<'_>) -> Result<Found<'a>, Failed> {
    let (Found::Int(from), Found::Int(length)) = (from, length) else { return Err(Failed) };
    let from = usize::try_from(from).map_err(|_| Failed)?;
    let length = usize::try_from(length).map_err(|_| Failed)?;
    let to = from.checked_add(length).ok_or(Failed)?;
    Ok(Found::Str(text.get(from..to).ok_or(Failed)?.to_vec().into()))
}

/// Values of different types are unequal and in no order; whole and other numbers compare as numbers.
fn compare(left: &Found<'_>, op: Op, right: &Found<'_>) -> bool {
    let order = match (left, right) {
        (Found::Nil, Found::Nil) => return matches!(op, Op::Eq | Op::Le | Op::Ge),
        (Found::Bool(left), Found::Bool(right)) => Some(left.cmp(right)),
        (Found::Int(left), Found::Int(right)) => Some(left.cmp(right)),
        (Found::Int(left), Found::Double(right)) => (*left as f64).partial_cmp(right),
        (Found::Double(left), Found::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Found::Double(left), Found::Double(right)) => left.partial_cmp(right),
        (Found::Str(left), Found::Str(right)) | (Found::Bytes(left), Found::Bytes(right)) => Some(left.cmp(right)),
        (Found::List(left), Found::List(right)) | (Found::Map(left), Found::Map(right)) if left == right => {
            Some(Ordering::Equal)
        }
        _ => None,
    };
    match (op, order) {
        (Op::Ne, order) => order != Some(Ordering::Equal),
        (_, None) => false,
        (Op::Eq, Some(order)) => order.is_eq(),
        (Op::Lt, Some(order)) => order.is_lt(),
        (Op::Le, Some(order)) => order.is_le(),
        (Op::Gt, Some(order)) => order.is_gt(),
        (Op::Ge, Some(order)) => order.is_ge(),
    }
}

impl Path {
    /// What it leads to, for `explain`; `None` for nothing, and for what is no single value.
    pub fn told(&self, seen: &Seen<'_>) -> Option<serde_json::Value> {
        match self.value(seen).ok()? {
            Found::Bool(flag) => Some(flag.into()),
            Found::Int(number) => Some(number.into()),
            Found::Double(number) => Some(number.into()),
            Found::Str(text) if text.is_empty() => None,
            Found::Str(text) => Some(String::from_utf8_lossy(&text).into()),
            Found::Bytes(bytes) => Some(hex(&bytes).into()),
            Found::Texts(texts) => Some(texts.replace(LIST_SEPARATOR, ", ").into()),
            Found::Nil | Found::List(_) | Found::Map(_) => None,
        }
    }

    fn value<'a>(&'a self, seen: &Seen<'a>) -> Result<Found<'a>, Failed> {
        let (first, inside) = match self {
            Path::Field(field) => return Ok(field.value(seen)),
            Path::TraceStateMember { key } => return Ok(trace_state_member(seen.span.trace_state, key)),
            Path::SpanAttribute { id, fact, inside, .. } => {
                let told = fact.and_then(|concept| Some(of_fact(concept, seen.facts?.get(concept)?)));
                let found = match told {
                    Some(fact) => Some(fact),
                    None => seen.attrs.iter().find(|attr| attr.id == *id).map(|attr| attr.value.into()),
                };
                (found, inside)
            }
            Path::ResourceAttribute { key, inside } => (attribute(seen.resource, 1, key), inside),
            Path::ScopeAttribute { key, inside } => (attribute(seen.scope, 3, key), inside),
            Path::EventAttribute { key, inside } => {
                let pairs = seen.event.iter().flat_map(EventView::attributes).filter_map(Result::ok);
                (named(pairs, key), inside)
            }
        };
        inside.iter().try_fold(first.unwrap_or(Found::Nil), |found, index| Ok(step(found, index)))
    }
}

/// The value as normalize writes it: a list of one item is a list.
fn of_fact(concept: Concept, fact: Val<'_>) -> Found<'_> {
    match fact {
        Val::Int(number) => Found::Int(number),
        Val::Float(number) => Found::Double(number),
        Val::Bool(flag) => Found::Bool(flag),
        Val::Str(text) if kind_of(concept) == Kind::List => Found::Texts(text),
        Val::Str(text) => Found::Str(text.as_bytes().into()),
    }
}

/// An attribute of the resource or scope, the first message of a head; `field`: where its attributes are.
fn attribute<'a>(head: &'a [u8], field: u32, key: &str) -> Option<Found<'a>> {
    let messages = fields(head, 1).filter_map(Result::ok);
    let pairs = messages.flat_map(|message| fields(message, field)).filter_map(|pair| key_value(pair.ok()?).ok());
    named(pairs, key)
}

fn named<'a>(mut pairs: impl Iterator<Item = (&'a [u8], Value<'a>)>, key: &str) -> Option<Found<'a>> {
    pairs.find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value.into())
}

fn step<'a>(found: Found<'a>, index: &Index) -> Found<'a> {
    let inner = match (found, index) {
        (Found::Map(pairs), Index::Key(key)) => named(kv_list(pairs).filter_map(Result::ok), key),
        (Found::List(items), Index::At(at)) => array(items).nth(*at).and_then(Result::ok).map(Found::from),
        (Found::Texts(texts), Index::At(at)) => {
            texts.split(LIST_SEPARATOR).nth(*at).map(|text| Found::Str(text.as_bytes().into()))
        }
        _ => None,
    };
    inner.unwrap_or(Found::Nil)
}

/// "" for a member that is not there, as in the Collector.
fn trace_state_member<'a>(trace_state: &'a [u8], key: &str) -> Found<'a> {
    let member = super::super::conditions::members(trace_state).find(|(name, _)| *name == key.as_bytes());
    Found::Str(member.map_or(&b""[..], |(_, value)| value).into())
}

const KINDS: [(&str, &str); 6] = [
    ("Unspecified", "SPAN_KIND_UNSPECIFIED"),
    ("Internal", "SPAN_KIND_INTERNAL"),
    ("Server", "SPAN_KIND_SERVER"),
    ("Client", "SPAN_KIND_CLIENT"),
    ("Producer", "SPAN_KIND_PRODUCER"),
    ("Consumer", "SPAN_KIND_CONSUMER"),
];

impl Field {
    fn value<'a>(self, seen: &Seen<'a>) -> Found<'a> {
        let span = seen.span;
        let kind = KINDS.get(usize::from(span.kind)).unwrap_or(&KINDS[0]);
        let scope = |field| {
            let scope = fields(seen.scope, 1).filter_map(Result::ok).last().unwrap_or_default();
            Found::Str(fields(scope, field).filter_map(Result::ok).last().unwrap_or_default().into())
        };
        let own = |bytes: &[u8]| Cow::Owned(bytes.to_vec());
        let own_hex = |bytes: &[u8]| Found::Str(hex(bytes).into_bytes().into());
        match self {
            Field::Name => Found::Str(span.name.into()),
            Field::Kind => Found::Int(i64::from(span.kind)),
            Field::KindString => Found::Str(kind.0.as_bytes().into()),
            Field::KindDeprecatedString => Found::Str(kind.1.as_bytes().into()),
            Field::StatusCode => Found::Int(i64::from(span.status_code)),
            Field::StatusMessage => Found::Str(span.status_message.into()),
            Field::TraceId => Found::Bytes(own(&span.trace_id.to_be_bytes())),
            Field::TraceIdString => own_hex(&span.trace_id.to_be_bytes()),
            Field::SpanId => Found::Bytes(own(&span.span_id.to_be_bytes())),
            Field::SpanIdString => own_hex(&span.span_id.to_be_bytes()),
            Field::ParentSpanId => Found::Bytes(own(&span.parent_id.to_be_bytes())),
            // An absent id is no id, not sixteen zeros.
            Field::ParentSpanIdString if span.parent_id == 0 => Found::Str(b"".as_slice().into()),
            Field::ParentSpanIdString => own_hex(&span.parent_id.to_be_bytes()),
            Field::TraceState => Found::Str(span.trace_state.into()),
            Field::StartTimeUnixNano => Found::Int(span.start as i64),
            Field::EndTimeUnixNano => Found::Int(span.end as i64),
            Field::Flags => Found::Int(i64::from(span.flags)),
            Field::ScopeName => scope(1),
            Field::ScopeVersion => scope(2),
            Field::EventName => Found::Str(seen.event.map_or(&b""[..], |event| event.name).into()),
            Field::EventTimeUnixNano => Found::Int(seen.event.map_or(0, |event| event.time) as i64),
        }
    }
}
