//! Objects whose members add up: `{"input": 100, "input_audio": 900, "output": 45}`.

use super::json::{Base, Leaf, Sink, walk_otlp};
use super::paths::Paths;
use super::read::{Context, Source};
use crate::wire::value::Value;
use std::sync::OnceLock;

/// Objects of counts have no deeper levels.
const DEPTH: usize = 4;
const NAME: u16 = 0;
const COUNT: u16 = 1;

/// Which members are added up: `input` and every `input_…`, where there is an `input`; with a `*` behind it, every member
/// that begins so. Words behind a `!` leave out what has them in its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Members {
    name: Box<str>,
    prefix: bool,
    without: Box<[Box<str>]>,
}

impl Members {
    /// None for a text that names no member.
    pub fn new(text: &str) -> Option<Self> {
        let mut words = text.split('!');
        let name = words.next()?;
        let without: Box<[Box<str>]> = words.map(Into::into).collect();
        let begin = name.strip_suffix('*');
        let name = begin.unwrap_or(name);
        let fine = !name.is_empty() && without.iter().all(|word| !word.is_empty());
        fine.then(|| Self { name: name.into(), prefix: begin.is_some(), without })
    }

    fn takes(&self, name: &[u8]) -> bool {
        let Some(rest) = name.strip_prefix(self.name.as_bytes()) else {
            return false;
        };
        let fits = self.prefix || rest.is_empty() || rest.starts_with(b"_");
        fits && !self.without.iter().any(|word| memchr::memmem::find(name, word.as_bytes()).is_some())
    }

    /// The sum; none when there is no such member, or one of them is no count.
    pub fn sum<'a>(&self, context: &Context<'_, 'a>, object: Source<'a>) -> Option<i64> {
        let value = match object {
            Source::Text(text) | Source::Json(text) => Value::Str(text),
            Source::Map(entries) => Value::KvList(entries),
            _ => return None,
        };
        let mut found = Found { members: self, taken: false, complete: self.prefix, sum: None, fault: false };
        // What stands before a fault is good.
        let _ = walk_otlp(value, paths(), DEPTH, context.arena, &mut found);
        found.sum.filter(|_| found.complete && !found.fault)
    }
}

fn paths() -> &'static Paths {
    static PATHS: OnceLock<Paths> = OnceLock::new();
    PATHS.get_or_init(|| {
        let mut paths = Paths::new();
        for (path, slot) in [("*~", NAME), ("*", COUNT)] {
            paths.add(path, slot).expect("a valid path");
        }
        paths
    })
}

struct Found<'m> {
    members: &'m Members,
    /// The member whose value comes next counts.
    taken: bool,
    complete: bool,
    sum: Option<i64>,
    fault: bool,
}

impl<'a> Sink<'a> for Found<'_> {
    fn hit(&mut self, slot: u16, _: Base, leaf: Leaf<'a>) {
        if slot == NAME {
            let (Leaf::Str { raw: name, .. } | Leaf::Otlp(Value::Str(name))) = leaf else {
                self.taken = false;
                return;
            };
            self.taken = self.members.takes(name);
            self.complete |= name == self.members.name.as_bytes();
            return;
        }
        if !std::mem::take(&mut self.taken) {
            return;
        }
        let count = match leaf {
            Leaf::Number(digits) => std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()),
            Leaf::Otlp(Value::Int(count)) => u32::try_from(count).ok(),
            _ => None,
        };
        match count {
            Some(count) => self.sum = Some(self.sum.unwrap_or(0).saturating_add(i64::from(count))),
            None => self.fault = true,
        }
    }
}
