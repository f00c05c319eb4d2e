//! How long normalize takes a span, by hand: `cargo run --release --example normalize [PLAN.json [CASE]]`, where the
//! file holds the `normalize` section of a plan and only cases whose name has CASE in it are run. Best of several rounds; figures depend on the machine.

use _core::concept::Concept;
use _core::facts::Facts;
use _core::keys::{KeyTable, KeyTableBuilder};
use _core::normalize::plan::NormalizePlan;
use _core::normalize::{Normalizer, Scratch};
use _core::wire::span::{Attr, parse};
use _core::wire::writer::{Scalar, bytes, key_value, tag};
use bumpalo::Bump;
use std::hint::black_box;
use std::time::Instant;

/// Short rounds, and many: the best one was not interrupted.
const ROUNDS: usize = 20_000;
const SPANS: usize = 32;

fn span(name: &str, attributes: &[(&str, Scalar<'_>)]) -> Vec<u8> {
    let mut span = Vec::new();
    bytes(&mut span, 1, &[1; 16]);
    bytes(&mut span, 2, &[2; 8]);
    bytes(&mut span, 4, &[3; 8]);
    bytes(&mut span, 5, name.as_bytes());
    for (field, time) in [(7, 1_000_000_000u64), (8, 3_000_000_000)] {
        tag(&mut span, field, 1);
        span.extend_from_slice(&time.to_le_bytes());
    }
    for (key, value) in attributes {
        key_value(&mut span, 9, key, *value);
    }
    span
}

struct Case {
    name: &'static str,
    scope: &'static str,
    raw: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let (text, output) = ("x".repeat(120), "y".repeat(180));
    let body = format!(
        r#"{{"id": "chatcmpl-AAAA1234", "object": "chat.completion", "model": "gpt-4o", "choices": [{{"message": {{"content": "{}"}}}}], "usage": {{"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "prompt_tokens_details": {{"cached_tokens": 3}}}}}}"#,
        "z".repeat(600)
    );
    vec![
        Case {
            name: "OpenLLMetry chat, 15 attributes",
            scope: "opentelemetry.instrumentation.openai.v1",
            raw: span(
                "openai.chat",
                &[
                    ("llm.request.type", Scalar::Str("chat")),
                    ("gen_ai.system", Scalar::Str("OpenAI")),
                    ("gen_ai.request.model", Scalar::Str("gpt-4o")),
                    ("llm.headers", Scalar::Str("None")),
                    ("llm.is_streaming", Scalar::Bool(false)),
                    ("gen_ai.openai.api_base", Scalar::Str("https://api.openai.com/v1/")),
                    ("gen_ai.prompt.0.role", Scalar::Str("user")),
                    ("gen_ai.prompt.0.content", Scalar::Str(&text)),
                    ("gen_ai.response.model", Scalar::Str("gpt-4o-2024-08-06")),
                    ("gen_ai.response.id", Scalar::Str("chatcmpl-AAAA1234")),
                    ("llm.usage.total_tokens", Scalar::Int(18)),
                    ("gen_ai.usage.completion_tokens", Scalar::Int(7)),
                    ("gen_ai.usage.prompt_tokens", Scalar::Int(11)),
                    ("gen_ai.completion.0.finish_reason", Scalar::Str("stop")),
                    ("gen_ai.completion.0.content", Scalar::Str(&output)),
                ],
            ),
        },
        Case {
            name: "OpenTelemetry chat, 12 attributes",
            scope: "opentelemetry.instrumentation.openai_v2",
            raw: span(
                "chat gpt-4o",
                &[
                    ("gen_ai.operation.name", Scalar::Str("chat")),
                    ("gen_ai.provider.name", Scalar::Str("openai")),
                    ("gen_ai.request.model", Scalar::Str("gpt-4o")),
                    ("server.address", Scalar::Str("api.openai.com")),
                    ("server.port", Scalar::Int(443)),
                    ("gen_ai.request.temperature", Scalar::Float(0.5)),
                    ("gen_ai.request.max_tokens", Scalar::Int(100)),
                    ("gen_ai.response.model", Scalar::Str("gpt-4o-2024-08-06")),
                    ("gen_ai.response.id", Scalar::Str("chatcmpl-AAAA1234")),
                    ("gen_ai.response.finish_reasons", Scalar::List("stop")),
                    ("gen_ai.usage.input_tokens", Scalar::Int(11)),
                    ("gen_ai.usage.output_tokens", Scalar::Int(7)),
                ],
            ),
        },
        Case {
            name: "raw response of 900 bytes in output.value",
            scope: "openinference.instrumentation.openai",
            raw: span(
                "ChatCompletion",
                &[
                    ("openinference.span.kind", Scalar::Str("LLM")),
                    ("gen_ai.request.model", Scalar::Str("gpt-4o")),
                    ("output.value", Scalar::Str(&body)),
                ],
            ),
        },
        Case {
            name: "HTTP server, 12 attributes, none asked for",
            scope: "opentelemetry.instrumentation.fastapi",
            raw: span(
                "GET /ask",
                &[
                    ("http.scheme", Scalar::Str("http")),
                    ("http.flavor", Scalar::Str("1.1")),
                    ("http.target", Scalar::Str("/ask")),
                    ("http.route", Scalar::Str("/ask")),
                    ("http.user_agent", Scalar::Str("curl")),
                    ("net.host.port", Scalar::Int(80)),
                    ("net.peer.ip", Scalar::Str("10.0.0.1")),
                    ("thread.id", Scalar::Int(1)),
                    ("thread.name", Scalar::Str("main")),
                    ("code.function.name", Scalar::Str("ask")),
                    ("code.file.path", Scalar::Str("/app/main.py")),
                    ("code.line.number", Scalar::Int(12)),
                ],
            ),
        },
    ]
}

/// Nanoseconds per call of `work`, best round.
fn best(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..SPANS {
                work();
            }
            start.elapsed().as_nanos() as f64 / SPANS as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path).expect("a readable plan"),
        None => include_str!("../src/normalize/tests/plan.json").to_owned(),
    };
    let plan: NormalizePlan = serde_json::from_str(&text).expect("a normalize plan");
    let start = Instant::now();
    let mut builder = KeyTableBuilder::default();
    let mut normalizer = Normalizer::compile(&plan, &mut builder).expect("a plan that compiles");
    let keys: KeyTable = builder.build();
    normalizer.link(&keys).expect("keys that link");
    println!(
        "{} dialects, {} rules, {} keys: compiled in {:.1} ms",
        plan.dialects.len(),
        plan.rules.len(),
        keys.len(),
        start.elapsed().as_secs_f64() * 1e3
    );
    println!("{:48} {:>8} {:>10} {:>8}", "ns per span", "parse", "normalize", "append");
    let wanted = std::env::args().nth(2).unwrap_or_default();
    for case in cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        let resource = normalizer.resource(&[]);
        let scope = normalizer.scope(case.scope.as_bytes(), b"1.0");
        let mut scratch = Scratch::new();
        let mut attrs: Vec<Attr<'_>> = Vec::new();
        let parsing = best(|| {
            black_box(parse(black_box(&case.raw), &keys, 1000, &mut attrs).is_ok());
        });
        let view = parse(&case.raw, &keys, 1000, &mut attrs).expect("a span");
        let mut arena = Bump::with_capacity(1 << 16);
        let normalizing = best(|| {
            // As the engine does it: one arena and one `Facts` for a request of many spans.
            arena.reset();
            let mut facts = Facts::new();
            for _ in 0..16 {
                black_box(normalizer.span(&view, &attrs, &resource, &scope, &mut scratch, &arena, &mut facts));
            }
        }) / 16.0;
        let arena = Bump::new();
        let mut facts = Facts::new();
        let model = normalizer.span(&view, &attrs, &resource, &scope, &mut scratch, &arena, &mut facts);
        let mut out = Vec::new();
        let appending = if model {
            best(|| {
                out.clear();
                normalizer.append(black_box(&facts), &mut out);
                black_box(&out);
            })
        } else {
            0.0
        };
        println!("{:48} {parsing:8.0} {normalizing:10.0} {appending:8.0}", case.name);
        if model {
            println!(
                "    {} {} {:?} {:?} in {:?} out {:?}",
                normalizer.dialect(facts.dialect),
                facts.role.name(),
                facts.text(Concept::Provider),
                facts.text(Concept::ResponseId),
                facts.int(Concept::InputTokens),
                facts.int(Concept::OutputTokens)
            );
        }
    }
}
