//! What a kept span carries.

use super::{PLAN, Span, bench_of, read, read_with, value_of};
use crate::concept::Concept as C;
use crate::facts::Facts;
use crate::record;
use crate::wire::writer::Scalar;

/// The span as it would reach a second enricher.
fn enriched(span: &Span) -> Span {
    read(span, |seen| {
        let mut bytes = Vec::new();
        seen.normalizer.copy(seen.facts, seen.raw, &mut bytes);
        let before = bytes.len();
        seen.normalizer.append(seen.facts, &mut bytes);
        if !seen.facts.marked && (seen.normalizer.rewrites(seen.facts) || bytes.len() > before) {
            seen.normalizer.mark(seen.facts.role, seen.facts.dialect, &mut bytes);
        }
        Span { bytes, ..span.clone() }
    })
}

#[test]
fn a_second_enricher_changes_nothing() {
    let exclusive = Span::new("claude_code.llm_request")
        .str("gen_ai.request.model", "claude-sonnet-4")
        .int("gen_ai.usage.prompt_tokens", 200)
        .int("gen_ai.usage.completion_tokens", 5)
        .int("gen_ai.usage.cache_read_input_tokens", 100);
    let inferred = Span::new("x").str("gen_ai.request.model", "gpt-4o").int("gen_ai.usage.input_tokens", 10);
    for span in [exclusive, inferred, legacy_call()] {
        let once = enriched(&span);
        assert_ne!(once.bytes, span.bytes);
        assert_eq!(enriched(&once).bytes, once.bytes);
    }
}

#[test]
fn a_wrapper_does_not_get_the_usage_of_its_captured_response() {
    let body = r#"{"id": "chatcmpl-12345678", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}"#;
    let span = |kind| Span::new("x").str("openinference.span.kind", kind).str("output.value", body);
    read(&span("CHAIN"), |seen| {
        assert_eq!(seen.int(C::InputTokens), 10);
        assert!(seen.written().iter().all(|(key, _)| !key.contains("usage")));
    });
    read(&span("LLM"), |seen| {
        assert_eq!(value_of(&seen.written(), "gen_ai.usage.input_tokens"), Some("10"));
    });
}

#[test]
fn canonical_attributes_are_read_without_a_rule() {
    let span = legacy_call().str("openai.response.service_tier", "flex");
    read(&span, |seen| {
        assert_eq!(seen.text(C::ServiceTier), "flex");
        assert!(seen.facts.canonical.contains(C::ServiceTier));
    });
    // A dialect that has its own way with the key keeps it, even where that yields nothing.
    let own = Span::new("x").str("openinference.span.kind", "LLM").str("openai.response.service_tier", "FLEX");
    read(&own, |seen| assert_eq!((seen.text(C::ServiceTier), seen.source(C::ServiceTier)), ("flex", "own")));
}

fn legacy_call() -> Span {
    Span::new("chat")
        .str("gen_ai.system", "OpenAI")
        .str("llm.request.type", "chat")
        .int("gen_ai.usage.prompt_tokens", 10)
        .int("gen_ai.usage.completion_tokens", 5)
        .str("gen_ai.completion.0.finish_reason", "stop")
}

#[test]
fn missing_names_are_added_old_and_new() {
    read(&legacy_call(), |seen| {
        let written = seen.written();
        let value = |key| value_of(&written, key);
        assert_eq!(value("gen_ai.provider.name"), Some("openai"));
        assert_eq!(value("gen_ai.system"), Some("openai"));
        assert_eq!(value("enricher.original.gen_ai.system"), Some("OpenAI"));
        assert_eq!(value("gen_ai.operation.name"), Some("chat"));
        assert_eq!(value("gen_ai.usage.input_tokens"), Some("10"));
        assert_eq!(value("gen_ai.usage.prompt_tokens"), Some("10"));
        assert_eq!(value("gen_ai.response.finish_reasons"), Some("[stop]"));
        assert_eq!(value("enricher.inferred"), None);
    });
}

#[test]
fn latest_conventions_write_no_old_names() {
    let bench = bench_of(&PLAN.replace("\"both\"", "\"latest\""));
    let span = Span::new("chat").str("gen_ai.provider.name", "openai").int("gen_ai.usage.input_tokens", 10);
    read_with(&bench, &span, |seen| {
        let written = seen.written();
        assert_eq!(value_of(&written, "gen_ai.system"), None);
        assert_eq!(value_of(&written, "gen_ai.usage.prompt_tokens"), None);
        assert_eq!(value_of(&written, "gen_ai.operation.name"), Some("chat"));
    });
}

#[test]
fn inferred_facts_are_listed_with_their_source() {
    let span = Span::new("x").str("gen_ai.request.model", "gpt-4o").int("gen_ai.usage.input_tokens", 10);
    read(&span, |seen| {
        let written = seen.written();
        assert_eq!(value_of(&written, "enricher.inferred"), Some("[provider,operation]"));
        assert_eq!(value_of(&written, "enricher.inferred.from"), Some("[model,usage on the span]"));
    });
}

#[test]
fn a_misstated_attribute_is_replaced_and_its_value_kept() {
    let span = Span::new("x")
        .str("gen_ai.provider.name", "anthropic")
        .str("gen_ai.operation.name", "chat")
        .str("other", "stays")
        .int("gen_ai.usage.input_tokens", 10)
        .int("gen_ai.usage.output_tokens", 5)
        .int("gen_ai.usage.cache_read.input_tokens", 100);
    read(&span, |seen| {
        let written = seen.written();
        assert_eq!(value_of(&written, "gen_ai.usage.input_tokens"), Some("110"));
        assert_eq!(value_of(&written, "enricher.original.gen_ai.usage.input_tokens"), Some("10"));
        assert_eq!(value_of(&written, "gen_ai.usage.output_tokens"), Some("5"));
        assert_eq!(value_of(&written, "other"), Some("stays"));
        assert!(seen.facts.canonical.contains(C::OutputTokens) && seen.facts.misstated.contains(C::InputTokens));
    });
}

#[test]
fn a_canonical_span_only_gains_the_old_names() {
    let span = Span::new("x")
        .str("gen_ai.provider.name", "openai")
        .str("gen_ai.operation.name", "chat")
        .with("gen_ai.usage.input_tokens", Scalar::Float(10.0))
        .int("gen_ai.usage.output_tokens", 5)
        .with("gen_ai.response.finish_reasons", Scalar::List("stop"));
    read(&span, |seen| {
        assert!(!seen.normalizer.rewrites(seen.facts));
        let mut added = Vec::new();
        seen.normalizer.append(seen.facts, &mut added);
        let keys: Vec<_> = crate::wire::span::fields(&added, 9)
            .map(|f| String::from_utf8_lossy(crate::wire::value::key_value(f.unwrap()).unwrap().0).into_owned())
            .collect();
        assert_eq!(keys, ["gen_ai.system", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"]);
    });
}

#[test]
fn without_originals_moved_and_misstated_attributes_go() {
    let bench = bench_of(&PLAN.replacen('{', "{\"keep_originals\": false,", 1));
    let span = legacy_call().str("gen_ai.prompt.0.content", "hello").str("llm.is_streaming", "True");
    read_with(&bench, &span, |seen| {
        let written = seen.written();
        let value = |key| value_of(&written, key);
        assert_eq!(value("llm.request.type"), None);
        assert_eq!(value("llm.is_streaming"), None);
        assert_eq!(value("gen_ai.request.stream"), Some("Bool(true)"));
        assert_eq!(value("gen_ai.completion.0.finish_reason"), None);
        assert_eq!(value("enricher.original.gen_ai.system"), None);
        assert_eq!(value("gen_ai.system"), Some("openai"));
        assert_eq!(value("gen_ai.prompt.0.content"), Some("hello"));
        // A legacy name that is wanted stays.
        assert_eq!(value("gen_ai.usage.prompt_tokens"), Some("10"));
    });
}

#[test]
fn a_span_without_a_role_is_left_alone() {
    let span = Span::new("x").str("traceloop.association.properties.session_id", "s").str("gen_ai.system", "OpenAI");
    read(&span, |seen| {
        let mut out = Vec::new();
        seen.normalizer.copy(seen.facts, seen.raw, &mut out);
        seen.normalizer.append(seen.facts, &mut out);
        assert_eq!(out, seen.raw);
    });
}

#[test]
fn a_record_keeps_what_append_needs() {
    read(&legacy_call().str("server.address", "api.deepseek.com"), |seen| {
        let mut bytes = Vec::new();
        record::encode(seen.facts, seen.raw, &mut bytes);
        let mut back = Facts::new();
        record::decode(&bytes, seen.raw, &mut back);
        let (mut direct, mut later) = (Vec::new(), Vec::new());
        seen.normalizer.copy(seen.facts, seen.raw, &mut direct);
        seen.normalizer.append(seen.facts, &mut direct);
        seen.normalizer.copy(&back, seen.raw, &mut later);
        seen.normalizer.append(&back, &mut later);
        assert_eq!(direct, later);
        assert!(!direct.is_empty());
    });
}
