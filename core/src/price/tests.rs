//! The rules of pricing on a book small enough to check by hand.

mod terms;

use serde_json::json;

use super::money::PICO;
use super::plan::{NamingPlan, PricePlan, Reported as Policy};
use super::*;

const MILLION: u64 = 1_000_000;
/// 2026-11-20 12:00 UTC, a Friday.
const NOON: u64 = 1_795_176_000;

/// Rows as (model, unit, USD for `per`, per, changes to the other columns).
fn plan(rows: &[(u32, &str, u64, u64, serde_json::Value)]) -> PricePlan {
    let units: Vec<&str> = Unit::ALL.iter().map(|unit| unit.name()).collect();
    let mut columns = serde_json::Map::new();
    for name in [
        "model",
        "unit",
        "price",
        "per",
        "from",
        "until",
        "min_input",
        "minimum",
        "maximum",
        "window",
        "service_tier",
        "batch",
        "speed",
        "inference_geo",
        "search_context",
        "tenant",
        "assumed",
    ] {
        let values = rows.iter().map(|(model, unit, usd, per, other)| match name {
            "model" => json!(model),
            "unit" => json!(Unit::from_name(unit).unwrap() as u8),
            "price" => json!(usd * PICO as u64),
            "per" => json!(per),
            _ => other.get(name).cloned().unwrap_or(json!(0)),
        });
        columns.insert(name.into(), values.collect());
    }
    columns.insert("units".into(), json!(units));
    serde_json::from_value(json!({
        "providers": [
            {"id": "openai", "names": ["openai"]},
            {"id": "azure", "names": ["azure.ai.openai", "azure"], "fallbacks": [0]},
            {"id": "router", "names": ["router"], "slashed": true},
        ],
        "hints": [["gpt-*", 0]],
        "models": {"id": ["gpt", "embed", "free", "mine"], "provider": [0, 0, 2, 65535], "overrides_from": 3},
        "names": {"text": ["gpt-1", "embed-1", "acme/free", "mine-*"], "model": [0, 1, 2, 3]},
        "rows": columns,
        "labels": rows.iter().map(|(model, unit, ..)| format!("{model}/{unit}")).collect::<Vec<_>>(),
        "windows": [{"days": 0b11111, "spans": [[39_600, 46_800]], "holidays": []}],
        "dimensions": {"service_tier": [["priority", 1]], "batch_tiers": ["batch"], "tenant": [["acme", 1]]},
    }))
    .unwrap()
}

fn standard() -> PricePlan {
    let plain = json!({});
    plan(&[
        (0, "input", 2, MILLION, plain.clone()),
        (0, "output", 10, MILLION, plain.clone()),
        (1, "input", 1, MILLION, plain.clone()),
        (2, "input", 0, MILLION, plain.clone()),
        (2, "output", 0, MILLION, plain.clone()),
        (3, "input", 7, MILLION, plain),
    ])
}

fn usage(counts: &[(Unit, i64)]) -> Usage {
    let mut usage = Usage::new();
    counts.iter().for_each(|(unit, count)| assert!(usage.set(*unit, *count)));
    usage
}

fn call<'a>(model: &'a str, usage: &'a Usage) -> PriceInput<'a> {
    PriceInput {
        provider: "openai",
        request_model: model,
        time_unix_ns: NOON * 1_000_000_000,
        ..PriceInput::new(usage)
    }
}

fn micros(cost: Cost) -> i128 {
    assert!(cost.state.is_priced(), "{cost:?}");
    assert_eq!(cost.total_pico % 1_000_000, 0);
    cost.total_pico / 1_000_000
}

#[test]
fn the_five_states() {
    let book = Book::compile(&standard()).unwrap();
    let some = usage(&[(Unit::Input, 100), (Unit::Output, 10)]);
    let none = Usage::new();
    assert_eq!(book.price(&call("gpt-1", &some)).state, State::Computed);
    assert_eq!(book.price(&PriceInput { estimated: true, ..call("gpt-1", &some) }).state, State::Estimated);
    let failed = book.price(&PriceInput { failed_without_answer: true, ..call("gpt-1", &none) });
    assert_eq!((failed.state, failed.total_pico), (State::NotBilled, 0));
    let stored = book.price(&PriceInput { from_cache: true, ..call("gpt-1", &some) });
    assert_eq!((stored.state, stored.total_pico), (State::NotBilled, 0));
    let charged = Reported { usd_pico: 7, by_provider: true };
    let billed = book.price(&PriceInput { from_cache: true, reported: Some(charged), ..call("gpt-1", &some) });
    assert_eq!((billed.state, billed.total_pico), (State::Reported, 7));
    assert_eq!(book.price(&call("gpt-9", &some)).state, State::Unpriced(Reason::UnknownModel));
    assert_eq!(book.price(&call("gpt-1", &none)).state, State::Unpriced(Reason::NoUsage));
    let seconds = usage(&[(Unit::Seconds, 5)]);
    assert_eq!(book.price(&call("gpt-1", &seconds)).state, State::Unpriced(Reason::NoUnitPrice));
    let free = book.price(&PriceInput { provider: "router", ..call("acme/free", &some) });
    assert_eq!((free.state, free.usd()), (State::Computed, Some(0.0)));
    assert_eq!(book.price(&call("gpt-9", &some)).usd(), None);
}

#[test]
fn whose_figure_wins() {
    let some = usage(&[(Unit::Input, 1000), (Unit::Output, 100)]);
    let price = |policy: Policy, model: &str, usd_pico: i128, by_provider: bool| {
        let book = Book::compile(&PricePlan { reported: policy, ..standard() }).unwrap();
        let cost = book.price(&PriceInput { reported: Some(Reported { usd_pico, by_provider }), ..call(model, &some) });
        (
            cost.state.name(),
            cost.total_pico / 1_000_000_000,
            cost.computed_pico.map(|p| p / 1_000_000_000),
            cost.suspect_zero,
        )
    };
    let nine = 9_000_000_000;
    assert_eq!(price(Policy::Provider, "gpt-1", nine, true), ("reported", 9, Some(3), false));
    assert_eq!(price(Policy::Provider, "gpt-1", nine, false), ("computed", 3, Some(3), false));
    assert_eq!(price(Policy::Provider, "gpt-9", nine, false), ("reported", 9, None, false));
    assert_eq!(price(Policy::Always, "gpt-1", nine, false), ("reported", 9, Some(3), false));
    assert_eq!(price(Policy::Never, "gpt-1", nine, true), ("computed", 3, Some(3), false));
    assert_eq!(price(Policy::Never, "gpt-9", nine, true), ("unpriced", 0, None, false));
    assert_eq!(price(Policy::Provider, "gpt-1", 0, true), ("computed", 3, Some(3), true));
    assert_eq!(price(Policy::Always, "gpt-1", 0, false), ("computed", 3, Some(3), true));
    assert_eq!(price(Policy::Provider, "gpt-9", 0, false), ("unpriced", 0, None, true));
    assert_eq!(price(Policy::Provider, "gpt-9", 0, true), ("reported", 0, None, false));
    assert_eq!(price(Policy::Provider, "gpt-1", -1, true), ("computed", 3, None, false));
}

#[test]
fn a_zero_is_believed_only_where_somebody_could_know() {
    let book = Book::compile(&standard()).unwrap();
    let (none, some) = (Usage::new(), usage(&[(Unit::Input, 1000)]));
    let zero = |usage, by_provider, from_cache| {
        let reported = Some(Reported { usd_pico: 0, by_provider });
        let cost = book.price(&PriceInput { reported, from_cache, ..call("gpt-1", usage) });
        (cost.state, cost.suspect_zero)
    };
    assert_eq!(zero(&none, false, false), (State::Unpriced(Reason::NoUsage), false), "an SDK that was shown no tokens");
    assert_eq!(zero(&none, true, false), (State::Reported, false));
    assert_eq!(zero(&some, false, false), (State::Computed, true));
    assert_eq!(zero(&some, false, true), (State::NotBilled, false), "answered from a cache");
}

#[test]
fn the_requested_tier_counts_where_none_was_served() {
    let rows = [(0, "input", 1, MILLION, json!({})), (0, "input", 4, MILLION, json!({"service_tier": 1}))];
    let book = Book::compile(&plan(&rows)).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |service_tier| {
        micros(book.price(&PriceInput { service_tier, requested_tier: "priority", ..call("gpt-1", &some) }))
    };
    assert_eq!([price(""), price("default"), price("priority")], [4000, 1000, 4000]);
}

#[test]
fn amounts_come_off_before_shares_and_nothing_gets_cheaper_than_free() {
    let mut plan = standard();
    plan.modifiers = serde_json::from_value(json!([
        {"label": "half", "num": 1, "den": 2, "models": [0]},
        {"label": "off", "num": 1, "den": 1, "off": 1_500_000_000_000_u64, "off_per": MILLION, "models": [0],
         "units": ["input"]},
        {"label": "more", "num": 1, "den": 1, "off": 99, "off_per": 1, "models": [1]},
    ]))
    .unwrap();
    let book = Book::compile(&plan).unwrap();
    let some = usage(&[(Unit::Input, 1000), (Unit::Output, 100)]);
    assert_eq!(micros(book.price(&call("gpt-1", &some))), 1000 / 4 + 100 * 10 / 2);
    let (cost, explanation) = book.explain(&call("embed-1", &usage(&[(Unit::Input, 10)])));
    assert_eq!(cost.total_pico, 10 * 1_000_000 - 10 * 99);
    assert_eq!(explanation.lines[0].modifiers.len(), 1);
}

#[test]
fn parts_of_the_input_are_billed_once() {
    let plain = json!({});
    let book = Book::compile(&plan(&[
        (0, "input", 10, MILLION, plain.clone()),
        (0, "output", 40, MILLION, plain.clone()),
        (0, "cache_read", 1, MILLION, plain.clone()),
        (0, "cache_write", 12, MILLION, plain.clone()),
        (0, "cache_write_1h", 20, MILLION, plain.clone()),
        (0, "audio_input", 100, MILLION, plain.clone()),
        (0, "reasoning", 60, MILLION, plain),
    ]))
    .unwrap();
    let cost = book.price(&call(
        "gpt-1",
        &usage(&[
            (Unit::Input, 1000),
            (Unit::CacheRead, 300),
            (Unit::CacheWrite, 200),
            (Unit::CacheWrite1h, 50),
            (Unit::AudioInput, 100),
            (Unit::Output, 80),
            (Unit::Reasoning, 30),
        ]),
    ));
    assert_eq!(cost.parts.input / 1_000_000, 400 * 10 + 100 * 100);
    assert_eq!(cost.parts.cache_read / 1_000_000, 300);
    assert_eq!(cost.parts.cache_write / 1_000_000, 150 * 12 + 50 * 20);
    assert_eq!(cost.parts.output / 1_000_000, 50 * 40 + 30 * 60);
    assert_eq!(cost.parts.total(), cost.total_pico);
}

#[test]
fn missing_prices_fall_back_and_impossible_parts_do_not_go_below_zero() {
    let book = Book::compile(&standard()).unwrap();
    let cached = usage(&[(Unit::Input, 1000), (Unit::CacheRead, 400), (Unit::CacheWrite5m, 100)]);
    assert_eq!(micros(book.price(&call("gpt-1", &cached))), 1000 * 2);
    let exceeding = usage(&[(Unit::Input, 100), (Unit::CacheRead, 400), (Unit::AudioInput, 900)]);
    assert_eq!(micros(book.price(&call("gpt-1", &exceeding))), 400 * 2);
    let parts = usage(&[(Unit::TextInput, 30), (Unit::AudioInput, 20), (Unit::TextOutput, 5)]);
    assert_eq!(micros(book.price(&call("gpt-1", &parts))), 50 * 2 + 5 * 10);
}

#[test]
fn a_bare_total_is_input_only_where_output_costs_nothing() {
    let book = Book::compile(&standard()).unwrap();
    let total = usage(&[(Unit::Total, 500)]);
    assert_eq!(micros(book.price(&call("embed-1", &total))), 500);
    assert_eq!(book.price(&call("gpt-1", &total)).state, State::Unpriced(Reason::NoUsage));
}

#[test]
fn the_row_in_force_is_picked_by_time_window_context_and_circumstances() {
    let book = Book::compile(&plan(&[
        (0, "input", 1, MILLION, json!({"until": NOON - 3600})),
        (0, "input", 2, MILLION, json!({"from": NOON - 3600})),
        (0, "input", 4, MILLION, json!({"from": NOON - 3600, "window": 1})),
        (0, "input", 8, MILLION, json!({"from": NOON - 3600, "min_input": 2001})),
        (0, "input", 16, MILLION, json!({"batch": 1})),
        (0, "input", 32, MILLION, json!({"service_tier": 1})),
    ]))
    .unwrap();
    let (small, large) = (usage(&[(Unit::Input, 1000)]), usage(&[(Unit::Input, 2001)]));
    let at = |seconds: u64, usage| PriceInput { time_unix_ns: seconds * 1_000_000_000, ..call("gpt-1", usage) };
    assert_eq!(micros(book.price(&at(NOON - 3601, &small))), 1000);
    assert_eq!(micros(book.price(&at(NOON, &small))), 4000, "Friday within the window");
    assert_eq!(micros(book.price(&at(NOON + 86_400, &small))), 2000, "Saturday");
    assert_eq!(micros(book.price(&at(NOON + 86_400, &large))), 2001 * 8);
    let batch = PriceInput { service_tier: "batch", ..at(NOON, &small) };
    assert_eq!(micros(book.price(&batch)), 16_000);
    let both = PriceInput { service_tier: "priority", batch: true, ..at(NOON, &small) };
    assert_eq!(micros(book.price(&both)), 16_000, "batch is the stronger");
    assert_eq!(micros(book.price(&PriceInput { service_tier: "Priority", ..at(NOON, &small) })), 32_000);
}

#[test]
fn a_price_that_is_not_in_force_is_unknown_not_free() {
    let book = Book::compile(&plan(&[(0, "input", 1, MILLION, json!({"until": NOON}))])).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    assert_eq!(book.price(&call("gpt-1", &some)).state, State::Unpriced(Reason::NoUnitPrice));
}

#[test]
fn requests_time_and_minimum_quantities() {
    let plain = json!({});
    let book = Book::compile(&plan(&[
        (0, "input", 1, MILLION, plain.clone()),
        (0, "requests", 5, 1000, plain.clone()),
        (1, "duration", 3, 3600, plain),
        (2, "audio_seconds", 36, 3600, json!({"minimum": 10_000_000})),
    ]))
    .unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    assert_eq!(micros(book.price(&call("gpt-1", &some))), 1000 + 5000);
    let none = Usage::new();
    assert_eq!(book.price(&call("gpt-1", &none)).state, State::Unpriced(Reason::NoUsage));
    let timed = PriceInput { duration_ns: 6_000_000_000, ..call("embed-1", &none) };
    assert_eq!(micros(book.price(&timed)), 5000);
    let short = usage(&[(Unit::AudioSeconds, 2)]);
    let router = PriceInput { provider: "router", ..call("acme/free", &short) };
    assert_eq!(micros(book.price(&router)), 100_000);
}

#[test]
fn response_model_fallbacks_prefixes_and_unknown_providers() {
    let book = Book::compile(&standard()).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |provider, request_model, response_model| {
        let cost = book.price(&PriceInput { provider, response_model, ..call(request_model, &some) });
        cost.state.is_priced().then_some(cost.total_pico / 1_000_000)
    };
    assert_eq!(price("openai", "gpt-1", "embed-1"), Some(1000), "the response wins");
    assert_eq!(price("openai", "gpt-1", "served-by-nobody"), Some(2000), "unless only the request is priced");
    assert_eq!(price("azure.ai.openai", "gpt-1", ""), Some(2000), "azure resells openai");
    assert_eq!(price("Azure.AI.OpenAI", "gpt-1", ""), Some(2000));
    assert_eq!(price("router", "gpt-1", ""), None, "others do not");
    assert_eq!(price("", "gpt-1", ""), Some(2000), "an unknown provider: the maker's price");
    assert_eq!(price("", "embed-1", ""), None, "which only hints tell");
    assert_eq!(price("litellm", "azure/gpt-1", ""), Some(2000));
    assert_eq!(price("router", "openai/gpt-1", ""), None, "a maker is no provider there");
}

#[test]
fn a_users_price_is_asked_first_and_final() {
    let mut plan = standard();
    plan.names.text.push("gpt-1".into());
    plan.names.model.push(3);
    plan.modifiers = serde_json::from_value(json!([
        {"label": "half", "num": 1, "den": 2, "models": [0, 3], "provider": 0},
        {"label": "acme", "num": 1, "den": 10, "models": [0], "tenant": 1, "units": ["output"]},
    ]))
    .unwrap();
    plan.aliases = serde_json::from_value(json!([
        {"name": "prod", "model": "embed-1", "model_provider": 0, "host": "*.example.com"},
    ]))
    .unwrap();
    let book = Book::compile(&plan).unwrap();
    let some = usage(&[(Unit::Input, 1000), (Unit::Output, 100)]);
    assert_eq!(micros(book.price(&call("gpt-1", &some))), 7000 + 500, "own input, the book's output at half");
    let tenant = PriceInput { tenant: "acme", ..call("gpt-1", &some) };
    assert_eq!(micros(book.price(&tenant)), 7000 + 50);
    let azure = PriceInput { provider: "azure", ..call("gpt-1", &some) };
    assert_eq!(micros(book.price(&azure)), 7000 + 1000, "the discount is for another provider");
    let aliased = PriceInput { host: "a.example.com", ..call("Prod", &some) };
    assert_eq!(micros(book.price(&aliased)), 1000);
    assert_eq!(book.price(&call("prod", &some)).state, State::Unpriced(Reason::UnknownModel));
    let (_, explanation) = book.explain(&aliased);
    let matched = explanation.matched.unwrap();
    assert_eq!((matched.name.as_str(), matched.book.as_str(), matched.alias), ("embed-1", "openai/embed", true));
    assert_eq!(explanation.unpriced, [(Unit::Output, 100)]);
}

/// `m` costs 1 anywhere, 2 in `r-1` and 3 in `r-2`; `us.m` 5.
fn regional() -> Book {
    let plain = json!({});
    let mut plan = plan(&[
        (0, "input", 1, MILLION, plain.clone()),
        (1, "input", 2, MILLION, plain.clone()),
        (2, "input", 3, MILLION, plain.clone()),
        (3, "input", 5, MILLION, plain),
    ]);
    plan.providers = serde_json::from_value(json!([
        {"id": "cloud", "names": ["cloud"], "regions": ["r-1", "r-2"], "region_hosts": ["*.cloud.com"],
         "request_first": true},
        {"id": "other", "names": ["other"], "fallbacks": [0]},
    ]))
    .unwrap();
    plan.hints = vec![("arn:*".into(), 0)];
    plan.naming = NamingPlan { prefixes: vec!["us.".into()], suffixes: vec!["-v1:0".into()], ..NamingPlan::default() };
    plan.models = serde_json::from_value(json!({
        "id": ["m-v1:0", "r-1/m-v1:0", "r-2/m-v1:0", "us.m"], "provider": [0, 0, 0, 0], "overrides_from": 4,
    }))
    .unwrap();
    plan.names = serde_json::from_value(json!({
        "text": ["*m-v1*", "m", "r-1/m-v1:0", "r-2/m-v1:0", "us.m"], "model": [0, 0, 1, 2, 3],
    }))
    .unwrap();
    plan.aliases = serde_json::from_value(json!([
        {"name": "prod", "model": "", "region": "r-2"},
        {"name": "named", "model": "r-1/m-v1:0", "region": "r-1", "host": "one.*"},
        {"name": "named", "model": "m", "host": "two.*"},
    ]))
    .unwrap();
    Book::compile(&plan).unwrap()
}

#[test]
fn a_region_has_its_own_prices() {
    let book = regional();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |provider, request_model, response_model, host| {
        let call = call(request_model, &some);
        micros(book.price(&PriceInput { provider, response_model, host, ..call })) / 1000
    };
    assert_eq!(price("cloud", "m-v1:0", "", "run.cloud.com"), 1);
    assert_eq!(price("cloud", "m-v1:0", "", "run.r-1.cloud.com"), 2);
    assert_eq!(price("cloud", "M-v1:0", "", "https://Run.R-2.cloud.com:443/model"), 3);
    assert_eq!(price("cloud", "m", "", "run.r-1.cloud.com"), 2, "a shortened name of a model that the region has");
    assert_eq!(price("cloud", "m-v1:0", "", "run.r-9.cloud.com"), 1, "no list of its own");
    assert_eq!(price("cloud", "m-v1:0", "", "run.r-1.example.com"), 1, "somebody else's host");
    assert_eq!(price("other", "m-v1:0", "", "run.r-1.cloud.com"), 1, "who resells has no regions");
    assert_eq!(price("cloud", "us.m", "", "run.r-1.cloud.com"), 5, "a profile says where itself");
    assert_eq!(price("cloud", "r-2/m-v1:0", "", "run.r-1.cloud.com"), 3, "and so does a region's segment");
    assert_eq!(price("cloud", "arn:c:s:r-1:1:model/m-v1:0", "", "run.r-2.cloud.com"), 2, "an ARN before the host");
    assert_eq!(price("", "arn:c:s:r-1:1:model/m-v1:0", "", ""), 2);
    assert_eq!(price("cloud", "arn:c:s:r-2:1:profile/abc", "m-v1:0", "run.r-1.cloud.com"), 3, "of the other name too");
    assert_eq!(price("cloud", "arn:c:s:r-1:1:model/us.m", "", ""), 5);
}

#[test]
fn an_alias_says_where_whatever_the_response_says() {
    let book = regional();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |request_model, response_model, host| {
        let call = PriceInput { provider: "cloud", response_model, host, ..call(request_model, &some) };
        let (cost, explanation) = book.explain(&call);
        (micros(cost) / 1000, explanation.matched.unwrap().book)
    };
    assert_eq!(price("prod", "m-v1:0", "run.r-1.cloud.com"), (3, "cloud/r-2/m-v1:0".into()));
    assert_eq!(price("named", "m-v1:0", "one.example.com"), (2, "cloud/r-1/m-v1:0".into()));
    assert_eq!(price("named", "", "two.example.com"), (1, "cloud/m-v1:0".into()));
}

#[test]
fn hosts_of_any_spelling_have_their_uplift() {
    let mut plan = standard();
    plan.modifiers = serde_json::from_value(json!([
        {"label": "twice", "num": 2, "den": 1, "models": [0], "hosts": ["eu.*"], "except_hosts": ["eu.free.com"]},
    ]))
    .unwrap();
    let book = Book::compile(&plan).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |host| micros(book.price(&PriceInput { host, ..call("gpt-1", &some) }));
    for host in ["eu.api.com", "EU.api.com", "eu.api.com:443", "https://eu.api.com/v1", "eu.api.com."] {
        assert_eq!(price(host), 4000, "{host}");
    }
    assert_eq!([price("api.com"), price("EU.free.com:443")], [2000, 2000]);
}

#[test]
fn a_million_records_add_up_to_the_sum() {
    let mut plan = standard();
    plan.rows.price[0] = 333_333_333_333;
    let book = Book::compile(&plan).unwrap();
    let (mut exact, mut records) = (0_i128, 0_i128);
    for count in 1..=1_000_000_i64 {
        let cost = book.price(&call("gpt-1", &usage(&[(Unit::Input, count), (Unit::Output, count % 7)])));
        exact += cost.total_pico;
        // What a call record says is read back, as whoever adds up the records does.
        records += money::from_decimal(&money::to_decimal(cost.total_pico)).unwrap();
    }
    assert_eq!(records, exact);
    // 1 + 2 + … + 1,000,000 tokens at a third of a dollar a million, each line rounded to 1e-12 USD; outputs of 0 to 6.
    let inputs = 333_333_333_333 * (1_000_000 * 1_000_001 / 2) / 1_000_000;
    let outputs = (142_857 * 21 + 1) * 10_000_000;
    assert!((exact - inputs - outputs).abs() <= 1_000_000, "{exact}");
}

#[test]
fn counts_beyond_anything_real_are_no_usage() {
    let mut plan = standard();
    plan.rows.price[0] = u64::MAX;
    plan.rows.per[0] = 1;
    let book = Book::compile(&plan).unwrap();
    let absurd = usage(&[(Unit::Input, i64::MAX)]);
    assert_eq!(book.price(&call("gpt-1", &absurd)).state, State::Unpriced(Reason::NoUsage));
}

#[test]
fn broken_plans_are_refused() {
    let broken = |change: fn(&mut PricePlan)| {
        let mut plan = standard();
        change(&mut plan);
        Book::compile(&plan).map(|_| ()).unwrap_err()
    };
    assert!(broken(|plan| plan.rows.per[0] = 0).contains("denominator"));
    assert!(broken(|plan| plan.rows.model[0] = 99).contains("no model"));
    assert!(broken(|plan| plan.rows.window[0] = 9).contains("no window"));
    assert!(broken(|plan| plan.names.model[0] = 99).contains("model name"));
    assert!(broken(|plan| plan.models.provider[0] = 99).contains("no provider"));
    assert!(broken(|plan| plan.rows.price.truncate(1)).contains("unequal"));
    assert!(broken(|plan| plan.rows.units[0] = "inputs".into()).contains("inputs"));
}
