//! Lists that count tokens by a word: by modality, as Gemini returns them (`[{"modality": "AUDIO", "tokenCount": 900},
//! …]`), or by a cache's lifetime, as Bedrock does (`[{"ttl": "1h", "inputTokens": 900}, …]`).

use super::json::{Base, Leaf, Sink, walk, walk_otlp};
use super::kinds::Kind;
use super::paths::Paths;
use super::read::{Context, Source};
use super::transform::item_paths;
use crate::facts::Val;
use crate::wire::value::{Value, array};
use std::sync::OnceLock;

const MODALITIES: [&str; 5] = ["audio", "document", "image", "text", "video"];
const LIFETIMES: [&str; 2] = ["5m", "1h"];
/// Lists are two levels deep.
const DEPTH: usize = 8;
const WORD: u16 = 0;
const COUNT: u16 = 1;

/// The word of the transform `modality:NAME` or `ttl:NAME`.
pub fn known(kind: &str, name: &str) -> Option<&'static str> {
    let words = if kind == "ttl" { &LIFETIMES[..] } else { &MODALITIES[..] };
    words.iter().copied().find(|known| *known == name)
}

/// Tokens of the word `name`; none when the list does not count it.
pub fn count<'a>(context: &mut Context<'_, 'a>, list: Source<'a>, name: &str) -> Option<i64> {
    let arena = context.arena;
    let mut sum = None;
    let mut add = |part: Part<'a>| {
        if let Some(tokens) = part.of(context, name) {
            sum = Some(sum.unwrap_or(0_i64).saturating_add(tokens));
        }
    };
    // What stands before a fault is good.
    match list {
        Source::Json(text) => {
            let mut items = Items(Vec::new());
            let _ = walk(text, item_paths(), DEPTH, arena, &mut items);
            for item in items.0 {
                let mut part = Part::default();
                let _ = walk(item, part_paths(), DEPTH, arena, &mut part);
                add(part);
            }
        }
        Source::Array(items) => {
            for item in array(items).map_while(Result::ok) {
                let mut part = Part::default();
                let _ = walk_otlp(item, part_paths(), DEPTH, arena, &mut part);
                add(part);
            }
        }
        _ => {}
    }
    sum
}

fn part_paths() -> &'static Paths {
    static PATHS: OnceLock<Paths> = OnceLock::new();
    PATHS.get_or_init(|| {
        let mut paths = Paths::new();
        let words = [("modality", WORD), ("ttl", WORD)];
        let counts = ["tokenCount", "token_count", "inputTokens", "input_tokens"].map(|path| (path, COUNT));
        for (path, slot) in words.into_iter().chain(counts) {
            paths.add(path, slot).expect("a valid path");
        }
        paths
    })
}

struct Items<'a>(Vec<&'a [u8]>);

impl<'a> Sink<'a> for Items<'a> {
    fn hit(&mut self, _: u16, _: Base, leaf: Leaf<'a>) {
        if let Leaf::Raw(text) = leaf {
            self.0.push(text);
        }
    }
}

/// One item of the list.
#[derive(Default)]
struct Part<'a> {
    word: Option<Leaf<'a>>,
    count: Option<Leaf<'a>>,
}

impl<'a> Sink<'a> for Part<'a> {
    fn hit(&mut self, slot: u16, _: Base, leaf: Leaf<'a>) {
        let place = if slot == WORD { &mut self.word } else { &mut self.count };
        *place = place.or(Some(leaf));
    }
}

impl<'a> Part<'a> {
    fn of(&self, context: &mut Context<'_, 'a>, name: &str) -> Option<i64> {
        let text = match self.word? {
            Leaf::Str { raw, .. } | Leaf::Otlp(Value::Str(raw)) => raw,
            _ => return None,
        };
        // `MediaModality.AUDIO` in a Python repr.
        let text = memchr::memrchr(b'.', text).map_or(text, |at| &text[at + 1..]);
        if !text.eq_ignore_ascii_case(name.as_bytes()) {
            return None;
        }
        let source = Source::of_leaf(self.count?, context.arena)?;
        match context.read(Kind::Count, source, &[])? {
            Val::Int(tokens) => Some(tokens),
            _ => None,
        }
    }
}
