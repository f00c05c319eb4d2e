//! The plan's rules as tables: for each dialect and key, what is read from it and in which order.

use super::kinds::{Kind, kind_of};
use super::paths::Paths;
use super::patterns::Glob;
use super::plan::{Inclusion, NormalizePlan, Reasoning, SourceKind};
use super::transform::{self, Maps, Op};
use crate::concept::Concept;
use crate::keys::{KeyId, KeyTableBuilder, pattern_is_anchored};
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// One rule as the hot path needs it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub concept: Concept,
    pub kind: Kind,
    /// Index into the plan's rules.
    pub rule: u16,
    /// Place among all rules; lower wins.
    pub rank: u16,
    /// Index into the transform table; 0 is none.
    pub ops: u16,
}

/// Rules with paths into one value.
#[derive(Debug)]
pub struct Blob {
    pub paths: Paths,
    /// By slot.
    pub entries: Box<[Entry]>,
}

/// What is read from one key in one dialect.
#[derive(Clone, Copy, Debug)]
pub struct List {
    pub(super) from: u32,
    pub(super) to: u32,
    /// Index into the blobs, or `NONE`.
    pub blob: u16,
    /// Rank of the carrier, or `NONE`.
    pub carrier: u16,
}

pub const NONE: u16 = u16::MAX;

/// What every dialect needs to know about a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyInfo {
    /// Some rule, test or canonical name is about this key.
    pub mine: bool,
    /// Its presence makes a span a model span.
    pub strong: bool,
    /// Index of the detector's tests; 0 is none.
    pub tests: u16,
    /// One of our own marks.
    pub mark: bool,
    pub canonical: Option<Concept>,
    pub legacy: Option<Concept>,
}

/// A rule on span events.
#[derive(Debug)]
pub struct EventRule {
    pub event: Glob,
    pub entry: Entry,
    /// Slot 0 is the entry.
    pub paths: Option<Paths>,
    pub dialects: Box<[u16]>,
    pub carrier: bool,
}

impl EventRule {
    /// It reads what a guardrail decided, or its name: of several events each has its own.
    pub fn is_verdict(&self) -> bool {
        Concept::GUARDRAIL.contains(&self.entry.concept) && self.paths.is_none() && !self.carrier
    }
}

/// What explains a value, and what the source says about its tokens.
#[derive(Debug)]
pub struct RuleInfo {
    pub source: Box<str>,
    pub concept: Option<Concept>,
    pub key: Box<str>,
    /// The value is the attribute's whole value.
    pub whole: bool,
    /// One of several evaluations that the span's attributes tell.
    pub one_of_many: bool,
    pub kind: SourceKind,
    pub cached: Option<Inclusion>,
    pub reasoning: Option<Reasoning>,
    pub dialects: Box<[u16]>,
}

#[derive(Default)]
pub struct Tables {
    pub(super) width: usize,
    pub(super) rows: Vec<u16>,
    pub(super) lists: Vec<List>,
    pub(super) entries: Vec<Entry>,
    pub blobs: Vec<Blob>,
    pub keys: Vec<KeyInfo>,
    pub ops: Vec<Vec<Op>>,
    pub maps: Maps,
    /// Concepts whose texts pass a value map.
    pub(super) folds: Vec<(Concept, u16)>,
    /// Concepts that finish reasons tell, by a value map.
    pub(super) finishes: Vec<(Concept, u16)>,
    /// Keys that mean nothing in a dialect.
    pub(super) ignored: Vec<(u16, Box<str>)>,
    pub id_prefixes: Vec<Box<[u8]>>,
    pub events: HashMap<Box<[u8]>, Vec<EventRule>>,
    pub resources: HashMap<Box<[u8]>, Vec<Entry>>,
    /// Rules, then carriers.
    pub rules: Vec<RuleInfo>,
    pub carriers_from: u16,
    pub(super) draft: Vec<Draft>,
    pub(super) canonical: Vec<(String, Concept, bool)>,
}

/// A rule or carrier on span attributes, until keys are linked.
pub(super) struct Draft {
    pub(super) key: String,
    pub(super) path: Option<String>,
    pub(super) entry: Entry,
    pub(super) dialects: Box<[u16]>,
    pub(super) weak: bool,
    pub(super) carrier: bool,
    /// Not asked in a dialect that reads the key for the concept in its own way.
    pub(super) fallback: bool,
}

impl Tables {
    pub fn compile(plan: &NormalizePlan, keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let mut tables = Self {
            ops: vec![Vec::new()],
            id_prefixes: plan.providers.response_id_prefixes.iter().map(|prefix| prefix.as_bytes().into()).collect(),
            ..Self::default()
        };
        let names: BTreeMap<&str, u16> = plan.maps.keys().map(String::as_str).zip(0..).collect();
        for map in plan.maps.values() {
            tables.maps.push(map.iter().map(|(from, to)| (from.to_lowercase().into(), to.as_str().into())).collect());
        }
        for entry in &plan.canonical {
            let concept = concept(&entry.concept)?;
            keys.add(&entry.key);
            tables.canonical.push((entry.key.clone(), concept, true));
            let map =
                |name: &String| names.get(name.as_str()).copied().ok_or_else(|| format!("unknown value map {name:?}"));
            if let Some(name) = &entry.fold {
                tables.folds.push((concept, map(name)?));
            }
            if let Some(name) = &entry.from_finish {
                tables.finishes.push((concept, map(name)?));
            }
            if let Some(legacy) = &entry.legacy {
                keys.add(legacy);
                tables.canonical.push((legacy.clone(), concept, false));
            }
        }
        for (index, dialect) in plan.dialects.iter().enumerate() {
            tables.ignored.extend(dialect.ignored.iter().map(|key| (index as u16, key.as_str().into())));
        }
        tables.read_rules(plan, &names, keys)?;
        tables.read_canonical(plan)?;
        tables.read_carriers(plan, keys)?;
        Ok(tables)
    }

    fn read_rules(
        &mut self,
        plan: &NormalizePlan,
        maps: &BTreeMap<&str, u16>,
        keys: &mut KeyTableBuilder,
    ) -> Result<(), String> {
        let mut order: Vec<usize> = (0..plan.rules.len()).collect();
        order.sort_by_key(|&index| {
            let rule = &plan.rules[index];
            (rule.dialects.is_empty(), rule.priority, index)
        });
        if order.len() >= 0x3000 {
            return Err("more than 12287 rules".to_owned());
        }
        let mut ranks = vec![0; order.len()];
        for (rank, index) in order.into_iter().enumerate() {
            ranks[index] = rank as u16;
        }
        for (index, rule) in plan.rules.iter().enumerate() {
            let fault = |what: String| format!("rule {index} ({}): {what}", rule.source);
            let concept = concept(&rule.concept).map_err(fault)?;
            let ops = transform::compile(&rule.transform, |name| maps.get(name).copied()).map_err(fault)?;
            let entry = Entry {
                concept,
                kind: kind_of(concept),
                rule: index as u16,
                rank: ranks[index],
                ops: self.intern_ops(ops)?,
            };
            for dialect in &rule.dialects {
                if usize::from(*dialect) >= plan.dialects.len() {
                    return Err(fault(format!("there is no dialect {dialect}")));
                }
            }
            let one_of_many = rule.kind == SourceKind::Attr
                && Concept::EVALUATION.contains(&concept)
                && (rule.key.contains('{') || rule.path.as_deref().is_some_and(|path| path.ends_with(['*', '~'])));
            self.rules.push(RuleInfo {
                source: rule.source.as_str().into(),
                concept: Some(concept),
                key: rule.key.as_str().into(),
                whole: rule.path.is_none()
                    && rule.kind == SourceKind::Attr
                    && !one_of_many
                    && !self.ops[usize::from(entry.ops)].iter().any(Op::takes_a_part),
                one_of_many,
                kind: rule.kind,
                cached: rule.cached,
                reasoning: rule.reasoning,
                dialects: rule.dialects.clone().into(),
            });
            let dialects: Box<[u16]> = rule.dialects.clone().into();
            match rule.kind {
                SourceKind::Attr => {
                    add_key(keys, &rule.key).map_err(fault)?;
                    if let Some(path) = &rule.path {
                        Paths::new().add(path, 0).map_err(fault)?;
                    }
                    self.draft.push(Draft {
                        key: rule.key.clone(),
                        path: rule.path.clone(),
                        entry,
                        dialects,
                        weak: rule.weak,
                        carrier: false,
                        fallback: false,
                    });
                }
                // A log record is read in the form of a span with one event.
                SourceKind::Event | SourceKind::Log => {
                    let paths = match &rule.path {
                        Some(path) => {
                            let mut paths = Paths::new();
                            paths.add(path, 0).map_err(fault)?;
                            Some(paths)
                        }
                        None => None,
                    };
                    self.events.entry(rule.key.as_bytes().into()).or_default().push(EventRule {
                        event: Glob::new(rule.event.as_deref().unwrap_or("*")),
                        entry,
                        paths,
                        dialects,
                        carrier: false,
                    });
                }
                SourceKind::Resource => self.resources.entry(rule.key.as_bytes().into()).or_default().push(entry),
            }
        }
        Ok(())
    }

    /// A canonical attribute is read in every dialect, after all rules: what stands on the span under the right name is
    /// not to be concluded anew.
    fn read_canonical(&mut self, plan: &NormalizePlan) -> Result<(), String> {
        for entry in &plan.canonical {
            let concept = concept(&entry.concept)?;
            let known = |draft: &Draft| {
                draft.entry.concept == concept
                    && draft.key == entry.key
                    && draft.path.is_none()
                    && draft.dialects.is_empty()
            };
            if self.draft.iter().any(known) {
                continue;
            }
            let rule = self.rules.len() as u16;
            self.rules.push(RuleInfo {
                source: entry.key.as_str().into(),
                concept: Some(concept),
                key: entry.key.as_str().into(),
                whole: true,
                one_of_many: false,
                kind: SourceKind::Attr,
                cached: None,
                reasoning: None,
                dialects: Box::default(),
            });
            self.draft.push(Draft {
                key: entry.key.clone(),
                path: None,
                entry: Entry { concept, kind: kind_of(concept), rule, rank: rule, ops: 0 },
                dialects: Box::default(),
                weak: true,
                carrier: false,
                fallback: true,
            });
        }
        Ok(())
    }

    fn read_carriers(&mut self, plan: &NormalizePlan, keys: &mut KeyTableBuilder) -> Result<(), String> {
        self.carriers_from = self.rules.len() as u16;
        let mut order: Vec<usize> = (0..plan.carriers.len()).collect();
        order.sort_by_key(|&index| {
            let carrier = &plan.carriers[index];
            (carrier.dialects.is_empty(), carrier.priority, index)
        });
        for (rank, index) in order.into_iter().enumerate() {
            let carrier = &plan.carriers[index];
            let entry = Entry {
                concept: Concept::OutputContent,
                kind: Kind::Content,
                rule: self.rules.len() as u16,
                rank: rank as u16,
                ops: 0,
            };
            self.rules.push(RuleInfo {
                source: carrier.source.as_str().into(),
                concept: None,
                key: carrier.key.as_str().into(),
                whole: false,
                one_of_many: false,
                kind: carrier.kind,
                cached: None,
                reasoning: None,
                dialects: carrier.dialects.clone().into(),
            });
            let dialects: Box<[u16]> = carrier.dialects.clone().into();
            match carrier.kind {
                SourceKind::Attr => {
                    add_key(keys, &carrier.key)?;
                    self.draft.push(Draft {
                        key: carrier.key.clone(),
                        path: None,
                        entry,
                        dialects,
                        weak: true,
                        carrier: true,
                        fallback: false,
                    });
                }
                SourceKind::Event => self.events.entry(carrier.key.as_bytes().into()).or_default().push(EventRule {
                    event: Glob::new(carrier.event.as_deref().unwrap_or("*")),
                    entry,
                    paths: None,
                    dialects,
                    carrier: true,
                }),
                SourceKind::Resource | SourceKind::Log => {}
            }
        }
        Ok(())
    }

    fn intern_ops(&mut self, ops: Vec<Op>) -> Result<u16, String> {
        let found = self.ops.iter().position(|known| *known == ops);
        let index = found.unwrap_or_else(|| {
            self.ops.push(ops);
            self.ops.len() - 1
        });
        u16::try_from(index).map_err(|_| "too many transforms".to_owned())
    }

    /// Compiles transforms of usage shapes.
    pub fn add_ops(&mut self, names: &[String], plan: &NormalizePlan) -> Result<u16, String> {
        let ops = transform::compile(names, |name| {
            plan.maps.keys().position(|known| known == name).map(|index| index as u16)
        })?;
        self.intern_ops(ops)
    }
}

/// Registers a key, which must be anchored when it is a pattern.
pub fn add_key(keys: &mut KeyTableBuilder, key: &str) -> Result<KeyId, String> {
    if key.is_empty() {
        return Err("a key is empty".to_owned());
    }
    if !pattern_is_anchored(key) {
        return Err(format!("the pattern {key:?} must start with at least four literal characters"));
    }
    Ok(keys.add(key))
}

pub fn concept(name: &str) -> Result<Concept, String> {
    Concept::from_name(name).ok_or_else(|| format!("unknown concept {name:?}"))
}
