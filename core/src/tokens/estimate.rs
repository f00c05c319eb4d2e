//! Which vocabulary counts which model, and how much is counted.

use super::plan::EstimatePlan;
use super::source::{Sources, Texts};
use super::vocabulary::Vocabulary;
use crate::facts::LIST_SEPARATOR;
use crate::normalize::patterns::{Matcher, first};
use hashbrown::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Default)]
pub struct Estimator {
    vocabularies: Vec<Vocabulary>,
    models: Vec<(Matcher, Option<usize>)>,
    sources: Option<Sources>,
    operations: Vec<Box<str>>,
    finished: HashSet<Box<str>>,
    call_bytes: usize,
    tick_bytes: usize,
}

/// The tick has counted as many bytes as it may.
#[derive(Debug)]
pub struct Spent;

/// Tokens counted from content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    pub input: i64,
    pub output: i64,
    /// What of these was told, not counted.
    pub told: Told,
    /// Index of the vocabulary.
    vocabulary: usize,
}

/// Token counts that were told of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub input: Option<i64>,
    pub output: Option<i64>,
    pub total: Option<i64>,
}

impl Estimate {
    /// Puts what was told in the place of what was counted. Of a total the answer was counted, the rest is input.
    fn heed(self, told: Told) -> Self {
        let rest = |total: i64| total.checked_sub(told.output.unwrap_or(self.output)).filter(|rest| *rest > 0);
        let input = told.input.or_else(|| told.total.and_then(rest)).unwrap_or(self.input);
        Self { input, output: told.output.unwrap_or(self.output), told, ..self }
    }
}

impl Estimator {
    pub fn compile(plan: &EstimatePlan) -> Result<Self, String> {
        if plan.vocabularies.is_empty() {
            return Ok(Self::default());
        }
        let vocabularies: Vec<_> = plan.vocabularies.iter().map(Vocabulary::compile).collect::<Result<_, _>>()?;
        let models = plan.models.iter().map(|rule| {
            let find = |name: &String| {
                let at = vocabularies.iter().position(|vocabulary| vocabulary.name() == name);
                at.ok_or_else(|| format!("there is no vocabulary {name:?}"))
            };
            Ok((Matcher::new(&rule.pattern)?, rule.vocabulary.as_ref().map(find).transpose()?))
        });
        Ok(Self {
            models: models.collect::<Result<_, String>>()?,
            vocabularies,
            sources: Some(Sources::compile(plan)?),
            operations: plan.operations.iter().map(|name| name.as_str().into()).collect(),
            finished: plan.finished.iter().map(|name| name.as_str().into()).collect(),
            call_bytes: plan.call_bytes.max(1024),
            tick_bytes: plan.tick_bytes,
        })
    }

    /// Whether calls of this operation are estimated.
    pub fn counts(&self, operation: &str) -> bool {
        self.operations.iter().any(|known| **known == *operation)
    }

    /// Whether these finish reasons, a list as in facts, are those of a complete answer.
    pub fn is_finished(&self, reasons: &str) -> bool {
        reasons.split(LIST_SEPARATOR).all(|reason| self.finished.contains(&*reason.to_ascii_lowercase()))
    }

    /// What a log record, in the form of a span, holds of the content of a call; nothing when nothing is estimated.
    pub fn content<'a>(&self, record: &'a [u8]) -> Vec<&'a [u8]> {
        self.sources.as_ref().map_or_else(Vec::new, |sources| sources.fields(record))
    }

    pub fn vocabulary(&self, estimate: &Estimate) -> &str {
        self.vocabularies[estimate.vocabulary].name()
    }

    /// What a span's content comes to for `model`, beside what is `told` of it; `None` where not all of it is there, or no
    /// vocabulary for the model. `said`: what log records hold of it, in the form of spans. `spent`: bytes that this tick
    /// counted before; fails when there are too many.
    pub fn estimate(
        &self,
        model: &str,
        span: &[u8],
        said: &[&[u8]],
        told: Told,
        spent: &AtomicU64,
    ) -> Result<Option<Estimate>, Spent> {
        let Some((at, texts)) = self.texts(model, span, said) else { return Ok(None) };
        let vocabulary = &self.vocabularies[at];
        let size = |list: &[String]| list.iter().map(String::len).sum::<usize>();
        let total = (size(&texts.input) + size(&texts.output)).max(1);
        let budget = total.min(self.call_bytes);
        if spent.fetch_add(budget as u64, Relaxed) + budget as u64 > self.tick_bytes as u64 {
            return Err(Spent);
        }
        let count = |list: &[String]| counted(vocabulary, list, size(list) * budget / total);
        let around = vocabulary.per_message * texts.messages + vocabulary.per_request;
        let (Some(input), Some(output)) = (count(&texts.input), count(&texts.output)) else { return Ok(None) };
        let counted = Estimate { input: input + around, output, told: Told::default(), vocabulary: at };
        Ok(Some(counted.heed(told)))
    }

    fn texts(&self, model: &str, span: &[u8], said: &[&[u8]]) -> Option<(usize, Texts)> {
        let model = model.rsplit('/').next().unwrap_or_default().to_lowercase();
        let at = (*first(&self.models, &model)?)?;
        let texts = self.sources.as_ref()?.read(span, said);
        texts.is_whole().then_some((at, texts))
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
