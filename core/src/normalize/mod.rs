//! From attributes in any dialect to facts in one vocabulary, driven by the plan alone.
//!
//! `compile` turns the plan into tables (`detect` finds the dialect, a row per dialect says what is read from a key);
//! `span` reads one span: attributes, then JSON in them, then events, then raw responses; then it concludes provider,
//! tokens, operation and error. `append` writes what a kept span lacks.

pub mod append;
pub mod compile;
pub mod conclusion;
pub mod currency;
pub mod detect;
pub mod errors;
pub mod escape;
mod evaluations;
mod finish;
mod guardrails;
pub mod json;
pub mod kinds;
pub mod marks;
pub mod modality;
pub mod operation;
pub mod origin;
pub mod paths;
pub mod patterns;
pub mod placeholders;
pub mod plan;
pub mod provider;
pub mod read;
mod rows;
pub mod scratch;
pub mod shapes;
mod span;
mod sums;
pub mod take;
pub mod tokens;
pub mod transform;
mod walker;

pub use origin::{ResourceFacts, ScopeFacts};
pub use read::Anomalies;
pub use scratch::Scratch;

use crate::concept::Concept;
use crate::facts::{Facts, Role};
use crate::keys::{KeyTable, KeyTableBuilder};
use foldhash::fast::FixedState;
use plan::NormalizePlan;
use std::hash::BuildHasher;
use take::{Sources, Taken};

/// The plan's section `normalize`, ready to be applied. Shared by all threads; each has its own [`Scratch`].
pub struct Normalizer {
    tables: compile::Tables,
    detector: detect::Detector,
    providers: provider::Providers,
    operations: operation::Operations,
    errors: errors::Errors,
    placeholders: placeholders::Placeholders,
    shapes: shapes::Shapes,
    currencies: currency::Currencies,
    output: append::Output,
    dialects: Vec<DialectInfo>,
    habits: Vec<tokens::Habits>,
    marks: marks::Keys,
    /// Decisions of guardrails, the strictest first.
    strictest: Vec<Box<str>>,
    json_bytes: usize,
    depth: usize,
    text_bytes: usize,
}

struct DialectInfo {
    name: Box<str>,
    provider: Option<u16>,
    gateway: Option<Box<str>>,
    /// Tells its reports from those of other dialects with the same scope; 0 where nothing does.
    separate: u64,
    /// Its calls show the usage of the last step of a loop.
    last_step: bool,
}

impl Normalizer {
    /// Checks and compiles; registers every key it asks for. [`link`](Self::link) must follow once the key table is built.
    pub fn compile(plan: &NormalizePlan, keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let mut tables = compile::Tables::compile(plan, keys)?;
        let detector = detect::Detector::compile(plan, keys)?;
        let providers = provider::Providers::compile(plan)?;
        let operations = operation::Operations::compile(plan, keys)?;
        let shapes = shapes::Shapes::compile(plan, &mut tables)?;
        let currencies = currency::Currencies::compile(plan, tables.carriers_from)?;
        let habits = tokens::habits(plan, &providers)?;
        let dialects = plan
            .dialects
            .iter()
            .map(|dialect| {
                Ok(DialectInfo {
                    name: dialect.name.as_str().into(),
                    provider: dialect.provider.as_deref().map(|name| providers.index(name)).transpose()?,
                    gateway: dialect.gateway.as_deref().map(Into::into),
                    separate: if dialect.separate { FixedState::default().hash_one(&dialect.name) } else { 0 },
                    last_step: dialect.last_step,
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            tables,
            detector,
            providers,
            operations,
            errors: errors::Errors::compile(&plan.errors)?,
            placeholders: placeholders::Placeholders::compile(&plan.placeholders)?,
            shapes,
            currencies,
            output: append::Output::compile(plan)?,
            dialects,
            habits,
            marks: marks::Keys::add(keys),
            strictest: guardrails::strictest(plan),
            json_bytes: plan.json_bytes,
            depth: plan.depth.min(64),
            text_bytes: plan.text_bytes.max(64),
        })
    }

    /// Resolves keys to the ids of the finished table, which later spans must be looked up with.
    pub fn link(&mut self, keys: &KeyTable) -> Result<(), String> {
        self.tables.link(keys, self.dialects.len())?;
        self.operations.link(keys);
        for (info, tests) in self.tables.keys.iter_mut().zip(self.detector.link(keys)) {
            info.tests = tests;
            info.mine |= tests != 0;
        }
        for id in self.marks.all() {
            let info = &mut self.tables.keys[id.index()];
            (info.mine, info.mark) = (true, true);
        }
        for id in self.operations.keys() {
            self.tables.keys[id.index()].mine = true;
        }
        Ok(())
    }

    /// Appends to a span's bytes what it lacks, as repeated field 9: canonical attributes, legacy ones under
    /// `conventions: both`, `enricher.inferred` with `enricher.inferred.from`. Nothing for a span without a role.
    pub fn append(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.append_with(facts, &Sources::default(), out);
    }

    /// The same of facts that [`take`](Self::take) changed.
    pub fn append_with(&self, facts: &Facts<'_>, sources: &Sources, out: &mut Vec<u8>) {
        self.output.append(facts, &self.tables.rules, sources, out);
    }

    /// Puts what other spans said of the call in the place of what its own span, with the bytes `raw`, says.
    pub fn take<'a>(&self, facts: &mut Facts<'a>, taken: &[Taken<'a>], raw: &[u8], sources: &mut Sources) {
        self.output.take(facts, taken, raw, sources);
    }

    /// Whether a concept has an attribute.
    pub fn writes(&self, concept: Concept) -> bool {
        self.output.writes(concept)
    }

    /// Appends what part the span was found to play, and in which dialect, for the enricher that reads it next.
    pub fn mark(&self, role: Role, dialect: u16, out: &mut Vec<u8>) {
        marks::write(role, self.dialect(dialect), out);
    }

    /// Copies the bytes of a span without the attributes that give way to those of [`append`](Self::append): misstated
    /// ones are renamed to `enricher.original.<key>` (removed with `keep_originals: false`, and moved ones as well).
    pub fn copy(&self, facts: &Facts<'_>, span: &[u8], out: &mut Vec<u8>) {
        self.output.copy(facts, &self.tables.rules, span, out);
    }

    /// Whether [`copy`](Self::copy) would change anything.
    pub fn rewrites(&self, facts: &Facts<'_>) -> bool {
        self.output.rewrites(facts)
    }

    /// Whose report a span is: its scope's, but for dialects that have one in common and are not one instrumentation.
    pub fn reporter(&self, scope: u64, dialect: u16) -> u64 {
        self.dialects.get(usize::from(dialect)).map_or(scope, |dialect| scope ^ dialect.separate)
    }

    /// Whether a call's span may stand for a loop of calls, of which it shows the last one.
    pub fn shows_last_step(&self, dialect: u16) -> bool {
        self.dialects.get(usize::from(dialect)).is_some_and(|dialect| dialect.last_step)
    }

    /// Longest text that becomes a fact.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// What gives way stays under `enricher.original.<key>`.
    pub fn keeps_originals(&self) -> bool {
        self.output.keeps_originals()
    }

    /// Where a value came from, for `explain`: the rule as its author wrote it, or what it was concluded from.
    pub fn source(&self, rule: u16) -> &str {
        append::source(rule, &self.tables.rules)
    }

    /// The name of a dialect (`Facts::dialect`); empty for none.
    pub fn dialect(&self, index: u16) -> &str {
        self.dialects.get(usize::from(index)).map_or("", |dialect| &dialect.name)
    }
}

#[cfg(test)]
mod tests;
