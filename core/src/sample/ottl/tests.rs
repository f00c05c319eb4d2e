//! What conditions mean, and how faults are told.

use super::*;
use crate::keys::KeyTableBuilder;
use crate::wire::span::{Attr, events, parse as parse_span};
use crate::wire::writer::{Scalar, bytes, key_value, tag, varint};

/// One span with two attributes of each kind, an event, under a resource and a scope.
fn asked(text: &str, context: Context) -> Result<bool, eval::Failed> {
    let mut keys = KeyTableBuilder::default();
    let expr = parse(text, context, &mut keys).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    let keys = keys.build();
    let mut raw = Vec::new();
    bytes(&mut raw, 1, &[0xab; 16]);
    bytes(&mut raw, 2, &[1; 8]);
    bytes(&mut raw, 3, b"vendor=x, ot=th:8");
    bytes(&mut raw, 5, b"chat gpt-4o");
    tag(&mut raw, 6, 0);
    varint(&mut raw, 3);
    key_value(&mut raw, 9, "text", Scalar::Str("hello"));
    key_value(&mut raw, 9, "digits", Scalar::Str("42"));
    key_value(&mut raw, 9, "int", Scalar::Int(7));
    key_value(&mut raw, 9, "double", Scalar::Float(2.5));
    key_value(&mut raw, 9, "flag", Scalar::Bool(true));
    let list = [0x0a, 4, b'l', b'i', b's', b't', 0x12, 8, 0x2a, 6, 0x0a, 4, 0x0a, 2, b'a', b'b'];
    bytes(&mut raw, 9, &list);
    let mut event = Vec::new();
    bytes(&mut event, 2, b"exception");
    key_value(&mut event, 3, "exception.type", Scalar::Str("Timeout"));
    bytes(&mut raw, 11, &event);
    bytes(&mut raw, 15, &[0x18, 2]);
    let (mut resource, mut resource_head) = (Vec::new(), Vec::new());
    key_value(&mut resource, 1, "service.name", Scalar::Str("shop"));
    bytes(&mut resource_head, 1, &resource);
    let (mut scope, mut scope_head) = (Vec::new(), Vec::new());
    bytes(&mut scope, 1, b"openinference");
    bytes(&mut scope, 2, b"1.2");
    key_value(&mut scope, 3, "team", Scalar::Str("a"));
    bytes(&mut scope_head, 1, &scope);
    let mut attrs: Vec<Attr<'_>> = Vec::new();
    let span = parse_span(&raw, &keys, 100, &mut attrs).unwrap();
    let event = events(&raw).next().map(|event| event.unwrap()).filter(|_| context == Context::SpanEvent);
    let seen = Seen { span: &span, attrs: &attrs, facts: None, resource: &resource_head, scope: &scope_head, event };
    expr.holds(&seen)
}

fn holds(text: &str) -> bool {
    asked(text, Context::Span).unwrap()
}

#[test]
fn conditions_that_hold() {
    for text in [
        r#"attributes["text"] == "hello""#,
        r#"span.attributes["text"] != "other""#,
        r#"resource.attributes["service.name"] == "shop""#,
        r#"scope.attributes["team"] == "a" and instrumentation_scope.name == "openinference""#,
        r#"scope.version == "1.2""#,
        r#"attributes["absent"] == nil"#,
        r#"attributes["text"] != nil"#,
        r#"attributes["absent"] != "x""#,
        r#"attributes["int"] >= 7 and attributes["int"] < 7.5"#,
        r#"attributes["double"] == 2.5"#,
        r#"attributes["flag"] == true"#,
        r#"attributes["list"][0] == "ab""#,
        r#"attributes["list"][1] == nil"#,
        r#"kind == SPAN_KIND_CLIENT and status.code == STATUS_CODE_ERROR"#,
        r#"kind.string == "Client" and kind.deprecated_string == "SPAN_KIND_CLIENT""#,
        r#"trace_state["vendor"] == "x" and trace_state["none"] == """#,
        r#"trace_id.string == "abababababababababababababababab""#,
        r#"span_id == 0x0101010101010101"#,
        r#"IsMatch(name, "^chat .*4o$")"#,
        r#"IsMatch(attributes["int"], "^7$")"#,
        r#"not IsMatch(attributes["absent"], ".*")"#,
        r#"IsString(attributes["text"]) and not IsString(attributes["int"])"#,
        r#"IsInt(attributes["int"]) and IsDouble(attributes["double"]) and IsBool(attributes["flag"])"#,
        r#"IsList(attributes["list"]) and not IsMap(attributes["list"])"#,
        r#"Int(attributes["digits"]) == 42"#,
        r#"Int(attributes["text"]) == nil"#,
        r#"Double(attributes["digits"]) > 41.9"#,
        r#"Len(attributes["text"]) == 5 and Len(attributes["list"]) == 1"#,
        r#"Concat([attributes["text"], "x", attributes["int"]], "-") == "hello-x-7""#,
        r#"Substring(attributes["text"], 1, 3) == "ell""#,
        r#"ToUpperCase(attributes["text"]) == "HELLO""#,
        r#"HasPrefix(name, "chat") and HasSuffix(name, "4o")"#,
        r#"IsRootSpan()"#,
        r#"true and (false or not false)"#,
        r#"false and false or true"#,
        r#"name == "chat gpt-4o" or attributes["nothing"] > 5"#,
        "\"a\\\"b\\u0041\" == \"a\\\"bA\"",
        "-1 < 0 and 1e3 == 1000",
    ] {
        assert!(holds(text), "{text}");
        assert!(!holds(&format!("not ({text})")), "not {text}");
    }
    for text in [
        r#"name == "exception""#,
        r#"spanevent.attributes["exception.type"] == "Timeout" and span.name == "chat gpt-4o""#,
        r#"time_unix_nano == 0 and resource.attributes["service.name"] == "shop""#,
    ] {
        assert_eq!(asked(text, Context::SpanEvent), Ok(true), "{text}");
    }
}

#[test]
fn values_of_different_types_are_unequal_and_in_no_order() {
    for text in [
        r#"attributes["digits"] == 42"#,
        r#"attributes["digits"] < 50"#,
        r#"attributes["absent"] < 5"#,
        r#"attributes["flag"] == "true""#,
        r#"attributes["list"] == "ab""#,
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn what_cannot_be_worked_out_fails() {
    for text in [
        r#"Len(attributes["int"]) == 1"#,
        r#"Len(attributes["absent"]) == 0"#,
        r#"Substring(attributes["text"], 4, 2) == "o""#,
        r#"Substring(attributes["text"], -1, 2) == "o""#,
        r#"HasPrefix(attributes["int"], "7")"#,
    ] {
        assert_eq!(asked(text, Context::Span), Err(eval::Failed), "{text}");
    }
    assert!(holds(r#"true or Len(attributes["int"]) == 1"#), "nobody asked");
}

#[test]
fn faults_say_where_and_what_instead() {
    for (text, offset, message) in [
        (r#"attributes["a"] = "b""#, 16, "write `==`"),
        (r#"attributes["a"] == 'b'"#, 19, "double quotes"),
        (r#"attributes["a"] == "b"#, 19, "does not end"),
        (r#"attributes["a"]"#, 0, "compare it"),
        (r#"name == "a" and"#, 15, "a value is expected"),
        (r#"name == "a" nor true"#, 12, "`nor` where `and`, `or` or the end"),
        (r#"(name == "a""#, 12, "`)` is expected"),
        (r#"attributes.a == 1"#, 0, "attributes[\"…\"]"),
        (r#"links == nil"#, 0, "`links` is not supported; available in span"),
        (r#"resource.schema_url == """#, 0, "available in resource"),
        (r#"spanevent.name == "x""#, 0, "under `spanevent:`"),
        (r#"Sum(1) == 1"#, 0, "`Sum` is not supported; available: IsMatch"),
        (r#"IsMatch(name)"#, 0, "takes (target, pattern)"),
        (r#"IsMatch(name, "(")"#, 14, "unclosed group"),
        (r#"IsMatch(name, attributes["p"])"#, 14, "written out"),
        (r#"IsMatch(target=name, pattern="x")"#, 8, "named arguments"),
        (r#"attributes["a"] + 1 == 2"#, 16, "arithmetic"),
        (r#"Len(name) == 99999999999999999999"#, 13, "too large"),
        (r#"name == "\q""#, 9, "not an escape"),
        (r#"0xabc == nil"#, 0, "even number"),
        ("name == \"a\" \u{2192}", 12, "means nothing"),
        ("", 0, "a value is expected"),
        (r#"set(name, "x")"#, 0, "not supported"),
        (r#"name == "x" where true"#, 12, "without `where`"),
        (r#"attributes[0] == 1"#, 0, "named by its key"),
        (r#"Concat(["a"]) == "a""#, 0, "takes ([values], delimiter)"),
    ] {
        let fault = parse(text, Context::Span, &mut KeyTableBuilder::default()).expect_err(text);
        assert_eq!(fault.offset, offset, "{text}: {fault:?}");
        assert!(fault.message.contains(message), "{text}: {fault:?}");
    }
    let deep = format!("{}true{}", "(".repeat(100), ")".repeat(100));
    assert!(parse(&deep, Context::Span, &mut KeyTableBuilder::default()).is_err());
    assert!(parse(&"a".repeat(20_000), Context::Span, &mut KeyTableBuilder::default()).is_err());
}
