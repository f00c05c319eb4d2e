//! What follows from what was read: provider, tokens, operation, errors, time to first token.

use super::{Span, read};
use crate::concept::Concept as C;
use crate::facts::Role;
use crate::wire::writer::Scalar;

fn call(provider: &str) -> Span {
    let span = Span::new("chat").str("gen_ai.operation.name", "chat");
    if provider.is_empty() { span } else { span.str("gen_ai.system", provider) }
}

fn provider(span: &Span) -> (String, String) {
    read(span, |seen| (seen.text(C::Provider).to_owned(), seen.source(C::Provider).to_owned()))
}

#[test]
fn provider_values_are_cleaned() {
    for (told, clean) in [
        ("OpenAI", "openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("mistral.chat", "mistral_ai"),
        ("anthropic.messages", "anthropic"),
        ("My-House", "My-House"),
    ] {
        assert_eq!(provider(&call(told)), (clean.to_owned(), "gen_ai.system".to_owned()));
    }
}

#[test]
fn provider_is_inferred_from_host_then_scope_and_dialect_then_model() {
    let host = call("langchain").str("server.address", "https://x.openai.azure.com:443/v1");
    assert_eq!(provider(&host), ("azure.ai.openai".into(), "server address".into()));
    let host_first = host.scope("opentelemetry.instrumentation.anthropic", "");
    assert_eq!(provider(&host_first).0, "azure.ai.openai");
    let scope = call("").scope("opentelemetry.instrumentation.anthropic", "").str("gen_ai.request.model", "gpt-4o");
    assert_eq!(provider(&scope), ("anthropic".into(), "instrumentation scope".into()));
    let dialect = Span::new("claude_code.llm_request").str("gen_ai.request.model", "x");
    assert_eq!(provider(&dialect), ("anthropic".into(), "dialect".into()));
    let model = call("crewai").str("gen_ai.request.model", "US.Anthropic.claude-sonnet-4");
    assert_eq!(provider(&model), ("aws.bedrock".into(), "model".into()));
    assert_eq!(provider(&call("langchain").str("gen_ai.request.model", "llama")).0, "");
    read(&model, |seen| assert!(seen.facts.inferred.contains(C::Provider)));
}

#[test]
fn an_address_in_the_providers_place_is_read_as_one() {
    assert_eq!(provider(&call("api.deepseek.com")), ("deepseek".into(), "server address".into()));
    let own = call("127.0.0.1:37753").str("gen_ai.request.model", "gpt-4o");
    assert_eq!(provider(&own), ("openai".into(), "model".into()));
    assert_eq!(provider(&call("10.0.0.7:8000").str("gen_ai.request.model", "ours")).0, "");
    assert_eq!(provider(&call("my.house")).0, "my.house", "a name with a dot is still a name");
}

#[test]
fn a_known_host_beats_what_a_compatible_client_says() {
    let known = call("openai").str("server.address", "api.deepseek.com");
    assert_eq!(provider(&known), ("deepseek".into(), "server address".into()));
    let unknown = call("openai").str("server.address", "llm.corp.example");
    assert_eq!(provider(&unknown), ("openai".into(), "gen_ai.system".into()));
    let not_compatible = call("anthropic").str("server.address", "api.deepseek.com");
    assert_eq!(provider(&not_compatible).0, "anthropic");
    let port = call("openai").str("server.address", "localhost").int("server.port", 11434);
    assert_eq!(provider(&port).0, "ollama");
    let gateway = call("openai").str("server.address", "gateway.ai.cloudflare.com");
    read(&gateway, |seen| {
        assert_eq!((seen.text(C::Provider), seen.text(C::Gateway)), ("openai", "cloudflare"));
    });
}

fn tokens(span: &Span) -> (i64, i64, i64) {
    read(span, |seen| (seen.int(C::InputTokens), seen.int(C::OutputTokens), seen.int(C::TotalTokens)))
}

fn used(span: Span, input: i64, output: i64, cached: i64) -> Span {
    span.int("gen_ai.usage.input_tokens", input)
        .int("gen_ai.usage.output_tokens", output)
        .int("gen_ai.usage.cache_read_input_tokens", cached)
}

#[test]
fn more_cached_than_input_proves_exclusion() {
    assert_eq!(tokens(&used(call("openai"), 10, 5, 100)), (110, 5, 115));
}

#[test]
fn a_total_that_only_fits_one_reading_proves_it() {
    let with_total = |span: Span, total| span.int("llm.usage.total_tokens", total);
    // 40 + 10 + 5 = 55: the cached tokens came on top.
    assert_eq!(tokens(&with_total(used(call("openai"), 40, 5, 10), 55)), (50, 5, 55));
    // Bedrock returns its own total, so it proves inclusion against the provider's default …
    assert_eq!(tokens(&with_total(used(call("aws.bedrock"), 40, 5, 10), 45)), (40, 5, 45));
    // … while Anthropic's total is the emitter's sum and proves nothing.
    assert_eq!(tokens(&with_total(used(call("anthropic"), 40, 5, 10), 45)), (50, 5, 55));
}

#[test]
fn rules_of_source_dialect_and_version_decide_without_proof() {
    assert_eq!(tokens(&used(call("openai"), 40, 5, 10)).0, 40);
    assert_eq!(tokens(&used(call("anthropic"), 40, 5, 10)).0, 50);
    let dialect = used(call("anthropic"), 40, 5, 10).str("traceloop.span.kind", "x");
    assert_eq!(tokens(&dialect).0, 40);
    let bedrock = used(call("bedrock"), 40, 5, 10).str("traceloop.span.kind", "x");
    assert_eq!(tokens(&bedrock).0, 50);
    let vercel =
        |version| used(call("anthropic"), 40, 5, 10).str("ai.operationId", "ai.streamText").scope("ai", version);
    assert_eq!(tokens(&vercel("5.0.1")).0, 50);
    assert_eq!(tokens(&vercel("6.0.0")).0, 40);
    let stated = used(call("anthropic"), 40, 5, 10).str("gen_ai.token.semantics", "inclusive");
    assert_eq!(tokens(&stated).0, 40);
    let langfuse = |details: &str| {
        Span::new("x").str("langfuse.observation.type", "generation").str("langfuse.observation.usage_details", details)
    };
    assert_eq!(tokens(&langfuse(r#"{"input": 40, "output": 5, "input_cache_read": 10}"#)).0, 50);
    assert_eq!(tokens(&langfuse(r#"{"prompt_tokens": 40, "output": 5, "input_cache_read": 10}"#)).0, 40);
}

#[test]
fn cache_writes_add_up_from_their_lifetimes() {
    let span = used(call("anthropic"), 40, 5, 10)
        .int("enricher.usage.cache_write_5m_tokens", 3)
        .int("enricher.usage.cache_write_1h_tokens", 4);
    read(&span, |seen| {
        assert_eq!(seen.int(C::CacheWriteTokens), 7);
        assert_eq!(seen.int(C::InputTokens), 57);
    });
}

#[test]
fn a_missing_part_is_the_total_minus_the_other() {
    let span = call("openai").int("gen_ai.usage.input_tokens", 10).int("llm.usage.total_tokens", 25);
    read(&span, |seen| {
        assert_eq!(seen.int(C::OutputTokens), 15);
        assert!(seen.facts.inferred.contains(C::OutputTokens));
    });
    // Embeddings: nothing is left over.
    let even = call("openai").int("gen_ai.usage.input_tokens", 10).int("llm.usage.total_tokens", 10);
    read(&even, |seen| assert!(!seen.facts.has(C::OutputTokens)));
}

#[test]
fn reasoning_joins_output_when_it_stands_outside() {
    let span = |provider: &str, total| {
        let span = used(call(provider), 10, 5, 0).int("gen_ai.usage.reasoning_tokens", 3);
        if total > 0 { span.int("llm.usage.total_tokens", total) } else { span }
    };
    assert_eq!(tokens(&span("openai", 18)), (10, 8, 18));
    assert_eq!(tokens(&span("google", 15)), (10, 5, 15));
    assert_eq!(tokens(&span("google", 0)), (10, 8, 18));
    assert_eq!(tokens(&span("openai", 0)), (10, 5, 15));
    // Gemini CLI leaves thoughts out and does not tell them; its total does.
    let missing = used(Span::new("x").scope("gemini-cli", ""), 10, 5, 0).int("llm.usage.total_tokens", 22);
    read(&missing, |seen| assert_eq!((seen.int(C::OutputTokens), seen.int(C::ReasoningTokens)), (12, 7)));
}

#[test]
fn zeros_are_unknown_not_free() {
    read(&used(call("openai"), 0, 0, 0), |seen| {
        assert!(!seen.facts.has(C::InputTokens) && !seen.facts.has(C::OutputTokens));
        assert_eq!(seen.anomalies.zero_usage, 1);
        assert_eq!(seen.facts.role, Role::Inference);
    });
}

#[test]
fn usage_and_id_are_recovered_from_raw_responses() {
    let run = r#"{"data": [{"x": 1}], "run": {"id": "run_12345678", "object": "thread.run", "model": "gpt-4o",
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}}"#;
    let span = Span::new("openai.assistant").str("gen_ai.system", "openai").str("traceloop.entity.output", run);
    read(&span, |seen| {
        assert_eq!(seen.facts.role, Role::Inference);
        assert_eq!((seen.int(C::InputTokens), seen.int(C::OutputTokens)), (100, 20));
        assert_eq!(seen.text(C::ResponseId), "run_12345678");
        assert_eq!(seen.source(C::InputTokens), "traceloop.entity.output");
    });
    let event = Span::new("x")
        .str("gen_ai.system", "openai")
        .event("thread.run", &[("gen_ai.event.content", Scalar::Str(run))]);
    assert_eq!(tokens(&event), (100, 20, 120));
    let anthropic = r#"{"id": "msg_12345678", "type": "message", "usage":
        {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1}}"#;
    let span = call("anthropic").str("output.value", anthropic);
    assert_eq!(tokens(&span), (15, 5, 20));
    let gemini = r#"[{"usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 2,
        "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": 20}}]"#;
    assert_eq!(tokens(&call("google").str("output.value", gemini)), (12, 8, 20));
}

#[test]
fn usage_on_the_span_is_not_read_again_from_a_body_but_its_id_is() {
    let body = r#"{"id": "chatcmpl-12345678", "usage": {"prompt_tokens": 99, "completion_tokens": 99}}"#;
    let span = used(call("openai"), 10, 5, 0).str("output.value", body);
    read(&span, |seen| {
        assert_eq!(seen.int(C::InputTokens), 10);
        assert_eq!(seen.text(C::ResponseId), "chatcmpl-12345678");
    });
    let nested = r#"{"generations": [[{"id": "run-x", "message": {"response_metadata": {"id": "chatcmpl-1"}}}]]}"#;
    let span = used(call("openai"), 10, 5, 0).str("openinference.span.kind", "LLM").str("output.value", nested);
    read(&span, |seen| assert_eq!(seen.text(C::ResponseId), "chatcmpl-1"));
}

#[test]
fn roles_come_from_tests_operations_kinds_and_usage() {
    let role = |span: &Span| read(span, |seen| (seen.facts.role, seen.text(C::Operation).to_owned()));
    let vercel = |name: &str| Span::new(name).str("ai.operationId", name).str("ai.model.id", "gpt-4o");
    assert_eq!(role(&vercel("ai.generateText.doGenerate")), (Role::Inference, "chat".into()));
    assert_eq!(role(&vercel("ai.generateText")).0, Role::Wrapper);
    assert_eq!(role(&call("openai")), (Role::Inference, "chat".into()));
    let completion = Span::new("x").str("llm.request.type", "Completion");
    assert_eq!(role(&completion), (Role::Inference, "text_completion".into()));
    let fetch = Span::new("x").str("gen_ai.operation.name", "fetch_response").int("gen_ai.usage.input_tokens", 5);
    assert_eq!(role(&fetch).0, Role::Never);
    let custom = Span::new("x").str("gen_ai.operation.name", "my_op");
    assert_eq!(role(&custom), (Role::None, "my_op".into()));
    let tool = Span::new("x").str("traceloop.span.kind", "tool");
    assert_eq!(role(&tool), (Role::Other, "execute_tool".into()));
    let usage = Span::new("x").str("gen_ai.request.model", "text-embedding-3").int("llm.tokens.prompt", 5);
    assert_eq!(role(&usage), (Role::Inference, "embeddings".into()));
    let raw = Span::new("raw_gen_ai_request")
        .str("litellm.call_id", "1")
        .str("llm.openai.usage", "{'prompt_tokens': 11, 'completion_tokens': 7, 'prompt_tokens_details': None}");
    read(&raw, |seen| {
        assert_eq!((seen.facts.role, seen.int(C::InputTokens), seen.text(C::Gateway)), (Role::Wrapper, 11, "litellm"));
    });
}

#[test]
fn errors_are_classed_by_text_before_status() {
    let class = |span: &Span| read(span, |seen| seen.text(C::ErrorClass).to_owned());
    let status = |code| call("openai").int("http.response.status_code", code);
    for (code, wanted) in [(429, "rate_limit"), (529, "server_error"), (401, "auth"), (404, "client_error"), (200, "")]
    {
        assert_eq!(class(&status(code)), wanted, "{code}");
    }
    let too_long = status(400).failed("Error code: 400 - This model's Maximum context length is 8192 tokens");
    assert_eq!(class(&too_long), "context_length_exceeded");
    assert_eq!(class(&call("openai").str("error.type", "openai.RateLimitError")), "rate_limit");
    assert_eq!(class(&call("openai").failed("Request timed out.")), "timeout");
    assert_eq!(class(&call("openai").str("error.type", "503")), "server_error");
    let raised = [("exception.type", Scalar::Str("httpx.ReadTimeout")), ("exception.message", Scalar::Str(""))];
    let exception = call("openai").event("exception", &raised);
    read(&exception, |seen| {
        assert_eq!(seen.text(C::ErrorClass), "timeout");
        assert_eq!(seen.text(C::ErrorType), "httpx.ReadTimeout");
    });
    // Handled: there is an answer.
    let handled = used(call("openai"), 5, 5, 0).event("exception", &raised);
    assert_eq!(class(&handled), "");
    let repr = call("openai").str("error.type", "<class 'openai.AuthenticationError'>");
    read(&repr, |seen| {
        assert_eq!((seen.text(C::ErrorType), seen.text(C::ErrorClass)), ("AuthenticationError", "auth"));
    });
}

#[test]
fn time_to_first_token_is_in_seconds_and_within_the_span() {
    let ttft = |span: &Span| read(span, |seen| seen.facts.number(C::Ttft));
    assert_eq!(ttft(&call("").int("ai.response.msToFirstChunk", 250)), Some(0.25));
    let server = |value| call("").with("gen_ai.server.time_to_first_token", value);
    assert_eq!(ttft(&server(Scalar::Float(0.5))), Some(0.5));
    // The span lasts two seconds.
    assert_eq!(ttft(&server(Scalar::Float(500.0))), Some(0.5));
    assert_eq!(ttft(&server(Scalar::Int(500_000_000))), Some(0.5));
    assert_eq!(ttft(&server(Scalar::Float(1e20))), None);
    // By another clock it took a little longer.
    assert_eq!(ttft(&server(Scalar::Float(2.3))), Some(2.3));
    let stamp = |text: &str| ttft(&Span::new("x").str("langfuse.observation.completion_start_time", text));
    assert_eq!(stamp("1970-01-01T00:00:01.500Z"), Some(0.5));
    assert_eq!(stamp("\"1970-01-01T02:00:01.250+02:00\""), Some(0.25));
    assert_eq!(stamp("soon"), None);
}
