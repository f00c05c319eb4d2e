//! The compiled book: finds the model, bills the usage, judges a reported figure.

use super::context::{Aspects, Dimensions};
use super::explain::{Explanation, Matched};
use super::finder::Finder;
use super::lines::{Biller, NoSink, Sink, input_tokens};
use super::modifiers::Modifiers;
use super::place::{Paths, with_host};
use super::plan::{PricePlan, Reported as Policy};
use super::rates::{Moment, NO_ROW, Rates};
use super::{Cost, Parts, PriceInput, Reason, State};

/// Compiled once per plan, shared by all threads.
pub struct Book {
    policy: Policy,
    finder: Finder,
    labels: Vec<Box<str>>,
    rates: Rates,
    modifiers: Modifiers,
    dimensions: Dimensions,
    paths: Paths,
}

/// What the lists make of a call.
struct Billed {
    parts: Parts,
    row: u32,
    without_price: u64,
    assumed: Aspects,
}

impl Book {
    /// Compile the `price` section of the plan. Err says what is wrong with it.
    pub fn compile(plan: &PricePlan) -> Result<Book, String> {
        plan.check()?;
        Ok(Book {
            policy: plan.reported,
            finder: Finder::compile(plan)?,
            labels: plan.labels.iter().map(|label| label.as_str().into()).collect(),
            rates: Rates::compile(plan)?,
            modifiers: Modifiers::compile(plan)?,
            dimensions: Dimensions::compile(&plan.dimensions),
            paths: Paths::compile(&plan.naming)?,
        })
    }

    /// What the call costs.
    pub fn price(&self, input: &PriceInput<'_>) -> Cost {
        self.judge(input, &mut NoSink, |_| ())
    }

    /// What the call costs, and how that came about.
    pub fn explain(&self, input: &PriceInput<'_>) -> (Cost, Explanation) {
        let mut explanation = Explanation::default();
        let mut matched = None;
        let cost = self.judge(input, &mut explanation, |found| matched = found);
        explanation.matched = matched;
        (cost, explanation)
    }

    /// `provider/model@date` of the row that a cost names; "" for none.
    pub fn row_label(&self, row: u32) -> &str {
        self.labels.get(row as usize).map_or("", |label| label)
    }

    fn judge<S: Sink>(&self, input: &PriceInput<'_>, sink: &mut S, matched: impl FnOnce(Option<Matched>)) -> Cost {
        let reported = input.reported.filter(|reported| reported.usd_pico >= 0);
        let claims_money = reported.is_some_and(|reported| reported.usd_pico > 0);
        let billed = reported.is_some_and(|reported| reported.by_provider && reported.usd_pico > 0);
        if (input.failed_without_answer && input.usage.is_zero() && !claims_money) || (input.from_cache && !billed) {
            return Cost { state: State::NotBilled, ..Cost::unpriced(Reason::NoUsage) };
        }
        let computed = with_host(input.host, |host| self.compute(input, host, sink, matched));
        let believed = reported.filter(|_| self.policy != Policy::Never);
        match (believed, computed) {
            (None, Err(reason)) => Cost::unpriced(reason),
            // A price table that does not know a model, or was shown no tokens, answers 0, and so must nobody.
            (Some(said), Err(reason)) if said.usd_pico == 0 && !said.by_provider => {
                Cost { suspect_zero: !input.usage.is_zero(), ..Cost::unpriced(reason) }
            }
            (Some(said), Err(_)) => {
                Cost { state: State::Reported, total_pico: said.usd_pico, ..Cost::unpriced(Reason::NoUsage) }
            }
            (believed, Ok(Billed { parts, row, without_price, assumed })) => {
                let total = parts.total();
                let suspect_zero = believed.is_some_and(|said| said.usd_pico == 0) && total > 0;
                let wins = |by_provider| by_provider || self.policy == Policy::Always;
                let computed_pico = reported.map(|_| total);
                match believed {
                    Some(said) if wins(said.by_provider) && !suspect_zero => Cost {
                        state: State::Reported,
                        total_pico: said.usd_pico,
                        computed_pico,
                        ..Cost::unpriced(Reason::NoUsage)
                    },
                    _ => Cost {
                        state: if input.estimated { State::Estimated } else { State::Computed },
                        total_pico: total,
                        parts,
                        computed_pico,
                        suspect_zero,
                        without_price,
                        assumed,
                        row,
                    },
                }
            }
        }
    }

    #[inline(never)]
    fn compute<S: Sink>(
        &self,
        input: &PriceInput<'_>,
        host: &str,
        sink: &mut S,
        matched: impl FnOnce(Option<Matched>),
    ) -> Result<Billed, Reason> {
        let resolved = self.finder.resolve(input, host, S::WANTED);
        matched(resolved.matched);
        let models = resolved.models;
        if models.own.is_none() && models.book.is_none() {
            return Err(Reason::UnknownModel);
        }
        let tier = if input.service_tier.is_empty() { input.requested_tier } else { input.service_tier };
        let moment = Moment {
            unix_seconds: input.time_unix_ns / 1_000_000_000,
            circumstances: self.dimensions.pack(
                tier,
                input.batch,
                input.speed,
                input.inference_geo,
                input.search_context_size,
                input.tenant,
            ),
            said: self.dimensions.said(tier, input.batch, input.speed, input.inference_geo),
            input_tokens: input_tokens(input.usage),
        };
        let active = models.book.map(|model| {
            self.paths.with_host([input.request_model, input.response_model], host, |host| {
                self.modifiers.active(model, &moment, resolved.provider, host)
            })
        });
        let mut biller = Biller::new(&self.rates, models, moment, active, sink);
        biller.one_sided = input.one_sided;
        biller.bill(input.usage, input.duration_ns)?;
        debug_assert!(biller.row == NO_ROW || (biller.row as usize) < self.labels.len());
        Ok(Billed {
            parts: biller.parts,
            row: biller.row,
            without_price: biller.without_price,
            assumed: biller.assumed,
        })
    }
}
