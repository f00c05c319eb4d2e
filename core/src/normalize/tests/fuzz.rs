//! Arbitrary spans and texts: nothing panics, everything ends, what is written is a span again.

use super::{Bench, Span, bench, read_with};
use crate::concept::Concept;
use crate::facts::{Facts, Val};
use crate::normalize::json::{Base, Leaf, Sink, walk};
use crate::normalize::kinds::MAX_COUNT;
use crate::normalize::paths::Paths;
use crate::record;
use crate::wire::value::key_value;
use crate::wire::{span, writer};
use bumpalo::Bump;
use proptest::prelude::*;
use std::sync::OnceLock;

fn shared() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(bench)
}

#[derive(Clone, Debug)]
enum Any {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    List(Vec<String>),
    Raw(Vec<u8>),
}

fn any_value() -> impl Strategy<Value = Any> {
    prop_oneof![
        json_like().prop_map(Any::Text),
        "\\PC{0,20}".prop_map(Any::Text),
        prop_oneof![
            Just("openai".to_owned()),
            Just("OpenAI".to_owned()),
            Just("chat".to_owned()),
            Just("gpt-4o".to_owned()),
            Just("12".to_owned())
        ]
        .prop_map(Any::Text),
        prop_oneof![any::<i64>(), 0..100i64].prop_map(Any::Int),
        any::<f64>().prop_map(Any::Float),
        any::<bool>().prop_map(Any::Bool),
        proptest::collection::vec("[a-z]{0,6}", 0..4).prop_map(Any::List),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Any::Raw),
    ]
}

/// Text of the pieces that JSON and Python literals are made of.
fn json_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("("),
        Just(")"),
        Just("\""),
        Just("'"),
        Just("\\"),
        Just(","),
        Just(":"),
        Just("="),
        Just(" "),
        Just("usage"),
        Just("\"usage\":"),
        Just("\"prompt_tokens\":"),
        Just("\"id\":\"chatcmpl-1\""),
        Just("'prompt_tokens': 5"),
        Just("input"),
        Just("12"),
        Just("-1e999"),
        Just("None"),
        Just("true"),
        Just("<"),
        Just(">"),
        Just("\\u12"),
        Just("é"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn key() -> impl Strategy<Value = String> {
    let names: Vec<String> = (0..shared().keys.len() as u16)
        .map(|id| {
            shared().keys.name(crate::keys::KeyId(id)).replace("{n}", "0").replace("{provider}", "x").replace('*', "y")
        })
        .collect();
    prop_oneof![8 => proptest::sample::select(names), 1 => "[a-z.]{0,12}"]
}

fn encode(name: &str, attrs: &[(String, Any)], in_event: bool) -> Span {
    let mut span = Span::new(name);
    let mut event = Vec::new();
    let field = if in_event { 3 } else { 9 };
    for (key, value) in attrs {
        let out = if in_event { &mut event } else { &mut span.bytes };
        match value {
            Any::Text(text) => writer::key_value(out, field, key, writer::Scalar::Str(text)),
            Any::Int(value) => writer::key_value(out, field, key, writer::Scalar::Int(*value)),
            Any::Float(value) => writer::key_value(out, field, key, writer::Scalar::Float(*value)),
            Any::Bool(value) => writer::key_value(out, field, key, writer::Scalar::Bool(*value)),
            Any::List(items) => writer::key_value(out, field, key, writer::Scalar::List(&items.join("\u{1f}"))),
            Any::Raw(bytes) => {
                // Text that need not be UTF-8, or an array or map of noise.
                for member in [1, 5, 6, 7] {
                    let mut any = Vec::new();
                    writer::bytes(&mut any, member, bytes);
                    let mut pair = Vec::new();
                    writer::bytes(&mut pair, 1, key.as_bytes());
                    writer::bytes(&mut pair, 2, &any);
                    writer::bytes(out, field, &pair);
                }
            }
        }
    }
    if in_event { span.event("exception", &[]).with_raw_event(&event) } else { span }
}

impl Span {
    fn with_raw_event(mut self, attrs: &[u8]) -> Self {
        let mut event = Vec::new();
        writer::bytes(&mut event, 2, b"gen_ai.evaluation.result");
        event.extend_from_slice(attrs);
        writer::bytes(&mut self.bytes, 11, &event);
        self.str("gen_ai.operation.name", "chat")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_span_is_read_within_bounds_and_written_whole(
        name in "\\PC{0,12}",
        attrs in proptest::collection::vec((key(), any_value()), 0..14),
        in_event in any::<bool>(),
    ) {
        let span = encode(&name, &attrs, in_event);
        read_with(shared(), &span, |seen| {
            if !seen.model {
                return Ok(());
            }
            for concept in seen.facts.present().iter() {
                match seen.facts.get(concept) {
                    Some(Val::Int(value)) if concept.name().ends_with("_tokens") => {
                        // Normal form adds a few bounded parts.
                        prop_assert!((0..=8 * MAX_COUNT).contains(&value), "{concept:?} {value}");
                    }
                    Some(Val::Float(value)) => prop_assert!(value.is_finite()),
                    _ => {}
                }
            }
            if let (Some(input), Some(read)) =
                (seen.facts.int(Concept::InputTokens), seen.facts.int(Concept::CacheReadTokens))
            {
                prop_assert!(read <= input);
            }
            let mut out = Vec::new();
            seen.normalizer.copy(seen.facts, seen.raw, &mut out);
            seen.normalizer.append(seen.facts, &mut out);
            for field in span::fields(&out, 9) {
                prop_assert!(field.is_ok_and(|field| key_value(field).is_ok()));
            }
            let (mut bytes, mut back) = (Vec::new(), Facts::new());
            record::encode(seen.facts, seen.raw, &mut bytes);
            record::decode(&bytes, seen.raw, &mut back);
            prop_assert_eq!(back.present(), seen.facts.present());
            Ok(())
        })?;
    }

    #[test]
    fn any_text_ends_the_walk(text in json_like(), noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        struct Count(usize);
        impl<'a> Sink<'a> for Count {
            fn hit(&mut self, _: u16, _: Base, _: Leaf<'a>) {
                self.0 += 1;
            }
        }
        // Without a deep path, what no path leads to is skipped instead of walked.
        let (shallow, deep) = (["usage", "[].id", "a.b"], ["**.usage.prompt_tokens", "**.id"]);
        for list in [shallow.to_vec(), [&shallow[..], &deep].concat()] {
            let mut paths = Paths::new();
            for (slot, path) in list.iter().enumerate() {
                paths.add(path, slot as u16).unwrap();
            }
            for text in [text.as_bytes(), &noise] {
                let arena = Bump::new();
                let mut count = Count(0);
                let _ = walk(text, &paths, 16, &arena, &mut count);
                prop_assert!(count.0 <= 3 * text.len() + 8);
            }
        }
    }
}

#[test]
fn work_grows_in_step_with_the_text() {
    let mut paths = Paths::new();
    paths.add("**.usage.prompt_tokens", 0).unwrap();
    struct Nothing;
    impl<'a> Sink<'a> for Nothing {
        fn hit(&mut self, _: u16, _: Base, _: Leaf<'a>) {}
    }
    // Allocation is what could explode: nested strings are decoded into the arena.
    let mut text = String::from("{\"usage\": 1}");
    for _ in 0..6 {
        text = format!("{{\"usage\": {}, \"b\": [\"{}\"]}}", serde_json::to_string(&text).unwrap(), "\\\\".repeat(200));
    }
    let arena = Bump::new();
    let _ = walk(text.as_bytes(), &paths, 64, &arena, &mut Nothing);
    assert!(arena.allocated_bytes() <= 4 * text.len() + 4096, "{} of {}", arena.allocated_bytes(), text.len());
}
