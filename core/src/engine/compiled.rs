//! The plan, parsed and compiled into the tables that the stages read.

use crate::buffer::intern::{Interner, Resource, Scope};
use crate::content::Content;
use crate::content::plan::ContentPlan;
use crate::error::{CoreError, Result};
use crate::facts::NO_DIALECT;
use crate::keys::{KeyTable, KeyTableBuilder};
use crate::measure::plan::MeasurePlan;
use crate::normalize::plan::NormalizePlan;
use crate::normalize::{Normalizer, Scratch};
use crate::price::Book;
use crate::price::plan::PricePlan;
use crate::sample::plan::SamplePlan;
use crate::sample::policies::Policies;
use crate::tokens::Estimator;
use crate::tokens::plan::EstimatePlan;
use crate::wire::span::parse;
use serde::Deserialize;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// The plan as Python writes it (`enricher/config/compile.py`).
#[derive(Deserialize)]
pub struct Plan {
    pub version: u32,
    pub normalize: NormalizePlan,
    /// Absent: content is kept.
    #[serde(default)]
    pub content: ContentPlan,
    /// Absent: no tokens are counted from content.
    #[serde(default)]
    pub estimate: EstimatePlan,
    pub price: PricePlan,
    pub sample: SamplePlan,
    pub measure: MeasurePlan,
    pub limits: Limits,
    pub output: Output,
}

/// The version of the plan's shape that this core reads.
pub const PLAN_VERSION: u32 = 1;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Heap bytes of buffered traces; beyond them requests are refused.
    pub buffer_bytes: u64,
    /// A trace is decided at once when its spans hold more bytes than this.
    pub trace_bytes: u64,
    /// A trace is decided at once when it holds more spans than this.
    pub trace_spans: usize,
    /// Bytes of an export payload.
    pub payload_bytes: usize,
    /// Attributes of a span that rules look at; all are forwarded.
    pub attribute_count: usize,
    /// Levels of nesting of an attribute value; a span beyond is refused.
    pub depth: usize,
    /// Spans of one request; those beyond are refused.
    pub request_spans: usize,
    /// Independent parts of the buffer. Fixed at start.
    pub shards: usize,
    /// Heap bytes of what log records say about spans that are not decided; beyond them log records add nothing.
    #[serde(default = "log_facts_bytes")]
    pub log_facts_bytes: u64,
}

fn log_facts_bytes() -> u64 {
    16 << 20
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Write call records.
    pub call_records: bool,
    /// Write trace records.
    pub trace_records: bool,
    /// Write explanations of traces whose id in hex begins so.
    #[serde(default)]
    pub explain: Option<String>,
    /// Export every trace whatever the verdict, and stamp nothing about sampling.
    pub keep_all: bool,
}

impl Plan {
    pub fn parse(json: &[u8]) -> Result<Self> {
        let plan: Plan = serde_json::from_slice(json).map_err(|error| CoreError::Plan(error.to_string()))?;
        if plan.version != PLAN_VERSION {
            return Err(CoreError::Plan(format!("version {} where {PLAN_VERSION} is read", plan.version)));
        }
        Ok(plan)
    }
}

pub struct Compiled {
    /// Which of the engine's plans this is.
    pub generation: u32,
    pub normalizer: Normalizer,
    pub content: Content,
    pub estimator: Estimator,
    pub book: Book,
    pub policies: Policies,
    pub keys: KeyTable,
    pub limits: Limits,
    pub output: Output,
    pub measure: MeasurePlan,
    pub cache_sampled: usize,
    pub cache_not_sampled: usize,
    pub decision_wait: u64,
    /// Bytes of spans above which a trace is dropped at once.
    pub maximum_trace_bytes: u64,
    pub decision_wait_after_root: u64,
    pub resources: Interner<Resource>,
    pub scopes: Interner<Scope>,
    /// Buffers and caches of ingest threads that are not at work.
    idle: Mutex<Vec<Scratch>>,
}

impl Compiled {
    /// `held`: where the bytes of resources and scopes are counted.
    pub fn new(plan: Plan, generation: u32, held: &Arc<AtomicU64>) -> Result<Self> {
        let mut builder = KeyTableBuilder::default();
        let mut normalizer = Normalizer::compile(&plan.normalize, &mut builder).map_err(CoreError::Plan)?;
        let mut policies = Policies::compile(&plan.sample, &mut builder).map_err(CoreError::Plan)?;
        if plan.output.explain.is_some() {
            policies.be_explained();
        }
        let keys = builder.build();
        normalizer.link(&keys).map_err(CoreError::Plan)?;
        policies.conditions.link(&plan.normalize.canonical, &keys).map_err(CoreError::Plan)?;
        Ok(Self {
            generation,
            normalizer,
            content: Content::compile(&plan.content)?,
            estimator: Estimator::compile(&plan.estimate).map_err(CoreError::Plan)?,
            book: Book::compile(&plan.price).map_err(CoreError::Plan)?,
            policies,
            keys,
            limits: plan.limits,
            output: plan.output,
            measure: plan.measure,
            cache_sampled: plan.sample.cache_sampled,
            cache_not_sampled: plan.sample.cache_not_sampled,
            decision_wait: plan.sample.decision_wait_ns,
            maximum_trace_bytes: plan.sample.maximum_trace_bytes.unwrap_or(u64::MAX),
            decision_wait_after_root: plan.sample.decision_wait_after_root_ns,
            resources: Interner::new(held),
            scopes: Interner::new(held),
            idle: Mutex::new(Vec::new()),
        })
    }

    /// The dialect of a span that has no facts.
    pub fn dialect(&self, raw: &[u8], resource: &Resource, scope: &Scope) -> u16 {
        let mut attrs = Vec::new();
        let Ok(span) = parse(raw, &self.keys, self.limits.attribute_count, &mut attrs) else { return NO_DIALECT };
        self.normalizer.detect(&span, &attrs, &resource.facts, &scope.facts)
    }

    /// Lends buffers and caches that know this plan.
    pub fn scratch(&self) -> Scratch {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub fn give_back(&self, scratch: Scratch) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }

    /// Verdicts that one of `shards` remembers: kept and dropped.
    pub fn cache_sizes(&self, shards: usize) -> (usize, usize) {
        (self.cache_sampled.div_ceil(shards), self.cache_not_sampled.div_ceil(shards))
    }

    /// Whether verdicts are written on kept spans.
    pub fn stamps(&self) -> bool {
        !self.policies.is_empty() && !self.output.keep_all
    }

    /// Whether thresholds are: not when nothing is sampled.
    pub fn samples(&self) -> bool {
        self.stamps() && !self.policies.keeps_all()
    }
}
