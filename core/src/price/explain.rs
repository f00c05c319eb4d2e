//! How a cost came about, for `enricher explain` and `enricher prices show`.

use serde_json::{Value, json};

use super::lines::{Line, Sink};
use super::{Book, Cost, State, money};
use crate::usage::Unit;

/// The model that a call was priced as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// `request_model` or `response_model`.
    pub source: &'static str,
    /// The spelling that was found.
    pub name: String,
    /// `provider/model` of the book; empty when only the user's own prices apply.
    pub book: String,
    /// `provider/model` of the user's overrides; empty without one.
    pub own: String,
    /// The name is one of the user's aliases.
    pub alias: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Explanation {
    pub matched: Option<Matched>,
    pub lines: Vec<Line>,
    /// Quantities (stored units) that the list has no price for.
    pub unpriced: Vec<(Unit, u64)>,
}

impl Sink for Explanation {
    const WANTED: bool = true;

    fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn unpriced(&mut self, unit: Unit, quantity: u64) {
        self.unpriced.push((unit, quantity));
    }
}

impl Explanation {
    /// The cost and how it came about as JSON: money as decimal strings in USD, quantities as numbers.
    pub fn to_json(&self, book: &Book, cost: &Cost) -> Value {
        let parts = &cost.parts;
        let reason = match cost.state {
            State::Unpriced(reason) => Some(reason.name()),
            _ => None,
        };
        let matched = self.matched.as_ref().map(|matched| {
            json!({
                "source": matched.source,
                "name": matched.name,
                "book": matched.book,
                "own": matched.own,
                "alias": matched.alias,
            })
        });
        json!({
            "state": cost.state.name(),
            "reason": reason,
            "usd": cost.state.is_priced().then(|| money::to_decimal(cost.total_pico)),
            "usd_double": cost.usd(),
            "input": money::to_decimal(parts.input),
            "output": money::to_decimal(parts.output),
            "cache_read": money::to_decimal(parts.cache_read),
            "cache_write": money::to_decimal(parts.cache_write),
            "other": money::to_decimal(parts.other),
            "computed_usd": cost.computed_pico.map(money::to_decimal),
            "suspect_zero": cost.suspect_zero,
            "price": book.row_label(cost.row),
            "assumed": cost.assumed.names().collect::<Vec<_>>(),
            "matched": matched,
            "lines": self.lines.iter().map(|line| render_line(book, line)).collect::<Vec<_>>(),
            "without_price": self.unpriced.iter()
                .map(|(unit, quantity)| json!({"unit": unit.name(), "quantity": number(*unit, *quantity)}))
                .collect::<Vec<_>>(),
        })
    }
}

fn render_line(book: &Book, line: &Line) -> Value {
    json!({
        "unit": line.unit.name(),
        "billed_as": line.billed_as.name(),
        "quantity": number(line.unit, line.quantity),
        "price": money::to_decimal(i128::from(line.price)),
        "per": line.per,
        "charged": [line.charged.num, line.charged.den],
        "factor": [line.factor.num, line.factor.den],
        "modifiers": line.modifiers,
        "assumed": line.assumed.names().collect::<Vec<_>>(),
        "row": book.row_label(line.row),
        "usd": money::to_decimal(line.pico),
    })
}

fn number(unit: Unit, stored: u64) -> Value {
    if stored.is_multiple_of(unit.scale()) {
        json!(stored / unit.scale())
    } else {
        json!(stored as f64 / unit.scale() as f64)
    }
}
