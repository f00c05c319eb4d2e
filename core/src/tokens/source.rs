//! The text of a call on its span: which attributes and events hold it, and what of their JSON a model is shown.

use super::plan::EstimatePlan;
use crate::content::json::{DEPTH, Scan, looks_like_json, unescape};
use crate::keys::{KeyTable, KeyTableBuilder, pattern_is_anchored};
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
}

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
        Ok(Self { keys: keys.build(), places, silent: names(&plan.silent), verbatim: names(&plan.verbatim) })
    }

    /// Reads a span.
    pub fn read(&self, span: &[u8]) -> Texts {
        let mut texts = Texts::default();
        for field in fields(span, 9).map_while(Result::ok) {
            if let Ok((key, value)) = key_value(field) {
                self.take(key, value, &mut texts);
            }
        }
        for event in events(span).map_while(Result::ok) {
            for (key, value) in event.attributes().map_while(Result::ok) {
                let name = [b"event:", event.name, b"/", key].concat();
                self.take(&name, value, &mut texts);
            }
        }
        let (system, tools) = (std::mem::take(&mut texts.system), std::mem::take(&mut texts.tools));
        if !texts.input.is_empty() {
            texts.messages += i64::from(!system.is_empty());
            texts.input.extend(system.into_iter().chain(tools));
        }
        texts
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
        if found.texts.is_empty() {
            return;
        }
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

/// Names of which JSON has at least one when it arranges content; an answer that is JSON itself has none.
const ARRANGED: [&str; 5] = ["role", "parts", "content", "text", "toolName"];

struct Found<'s> {
    sources: &'s Sources,
    texts: Vec<String>,
    messages: i64,
    is_arranged: bool,
}

impl<'s> Found<'s> {
    fn new(sources: &'s Sources) -> Self {
        Self { sources, texts: Vec::new(), messages: 0, is_arranged: false }
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
        self.messages += i64::from(name == "role");
        if !self.sources.silent.contains(name) {
            read(self);
        }
    }

    fn text(&mut self, text: &str, depth: usize) {
        if looks_like_json(text) && depth == 0 {
            let mut found = Found::new(self.sources);
            let mut scan = Scan::new(text);
            if found.json(&mut scan, 0).is_some() && scan.at_end() && (found.is_arranged || text.starts_with('"')) {
                self.texts.append(&mut found.texts);
                self.messages += found.messages;
                return;
            }
        }
        // Pictures and sounds in text are not read as text.
        if !text.is_empty() && !text.starts_with("data:") {
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
                    self.messages += i64::from(name == "role");
                    self.is_arranged |= ARRANGED.contains(&name);
                    let is_object = scan.peek() == Some(b'{');
                    let start = scan.at;
                    self.json(scan, depth)?;
                    if self.sources.silent.contains(name) {
                        self.texts.truncate(before);
                    } else if is_object && self.sources.verbatim.contains(name) {
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
