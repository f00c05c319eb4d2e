//! Which vocabulary counts which model, and how much is counted.

use super::plan::EstimatePlan;
use super::source::{Sources, Texts};
use super::vocabulary::Vocabulary;
use crate::normalize::patterns::{Matcher, first};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Default)]
pub struct Estimator {
    vocabularies: Vec<Vocabulary>,
    models: Vec<(Matcher, usize)>,
    sources: Option<Sources>,
    operations: Vec<Box<str>>,
    call_bytes: usize,
    tick_bytes: usize,
}

/// The tick has counted as many bytes as it may.
#[derive(Debug)]
pub struct Spent;

/// Tokens counted from content; a part without content has no count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    pub input: Option<i64>,
    pub output: Option<i64>,
    /// Index of the vocabulary.
    vocabulary: usize,
}

impl Estimator {
    pub fn compile(plan: &EstimatePlan) -> Result<Self, String> {
        if plan.vocabularies.is_empty() {
            return Ok(Self::default());
        }
        let vocabularies: Vec<_> = plan.vocabularies.iter().map(Vocabulary::compile).collect::<Result<_, _>>()?;
        let models = plan.models.iter().map(|rule| {
            let at = vocabularies.iter().position(|vocabulary| vocabulary.name() == rule.vocabulary);
            let at = at.ok_or_else(|| format!("there is no vocabulary {:?}", rule.vocabulary))?;
            Ok((Matcher::new(&rule.pattern)?, at))
        });
        Ok(Self {
            models: models.collect::<Result<_, String>>()?,
            vocabularies,
            sources: Some(Sources::compile(plan)?),
            operations: plan.operations.iter().map(|name| name.as_str().into()).collect(),
            call_bytes: plan.call_bytes.max(1024),
            tick_bytes: plan.tick_bytes,
        })
    }

    /// Calls of an operation without a name, and of these, are estimated.
    pub fn counts(&self, operation: &str) -> bool {
        self.sources.is_some() && (operation.is_empty() || self.operations.iter().any(|known| **known == *operation))
    }

    pub fn vocabulary(&self, estimate: &Estimate) -> &str {
        self.vocabularies[estimate.vocabulary].name()
    }

    /// What a span's content comes to for `model`; `None` where there is no content or no vocabulary for the model.
    /// `spent`: bytes that this tick counted before; fails when there are too many.
    pub fn estimate(&self, model: &str, span: &[u8], spent: &AtomicU64) -> Result<Option<Estimate>, Spent> {
        let Some((at, texts)) = self.texts(model, span) else { return Ok(None) };

        let vocabulary = &self.vocabularies[at];
        let size = |list: &[String]| list.iter().map(String::len).sum::<usize>();
        let total = (size(&texts.input) + size(&texts.output)).max(1);
        let budget = total.min(self.call_bytes);
        if spent.fetch_add(budget as u64, Relaxed) + budget as u64 > self.tick_bytes as u64 {
            return Err(Spent);
        }
        let count = |list: &[String]| counted(vocabulary, list, size(list) * budget / total);
        let around = vocabulary.per_message * texts.messages + vocabulary.per_request;
        let input = count(&texts.input).map(|tokens| tokens + around);
        let output = count(&texts.output);
        Ok((input.is_some() || output.is_some()).then_some(Estimate { input, output, vocabulary: at }))
    }

    fn texts(&self, model: &str, span: &[u8]) -> Option<(usize, Texts)> {
        let model = model.rsplit('/').next().unwrap_or_default().to_lowercase();
        let at = *first(&self.models, &model)?;
        let texts = self.sources.as_ref()?.read(span);
        (!texts.input.is_empty() || !texts.output.is_empty()).then_some((at, texts))
    }
}

/// Tokens of texts, `budget` bytes of them counted and the rest taken to be like these.
fn counted(vocabulary: &Vocabulary, texts: &[String], budget: usize) -> Option<i64> {
    let total: usize = texts.iter().map(String::len).sum();
    if total == 0 {
        return None;
    }
    let (mut left, mut read, mut tokens) = (budget, 0, 0);
    for text in texts {
        let end = (0..=left.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        tokens += vocabulary.count(&text[..end])?;
        read += end;
        left -= end;
        if end < text.len() {
            break;
        }
    }
    if read == 0 { None } else { Some((tokens as f64 * total as f64 / read as f64).round() as i64) }
}
