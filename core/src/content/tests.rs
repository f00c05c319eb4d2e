use super::plan::ContentPlan;
use super::*;
use crate::wire::reader::Reader;
use crate::wire::span::fields;
use crate::wire::writer::{self, Scalar};
use proptest::prelude::*;
use serde_json::{Value, json};

const ATTRIBUTES: u32 = 9;

fn content(policy: &str, limit: Option<usize>) -> Content {
    let plan = json!({
        "policy": policy,
        "truncate_bytes": limit,
        "keys": [{"key": "gen_ai.prompt", "class": "input"}, {"key": "input", "class": "input", "dialects": [3]}],
        "events": [{"name": "gen_ai.choice", "class": "output"}],
        "survives": ["usage", "model", "prompt_tokens"],
        "structure": ["role", "id"],
        "own": ["arguments"],
        "patterns": [
            {"kind": "mark", "regex": "SECRET[0-9]+", "any": ["secret"]},
            {"kind": "card", "regex": r"\d(?:[ -]?\d){12,18}", "digits": 13, "check": "card", "whole": true},
        ],
    });
    Content::compile(&serde_json::from_value::<ContentPlan>(plan).unwrap()).unwrap()
}

fn attribute(key: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    writer::key_value(&mut out, ATTRIBUTES, key, Scalar::Str(text));
    out
}

fn value_of(span: &[u8]) -> String {
    let entry = edit::Entry::read(fields(span, ATTRIBUTES).next().unwrap().unwrap());
    String::from_utf8(
        Reader::new(entry.value)
            .tag()
            .map(|_| entry.value)
            .map(|v| fields(v, 1).next().unwrap().unwrap().to_vec())
            .unwrap(),
    )
    .unwrap()
}

fn redacted(text: &str) -> String {
    let span = attribute("gen_ai.prompt", text);
    let mut counts = Counts::default();
    value_of(content("redact", None).span(&span, &|| 0, &mut counts).as_deref().unwrap_or(&span))
}

fn truncated(text: &str, limit: usize) -> String {
    let span = attribute("gen_ai.prompt", text);
    let mut counts = Counts::default();
    value_of(content("truncate", Some(limit)).span(&span, &|| 0, &mut counts).as_deref().unwrap_or(&span))
}

#[test]
fn a_span_without_content_is_not_even_copied() {
    let mut counts = Counts::default();
    for policy in ["keep", "drop", "truncate", "redact"] {
        let span = attribute("http.route", "SECRET1");
        assert_eq!(content(policy, Some(16)).span(&span, &|| 0, &mut counts), None);
    }
    assert!(counts.is_empty());
}

#[test]
fn a_word_is_content_in_the_dialect_that_means_it_so() {
    let span = attribute("input", "hello");
    let mut counts = Counts::default();
    assert_eq!(content("drop", None).span(&span, &|| 2, &mut counts), None);
    assert_eq!(content("drop", None).span(&span, &|| 3, &mut counts), Some(Vec::new()));
    assert_eq!(counts.iter().collect::<Vec<_>>(), [("dropped", "input", 1)]);
}

#[test]
fn redaction_reaches_json_in_json_and_leaves_the_rest_alone() {
    let inner = json!({"q": "SECRET12", "n": 1.50}).to_string();
    let outer = json!({ "arguments": inner }).to_string();
    let back: Value = serde_json::from_str(&redacted(&outer)).unwrap();
    assert_eq!(back["arguments"], r#"{"n":1.5,"q":"[MARK]"}"#);
    assert_eq!(redacted(r#"{ "a" : "SECRET1" ,"é":[1e3 ]}"#), r#"{ "a" : "[MARK]" ,"é":[1e3 ]}"#);
    assert_eq!(redacted(r#"["\u0053ECRET1"]"#), r#"["[MARK]"]"#);
    assert_eq!(redacted(r#"{"SECRET1":2}"#), r#"{"[MARK]":2}"#);
}

#[test]
fn numbers_of_cards_go_and_numbers_of_usage_stay() {
    assert_eq!(redacted(r#"{"n":4111111111111111}"#), r#"{"n":"[CARD]"}"#);
    assert_eq!(redacted(r#"{"usage":{"n":4111111111111111}}"#), r#"{"usage":{"n":4111111111111111}}"#);
    assert_eq!(redacted("4111 1111 1111 1111 and 4111 1111 1111 1112"), "[CARD] and 4111 1111 1111 1112");
}

#[test]
fn numbers_of_cards_go_whatever_kind_of_number_they_are() {
    assert_eq!(redacted(r#"{"n":4111111111111111.0,"t":1700000000.5}"#), r#"{"n":"[CARD]","t":1700000000.5}"#);
    assert_eq!(redacted(r#"{"n":4.111111111111111E15}"#), r#"{"n":"[CARD]"}"#);
    let span = |value: f64| {
        let mut out = Vec::new();
        writer::key_value(&mut out, ATTRIBUTES, "gen_ai.prompt", Scalar::Float(value));
        out
    };
    let content = content("redact", None);
    let gone = content.span(&span(4_111_111_111_111_111.0), &|| 0, &mut Counts::default()).unwrap();
    assert_eq!(value_of(&gone), "[CARD]");
    assert_eq!(content.span(&span(1e300), &|| 0, &mut Counts::default()), None);
}

#[test]
fn what_lies_too_deep_is_left_out_and_the_rest_stays_json() {
    let deep = |text: &str| format!("{}{text}{}", r#"[{"a":"#.repeat(400), "}]".repeat(400));
    for text in [truncated(&deep("\"SECRET1\""), 64), redacted(&deep("\"SECRET1\"")), redacted(&deep("\"SECRET1"))] {
        assert!(!text.contains("SECRET1"));
        assert_eq!(serde_json::from_str::<Value>(&text).is_ok(), text.contains("null"), "{text}");
    }
    assert_eq!(redacted(&deep("1")), deep("1"));
}

#[test]
fn json_that_was_cut_off_is_redacted_as_text() {
    assert_eq!(redacted(r#"{"a":"SECRET1","b":"SEC"#), r#"{"a":"[MARK]","b":"SEC"#);
    assert_eq!(redacted("{'a': 'SECRET1'}"), "{'a': '[MARK]'}");
}

#[test]
fn truncated_json_keeps_usage_wherever_it_stands() {
    let text = json!({
        "messages": [{"role": "user", "content": "x".repeat(500)}, {"role": "tool", "content": "y".repeat(500)}],
        "response": {"choices": ["z".repeat(200)], "usage": {"prompt_tokens": 7}, "model": "gpt-4o"},
    });
    let short: Value = serde_json::from_str(&truncated(&text.to_string(), 64)).unwrap();
    assert_eq!(short["response"], json!({"usage": {"prompt_tokens": 7}, "model": "gpt-4o"}));
    assert!(short["messages"][0]["content"].as_str().unwrap().ends_with(cut::MARK));
    assert!(short.to_string().len() < 300, "{short}");
}

#[test]
fn plain_text_is_cut_between_characters() {
    assert_eq!(truncated(&"é".repeat(20), 16), format!("{}{}", "é".repeat(6), cut::MARK));
    assert_eq!(truncated("short", 16), "short");
}

#[test]
fn a_bare_span_has_nothing_that_could_be_content() {
    let mut span = Vec::new();
    writer::bytes(&mut span, 1, &[1; 16]);
    span.extend(attribute("a", "b"));
    writer::bytes(&mut span, 5, b"name");
    for field in [11, 13, 15] {
        writer::bytes(&mut span, field, b"");
    }
    let mut expected = Vec::new();
    writer::bytes(&mut expected, 1, &[1; 16]);
    writer::bytes(&mut expected, 5, b"name");
    assert_eq!(Content::bare(&span), expected);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,40}|(a|é|\"|\\\\|\n|SECRET1 ){0,30}".prop_map(Value::from),
    ];
    let name = prop_oneof![Just("usage".to_owned()), Just("role".to_owned()), "[a-zé\"]{0,6}"];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner.clone()), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

/// Content in which every text is secret, but for those that stand right under a name of usage or structure.
fn any_secret() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::from("SECRET")),
        Just(Value::from(r#"{"a":"SECRET","role":["SECRET"],"arguments":{"usage":"SECRET"}}"#)),
        any::<i64>().prop_map(Value::from),
    ];
    let name = proptest::sample::select(vec!["content", "message", "arguments", "tool_calls", "usage", "role", "a"]);
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..5).prop_map(|entries| {
                let plain = |name: &str, value: Value| match (name, &value) {
                    ("usage" | "role", Value::String(_)) => Value::from("told"),
                    _ => value,
                };
                Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), plain(name, value))).collect())
            }),
        ]
    })
}

/// Names of usage and structure mean nothing below `arguments`.
fn all_secret(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(name, value)| (name.clone(), if name == "arguments" { spoiled(value) } else { all_secret(value) }))
            .collect(),
        Value::Array(items) => items.iter().map(all_secret).collect(),
        other => other.clone(),
    }
}

fn spoiled(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries.iter().map(|(name, value)| (name.clone(), spoiled(value))).collect(),
        Value::Array(items) => items.iter().map(spoiled).collect(),
        Value::String(_) => Value::from("SECRET"),
        other => other.clone(),
    }
}

/// An encoded `AnyValue`.
fn any_value(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::String(text) => writer::bytes(&mut out, 1, text.as_bytes()),
        Value::Array(items) => {
            let mut list = Vec::new();
            items.iter().for_each(|item| writer::bytes(&mut list, 1, &any_value(item)));
            writer::bytes(&mut out, 5, &list);
        }
        Value::Object(entries) => {
            let mut map = Vec::new();
            for (name, value) in entries {
                writer::bytes(&mut map, 1, &edit::encoded(name.as_bytes(), &any_value(value)));
            }
            writer::bytes(&mut out, 6, &map);
        }
        Value::Number(number) => {
            writer::tag(&mut out, 3, crate::wire::reader::VARINT);
            writer::varint(&mut out, number.as_i64().unwrap() as u64);
        }
        Value::Bool(_) | Value::Null => {}
    }
    out
}

fn numbers_of_usage(value: &Value, under: bool, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(name, value)| numbers_of_usage(value, under || name == "usage", found));
        }
        Value::Array(items) => items.iter().for_each(|item| numbers_of_usage(item, under, found)),
        Value::Number(number) if under => found.push(number.to_string()),
        _ => {}
    }
}

proptest! {
    #[test]
    fn json_stays_json_under_every_policy(value in any_json(), limit in 1usize..200) {
        let text = value.to_string();
        let (short, clean) = (truncated(&text, limit), redacted(&text));
        if value.is_array() || value.is_object() {
            let short: Value = serde_json::from_str(&short).unwrap();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            numbers_of_usage(&value, false, &mut before);
            numbers_of_usage(&short, false, &mut after);
            prop_assert_eq!(before, after);
            serde_json::from_str::<Value>(&clean).unwrap();
        }
        prop_assert!(!clean.contains("SECRET1"), "{}", clean);
        if !text.contains("SECRET1") && !clean.contains("[CARD]") {
            prop_assert_eq!(clean, text);
        }
    }

    #[test]
    fn no_text_is_left_where_content_is_dropped_wherever_it_stands(value in any_secret()) {
        let value = all_secret(&value);
        for body in [any_value(&value), any_value(&Value::from(json!({"x": value}).to_string()))] {
            let mut record = Vec::new();
            writer::bytes(&mut record, 12, b"gen_ai.choice");
            writer::bytes(&mut record, 5, &body);
            writer::bytes(&mut record, 6, &edit::encoded(b"any", &body));
            let out = content("drop", None).log_record(&record, b"", &mut Counts::default()).unwrap_or(record);
            prop_assert!(memchr::memmem::find(&out, b"SECRET").is_none(), "{}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn no_bytes_break_it(raw in proptest::collection::vec(any::<u8>(), 0..200), limit in 0usize..40) {
        for policy in ["drop", "truncate", "redact"] {
            let content = content(policy, Some(limit));
            let mut counts = Counts::default();
            content.span(&raw, &|| 0, &mut counts);
            content.log_record(&raw, b"scope", &mut counts);
        }
    }
}
