//! What enricher itself says on a kept span (design §5 and §7).

use crate::calls::Before;
use crate::facts::LIST_SEPARATOR;
use crate::normalize::append::{ORIGINAL, renamed};
use crate::price::money::to_usd;
use crate::price::{Cost, State};
use crate::usage::Unit;
use crate::wire::reader::{BYTES, Reader};
use crate::wire::span::fields;
use crate::wire::value::{Value, key_value as read_key_value};
use crate::wire::writer::{Scalar, key_value};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// `Span.attributes`.
const ATTRIBUTES: u32 = 9;

pub const USAGE_COST: &str = "gen_ai.usage.cost";
pub const COST_STATE: &str = "enricher.cost.state";

fn put(out: &mut Vec<u8>, key: &str, value: Scalar<'_>) {
    key_value(out, ATTRIBUTES, key, value);
}

/// The cost of a call on its canonical span; `price` names the row and its date. An unpriced call gets no cost
/// attribute at all, only the state and the reason. What was counted and has no list price is named: the cost is
/// without it. So are circumstances that the list says nothing of: the cost takes the standard price for them.
pub fn cost(cost: &Cost, price: &str, out: &mut Vec<u8>) {
    put(out, COST_STATE, Scalar::Str(cost.state.name()));
    if let State::Unpriced(reason) = cost.state {
        put(out, "enricher.cost.reason", Scalar::Str(reason.name()));
        return;
    }
    put(out, USAGE_COST, Scalar::Float(to_usd(cost.total_pico)));
    let parts = &cost.parts;
    for (key, pico) in [
        ("enricher.cost.input", parts.input),
        ("enricher.cost.output", parts.output),
        ("enricher.cost.cache_read", parts.cache_read),
        ("enricher.cost.cache_write", parts.cache_write),
        ("enricher.cost.other", parts.other),
    ] {
        if pico != 0 {
            put(out, key, Scalar::Float(to_usd(pico)));
        }
    }
    if !price.is_empty() {
        put(out, "enricher.cost.price", Scalar::Str(price));
    }
    if cost.without_price != 0 {
        let units: Vec<&str> = cost.units_without_price().map(Unit::name).collect();
        let list = units.join(LIST_SEPARATOR.encode_utf8(&mut [0; 4]));
        put(out, "enricher.cost.without_price", Scalar::List(&list));
    }
    if !cost.assumed.is_empty() {
        let aspects: Vec<&str> = cost.assumed.names().collect();
        let list = aspects.join(LIST_SEPARATOR.encode_utf8(&mut [0; 4]));
        put(out, "enricher.cost.assumed", Scalar::List(&list));
    }
}

/// What of a call an earlier verdict counted, with another span: its cost on this span is without that.
pub fn counted_before(before: &Before, out: &mut Vec<u8>) {
    let amounts = &before.amounts;
    put(out, "enricher.counted_before", Scalar::Str(&format!("{:016x}", before.at.span)));
    put(out, "enricher.counted_before.calls", Scalar::Int(i64::from(amounts.call)));
    for (key, unit) in
        [("enricher.counted_before.input_tokens", Unit::Input), ("enricher.counted_before.output_tokens", Unit::Output)]
    {
        put(out, key, Scalar::Int(amounts.tokens(unit)));
    }
    put(out, "enricher.counted_before.cost", Scalar::Float(to_usd(amounts.cost_pico())));
}

/// Marks a report that another span stands for.
pub fn duplicate(canonical_span: u64, out: &mut Vec<u8>) {
    put(out, "enricher.duplicate_of", Scalar::Str(&format!("{canonical_span:016x}")));
}

/// Sums over the calls of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub calls: u64,
    pub errors: u64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cost_pico: i128,
    /// At least one call has a cost; without one the sum is not 0 but unknown.
    pub priced: bool,
}

pub fn totals(totals: &Totals, out: &mut Vec<u8>) {
    if totals.priced {
        put(out, "enricher.trace.cost", Scalar::Float(to_usd(totals.cost_pico)));
    }
    put(out, "enricher.trace.calls", Scalar::Int(totals.calls as i64));
    put(out, "enricher.trace.input_tokens", Scalar::Int(totals.input_tokens));
    put(out, "enricher.trace.output_tokens", Scalar::Int(totals.output_tokens));
    put(out, "enricher.trace.errors", Scalar::Int(totals.errors as i64));
}

pub fn sampling(policy: &str, probability: f64, trigger: &str, out: &mut Vec<u8>) {
    put(out, "enricher.sampling.policy", Scalar::Str(policy));
    put(out, "enricher.sampling.probability", Scalar::Float(probability));
    put(out, "enricher.sampling.trigger", Scalar::Str(trigger));
}

/// What would have been decided without `dry_run`.
pub fn trial(keep: bool, policy: Option<&str>, probability: f64, out: &mut Vec<u8>) {
    put(out, "enricher.sampling.dry_run.keep", Scalar::Bool(keep));
    if let Some(policy) = policy {
        put(out, "enricher.sampling.dry_run.policy", Scalar::Str(policy));
    }
    put(out, "enricher.sampling.dry_run.probability", Scalar::Float(probability));
}

/// The decision saw a part of the trace.
pub fn incomplete(out: &mut Vec<u8>) {
    put(out, "enricher.sampling.incomplete", Scalar::Bool(true));
}

static FIND_COST: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(USAGE_COST));
static FIND_OURS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("enricher."));

/// Whether the key of a cost may stand on the span.
pub fn may_have_cost(raw: &[u8]) -> bool {
    FIND_COST.find(raw).is_some()
}

/// The keys of appended attributes that the span carries already, because another enricher saw it or an SDK wrote a cost
/// (`may_have_cost`): those must go, a key may stand once.
pub fn restated(raw: &[u8], may_have_cost: bool, appended: &[u8], omit: &mut Vec<String>) {
    if !may_have_cost && FIND_OURS.find(raw).is_none() {
        return;
    }
    let mut reader = Reader::new(appended);
    // We encoded these fields ourselves; reading stops at a fault of ours instead of panicking.
    while let Ok((ATTRIBUTES, BYTES)) = reader.tag() {
        let Some((key, _)) = reader.bytes().ok().and_then(|field| read_key_value(field).ok()) else { return };
        let key = String::from_utf8_lossy(key);
        if (key == USAGE_COST || key.starts_with("enricher.")) && !omit.iter().any(|known| *known == key) {
            omit.push(key.into_owned());
        }
    }
}

/// Keeps a cost that ours replaces as `enricher.original.gen_ai.usage.cost`; not one that says the same, and not a
/// second one on a span that another enricher saw.
pub fn original_cost(raw: &[u8], appended: &mut Vec<u8>) {
    let (mut own, mut kept) = (None, false);
    for body in fields(raw, ATTRIBUTES).map_while(Result::ok) {
        match read_key_value(body) {
            Ok((key, value)) if key == USAGE_COST.as_bytes() => own = Some((body, number(value))),
            Ok((key, _)) => kept |= key.strip_prefix(ORIGINAL.as_bytes()) == Some(USAGE_COST.as_bytes()),
            Err(_) => {}
        }
    }
    let Some((body, told)) = own.filter(|_| !kept) else { return };
    let stamped = fields(appended, ATTRIBUTES)
        .map_while(Result::ok)
        .filter_map(|body| read_key_value(body).ok())
        .find(|(key, _)| *key == USAGE_COST.as_bytes());
    if stamped.is_some_and(|(_, value)| number(value) != told) {
        renamed(body, USAGE_COST.as_bytes(), appended);
    }
}

fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Double(value) => Some(value),
        Value::Int(value) => Some(value as f64),
        Value::Str(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
}
