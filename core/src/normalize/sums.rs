//! Objects whose members add up: `{"input": 100, "input_audio": 900, "output": 45}`.

use super::json::{Base, Leaf, Sink, walk_otlp};
use super::kinds::Kind;
use super::paths::Paths;
use super::read::{Context, Source};
use crate::facts::Val;
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

    /// The sum of those that are counts; none when there are none, or the one that the parts belong to is not.
    pub fn sum<'a>(&self, context: &mut Context<'_, 'a>, object: Source<'a>) -> Option<i64> {
        let value = match object {
            Source::Text(text) | Source::Json(text) => Value::Str(text),
            Source::Map(entries) => Value::KvList(entries),
            _ => return None,
        };
        let arena = context.arena;
        let mut found = Found { members: self, context, taken: None, complete: self.prefix, sum: None };
        // What stands before a fault is good.
        let _ = walk_otlp(value, paths(), DEPTH, arena, &mut found);
        found.sum.filter(|_| found.complete)
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

struct Found<'m, 'c, 'a> {
    members: &'m Members,
    context: &'m mut Context<'c, 'a>,
    /// The name of the member whose value comes next, where it counts.
    taken: Option<&'a [u8]>,
    complete: bool,
    sum: Option<i64>,
}

impl<'a> Sink<'a> for Found<'_, '_, 'a> {
    fn hit(&mut self, slot: u16, _: Base, leaf: Leaf<'a>) {
        if slot == NAME {
            self.taken = match leaf {
                Leaf::Str { raw: name, .. } | Leaf::Otlp(Value::Str(name)) => {
                    Some(name).filter(|name| self.members.takes(name))
                }
                _ => None,
            };
            return;
        }
        let Some(name) = self.taken.take() else { return };
        let Some(source) = Source::of_leaf(leaf, self.context.arena) else { return };
        if let Some(Val::Int(count)) = self.context.read(Kind::Count, source, &[]) {
            self.complete |= name == self.members.name.as_bytes();
            self.sum = Some(self.sum.unwrap_or(0).saturating_add(count));
        }
    }
}
