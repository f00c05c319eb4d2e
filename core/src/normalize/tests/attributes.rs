//! Attributes of many spellings and types.

use super::{Span, read};
use crate::concept::Concept as C;
use crate::facts::Role;
use crate::wire::writer::Scalar;

#[test]
fn an_openllmetry_chat_span_reads_as_a_call() {
    let span = Span::new("openai.chat")
        .scope("opentelemetry.instrumentation.openai.v1", "0.40")
        .str("llm.request.type", "chat")
        .str("gen_ai.system", "OpenAI")
        .str("gen_ai.request.model", "gpt-4o")
        .str("gen_ai.response.model", "gpt-4o-2024-08-06")
        .int("gen_ai.usage.prompt_tokens", 11)
        .int("gen_ai.usage.completion_tokens", 7)
        .int("llm.usage.total_tokens", 18)
        .str("gen_ai.completion.0.finish_reason", "FinishReason.STOP")
        .str("gen_ai.completion.1.finish_reason", "length")
        .str("llm.is_streaming", "False");
    read(&span, |seen| {
        assert!(seen.model);
        assert_eq!(seen.dialect(), "openllmetry");
        assert_eq!(seen.facts.role, Role::Inference);
        assert_eq!(seen.text(C::Operation), "chat");
        assert_eq!(seen.text(C::Provider), "openai");
        assert_eq!(seen.int(C::InputTokens), 11);
        assert_eq!(seen.int(C::OutputTokens), 7);
        assert_eq!(seen.int(C::TotalTokens), 18);
        assert_eq!(seen.text(C::FinishReason), "stop\u{1f}length");
        assert_eq!(seen.facts.flag(C::Streaming), Some(false));
        assert_eq!(seen.source(C::InputTokens), "gen_ai.usage.prompt_tokens");
    });
}

#[test]
fn numbers_are_read_from_any_type() {
    for value in [Scalar::Int(12), Scalar::Float(12.0), Scalar::Str("12"), Scalar::Str(" 12.0 ")] {
        let span = Span::new("x").with("gen_ai.usage.input_tokens", value);
        read(&span, |seen| assert_eq!(seen.int(C::InputTokens), 12, "{value:?}"));
    }
}

#[test]
fn a_dialects_own_rule_goes_before_the_others() {
    let span = Span::new("ai.streamText")
        .str("ai.operationId", "ai.streamText")
        .int("gen_ai.usage.input_tokens", 1)
        .int("ai.usage.inputTokens", 2);
    read(&span, |seen| {
        assert_eq!(seen.dialect(), "vercel");
        assert_eq!(seen.int(C::InputTokens), 2);
        assert_eq!(seen.facts.role, Role::Wrapper);
    });
    // Elsewhere it does not hold at all.
    read(&Span::new("x").int("ai.usage.inputTokens", 2), |seen| {
        assert_eq!(seen.int(C::InputTokens), -1);
    });
}

#[test]
fn weak_keys_alone_do_not_make_a_model_span() {
    let span =
        Span::new("GET /").str("server.address", "api.openai.com").str("error.type", "timeout").str("session.id", "s");
    read(&span, |seen| assert!(!seen.model));
    read(&span.str("gen_ai.request.model", "gpt-4o"), |seen| {
        assert!(seen.model);
        assert_eq!(seen.text(C::SessionId), "s");
        assert_eq!(seen.text(C::Provider), "openai");
        // A model alone claims no call.
        assert_eq!(seen.facts.role, Role::None);
    });
}

#[test]
fn markers_beat_scopes_and_joint_tests_need_all() {
    let marker = Span::new("x").scope("ai", "").str("ai.operationId", "ai.embed").str("gen_ai.request.model", "m");
    read(&marker, |seen| assert_eq!(seen.dialect(), "vercel"));
    let joint = marker.clone().str("gen_ai.provider.name", "openai");
    read(&joint, |seen| assert_eq!(seen.dialect(), "otel"));
    let elsewhere = Span::new("x").str("gen_ai.provider.name", "openai");
    read(&elsewhere, |seen| assert_eq!(seen.dialect(), ""));
    let valued = Span::new("x").str("gen_ai.operation.name", "llm_call");
    read(&valued, |seen| assert_eq!(seen.dialect(), "gemini_cli"));
    let named = Span::new("claude_code.llm_request").int("gen_ai.usage.input_tokens", 1);
    read(&named, |seen| assert_eq!(seen.dialect(), "claude_code"));
    let resource = Span::new("x").resource("service.name", "by-hand").str("llm.model", "m");
    read(&resource, |seen| {
        assert_eq!(seen.dialect(), "hand");
        assert_eq!(seen.facts.role, Role::Inference);
        assert_eq!(seen.text(C::Operation), "chat");
    });
}

#[test]
fn a_pattern_loses_nothing_to_keys_that_others_registered() {
    let span = Span::new("x").str("traceloop.association.properties.tenant", "t").str("gen_ai.request.model", "m");
    read(&span, |seen| assert_eq!(seen.dialect(), "openllmetry"));
}

#[test]
fn lists_come_from_arrays_json_and_single_text() {
    for value in
        [Scalar::List("stop\u{1f}length"), Scalar::Str("[\"stop\", \"length\"]"), Scalar::Str("['stop','length']")]
    {
        let span = Span::new("x").with("gen_ai.response.finish_reasons", value);
        read(&span, |seen| assert_eq!(seen.text(C::FinishReason), "stop\u{1f}length"));
    }
    let span = Span::new("x").str("gen_ai.response.finish_reasons", "stop");
    read(&span, |seen| assert_eq!(seen.text(C::FinishReason), "stop"));
}

#[test]
fn events_and_resources_give_facts_too() {
    let span = Span::new("x")
        .resource("app.feature", "search")
        .resource("deployment.environment", "prod")
        .str("gen_ai.operation.name", "chat")
        .event(
            "gen_ai.evaluation.result",
            &[
                ("gen_ai.evaluation.name", Scalar::Str("toxicity")),
                ("gen_ai.evaluation.score.value", Scalar::Float(0.5)),
            ],
        );
    read(&span, |seen| {
        assert_eq!(seen.text(C::EvaluationName), "toxicity");
        assert_eq!(seen.facts.number(C::EvaluationScore), Some(0.5));
        assert_eq!(seen.text(C::Feature), "search");
        assert_eq!(seen.text(C::Environment), "prod");
        assert!(seen.written().iter().all(|(key, _)| !key.contains("feature")));
    });
}

#[test]
fn placeholders_are_absent_models() {
    let span = Span::new("x").str("gen_ai.request.model", "Unknown").str("llm.model", "gpt-4o");
    read(&span, |seen| assert_eq!(seen.text(C::RequestModel), "gpt-4o"));
}

#[test]
fn quoted_text_is_unquoted() {
    let span = Span::new("x").str("gen_ai.request.model", "\"gpt-4o\"");
    read(&span, |seen| assert_eq!(seen.text(C::RequestModel), "gpt-4o"));
}
