//! The text of a call on its span: which attributes and events hold it, and what of their JSON a model is shown.

use super::plan::EstimatePlan;
use crate::content::json::{DEPTH, Scan, looks_like_json, unescape};
use crate::keys::{KeyTable, KeyTableBuilder, pattern_is_anchored};
use crate::wire::reader::{Reader, VARINT};
use crate::wire::span::{events, fields};
use crate::wire::value::{Value, array, key_value, kv_list};
use hashbrown::HashSet;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Input,
    Output,
    System,
    Tools,
}

const PARTS: [Part; 4] = [Part::Input, Part::Output, Part::System, Part::Tools];

pub struct Sources {
    keys: KeyTable,
    /// By key id: for what, and the place of its group; a lower one is preferred.
    places: Vec<(Part, usize)>,
    silent: HashSet<Box<str>>,
    verbatim: HashSet<Box<str>>,
    unseen: HashSet<Box<str>>,
    unseen_types: HashSet<Box<str>>,
    tool_calls: HashSet<Box<str>>,
    marks: Vec<Box<str>>,
    cut_lengths: HashSet<usize>,
}

/// The texts of one span.
#[derive(Default)]
pub struct Texts {
    pub input: Vec<String>,
    pub output: Vec<String>,
    /// Messages of the input, as far as its form tells them apart.
    pub messages: i64,
    groups: [Option<usize>; 4],
    system: Vec<String>,
    tools: Vec<String>,
    /// Something of the content is not there, or not as text.
    is_partial: bool,
    /// The model called a tool, so that it was shown definitions.
    calls_tools: bool,
}

impl Texts {
    /// Whether all that the model was shown and answered is there.
    pub fn is_whole(&self) -> bool {
        let is_known = !self.calls_tools || self.groups[Part::Tools as usize].is_some();
        is_known && !self.is_partial && !self.input.is_empty() && !self.output.is_empty()
    }
}

/// Counts of dropped attributes and events, and the fields that hold these.
const ATTRIBUTES: u32 = 9;
const EVENTS: u32 = 11;
const DROPPED: [u32; 2] = [10, 12];

impl Sources {
    pub fn compile(plan: &EstimatePlan) -> Result<Self, String> {
        let mut keys = KeyTableBuilder::default();
        let mut places = Vec::new();
        for (part, groups) in PARTS.into_iter().zip([&plan.input, &plan.output, &plan.system, &plan.tools]) {
            for (place, group) in groups.iter().enumerate() {
                for key in group {
                    if !pattern_is_anchored(key) {
                        return Err(format!("the key {key:?} of a text must start with four fixed characters"));
                    }
                    if keys.add(key).index() < places.len() {
                        return Err(format!("the key {key:?} of a text is given twice"));
                    }
                    places.push((part, place));
                }
            }
        }
        let names = |list: &[String]| list.iter().map(|name| name.as_str().into()).collect();
        Ok(Self {
            keys: keys.build(),
            places,
            silent: names(&plan.silent),
            verbatim: names(&plan.verbatim),
            unseen: names(&plan.unseen),
            unseen_types: names(&plan.unseen_types),
            tool_calls: names(&plan.tool_calls),
            marks: plan.marks.iter().map(|mark| mark.as_str().into()).collect(),
            cut_lengths: plan.cut_lengths.iter().copied().collect(),
        })
    }

    /// Reads a span, and what log records said of its content.
    pub fn read(&self, span: &[u8], said: &[&[u8]]) -> Texts {
        let mut texts = Texts { is_partial: dropped(span), ..Texts::default() };
        self.gather(span, &mut texts);
        if texts.input.is_empty() || texts.output.is_empty() {
            said.iter().for_each(|record| self.gather(record, &mut texts));
        }
        let (system, tools) = (std::mem::take(&mut texts.system), std::mem::take(&mut texts.tools));
        if !texts.input.is_empty() {
            texts.messages += i64::from(!system.is_empty());
            texts.input.extend(system.into_iter().chain(tools));
        }
        texts
    }

    /// The attributes and events, as fields of a span, that hold content.
    pub fn fields<'a>(&self, span: &'a [u8]) -> Vec<&'a [u8]> {
        let mut found = Vec::new();
        let mut reader = Reader::new(span);
        while let Some((start, field, body)) = reader.next_bytes() {
            let whole = reader.since(start);
            let holds = match field {
                ATTRIBUTES => key_value(body).is_ok_and(|(key, _)| self.keys.lookup(key).is_some()),
                EVENTS => events(whole).map_while(Result::ok).any(|event| {
                    event
                        .attributes()
                        .map_while(Result::ok)
                        .any(|(key, _)| self.keys.lookup(&[b"event:", event.name, b"/", key].concat()).is_some())
                }),
                _ => false,
            };
            if holds {
                found.push(whole);
            }
        }
        found
    }

    fn gather(&self, span: &[u8], texts: &mut Texts) {
        for field in fields(span, ATTRIBUTES).map_while(Result::ok) {
            if let Ok((key, value)) = key_value(field) {
                self.take(key, value, texts);
            }
        }
        for event in events(span).map_while(Result::ok) {
            for (key, value) in event.attributes().map_while(Result::ok) {
                let name = [b"event:", event.name, b"/", key].concat();
                self.take(&name, value, texts);
            }
        }
    }

    /// An attribute whose text is just as long as an exporter lets it be.
    fn is_cut(&self, value: Value<'_>) -> bool {
        let Value::Str(text) = value else { return false };
        self.cut_lengths.contains(&text.len())
            || self.cut_lengths.contains(&String::from_utf8_lossy(text).chars().count())
    }

    fn take(&self, key: &[u8], value: Value<'_>, texts: &mut Texts) {
        let id = self.keys.lookup(key);
        if !id.is_some() {
            return;
        }
        let (part, place) = self.places[id.index()];
        let known = &mut texts.groups[part as usize];
        if known.is_some_and(|known| known < place) {
            return;
        }
        let is_better = known.is_some_and(|known| known > place);
        let mut found = Found::new(self);
        match value {
            // A model reads a schema as it stands.
            Value::Str(text) if part == Part::Tools => found.texts.push(String::from_utf8_lossy(text).into_owned()),
            value => found.value(value, 0),
        }
        if found.texts.is_empty() && !found.is_partial {
            return;
        }
        texts.is_partial |= found.is_partial || self.is_cut(value);
        let in_key = || key.split(|byte| *byte == b'.').filter_map(|part| std::str::from_utf8(part).ok());
        texts.calls_tools |= found.calls_tools || in_key().any(|part| self.tool_calls.contains(part));
        *known = Some(place);
        let list = match part {
            Part::Input => &mut texts.input,
            Part::Output => &mut texts.output,
            Part::System => &mut texts.system,
            Part::Tools => &mut texts.tools,
        };
        if is_better {
            list.clear();
        }
        if part == Part::Input {
            // A text that does not say how many messages it is was one.
            let messages = found.messages.max(1);
            texts.messages = if is_better { messages } else { texts.messages + messages };
        }
        list.append(&mut found.texts);
    }
}

fn dropped(span: &[u8]) -> bool {
    let mut reader = Reader::new(span);
    while !reader.at_end() {
        match reader.tag() {
            Ok((field, VARINT)) if DROPPED.contains(&field) => {
                if reader.varint().is_ok_and(|count| count > 0) {
                    return true;
                }
            }
            Ok((_, wire)) if reader.skip(wire).is_ok() => {}
            _ => return false,
        }
    }
    false
}

/// Names of which JSON has at least one when it arranges content; an answer that is JSON itself has none.
const ARRANGED: [&str; 5] = ["role", "parts", "content", "text", "toolName"];

struct Found<'s> {
    sources: &'s Sources,
    texts: Vec<String>,
    messages: i64,
    is_arranged: bool,
    is_partial: bool,
    calls_tools: bool,
}

impl<'s> Found<'s> {
    fn new(sources: &'s Sources) -> Self {
        Self { sources, texts: Vec::new(), messages: 0, is_arranged: false, is_partial: false, calls_tools: false }
    }

    /// What a name in structured content tells, besides its text.
    fn name(&mut self, name: &str) {
        self.messages += i64::from(name == "role");
        self.is_partial |= self.sources.unseen.contains(name);
        self.calls_tools |= self.sources.tool_calls.contains(name);
    }

    /// The value of a member with this name has put its texts from `before` on.
    fn value_of(&mut self, name: &str, before: usize) {
        if name == "type" {
            self.is_partial |= self.texts[before..].iter().any(|text| self.sources.unseen_types.contains(&**text));
        }
        if self.sources.silent.contains(name) {
            self.texts.truncate(before);
        }
    }

    fn value(&mut self, value: Value<'_>, depth: usize) {
        if depth > DEPTH {
            return;
        }
        match value {
            Value::Str(text) => self.text(&String::from_utf8_lossy(text), depth),
            Value::Array(items) => {
                array(items).map_while(Result::ok).for_each(|item| self.value(item, depth + 1));
            }
            Value::KvList(entries) => {
                for (name, value) in kv_list(entries).map_while(Result::ok) {
                    self.member(&String::from_utf8_lossy(name), |found| found.value(value, depth + 1));
                }
            }
            Value::Int(_) | Value::Double(_) | Value::Bool(_) | Value::Empty | Value::Bytes(_) => {}
        }
    }

    fn member(&mut self, name: &str, read: impl FnOnce(&mut Self)) {
        self.name(name);
        let before = self.texts.len();
        read(self);
        self.value_of(name, before);
    }

    fn text(&mut self, text: &str, depth: usize) {
        if depth == 0 && (looks_like_json(text) || text.starts_with(['[', '{'])) {
            let mut found = Found::new(self.sources);
            let mut scan = Scan::new(text);
            let is_json = found.json(&mut scan, 0).is_some() && scan.at_end();
            if is_json && (found.is_arranged || text.starts_with('"')) {
                self.texts.append(&mut found.texts);
                self.messages += found.messages;
                self.is_partial |= found.is_partial;
                self.calls_tools |= found.calls_tools;
                return;
            }
            if is_json && found.texts.is_empty() {
                return;
            }
            // Messages that do not end were cut.
            self.is_partial |= found.is_arranged && !is_json;
        }
        // Pictures and sounds in text are not read as text.
        if text.starts_with("data:") || self.sources.marks.iter().any(|mark| text.contains(&**mark)) {
            self.is_partial = true;
        } else if !text.is_empty() {
            self.texts.push(text.to_owned());
        }
    }

    fn json(&mut self, scan: &mut Scan<'_>, depth: usize) -> Option<()> {
        let depth = depth + 1;
        match scan.peek()? {
            _ if depth > DEPTH => None,
            b'"' => {
                let text = unescape(scan.string()?)?;
                self.text(&text, depth);
                Some(())
            }
            b'{' => {
                scan.at += 1;
                while !scan.take(b'}') {
                    let name = scan.string()?;
                    if !scan.take(b':') {
                        return None;
                    }
                    let before = self.texts.len();
                    self.name(name);
                    self.is_arranged |= ARRANGED.contains(&name);
                    let is_object = scan.peek() == Some(b'{');
                    let start = scan.at;
                    self.json(scan, depth)?;
                    self.value_of(name, before);
                    if is_object && self.sources.verbatim.contains(name) {
                        self.texts.truncate(before);
                        self.texts.push(scan.text[start..scan.at].to_owned());
                    }
                    if !scan.take(b',') && scan.peek()? != b'}' {
                        return None;
                    }
                }
                Some(())
            }
            b'[' => {
                scan.at += 1;
                while !scan.take(b']') {
                    self.json(scan, depth)?;
                    if !scan.take(b',') && scan.peek()? != b']' {
                        return None;
                    }
                }
                Some(())
            }
            _ => scan.word().map(|_| ()),
        }
    }
}
