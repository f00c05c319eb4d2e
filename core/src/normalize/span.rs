//! One span: what its attributes, their JSON, its events and its raw responses say.

use super::compile::{Entry, NONE};
use super::conclusion;
use super::detect::State;
use super::errors::Exception;
use super::guardrails::Verdict;
use super::json::{Base, Leaf, Sink, walk_otlp};
use super::kinds::{Kind, kind_of};
use super::marks::Marks;
use super::origin::{ResourceFacts, ScopeFacts};
use super::placeholders::without_styles;
use super::read::{Context, Source};
use super::scratch::Scratch;
use super::shapes::Told;
use super::transform::Op;
use super::{Normalizer, finish};
use crate::concept::{Concept, ConceptSet};
use crate::evaluations::Evaluation;
use crate::facts::{Facts, LIST_SEPARATOR, NO_DIALECT, NO_RULE, Val};
use crate::keys::KeyId;
use crate::wire::span::{Attr, SpanView, events};
use crate::wire::value::Value;
use bumpalo::Bump;

/// The key under which rules find when an event was.
const TIME: &[u8] = b"@time";

/// Events of one span that are looked at.
const EVENTS: u32 = 1024;

/// Facts as they are gathered: a value of a better rule replaces one of a worse.
pub(super) struct Gather<'g, 'a> {
    normalizer: &'a Normalizer,
    pub(super) facts: &'g mut Facts<'a>,
    ranks: &'g mut [u16; Concept::COUNT],
    pub(super) context: Context<'g, 'a>,
    /// Only counts that are not 0 are taken: see `look_beyond_zeros`.
    beyond_zeros: bool,
}

/// The counts that many write as zeros when they do not know them.
const COUNTS: [Concept; 3] = [Concept::InputTokens, Concept::OutputTokens, Concept::TotalTokens];
const SIDES: [Concept; 2] = [Concept::InputTokens, Concept::OutputTokens];

impl<'a> Gather<'_, 'a> {
    /// Takes a value unless a better one is known; `anew` replaces what the same rule gave before. True when taken.
    #[inline]
    fn offer(&mut self, entry: &Entry, source: Source<'a>, anew: bool) -> bool {
        let slot = entry.concept as usize;
        let known = self.facts.has(entry.concept);
        if known && self.ranks[slot] < entry.rank {
            return false;
        }
        let again = known && self.ranks[slot] == entry.rank && !anew;
        if again && entry.kind != Kind::List {
            return false;
        }
        let ops: &[Op] = if entry.ops == 0 { &[] } else { &self.normalizer.tables.ops[usize::from(entry.ops)] };
        if self.beyond_zeros && !COUNTS.contains(&entry.concept) {
            return false;
        }
        let Some(mut value) = self.context.read(entry.kind, source, ops) else {
            return false;
        };
        if self.beyond_zeros && value == Val::Int(0) {
            return false;
        }
        if let Val::Str(mut text) = value {
            if matches!(entry.concept, Concept::RequestModel | Concept::ResponseModel) {
                text = without_styles(text, self.context.arena);
                value = Val::Str(text);
            }
            if self.normalizer.placeholders.stands_for_none(entry.concept, text) {
                return false;
            }
            if again && let Some(before) = self.facts.text(entry.concept) {
                if before.len() + text.len() > self.context.text_bytes {
                    self.context.anomalies.oversize_text += 1;
                    return false;
                }
                let joined = bumpalo::format!(in self.context.arena, "{}{}{}", before, LIST_SEPARATOR, text);
                value = Val::Str(joined.into_bump_str());
            }
        }
        self.facts.set(entry.concept, value, entry.rule);
        self.ranks[slot] = entry.rank;
        true
    }

    /// A value as a rule reads it.
    pub(super) fn read(&mut self, entry: &Entry, source: Source<'a>) -> Option<Val<'a>> {
        self.context.read(entry.kind, source, &self.normalizer.tables.ops[usize::from(entry.ops)])
    }

    /// Some rule of the blob could still give something better than what is known.
    fn worth(&self, entries: &[Entry]) -> bool {
        entries.iter().any(|entry| !self.facts.has(entry.concept) || self.ranks[entry.concept as usize] > entry.rank)
    }

    /// Takes what stands under a canonical name as it is. A fact that is not known in spite of it was refused.
    fn settle(&mut self, concept: Concept, value: Value<'a>) {
        if let Some(known) = self.facts.get(concept)
            && let Some(source) = Source::of_value(value)
            && let Some(told) = self.context.read(kind_of(concept), source, &[])
            && told != known
        {
            self.facts.set(concept, told, conclusion::NORMALIZED);
        }
    }

    fn follow(&mut self, value: Value<'a>, paths: &super::paths::Paths, entries: &[Entry]) {
        if let Value::Str(text) | Value::KvList(text) | Value::Array(text) = value
            && text.len() > self.normalizer.json_bytes
        {
            self.context.anomalies.oversize_json += 1;
            return;
        }
        let arena = self.context.arena;
        let mut found = Found { best: bumpalo::vec![in arena; None; entries.len()], entries, gather: self };
        let depth = found.gather.normalizer.depth;
        if walk_otlp(value, paths, depth, arena, &mut found).is_err() {
            self.context.anomalies.bad_json += 1;
        }
    }
}

/// Hits of one blob; of `**.` paths the outermost counts.
struct Found<'f, 'g, 'a> {
    best: bumpalo::collections::Vec<'a, Option<Base>>,
    entries: &'f [Entry],
    gather: &'f mut Gather<'g, 'a>,
}

impl<'a> Sink<'a> for Found<'_, '_, 'a> {
    fn hit(&mut self, slot: u16, base: Base, leaf: Leaf<'a>) {
        let entry = &self.entries[usize::from(slot)];
        let best = self.best[usize::from(slot)];
        // Further out than what was taken before: that goes. Further in, or beside it: not wanted.
        let anew = best.is_some_and(|known| known.depth > base.depth);
        if !anew && best.is_some_and(|known| known != base) {
            return;
        }
        let Some(source) = Source::of_leaf(leaf, self.gather.context.arena) else {
            return;
        };
        if self.gather.offer(entry, source, anew) {
            self.best[usize::from(slot)] = Some(base);
        }
    }

    fn crowded(&mut self) {
        self.gather.context.anomalies.paths_beyond += 1;
    }
}

impl Normalizer {
    /// Reads one span into `out` (cleared first); true when it says anything about a model.
    ///
    /// `attrs` must have been looked up in the key table that was linked. `scratch` is reused; `arena` holds text that
    /// does not stand in the span and may be reset once `out` is encoded.
    #[allow(clippy::too_many_arguments)]
    pub fn span<'a>(
        &'a self,
        span: &SpanView<'a>,
        attrs: &[Attr<'a>],
        res: &'a ResourceFacts,
        scope: &'a ScopeFacts,
        scratch: &mut Scratch,
        arena: &'a Bump,
        out: &mut Facts<'a>,
    ) -> bool {
        scratch.hits.clear();
        scratch.canonical.set = ConceptSet::default();
        scratch.legacy.set = ConceptSet::default();
        let mut strong = scope.telling;
        let mut state = State::START;
        let mut marks = Marks::default();
        for (at, attr) in attrs.iter().enumerate() {
            if !attr.id.is_some() {
                continue;
            }
            let info = &self.tables.keys[attr.id.index()];
            if !info.mine {
                continue;
            }
            strong |= info.strong;
            scratch.hits.push((at as u32, attr.id));
            if info.tests != 0 {
                self.detector.attr(info.tests, attr.value, &mut state);
            }
            if info.mark {
                marks.note(&self.marks, attr);
            }
            if let Some(concept) = info.canonical {
                scratch.canonical.note(concept, at);
            }
            if let Some(concept) = info.legacy {
                scratch.legacy.note(concept, at);
            }
        }
        // A log record has the form of a span with its name.
        if !strong && marks.role.is_none() && !self.errors.fails_a_call(span.name) {
            return false;
        }
        out.clear();
        state = state.join(scope.state).join(res.state);
        let dialect = match marks.role {
            // A dialect that this plan lacks says no more than none.
            Some(_) => self.dialects.iter().position(|one| one.name.as_bytes() == marks.dialect),
            None => self.detector.decide(state, span.name).map(usize::from),
        };
        let dialect = dialect.map(|index| index as u16);
        self.read(span, dialect, &marks, attrs, res, scope, scratch, arena, out);
        !out.present().is_empty()
    }

    /// The dialect alone, of a span that says nothing about a model: by its scope, resource and name, and by attributes
    /// whose keys say whose they are, not by words that any app may use.
    pub fn detect(&self, span: &SpanView<'_>, attrs: &[Attr<'_>], res: &ResourceFacts, scope: &ScopeFacts) -> u16 {
        let mut state = State::START;
        let is_telling = |attr: &&Attr<'_>| attr.id.is_some() && memchr::memchr2(b'.', b':', attr.key).is_some();
        for attr in attrs.iter().filter(is_telling) {
            let info = &self.tables.keys[attr.id.index()];
            if info.mine && info.tests != 0 {
                self.detector.attr(info.tests, attr.value, &mut state);
            }
        }
        self.detector.decide(state.join(scope.state).join(res.state), span.name).unwrap_or(NO_DIALECT)
    }

    #[allow(clippy::too_many_arguments)]
    fn read<'a>(
        &'a self,
        span: &SpanView<'a>,
        dialect: Option<u16>,
        marks: &Marks<'a>,
        attrs: &[Attr<'a>],
        res: &'a ResourceFacts,
        scope: &'a ScopeFacts,
        scratch: &mut Scratch,
        arena: &'a Bump,
        out: &mut Facts<'a>,
    ) {
        let hits = std::mem::take(&mut scratch.hits);
        out.dialect = dialect.unwrap_or(NO_DIALECT);
        out.marked = marks.role.is_some();
        let marked = out.marked;

        let mut gather = Gather {
            normalizer: self,
            facts: out,
            ranks: &mut scratch.ranks,
            context: Context {
                arena,
                anomalies: &mut scratch.anomalies,
                text_bytes: self.text_bytes,
                span_start: span.start,
                maps: &self.tables.maps,
                id_prefixes: &self.tables.id_prefixes,
                key: b"",
            },
            beyond_zeros: false,
        };
        // The best carrier: its rule number (they are numbered by rank) and value.
        let mut carrier: (u16, Value<'a>) = (NONE, Value::Empty);
        scratch.blobs.clear();
        let row = self.tables.row(dialect.unwrap_or(NO_DIALECT));
        for &(at, id) in &hits {
            let id = if marked { marks.read_as(&self.marks, id) } else { Some(id) };
            let Some((id, index)) = id.map(|id| (id, row[id.index()])).filter(|(_, index)| *index != 0) else {
                continue;
            };
            let attr = &attrs[at as usize];
            let (list, entries) = self.tables.list(index);
            if !entries.is_empty()
                && let Some(source) = Source::of_value(attr.value)
            {
                gather.context.key = attr.key;
                for entry in entries.iter().filter(|entry| !marked || self.tells(id, entry.concept)) {
                    gather.offer(entry, source, false);
                }
            }
            if list.blob != NONE {
                scratch.blobs.push((at, list.blob));
            }
            if list.carrier < carrier.0 {
                carrier = (list.carrier, attr.value);
            }
        }
        for &(at, blob) in &scratch.blobs {
            let blob = &self.tables.blobs[usize::from(blob)];
            if gather.worth(&blob.entries) {
                gather.follow(attrs[at as usize].value, &blob.paths, &blob.entries);
            }
        }
        let mut written = Evaluation::default();
        if marked {
            for concept in Concept::EVALUATION.into_iter().filter(|one| scratch.canonical.set.contains(*one)) {
                written.learn(concept, attrs[scratch.canonical.at[concept as usize] as usize].value);
            }
        }
        let mut further = self.further_evaluations(attrs, &hits, row, &mut gather, written);
        let exception = if span.events > 0 {
            self.read_events(span, dialect, &mut gather, &mut carrier, &mut further)
        } else {
            Exception::default()
        };
        if !further.is_empty() {
            let further = arena.alloc_str(&further);
            gather.facts.set(Concept::MoreEvaluations, Val::Str(further), conclusion::FURTHER);
        }
        let has_zeros = !marked && SIDES.into_iter().all(|count| gather.facts.int(count) == Some(0));
        if has_zeros {
            self.look_beyond_zeros(attrs, &hits, row, &scratch.blobs, &mut gather);
        }
        let told = self.read_carrier(carrier, &mut gather);
        if has_zeros {
            for count in SIDES {
                if !gather.facts.has(count) {
                    gather.facts.set(count, Val::Int(0), NO_RULE);
                }
            }
        }
        for (entry, value) in &res.values {
            let own = &self.tables.rules[usize::from(entry.rule)].dialects;
            if !gather.facts.has(entry.concept) && (own.is_empty() || dialect.is_some_and(|index| own.contains(&index)))
            {
                gather.facts.set(entry.concept, value.val(), entry.rule);
            }
        }
        if let Some(environment) = &res.environment
            && !gather.facts.has(Concept::Environment)
        {
            gather.facts.set(Concept::Environment, Val::Str(environment), conclusion::RESOURCE);
        }
        if marked {
            for concept in scratch.canonical.set.iter() {
                gather.settle(concept, attrs[scratch.canonical.at[concept as usize] as usize].value);
            }
        }
        let seen = finish::Seen {
            span,
            attrs,
            hits: &hits,
            scope,
            dialect,
            exception,
            told,
            settled: marks.role,
            in_dollars: marks.in_dollars(),
        };
        self.finish(&seen, scratch, arena, out);
        if out.marked {
            out.inferred = ConceptSet(out.inferred.0 | marks.inferred.0);
        }
        scratch.hits = hits;
    }

    /// Zeros on both sides are no usage, so keys that are worse otherwise may tell it.
    #[cold]
    fn look_beyond_zeros<'a>(
        &'a self,
        attrs: &[Attr<'a>],
        hits: &[(u32, KeyId)],
        row: &[u16],
        blobs: &[(u32, u16)],
        gather: &mut Gather<'_, 'a>,
    ) {
        for count in COUNTS {
            if gather.facts.int(count) == Some(0) {
                gather.facts.unset(count);
            }
        }
        gather.beyond_zeros = true;
        for (at, id) in hits {
            let (_, entries) = self.tables.list(row[id.index()]);
            let counts = entries.iter().filter(|entry| COUNTS.contains(&entry.concept));
            for entry in counts {
                if let Some(source) = Source::of_value(attrs[*at as usize].value) {
                    gather.offer(entry, source, false);
                }
            }
        }
        for (at, blob) in blobs {
            let blob = &self.tables.blobs[usize::from(*blob)];
            if blob.entries.iter().any(|entry| COUNTS.contains(&entry.concept)) {
                gather.follow(attrs[*at as usize].value, &blob.paths, &blob.entries);
            }
        }
        gather.beyond_zeros = false;
    }

    /// Whether an attribute of a marked span tells of a concept: one that was added tells of its own only, and what it
    /// told of others before has its own attribute by now.
    fn tells(&self, id: KeyId, concept: Concept) -> bool {
        let info = &self.tables.keys[id.index()];
        match info.canonical.or(info.legacy) {
            Some(own) => own == concept || !self.output.writes(concept),
            None => true,
        }
    }

    fn read_events<'a>(
        &'a self,
        span: &SpanView<'a>,
        dialect: Option<u16>,
        gather: &mut Gather<'_, 'a>,
        carrier: &mut (u16, Value<'a>),
        further: &mut String,
    ) -> Exception<'a> {
        let mut exception = Exception::default();
        let mut verdicts: bumpalo::collections::Vec<'a, Verdict<'a>> =
            bumpalo::collections::Vec::new_in(gather.context.arena);
        for (event, at) in events(span.raw).map_while(Result::ok).zip(0..) {
            if at >= EVENTS {
                gather.context.anomalies.events_beyond += 1;
                continue;
            }
            let failed = self.errors.is_exception(event.name);
            let evaluated = Concept::EVALUATION.into_iter().any(|concept| gather.facts.has(concept));
            if self.tables.events.is_empty() && !failed {
                continue;
            }
            let mut evaluation = Evaluation::default();
            let mut verdict = Verdict::default();
            let when = (TIME, Value::Int(i64::try_from(event.time).unwrap_or(i64::MAX)));
            for (key, value) in event.attributes().map_while(Result::ok).chain([when]) {
                if failed && let Value::Str(text) = value {
                    match key {
                        b"exception.type" => exception.kind = text,
                        b"exception.message" => exception.message = text,
                        _ => {}
                    }
                }
                let Some(rules) = self.tables.events.get(key) else {
                    continue;
                };
                for rule in rules {
                    let own = rule.dialects.is_empty() || dialect.is_some_and(|index| rule.dialects.contains(&index));
                    // Members of two evaluations say nothing together.
                    let second = evaluated && Concept::EVALUATION.contains(&rule.entry.concept);
                    if !own || !rule.event.matches(event.name) {
                        continue;
                    }
                    if rule.is_verdict() {
                        verdict.learn(&rule.entry, value, gather);
                    } else if second {
                        evaluation.learn(rule.entry.concept, value);
                    } else if rule.carrier {
                        if rule.entry.rule < carrier.0 {
                            *carrier = (rule.entry.rule, value);
                        }
                    } else if let Some(paths) = &rule.paths {
                        gather.follow(value, paths, std::slice::from_ref(&rule.entry));
                    } else if let Some(source) = Source::of_value(value) {
                        gather.offer(&rule.entry, source, false);
                    }
                }
            }
            if evaluation.says_something() && !evaluation.append(further, gather.context.text_bytes) {
                gather.context.anomalies.oversize_text += 1;
            }
            if verdict.says_something() {
                verdicts.push(verdict);
            }
        }
        if !verdicts.is_empty() {
            self.judge(&verdicts, gather);
        }
        exception
    }

    /// Raw responses are read for usage and its details, for what the provider billed, and for the response id, which
    /// tells reports of one call apart from two calls.
    fn read_carrier<'a>(&'a self, (rule, value): (u16, Value<'a>), gather: &mut Gather<'_, 'a>) -> Told {
        if rule == NONE {
            return Told::default();
        }
        let (Value::Str(text) | Value::KvList(text) | Value::Array(text)) = value else {
            return Told::default();
        };
        if text.len() > self.json_bytes {
            gather.context.anomalies.oversize_json += 1;
            return Told::default();
        }
        self.shapes.read(value, rule, self.depth, &self.tables, &mut gather.context, gather.facts)
    }
}
