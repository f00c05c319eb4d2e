use super::plan::EstimatePlan;
use super::source::Sources;
use super::*;
use crate::wire::writer::{self, Scalar};
use serde_json::{Value, json};
use std::sync::atomic::AtomicU64;

/// Bytes, then `ab`, `abc`, ` a`: enough to see what is merged first.
fn file() -> std::path::PathBuf {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    tokens.extend([b"bc".to_vec(), b"ab".to_vec(), b"abc".to_vec(), b" a".to_vec()]);
    let raw: Vec<u8> = tokens.into_iter().flat_map(|token| [vec![token.len() as u8], token].concat()).collect();
    let path = std::env::temp_dir().join(format!(
        "enricher-tokens-{}-{:?}.bpe",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&path, miniz_oxide::deflate::compress_to_vec_zlib(&raw, 6)).unwrap();
    path
}

fn plan(path: &str) -> EstimatePlan {
    let plan = json!({
        "vocabularies": [{"name": "v", "path": path, "split": [r" ?[a-z]+|\s+"], "per_message": 3, "per_request": 2}],
        "models": [{"match": {"prefix": "m"}, "vocabulary": "v"}],
        "input": [["in.messages"], ["input.{n}.content"]], "output": [["event:done/text"], ["out"]],
        "system": [["in.system"]], "tools": [["in.tools"]],
        "silent": ["role", "id", "type"], "verbatim": ["arguments"], "operations": ["chat"],
        "unseen": ["image_url"], "unseen_types": ["audio"], "tool_calls": ["arguments"], "marks": ["[cut]"],
        "cut_lengths": [64], "finished": ["stop"],
        "call_bytes": 2048, "tick_bytes": 10_000,
    });
    serde_json::from_value(plan).unwrap()
}

fn span(attributes: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    attributes.iter().for_each(|(key, text)| writer::key_value(&mut out, 9, key, Scalar::Str(text)));
    out
}

fn counted(attributes: &[(&str, &str)]) -> Option<Estimate> {
    let path = file();
    let estimator = Estimator::compile(&plan(path.to_str().unwrap())).unwrap();
    let estimate =
        estimator.estimate("vendor/M-1", &span(attributes), &[], Told::default(), &AtomicU64::new(0)).unwrap();
    std::fs::remove_file(path).unwrap();
    estimate
}

fn output(text: &str) -> i64 {
    counted(&[("input.0.content", "abc"), ("in.tools", "abc"), ("out", text)]).unwrap().output
}

#[test]
fn pairs_are_merged_in_the_order_of_their_ranks() {
    // `bc` before `ab`: a + bc, which is `abc`.
    assert_eq!(output("abc"), 1);
    assert_eq!(output("abx"), 2);
    assert_eq!(output("bcbc"), 2);
    // The last blank of a run belongs to the word behind it.
    assert_eq!(output("x   a"), 4);
}

#[test]
fn nothing_comes_of_nothing() {
    assert_eq!(counted(&[("other", "abc")]), None);
    assert_eq!(counted(&[("out", "")]), None);
    assert_eq!(counted(&[("out", "abc"), ("in.system", "abc")]), None, "an answer to nothing");
    assert_eq!(counted(&[("input.0.content", "abc")]), None, "no answer");
    let path = file();
    let estimator = Estimator::compile(&plan(path.to_str().unwrap())).unwrap();
    std::fs::remove_file(path).unwrap();
    let whole = span(&[("input.0.content", "ab"), ("out", "abc")]);
    let ask = |model| estimator.estimate(model, &whole, &[], Told::default(), &AtomicU64::new(0)).unwrap();
    assert_eq!((ask("gemini"), ask("m")), (None, None), "no vocabulary, or none that can be read");
}

fn input(attributes: &[(&str, &str)]) -> i64 {
    counted(&[attributes, &[("out", "abc")]].concat()).unwrap().input
}

#[test]
fn content_that_is_not_whole_is_not_counted() {
    let long = "a".repeat(64);
    let tool = r#"[{"role":"assistant","arguments":{"a":1}}]"#;
    for (part, of_input, of_output) in [
        ("a picture", r#"[{"role":"user","content":[{"image_url":{"url":"x"}},{"text":"abc"}]}]"#, "abc"),
        ("a sound", r#"[{"role":"user","parts":[{"type":"audio"},{"text":"abc"}]}]"#, "abc"),
        ("data", "data:image/png;base64,AA", "abc"),
        ("cut messages", r#"[{"role":"user","content":"abcabc"#, "abc"),
        ("a mark", "abc", "ab [cut]"),
        ("as long as may be", &long, "abc"),
        ("tools without definitions", "abc", tool),
    ] {
        assert_eq!(counted(&[("in.messages", of_input), ("out", of_output)]), None, "{part}");
    }
    assert!(counted(&[("in.messages", "abc"), ("in.tools", "abc"), ("out", tool)]).is_some());
    assert!(counted(&[("in.messages", "[ab] abc {x"), ("out", "abc")]).is_some(), "text may look like JSON");
    let mut dropped = span(&[("in.messages", "abc"), ("out", "abc")]);
    writer::tag(&mut dropped, 10, 0);
    dropped.push(1);
    let path = file();
    let estimator = Estimator::compile(&plan(path.to_str().unwrap())).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(
        estimator.estimate("m", &dropped, &[], Told::default(), &AtomicU64::new(0)).unwrap(),
        None,
        "attributes were dropped"
    );
}

#[test]
fn only_complete_answers_are_finished() {
    let estimator = Estimator::compile(&plan("")).unwrap();
    assert!(estimator.is_finished("STOP") && estimator.is_finished("stop\u{1f}stop"));
    assert!(!estimator.is_finished("stop\u{1f}error") && !estimator.is_finished("cancelled"));
}

#[test]
fn what_log_records_hold_stands_in_for_the_span() {
    let path = file();
    let estimator = Estimator::compile(&plan(path.to_str().unwrap())).unwrap();
    let record = span(&[("in.messages", "abc"), ("other", "abc")]);
    let kept = estimator.content(&record).concat();
    assert_eq!(kept, span(&[("in.messages", "abc")]));
    let answer = span(&[("out", "abc")]);
    let found = estimator.estimate("m", &answer, &[&kept], Told::default(), &AtomicU64::new(0)).unwrap().unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!((found.input, found.output), (1 + 3 + 2, 1));
}

#[test]
fn messages_are_told_apart_and_the_best_form_is_read() {
    let messages = json!([{"role": "user", "content": "abc"}, {"role": "tool", "id": "abcabc", "parts": ["ab"]}]);
    let text = messages.to_string();
    let both = input(&[("input.0.content", "abcabcabc"), ("in.messages", &text), ("input.1.content", "abc")]);
    assert_eq!(both, 1 + 1 + 2 * 3 + 2);
    assert_eq!(input(&[("input.0.content", "abc"), ("input.1.content", "ab")]), both);
    assert_eq!(input(&[("input.0.content", "abc"), ("input.1.content", "ab"), ("in.system", "abc")]), both + 1 + 3);
}

#[test]
fn an_answer_that_is_json_is_read_as_it_stands() {
    assert_eq!(output(r#"{"a":"abc"}"#), r#"{"a":""}"#.len() as i64 + 1);
    assert_eq!(output(r#"[{"role":"assistant","parts":[{"content":"abc"}]}]"#), 1);
    assert_eq!(output(r#"[{"role":"assistant","arguments":{"a":1}}]"#), r#"{"a":1}"#.len() as i64);
}

#[test]
fn long_text_is_counted_in_proportion_and_a_tick_ends() {
    assert_eq!(output(&"abc ".repeat(2000)), 4000);
    let path = file();
    let estimator = Estimator::compile(&plan(path.to_str().unwrap())).unwrap();
    let (spent, span) = (AtomicU64::new(0), span(&[("input.0.content", "a"), ("out", &"a".repeat(4000))]));
    let results: Vec<bool> =
        (0..6).map(|_| estimator.estimate("m", &span, &[], Told::default(), &spent).is_ok()).collect();
    std::fs::remove_file(path).unwrap();
    assert_eq!(results, [true, true, true, true, false, false]);
}

#[test]
fn keys_stand_once() {
    let mut twice = plan("");
    twice.output.push(vec!["out".to_owned()]);
    assert!(Sources::compile(&twice).is_err());
    assert_eq!(serde_json::from_value::<EstimatePlan>(Value::Object(Default::default())).unwrap().call_bytes, 0);
}
