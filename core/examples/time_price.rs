//! Nanoseconds of CPU time per priced call, hits and misses; `python -m bench.prices` runs it, by hand:
//!
//! ```text
//! python -c 'import json; from enricher.price import compile, settings
//! print(json.dumps(compile.compile_plan(settings.PricesSettings())))' > PLAN.json
//! cargo run --release --example time_price PLAN.json
//! ```

use std::hint::black_box;

use _core::price::{Book, PriceInput};
use _core::usage::{Unit, Usage};

const ROUNDS: usize = 200_000;

/// CPU time of this process, which a busy machine does not change; Linux only.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("nanoseconds on the CPU")
}

fn timed(usage: &Usage) -> PriceInput<'_> {
    PriceInput { time_unix_ns: 1_790_000_000_000_000_000, ..PriceInput::new(usage) }
}

/// Provider, model as requested, host.
type Call = (&'static str, &'static str, &'static str);
/// What it is, provider, host, the model of each call.
type FirstSeen = (&'static str, &'static str, &'static str, fn(usize) -> String);

fn main() {
    let path = std::env::args().nth(1).expect("the path of a price plan");
    let plan = std::fs::read(&path).expect("a readable plan");
    let plan = serde_json::from_slice(&plan).expect("a price plan");
    let book = Book::compile(&plan).expect("a plan that compiles");
    let mixes: [(&str, &[Call]); 5] = [
        (
            "known by an exact name",
            &[
                ("openai", "gpt-4o-2024-08-06", "api.openai.com"),
                ("openai", "gpt-5.6-sol", "api.openai.com"),
                ("mistral_ai", "mistral-small-latest", "api.mistral.ai"),
                ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter.ai"),
            ],
        ),
        (
            "known by a glob or after shortening",
            &[
                ("anthropic", "claude-sonnet-4-5-20250929", "api.anthropic.com"),
                ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
                ("gcp.gemini", "models/gemini-2.5-pro", ""),
                ("azure.ai.openai", "gpt-4o-mini-20240718", "acme.openai.azure.com"),
            ],
        ),
        (
            "known, in a region by host or ARN",
            &[
                ("aws.bedrock", "meta.llama3-70b-instruct-v1:0", "bedrock-runtime.eu-west-2.amazonaws.com"),
                ("aws.bedrock", "arn:aws:bedrock:ca-central-1::foundation-model/meta.llama3-70b-instruct-v1:0", ""),
                ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "europe-west4-aiplatform.googleapis.com"),
                ("openai", "gpt-5.4", "https://EU.api.openai.com:443/v1/chat/completions"),
            ],
        ),
        (
            "unknown",
            &[
                ("azure.ai.openai", "my-gpt4o-prod", "acme.openai.azure.com"),
                ("openai", "acme-internal-13b", "api.openai.com"),
                ("", "qwen3-custom-finetune", ""),
                ("anthropic", "opus-of-the-day", "api.anthropic.com"),
            ],
        ),
        (
            "unknown, with every part that can be dropped",
            &[
                (
                    "aws.bedrock",
                    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.acme.foo-20250101-v1:0",
                    "bedrock-runtime.us-east-1.amazonaws.com",
                ),
                ("openrouter", "acme/model-x-20250101:online", ""),
                ("gcp.vertex_ai", "projects/p/locations/l/publishers/acme/models/foo@20250101", ""),
                ("openai", "acme/foo-2025-01-01", ""),
            ],
        ),
    ];
    let mut usage = Usage::new();
    for (unit, count) in
        [(Unit::Input, 12_345), (Unit::Output, 678), (Unit::CacheRead, 10_000), (Unit::CacheWrite, 1_000)]
    {
        usage.set(unit, count);
    }
    // No memory of earlier calls helps with these: a stranger's names, one call each.
    let london = "bedrock-runtime.eu-west-2.amazonaws.com";
    let first_seen: [FirstSeen; 5] = [
        ("unknown, never the same name twice", "openai", "", |number| format!("acme-model-{number}-instruct")),
        ("unknown in a region, never the same name twice", "aws.bedrock", london, |number| {
            format!("acme.foo-{number}")
        }),
        ("known, never the same date twice", "openai", "", |number| {
            format!("gpt-4o-20{:02}{:02}{:02}", number / 10_000 % 100, number / 100 % 100, number % 100)
        }),
        ("known by a glob, never the same name twice", "anthropic", "", |number| format!("claude-sonnet-4-5-{number}")),
        ("known in a region, never the same account twice", "aws.bedrock", "", |number| {
            format!("arn:aws:bedrock:eu-west-2:{number:012}:foundation-model/meta.llama3-70b-instruct-v1:0")
        }),
    ];
    for (title, provider, host, name) in first_seen {
        let names: Vec<String> = (0..ROUNDS).map(name).collect();
        let mut priced = 0;
        let start = cpu_ns();
        for name in &names {
            let call = PriceInput { provider, request_model: name, host, ..timed(&usage) };
            priced += usize::from(book.price(black_box(&call)).state.is_priced());
        }
        let each = (cpu_ns() - start) / ROUNDS as u64;
        println!("{each:>5} ns  {priced}/{ROUNDS} priced  {title}");
    }
    for (title, calls) in mixes {
        let inputs: Vec<PriceInput<'_>> = calls
            .iter()
            .map(|(provider, model, host)| PriceInput {
                provider,
                request_model: model,
                response_model: model,
                service_tier: "default",
                host,
                ..timed(&usage)
            })
            .collect();
        let priced = inputs.iter().filter(|input| book.price(input).state.is_priced()).count();
        let start = cpu_ns();
        for _ in 0..ROUNDS {
            for input in &inputs {
                black_box(book.price(black_box(input)));
            }
        }
        let each = (cpu_ns() - start) / (ROUNDS * inputs.len()) as u64;
        println!("{each:>5} ns  {priced}/{} priced  {title}", inputs.len());
        for input in &inputs {
            let start = cpu_ns();
            for _ in 0..ROUNDS {
                black_box(book.price(black_box(input)));
            }
            let each = (cpu_ns() - start) / ROUNDS as u64;
            println!("         {each:>5} ns  {} {}", input.provider, input.request_model);
        }
    }
}
