//! `budget`: another policy's probability, changed while a tenant is over its budget.

use super::super::own_plan::BudgetPlan;
use super::super::spend::Spend;
use super::super::state::{Moment, State};
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::part::{Part, vote_of};
use super::rule::{Compiler, Rule};
use crate::measure::Series;
use crate::price::money::to_decimal;
use hashbrown::HashMap;
use serde_json::{Value, json};
use std::sync::Arc;

/// Pico-dollars.
struct Limits {
    every: i128,
    single: HashMap<String, i128>,
}

impl Limits {
    fn of(&self, tenant: &str) -> i128 {
        self.single.get(tenant).copied().unwrap_or(self.every)
    }
}

pub struct Budget {
    part: Part,
    limits: Arc<Limits>,
    factor: f64,
    slot: usize,
}

struct Tenants {
    policy: String,
    limits: Arc<Limits>,
    spend: Spend,
}

impl State for Tenants {
    fn save(&self) -> Vec<u8> {
        self.spend.save()
    }

    fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        self.spend.load(saved)
    }

    fn series(&self, out: &mut Vec<Series>) {
        for (tenant, spent) in self.spend.all() {
            let (labels, limit) = ([self.policy.as_str(), tenant], self.limits.of(tenant));
            out.push(Series::number("llm_budget_usd_limit", labels, usd(limit)));
            out.push(Series::number("llm_budget_usd_spent", labels, usd(spent)));
            out.push(Series::number("llm_budget_utilization_ratio", labels, spent as f64 / limit as f64));
        }
        let labels = [self.policy.as_str()];
        out.push(Series::number("llm_budget_other_usd_spent", labels, usd(self.spend.others)));
        out.push(Series::number("enricher_sampling_keys_overflow_total", labels, self.spend.crowded_out as f64));
    }
}

fn usd(pico: i128) -> f64 {
    pico as f64 / 1e12
}

impl Budget {
    pub fn compile(plan: &BudgetPlan, part: Part, path: &str, to: &mut Compiler<'_>) -> Result<Self, String> {
        to.needs.calls = true;
        to.needs.origin = true;
        let amount = |digits: &String| digits.parse::<i128>().map_err(|_| format!("{digits:?} is not an integer"));
        let single = plan.tenants.iter().map(|(tenant, pico)| Ok((tenant.clone(), amount(pico)?)));
        let limits = Limits { every: amount(&plan.pico_usd)?, single: single.collect::<Result<_, String>>()? };
        let identity = format!("budget {:?} {} {} {:?}", plan.period, plan.max_tenants, plan.pico_usd, plan.tenants);
        let limits = Arc::new(limits);
        let (policy, period, max, own) = (path.to_owned(), plan.period, plan.max_tenants, limits.clone());
        let make = move || Tenants { policy: policy.clone(), limits: own.clone(), spend: Spend::new(period, max) };
        let slot = to.state(path, &identity, make);
        Ok(Self { part, limits, factor: plan.factor, slot })
    }

    fn over<'t>(&self, trace: &TraceSummary<'t>, moment: &mut Moment<'_>) -> Option<(&'t str, i128)> {
        let now = moment.now;
        let spend = &mut moment.state::<Tenants>(self.slot).spend;
        let tenants = std::iter::once(trace.origin.tenant).chain(trace.calls.iter().map(|call| call.tenant));
        let mut spent = tenants.filter_map(|tenant| Some((tenant, spend.of(tenant, now)?)));
        spent.find(|(tenant, spent)| *spent >= self.limits.of(tenant))
    }

    fn changed(&self, vote: Vote, over: bool) -> Vote {
        if over && vote.is_some() { Vote::of((vote.probability() * self.factor).min(1.0)) } else { vote }
    }

    fn spend(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        let now = moment.now;
        let spend = &mut moment.state::<Tenants>(self.slot).spend;
        for call in trace.calls.iter().filter(|call| call.cost_pico > 0) {
            let tenant = if call.tenant.is_empty() { trace.origin.tenant } else { call.tenant };
            spend.add(tenant, call.cost_pico, now);
        }
    }
}

impl Rule for Budget {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        vote_of(self, trace, moment)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        json!({"tenant": trace.origin.tenant})
    }

    fn parts(&self) -> &[Part] {
        std::slice::from_ref(&self.part)
    }

    fn learned(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        let over = self.over(trace, moment);
        let over = over.map(|(tenant, spent)| {
            json!({"tenant": tenant, "spent_usd": to_decimal(spent), "usd": to_decimal(self.limits.of(tenant))})
        });
        let (tenant, now) = (trace.origin.tenant, moment.now);
        let spent = moment.state::<Tenants>(self.slot).spend.of(tenant, now);
        json!({
            "over_budget": over,
            "spent_usd": spent.map(to_decimal),
            "usd": to_decimal(self.limits.of(tenant)),
            "factor": self.factor,
        })
    }

    fn observe(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) {
        self.spend(trace, moment);
        self.part.rule.observe(trace, moment);
    }

    fn votes(&self, traces: &[&TraceSummary<'_>], open: &[Vote], moment: &mut Moment<'_>, votes: &mut [Vote]) {
        self.part.votes(traces, open, moment, votes);
        for (trace, vote) in traces.iter().zip(votes) {
            *vote = self.changed(*vote, self.over(trace, moment).is_some());
        }
    }

    fn late(&self, trace: &TraceSummary<'_>, credited: Option<f64>, moment: &mut Moment<'_>) {
        self.spend(trace, moment);
        self.part.rule.late(trace, credited, moment);
    }

    fn consumes(&self) -> bool {
        self.part.rule.consumes()
    }

    fn limits(&self) -> bool {
        self.part.rule.limits()
    }

    fn shares(&self) -> bool {
        self.part.rule.shares()
    }
}
