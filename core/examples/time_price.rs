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

fn main() {
    let path = std::env::args().nth(1).expect("the path of a price plan");
    let plan = std::fs::read(&path).expect("a readable plan");
    let plan = serde_json::from_slice(&plan).expect("a price plan");
    let book = Book::compile(&plan).expect("a plan that compiles");
    let mixes: [(&str, &[(&str, &str)]); 4] = [
        (
            "known by an exact name",
            &[
                ("openai", "gpt-4o-2024-08-06"),
                ("openai", "gpt-5.6-sol"),
                ("mistral_ai", "mistral-small-latest"),
                ("openrouter", "anthropic/claude-sonnet-4.5"),
            ],
        ),
        (
            "known by a glob or after shortening",
            &[
                ("anthropic", "claude-sonnet-4-5-20250929"),
                ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
                ("gcp.gemini", "models/gemini-2.5-pro"),
                ("azure.ai.openai", "gpt-4o-mini-20240718"),
            ],
        ),
        (
            "unknown",
            &[
                ("azure.ai.openai", "my-gpt4o-prod"),
                ("openai", "acme-internal-13b"),
                ("", "qwen3-custom-finetune"),
                ("anthropic", "opus-of-the-day"),
            ],
        ),
        (
            "unknown, with every part that can be dropped",
            &[
                ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.acme.foo-20250101-v1:0"),
                ("openrouter", "acme/model-x-20250101:online"),
                ("gcp.vertex_ai", "projects/p/locations/l/publishers/acme/models/foo@20250101"),
                ("openai", "acme/foo-2025-01-01"),
            ],
        ),
    ];
    let mut usage = Usage::new();
    for (unit, count) in
        [(Unit::Input, 12_345), (Unit::Output, 678), (Unit::CacheRead, 10_000), (Unit::CacheWrite, 1_000)]
    {
        usage.set(unit, count);
    }
    let strangers: Vec<String> = (0..ROUNDS).map(|number| format!("acme-model-{number}-instruct")).collect();
    let start = cpu_ns();
    for name in &strangers {
        black_box(book.price(&PriceInput { provider: "openai", request_model: name, ..PriceInput::new(&usage) }));
    }
    let each = (cpu_ns() - start) / ROUNDS as u64;
    println!("{each:>5} ns  0/{ROUNDS} priced  unknown, never the same name twice");
    for (title, calls) in mixes {
        let inputs: Vec<PriceInput<'_>> = calls
            .iter()
            .map(|(provider, model)| PriceInput {
                provider,
                request_model: model,
                response_model: model,
                time_unix_ns: 1_790_000_000_000_000_000,
                service_tier: "default",
                host: "api.example.com",
                ..PriceInput::new(&usage)
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
