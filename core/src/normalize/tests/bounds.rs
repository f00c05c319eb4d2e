//! Bad input is bounded and counted.

use super::{PLAN, Span, bench_of, read, value_of};
use crate::concept::Concept as C;
use crate::wire::writer::{self, Scalar};

#[test]
fn bad_token_counts_are_ignored_and_counted() {
    for value in [
        Scalar::Int(-1),
        Scalar::Float(f64::NAN),
        Scalar::Float(f64::INFINITY),
        Scalar::Float(1e30),
        Scalar::Float(1.5),
        Scalar::Str("many"),
        Scalar::Str("1e30"),
        Scalar::Int(i64::MAX),
        Scalar::Bool(true),
    ] {
        let span = Span::new("x")
            .str("gen_ai.operation.name", "chat")
            .with("gen_ai.usage.input_tokens", value)
            .int("gen_ai.usage.output_tokens", 5);
        read(&span, |seen| {
            assert!(!seen.facts.has(C::InputTokens), "{value:?}");
            assert_eq!(seen.anomalies.bad_number, 1, "{value:?}");
            assert_eq!(seen.int(C::OutputTokens), 5);
            // What cannot be read is left alone.
            assert_eq!(seen.written().iter().filter(|(key, _)| key.contains("input_tokens")).count(), 1);
        });
    }
    for text in ["", "None", "unknown"] {
        let span = Span::new("x").str("gen_ai.usage.input_tokens", text).str("gen_ai.operation.name", "chat");
        read(&span, |seen| assert_eq!((seen.int(C::InputTokens), seen.anomalies.bad_number), (-1, 0)));
    }
}

#[test]
fn a_bad_value_gives_way_to_the_next_source() {
    let span = Span::new("x").int("gen_ai.usage.input_tokens", -7).str("gen_ai.usage.prompt_tokens", "12");
    read(&span, |seen| assert_eq!(seen.int(C::InputTokens), 12));
}

#[test]
fn a_model_name_of_a_megabyte_is_cut_for_facts_and_passes_through() {
    let name = "é".repeat(500_000);
    let span = Span::new("x").str("gen_ai.operation.name", "chat").str("gen_ai.request.model", &name);
    read(&span, |seen| {
        let model = seen.text(C::RequestModel);
        assert!(name.starts_with(model) && model.len() <= 1024 && model.len() > 1020);
        assert_eq!(seen.anomalies.oversize_text, 1);
        let written = seen.written();
        assert_eq!(value_of(&written, "gen_ai.request.model"), Some(name.as_str()));
        assert_eq!(value_of(&written, "enricher.original.gen_ai.request.model"), None);
    });
}

#[test]
fn text_that_is_not_utf8_is_no_fact() {
    let mut span = Span::new("x").str("gen_ai.operation.name", "chat").str("gen_ai.request.model", "m?");
    let at = span.bytes.len() - 1;
    span.bytes[at] = 0xff;
    read(&span, |seen| {
        assert!(!seen.facts.has(C::RequestModel));
        assert_eq!(seen.anomalies.bad_text, 1);
    });
}

#[test]
fn json_beyond_the_bound_is_passed_over() {
    let details = format!("{{\"input\": 5, \"pad\": \"{}\"}}", "x".repeat(70_000));
    let span = Span::new("x")
        .str("langfuse.observation.type", "generation")
        .str("langfuse.observation.usage_details", &details);
    read(&span, |seen| {
        assert_eq!(seen.int(C::InputTokens), -1);
        assert!(seen.anomalies.oversize_json > 0);
    });
    let deep = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
    let span = Span::new("x").str("gen_ai.system", "openai").str("output.value", &deep);
    read(&span, |seen| assert_eq!(seen.anomalies.bad_json, 1));
}

#[test]
fn items_of_a_list_beyond_the_bound_are_counted() {
    let mut items = Vec::new();
    for _ in 0..20 {
        writer::bytes(&mut items, 1, &{
            let mut item = Vec::new();
            writer::bytes(&mut item, 1, "reason".repeat(20).as_bytes());
            item
        });
    }
    let mut span = Span::new("x").str("gen_ai.operation.name", "chat");
    let mut attribute = Vec::new();
    writer::bytes(&mut attribute, 1, b"gen_ai.response.finish_reasons");
    let mut any = Vec::new();
    writer::bytes(&mut any, 5, &items);
    writer::bytes(&mut attribute, 2, &any);
    writer::bytes(&mut span.bytes, 9, &attribute);
    read(&span, |seen| {
        assert!(seen.text(C::FinishReason).len() <= 1024 + 120);
        assert_eq!(seen.anomalies.oversize_text, 1);
    });
}

#[test]
fn events_beyond_the_bound_are_counted() {
    let mut span = Span::new("x").str("gen_ai.operation.name", "chat");
    for _ in 0..1030 {
        span = span.event("gen_ai.evaluation.result", &[("gen_ai.evaluation.name", Scalar::Str("a"))]);
    }
    read(&span, |seen| assert_eq!(seen.anomalies.events_beyond, 6));
}

#[test]
fn plans_with_faults_are_refused_with_the_place() {
    use crate::keys::KeyTableBuilder;
    use crate::normalize::Normalizer;
    let fault = |from: &str, to: &str| {
        assert!(PLAN.contains(from), "{from}");
        let plan = serde_json::from_str(&PLAN.replacen(from, to, 1)).unwrap();
        Normalizer::compile(&plan, &mut KeyTableBuilder::default()).err().unwrap_or_default()
    };
    assert!(fault("\"concept\": \"ttft\", \"key\": \"ai.", "\"concept\": \"tfft\", \"key\": \"ai.").contains("tfft"));
    assert!(fault("[\"ms\"]", "[\"hours\"]").contains("hours"));
    assert!(fault("[\"ms\"]", "[\"map:none\"]").contains("none"));
    assert!(fault("\"key\": \"traceloop.*\"", "\"key\": \"tr*\"").contains("four"));
    assert!(fault("\"dialects\": [2]", "\"dialects\": [99]").contains("99"));
    assert!(fault("^bedrock(-runtime)?", "^bedrock(").contains("regex"));
    assert!(fault("\"provider\": \"mistral_ai\"", "\"provider\": \"mistral\"").contains("mistral"));
    assert!(fault("\"path\": \"input\"", "\"path\": \"a..b\"").contains("a..b"));
    bench_of(PLAN);
}
