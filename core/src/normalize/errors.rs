//! Which class an error belongs to. Texts first (a context that is too long comes as a plain 400), then HTTP status.

use super::conclusion;
use super::patterns::Matcher;
use super::plan::{Errors as PlanErrors, TextOf};
use super::provider::lowered;
use super::read::Context;
use crate::concept::Concept;
use crate::facts::{Facts, Val};
use crate::wire::span::{STATUS_ERROR, STATUS_OK, SpanView};

/// As much of a message as is searched, bytes.
const MESSAGE: usize = 2048;

pub struct Errors {
    texts: Vec<(Matcher, TextOf, Box<str>)>,
    statuses: Vec<(i64, i64, Box<str>)>,
    events: Vec<Box<[u8]>>,
}

/// An event that tells of an exception.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exception<'a> {
    pub kind: &'a [u8],
    pub message: &'a [u8],
}

impl Errors {
    pub fn compile(plan: &PlanErrors) -> Result<Self, String> {
        Ok(Self {
            texts: plan
                .texts
                .iter()
                .map(|rule| {
                    let matcher = Matcher::new(&rule.pattern)?;
                    Ok((matcher, rule.of, rule.class.as_str().into()))
                })
                .collect::<Result<_, String>>()?,
            statuses: plan
                .statuses
                .iter()
                .map(|rule| (i64::from(rule.from), i64::from(rule.to), rule.class.as_str().into()))
                .collect(),
            events: plan.events.iter().map(|name| name.as_bytes().into()).collect(),
        })
    }

    /// Whether an event, or log record, of that name tells of an exception.
    #[inline]
    pub fn is_exception(&self, name: &[u8]) -> bool {
        self.events.iter().any(|known| **known == *name)
    }

    /// Whether a record of that name says that a model call failed, whatever else is known.
    #[inline]
    pub fn fails_a_call(&self, name: &[u8]) -> bool {
        name.starts_with(b"gen_ai.") && self.is_exception(name)
    }

    /// Sets error type and class of a span that failed; does nothing on others.
    pub fn conclude<'a>(
        &'a self,
        facts: &mut Facts<'a>,
        span: &SpanView<'a>,
        exception: Exception<'a>,
        context: &mut Context<'_, 'a>,
    ) {
        let status = facts.int(Concept::HttpStatus);
        let failed = span.status_code == STATUS_ERROR
            || facts.has(Concept::ErrorType)
            || status.is_some_and(|status| status >= 400)
            // Some SDKs record the exception and leave the status alone; a handled one has an answer beside it.
            || (!exception.kind.is_empty()
                && span.status_code != STATUS_OK
                && !facts.has(Concept::OutputTokens));
        if !failed || facts.has(Concept::ErrorClass) {
            return;
        }
        if !facts.has(Concept::ErrorType)
            && !exception.kind.is_empty()
            && let Some(kind) = context.bounded(exception.kind)
        {
            facts.set(Concept::ErrorType, Val::Str(kind), conclusion::EXCEPTION);
            facts.inferred.insert(Concept::ErrorType);
        }
        let told = facts.text(Concept::ErrorType).unwrap_or_default();
        let types = [told, text(exception.kind)].map(|text| lowered(text, context.arena));
        let messages = [text(span.status_message), text(exception.message)].map(|text| lowered(text, context.arena));
        let found = self.texts.iter().find(|(matcher, of, _)| {
            let any = |texts: &[&str]| texts.iter().any(|text| !text.is_empty() && matcher.matches(text));
            (*of != TextOf::Message && any(&types)) || (*of != TextOf::Type && any(&messages))
        });
        let class = match found {
            Some((_, _, class)) => Some((class, conclusion::TEXT)),
            None => {
                // `error.type` often is the status itself.
                let status = status.or_else(|| told.parse().ok());
                status.and_then(|status| {
                    self.statuses
                        .iter()
                        .find(|(from, to, _)| (*from..=*to).contains(&status))
                        .map(|(_, _, class)| (class, conclusion::STATUS))
                })
            }
        };
        if let Some((class, why)) = class {
            facts.set(Concept::ErrorClass, Val::Str(class), why);
        }
        if !told.is_empty() && !is_name(told) {
            // A message where the type should be: content is quoted in these, and they would be a label of metrics.
            facts.set(Concept::ErrorType, Val::Str(OTHER), conclusion::TEXT);
            facts.inferred.insert(Concept::ErrorType);
        }
    }
}

/// What the conventions write where a failure has no type.
const OTHER: &str = "_OTHER";

/// Longest name of a type.
const NAME: usize = 128;

/// The name of a type or a code, not a sentence and not an address.
fn is_name(text: &str) -> bool {
    text.len() <= NAME && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
}

/// The start of a message as text; nothing where it is not UTF-8.
fn text(bytes: &[u8]) -> &str {
    let cut = &bytes[..bytes.len().min(MESSAGE)];
    match std::str::from_utf8(cut) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&cut[..error.valid_up_to()]).unwrap_or_default(),
    }
}
