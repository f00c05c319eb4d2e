//! Which attributes, events and log records carry content.

use super::plan::ContentPlan;
use crate::keys::{KeyTable, KeyTableBuilder, pattern_is_anchored};
use crate::normalize::patterns::Glob;
use hashbrown::{HashMap, HashSet};

/// What a value is to the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Input,
    Output,
    System,
    ToolDefinitions,
    ToolArguments,
    ToolResult,
    Other,
    /// Error messages and the like: no content by itself, redacted because content gets quoted in it.
    Diagnostic,
}

impl Class {
    const ALL: [Class; 8] = [
        Class::Input,
        Class::Output,
        Class::System,
        Class::ToolDefinitions,
        Class::ToolArguments,
        Class::ToolResult,
        Class::Other,
        Class::Diagnostic,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Class::Input => "input",
            Class::Output => "output",
            Class::System => "system",
            Class::ToolDefinitions => "tool_definitions",
            Class::ToolArguments => "tool_arguments",
            Class::ToolResult => "tool_result",
            Class::Other => "other",
            Class::Diagnostic => "diagnostic",
        }
    }

    fn from_name(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == name)
            .ok_or_else(|| format!("unknown class of content {name:?}"))
    }
}

pub struct ContentKeys {
    table: KeyTable,
    /// By key id: the class, and the only dialects in which it holds.
    classes: Vec<(Class, Box<[u16]>)>,
    events: Vec<(Glob, Class, Box<[u16]>)>,
    event_prefixes: HashMap<Box<[u8]>, Box<[u8]>>,
    survives: HashSet<Box<[u8]>>,
    structure: HashSet<Box<[u8]>>,
    own: HashSet<Box<[u8]>>,
    pair_names: HashSet<Box<[u8]>>,
    pair_values: HashSet<Box<[u8]>>,
}

impl ContentKeys {
    pub fn compile(plan: &ContentPlan) -> Result<Self, String> {
        let mut builder = KeyTableBuilder::default();
        let mut classes = Vec::new();
        for entry in &plan.keys {
            if entry.key.is_empty() || !pattern_is_anchored(&entry.key) {
                return Err(format!("the content key {:?} must start with at least four fixed characters", entry.key));
            }
            if builder.add(&entry.key).index() < classes.len() {
                return Err(format!("the content key {:?} is given twice", entry.key));
            }
            classes.push((Class::from_name(&entry.class)?, entry.dialects.clone().into()));
        }
        let events = plan
            .events
            .iter()
            .map(|event| Ok((Glob::new(&event.name), Class::from_name(&event.class)?, event.dialects.clone().into())));
        let bytes = |text: &str| text.as_bytes().into();
        let names = |list: &[String]| list.iter().map(|name| name.to_lowercase().into_bytes().into()).collect();
        Ok(Self {
            table: builder.build(),
            classes,
            events: events.collect::<Result<_, String>>()?,
            event_prefixes: plan.event_prefixes.iter().map(|(scope, prefix)| (bytes(scope), bytes(prefix))).collect(),
            survives: names(&plan.survives),
            structure: names(&plan.structure),
            own: names(&plan.own),
            pair_names: names(&plan.pairs.names),
            pair_values: names(&plan.pairs.values),
        })
    }

    /// What the attribute `key` carries; `None` when it is no content. `dialect`: that of the span, asked for when it
    /// matters.
    #[inline]
    pub fn class(&self, key: &[u8], dialect: impl FnOnce() -> u16) -> Option<Class> {
        let id = self.table.lookup(key);
        if !id.is_some() {
            return None;
        }
        let (class, dialects) = &self.classes[id.index()];
        (dialects.is_empty() || dialects.contains(&dialect())).then_some(*class)
    }

    /// What the attributes of an event, or the body of a log record, of this name carry.
    pub fn event(&self, name: &[u8], dialect: impl Fn() -> u16) -> Option<Class> {
        if name.is_empty() {
            return None;
        }
        let is_own = |dialects: &[u16]| dialects.is_empty() || dialects.contains(&dialect());
        let found = self.events.iter().find(|(glob, _, dialects)| glob.matches(name) && is_own(dialects));
        found.map(|(_, class, _)| *class)
    }

    /// What names of log records of this scope lack in front.
    pub fn event_prefix(&self, scope: &[u8]) -> &[u8] {
        self.event_prefixes.get(scope).map_or(&[], |prefix| prefix)
    }

    /// The value under this name says usage, model or cost.
    pub fn survives(&self, name: &[u8]) -> bool {
        has(&self.survives, name)
    }

    /// The value under this name says how content is arranged.
    pub fn is_structure(&self, name: &[u8]) -> bool {
        has(&self.structure, name)
    }

    /// What stands under this name was made up by the app or the model, names and all.
    pub fn is_own(&self, name: &[u8]) -> bool {
        has(&self.own, name)
    }

    /// The value under this name says what the one under the other is: `{"key": …, "value": …}`.
    pub fn names_another(&self, name: &[u8]) -> bool {
        has(&self.pair_names, name)
    }

    /// The value under this name is one that another member names.
    pub fn is_named_by_another(&self, name: &[u8]) -> bool {
        has(&self.pair_values, name)
    }
}

/// Longest name that is looked up.
const NAME: usize = 64;

fn has(set: &HashSet<Box<[u8]>>, name: &[u8]) -> bool {
    if name.len() > NAME {
        return false;
    }
    let mut lower = [0; NAME];
    let lower = &mut lower[..name.len()];
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    set.contains(&*lower)
}
