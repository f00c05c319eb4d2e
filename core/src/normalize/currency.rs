//! Costs in other currencies, to US dollars at the rates that the user states. A cost whose currency has no rate is no
//! cost that could be believed.

use super::conclusion;
use super::plan::NormalizePlan;
use crate::concept::Concept;
use crate::facts::{Facts, Val};

pub struct Currencies {
    /// US dollars for one unit, by ISO 4217 code.
    rates: Vec<(Box<str>, f64)>,
    /// Raw responses are read by rules from here on; what they say is USD.
    carriers_from: u16,
}

impl Currencies {
    pub fn compile(plan: &NormalizePlan, carriers_from: u16) -> Result<Self, String> {
        let rates = plan.currencies.iter().map(|(code, rate)| {
            let usable = rate.is_finite() && *rate > 0.0;
            usable.then(|| (code.as_str().into(), *rate)).ok_or_else(|| format!("the rate of {code} is {rate}"))
        });
        Ok(Self { rates: rates.collect::<Result<_, _>>()?, carriers_from })
    }

    /// Concludes the cost in USD from an amount and its currency. The currency beside a plain cost is that cost's, unless
    /// it was converted before (`in_dollars`).
    pub fn conclude(&self, facts: &mut Facts<'_>, in_dollars: bool) {
        let said = facts.text(Concept::CostCurrency).unwrap_or("USD");
        let foreign = !said.eq_ignore_ascii_case("USD");
        if foreign && !in_dollars && !facts.has(Concept::CostAmount) && self.is_apps(facts) {
            let (cost, rule) = (facts.get(Concept::CostTotal), facts.rule(Concept::CostTotal));
            if let Some(cost) = cost {
                facts.set(Concept::CostAmount, cost, rule);
                facts.unset(Concept::CostTotal);
            }
        }
        let (Some(amount), false) = (facts.number(Concept::CostAmount), facts.has(Concept::CostTotal)) else {
            return;
        };
        if !foreign {
            facts.set(Concept::CostTotal, Val::Float(amount), facts.rule(Concept::CostAmount));
        } else if let Some((_, rate)) = self.rates.iter().find(|(code, _)| code.eq_ignore_ascii_case(said)) {
            facts.set(Concept::CostTotal, Val::Float(amount * rate), conclusion::CURRENCY);
        }
    }

    /// The cost is what the app or its SDK wrote.
    fn is_apps(&self, facts: &Facts<'_>) -> bool {
        facts.rule(Concept::CostTotal) < self.carriers_from
    }
}
