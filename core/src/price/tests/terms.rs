//! A user's own terms beside the book's, servers that users run themselves, and what no list prices.

use super::*;
use crate::price::plan::ElsewherePlan;

/// The user's rows for `gpt-1`, which the book sells at 2 and 10 USD per million, with cached, reasoning and fee rows.
fn book_with(own: &[(&str, u64, u64, serde_json::Value)]) -> Book {
    let plain = json!({});
    let mut rows = vec![
        (0, "input", 2, MILLION, plain.clone()),
        (0, "cache_read", 1, MILLION, plain.clone()),
        (0, "output", 10, MILLION, plain.clone()),
        (0, "reasoning", 20, MILLION, plain.clone()),
        (0, "web_searches", 10, 1000, plain.clone()),
        (0, "requests", 5, 1000, plain),
    ];
    rows.extend(own.iter().map(|(unit, usd, per, other)| (3, *unit, *usd, *per, other.clone())));
    let mut plan = plan(&rows);
    plan.names.text.push("gpt-1".into());
    plan.names.model.push(3);
    Book::compile(&plan).unwrap()
}

fn rich() -> Usage {
    usage(&[(Unit::Input, 1000), (Unit::CacheRead, 400), (Unit::Output, 100), (Unit::Reasoning, 60)])
}

#[test]
fn own_terms_stand_in_for_what_they_do_not_name() {
    let plain = json!({});
    let book = book_with(&[("input", 3, MILLION, plain.clone()), ("output", 7, MILLION, plain.clone())]);
    assert_eq!(micros(book.price(&call("gpt-1", &rich()))), 1000 * 3 + 100 * 7 + 5000, "the request fee stays");
    let free = book_with(&[("input", 0, MILLION, plain.clone()), ("output", 0, MILLION, plain.clone())]);
    assert_eq!(micros(free.price(&call("gpt-1", &rich()))), 5000);
    let fees = [("requests", 0, 1, plain.clone()), ("web_searches", 0, 1, plain.clone())];
    let nothing = [("input", 0, MILLION, plain.clone()), ("output", 0, MILLION, plain.clone())];
    let gratis = book_with(&[&nothing[..], &fees[..]].concat());
    let searched = usage(&[(Unit::Input, 10), (Unit::CacheRead, 5), (Unit::Output, 5), (Unit::WebSearches, 2)]);
    assert_eq!(micros(gratis.price(&call("gpt-1", &searched))), 0);
    assert_eq!(micros(free.price(&call("gpt-1", &searched))), 5000 + 20_000, "so do searches");
    let only_output = book_with(&[("output", 7, MILLION, plain)]);
    assert_eq!(micros(only_output.price(&call("gpt-1", &rich()))), 600 * 2 + 400 + 100 * 7 + 5000, "input has no own");
}

#[test]
fn terms_that_are_not_in_force_leave_the_book_alone() {
    let book = book_with(&[("input", 3, MILLION, json!({"until": NOON})), ("duration", 1, 1, json!({"until": NOON}))]);
    let rich = rich();
    let timed = PriceInput { duration_ns: 2_000_000_000, ..call("gpt-1", &rich) };
    assert_eq!(micros(book.price(&timed)), 600 * 2 + 400 + 40 * 10 + 60 * 20 + 5000);
}

#[test]
fn who_pays_for_time_pays_for_no_tokens() {
    let plain = json!({});
    let two_seconds = |book: &Book, usage: &Usage, tenant: &str| {
        book.price(&PriceInput { duration_ns: 2_000_000_000, tenant, ..call("gpt-1", usage) })
    };
    let book = book_with(&[("duration", 1, 1000, plain.clone())]);
    for usage in [rich(), Usage::new(), usage(&[(Unit::Total, 9)]), usage(&[(Unit::WebSearches, 9)])] {
        let cost = two_seconds(&book, &usage, "");
        assert_eq!((micros(cost), cost.without_price), (2000, 0), "{usage:?}");
    }
    let instant = book.price(&call("gpt-1", &rich()));
    assert_eq!((micros(instant), book.row_label(instant.row)), (0, "3/duration"), "no time is no cost");
    let both = book_with(&[("duration", 1, 1000, plain.clone()), ("input", 3, MILLION, plain.clone())]);
    let some = usage(&[(Unit::Input, 1000)]);
    assert_eq!(micros(two_seconds(&both, &some, "")), 2000 + 3000 + 5000, "tokens are named too");
    let tenant = book_with(&[
        ("duration", 1, 1000, json!({"tenant": 1})),
        ("input", 3, MILLION, json!({"from": NOON + 1})),
        ("requests", 1, 1000, plain),
    ]);
    assert_eq!(micros(two_seconds(&tenant, &rich(), "acme")), 2000 + 1000, "and its own fee");
    assert_eq!(micros(two_seconds(&tenant, &rich(), "")), 600 * 2 + 400 + 40 * 10 + 60 * 20 + 1000);
}

#[test]
fn a_self_hosted_server_has_the_users_price_or_none() {
    let mut plan = standard();
    plan.providers.push(serde_json::from_value(json!({"id": "vllm", "names": ["vllm"], "self_hosted": true})).unwrap());
    let book = Book::compile(&plan).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |provider: &str, model: &str| book.price(&PriceInput { provider, ..call(model, &some) }).state;
    let unknown = State::Unpriced(Reason::UnknownModel);
    for (provider, model) in [
        ("vllm", "gpt-1"),
        ("vllm", "openai/gpt-1"),
        ("", "vllm/gpt-1"),
        ("openai", "VLLM/gpt-1"),
        ("acme", "vllm/gpt-1"),
    ] {
        assert_eq!(price(provider, model), unknown, "{provider} {model}");
        assert_eq!(price(provider, &model.replace("gpt-1", "mine-1")), State::Computed, "the user's own");
    }
    assert_eq!(price("router", "vllm/gpt-1"), unknown, "a maker there");
    plan.models.provider[3] = 3;
    let book = Book::compile(&plan).unwrap();
    for (provider, model) in [("vllm", "mine-1"), ("openai", "vllm/mine-1"), ("", "vllm/mine-1")] {
        let cost = book.price(&PriceInput { provider, ..call(model, &some) });
        assert_eq!(micros(cost), 7000, "{provider} {model}: a price for this server only");
    }
    assert_eq!(book.price(&call("mine-1", &some)).state, unknown);
}

#[test]
fn what_no_list_prices_is_named() {
    let book = Book::compile(&standard()).unwrap();
    let mixed = usage(&[(Unit::Input, 1000), (Unit::Images, 2), (Unit::WebSearches, 1), (Unit::Pages, 0)]);
    let cost = book.price(&call("gpt-1", &mixed));
    assert_eq!(micros(cost), 2000);
    assert_eq!(cost.units_without_price().collect::<Vec<_>>(), [Unit::Images, Unit::WebSearches]);
    assert_eq!(book.price(&call("gpt-1", &usage(&[(Unit::Input, 1000)]))).without_price, 0);
    let reported = Reported { usd_pico: 1, by_provider: true };
    let told = book.price(&PriceInput { reported: Some(reported), ..call("gpt-1", &mixed) });
    assert_eq!((told.state, told.without_price), (State::Reported, 0), "who told the cost knew them");
}

#[test]
fn the_free_variant_that_was_asked_for_is_free() {
    let mut plan = standard();
    plan.naming.request_suffixes = vec![":free".into()];
    plan.models.provider[1] = 2;
    plan.names.text.extend(["acme/paid".into(), "*:free".into()]);
    plan.names.model.extend([1, 2]);
    let book = Book::compile(&plan).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |request, response_model| {
        micros(book.price(&PriceInput { provider: "router", response_model, ..call(request, &some) }))
    };
    assert_eq!(price("acme/paid:free", "acme/paid"), 0, "only free endpoints answer it");
    assert_eq!(price("Acme/Paid:free", "acme/paid-2026-01-01"), 0);
    assert_eq!(price("acme/paid", "acme/paid"), 1000);
    assert_eq!(price("acme/other:free", "acme/paid"), 1000, "a paid model took over");
    assert_eq!(price("acme/paid", "acme/paid:free"), 0, "the response says so itself");
}

#[test]
fn what_the_list_says_nothing_of_is_assumed() {
    let tier = json!({"service_tier": 1});
    let guess = json!({"batch": 1, "assumed": 1});
    let mut plan = plan(&[
        (0, "input", 2, MILLION, json!({})),
        (0, "input", 4, MILLION, tier),
        (0, "output", 10, MILLION, json!({})),
        (0, "web_searches", 10, 1000, json!({})),
        (1, "input", 1, MILLION, guess),
        (1, "input", 1, MILLION, json!({"window": 1})),
        (2, "input", 0, MILLION, json!({})),
        (3, "input", 7, MILLION, json!({})),
    ]);
    plan.dimensions.standard = vec!["default".into()];
    plan.windows[0].known_until = (NOON / 86_400 - 1) as u32;
    let book = Book::compile(&plan).unwrap();
    let [input, all] = [&[(Unit::Input, 1000)][..], &[(Unit::Input, 1000), (Unit::Output, 10)][..]].map(usage);
    let searched = usage(&[(Unit::Input, 1000), (Unit::WebSearches, 1)]);
    let assumed = |call: PriceInput<'_>| book.price(&call).assumed.names().collect::<Vec<_>>().join(" ");
    let tiered = |service_tier, usage| assumed(PriceInput { service_tier, ..call("gpt-1", usage) });
    assert_eq!(tiered("priority", &input), "", "a row of its own");
    assert_eq!(tiered("priority", &all), "service_tier", "none for a part of it");
    assert_eq!(tiered("priority", &searched), "", "a fee for a search is the same in all tiers");
    assert_eq!(tiered("scale", &input), "service_tier", "a tier that nobody knows");
    assert_eq!(tiered("default", &all), "");
    assert_eq!(assumed(PriceInput { speed: "fast", batch: true, ..call("gpt-1", &input) }), "batch speed");
    assert_eq!(assumed(PriceInput { batch: true, ..call("embed-1", &input) }), "batch", "a row that is a guess");
    assert_eq!(assumed(call("embed-1", &input)), "holidays", "peak hours on a day beyond the calendar");
    let before = NOON * 1_000_000_000 - 86_400_000_000_000;
    assert_eq!(assumed(PriceInput { time_unix_ns: before, ..call("embed-1", &input) }), "");
    let free = PriceInput { provider: "router", service_tier: "scale", ..call("acme/free", &input) };
    assert_eq!(assumed(free), "", "what costs nothing costs nothing in any tier");
    assert_eq!(assumed(PriceInput { service_tier: "scale", ..call("mine-1", &input) }), "", "the user's own price");
    let reported = Some(Reported { usd_pico: 1, by_provider: true });
    assert_eq!(assumed(PriceInput { reported, service_tier: "scale", ..call("gpt-1", &input) }), "");
}

#[test]
fn a_makers_sdk_may_call_elsewhere() {
    let mut plan = standard();
    plan.providers[0].elsewhere =
        vec![ElsewherePlan { provider: 2, hosts: vec!["*.router.example".into()], models: vec!["eu.*".into()] }];
    plan.names.text.extend(["gpt-1".into(), "eu.gpt-1".into()]);
    plan.names.model.extend([1, 1]);
    plan.models.provider[1] = 2;
    let book = Book::compile(&plan).unwrap();
    let some = usage(&[(Unit::Input, 1000)]);
    let price = |host, model| micros(book.price(&PriceInput { host, ..call(model, &some) }));
    assert_eq!(price("api.openai.com", "gpt-1"), 2000);
    assert_eq!(price("api.router.example:443", "gpt-1"), 1000);
    assert_eq!(price("", "eu.gpt-1"), 1000);
    assert_eq!(price("api.router.example", "mine-1"), 7000, "the user's price for any provider");
    plan.providers[0].elsewhere[0].provider = 9;
    assert!(Book::compile(&plan).is_err());
}
