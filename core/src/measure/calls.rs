//! Counters of model calls: the spend family by the labels of the configuration, OpenTelemetry's own by theirs.

use super::call_input::CallInput;
use super::conventions::Conventions;
use super::histogram::{Histogram, Kept, bounds};
use super::labels::{Label, OTHER, Values, model};
use super::plan::MeasurePlan;
use super::seen::{self, Seen};
use super::series::Series;
use super::sessions::Sessions;
use crate::calls::Rule;
use crate::concept::Concept;
use crate::price::money::{to_decimal, to_usd};
use crate::price::{Reason, State};
use crate::usage::Unit;
use hashbrown::HashMap;
use serde_json::json;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Token classes of `llm_tokens_total`, with their units. Input holds cached ones, output holds reasoning.
const TOKEN_TYPES: [(&str, Unit); 5] = [
    ("input", Unit::Input),
    ("output", Unit::Output),
    ("cache_read", Unit::CacheRead),
    ("cache_write", Unit::CacheWrite),
    ("reasoning", Unit::Reasoning),
];

const STATES: [&str; 5] = ["reported", "computed", "estimated", "not_billed", "unpriced"];

/// The place in `STATES`.
const fn number_of(state: State) -> usize {
    match state {
        State::Reported => 0,
        State::Computed => 1,
        State::Estimated => 2,
        State::NotBilled => 3,
        State::Unpriced(_) => 4,
    }
}

/// Spend metrics may have so many labels.
const MAX_LABELS: usize = 12;

type SpendKey = [u32; MAX_LABELS];

struct Spend {
    duration: Histogram,
    ttft: Histogram,
    tokens: [u64; TOKEN_TYPES.len()],
    cost_pico: i128,
    priced: bool,
    /// By number of the error class.
    errors: Vec<(u32, u64)>,
}

pub struct CallSeries {
    series_limit: usize,
    labels: Vec<Label>,
    values: Vec<Values>,
    spend: Vec<(SpendKey, Spend)>,
    /// Indices into `spend`.
    places: HashMap<SpendKey, usize, foldhash::fast::RandomState>,
    seen: Seen<MAX_LABELS>,
    conventions: Conventions,
    errors: Values,
    unpriced: HashMap<(u32, &'static str), u64>,
    unpriced_names: Values,
    unpriced_models: BTreeSet<String>,
    unpriced_limit: usize,
    duplicates: [u64; Rule::ALL.len()],
    states: [u64; STATES.len()],
    failed: u64,
    totals: [i128; TOKEN_TYPES.len()],
    cost_pico: i128,
    cost_kept_pico: i128,
    reported_over_pico: i128,
    reported_under_pico: i128,
    suspect_zeros: u64,
    without_price: [u64; Unit::COUNT],
    sessions: Sessions,
    hasher: foldhash::fast::RandomState,
    duration_bounds: Arc<[f64]>,
    ttft_bounds: Arc<[f64]>,
}

impl CallSeries {
    pub fn new(plan: &MeasurePlan) -> Result<Self, String> {
        let limit = plan.label_limit;
        Ok(Self {
            series_limit: plan.series_limit.max(1),
            labels: labels(plan)?,
            values: plan.labels.iter().map(|_| Values::new(limit)).collect(),
            spend: Vec::new(),
            places: HashMap::default(),
            seen: Seen::new(),
            conventions: Conventions::new(plan)?,
            errors: Values::new(limit),
            unpriced: HashMap::default(),
            unpriced_names: Values::new(limit),
            unpriced_models: BTreeSet::new(),
            unpriced_limit: plan.unpriced_limit,
            duplicates: [0; Rule::ALL.len()],
            states: [0; STATES.len()],
            failed: 0,
            totals: [0; TOKEN_TYPES.len()],
            cost_pico: 0,
            cost_kept_pico: 0,
            reported_over_pico: 0,
            reported_under_pico: 0,
            suspect_zeros: 0,
            without_price: [0; Unit::COUNT],
            sessions: Sessions::new(plan.session_window_ns, plan.session_limit),
            hasher: foldhash::fast::RandomState::default(),
            duration_bounds: bounds(&plan.duration_buckets, "duration_buckets")?,
            ttft_bounds: bounds(&plan.ttft_buckets, "ttft_buckets")?,
        })
    }

    pub fn reconfigure(&mut self, plan: &MeasurePlan) -> Result<(), String> {
        let fresh = Self::new(plan)?;
        if fresh.labels != self.labels
            || fresh.duration_bounds != self.duration_bounds
            || fresh.ttft_bounds != self.ttft_bounds
        {
            (self.labels, self.values) = (fresh.labels, fresh.values);
            (self.spend, self.places, self.seen) = (fresh.spend, fresh.places, fresh.seen);
        }
        self.conventions.reconfigure(fresh.conventions);
        self.duration_bounds = fresh.duration_bounds;
        self.ttft_bounds = fresh.ttft_bounds;
        self.unpriced_limit = fresh.unpriced_limit;
        self.series_limit = fresh.series_limit;
        Ok(())
    }

    /// Reports that were merged into calls, by rule.
    pub fn duplicates(&mut self, merged: &[u32; Rule::ALL.len()]) {
        for (total, count) in self.duplicates.iter_mut().zip(merged) {
            *total += u64::from(*count);
        }
    }

    pub fn record(&mut self, call: &CallInput<'_>) {
        let seconds = call.duration_ns as f64 / 1e9;
        let kept = call.kept.then_some((call.trace_id, call.start as f64 / 1e9));
        self.record_totals(call);
        let error = call.fails().then(|| {
            let class = call.texts.get(Concept::ErrorClass);
            self.errors.number(if class.is_empty() { "unclassified" } else { class })
        });
        self.record_spend(call, seconds, kept, error);
        self.conventions.record(call, seconds, kept);
        let session = call.texts.get(Concept::SessionId);
        if !session.is_empty() {
            self.sessions.seen(self.hasher.hash_one(session), call.now);
        }
    }

    fn record_totals(&mut self, call: &CallInput<'_>) {
        self.failed += u64::from(call.fails());
        for (total, (_, unit)) in self.totals.iter_mut().zip(TOKEN_TYPES) {
            *total += i128::from(call.usage.or_zero(unit));
        }
        let cost = call.cost;
        self.states[number_of(cost.state)] += u64::from(call.is_new());
        if let State::Unpriced(reason) = cost.state {
            if !call.is_new() {
                return;
            }
            let name = model(call.texts);
            *self.unpriced.entry((self.unpriced_names.number(name), reason.name())).or_default() += 1;
            let nameable = !matches!(reason, Reason::NoUsage) && !name.is_empty();
            if nameable && self.unpriced_models.len() < self.unpriced_limit {
                self.unpriced_models.insert(name.to_owned());
            }
            return;
        }
        self.cost_pico += cost.total_pico;
        if call.kept {
            self.cost_kept_pico += cost.total_pico;
        }
        if !call.is_new() {
            return;
        }
        self.suspect_zeros += u64::from(cost.suspect_zero);
        for unit in cost.units_without_price() {
            self.without_price[unit as usize] += 1;
        }
        if let (Some(reported), Some(computed)) = (call.reported_pico, cost.computed_pico) {
            let over = reported - computed;
            if over > 0 {
                self.reported_over_pico += over;
            } else {
                self.reported_under_pico -= over;
            }
        }
    }

    fn record_spend(&mut self, call: &CallInput<'_>, seconds: f64, kept: Kept, error: Option<u32>) {
        let mut said = [""; MAX_LABELS];
        for (said, label) in said.iter_mut().zip(&self.labels) {
            *said = label.value(call.service, call.texts);
        }
        let said = &said[..self.labels.len()];
        let hash = seen::hash(said.iter().copied());
        let is =
            |numbers: &SpendKey| numbers.iter().zip(&self.values).zip(said).all(|((n, v), said)| v.name(*n) == *said);
        let place = self.seen.find(hash, is).unwrap_or_else(|| self.place(said, hash));
        let spend = &mut self.spend[place].1;
        if call.is_new() {
            spend.duration.observe(seconds, kept);
            if let Some(ttft) = call.ttft {
                spend.ttft.observe(ttft, kept);
            }
        }
        for (total, (_, unit)) in spend.tokens.iter_mut().zip(TOKEN_TYPES) {
            *total = total.saturating_add(call.usage.or_zero(unit) as u64);
        }
        if call.cost.state.is_priced() {
            spend.cost_pico += call.cost.total_pico;
            spend.priced = true;
        }
        if let Some(class) = error {
            count(&mut spend.errors, class, || 0, |errors| *errors += 1);
        }
    }

    /// The place of the series with these values of the labels, made when there is none yet.
    fn place(&mut self, said: &[&str], hash: u64) -> usize {
        let mut key = [0; MAX_LABELS];
        for ((slot, said), values) in key.iter_mut().zip(said).zip(&mut self.values) {
            *slot = values.number(said);
        }
        if self.spend.len() >= self.series_limit && !self.places.contains_key(&key) {
            key[..self.labels.len()].fill(OTHER);
        }
        let place = *self.places.entry(key).or_insert_with(|| {
            let spend = Spend {
                duration: Histogram::new(&self.duration_bounds),
                ttft: Histogram::new(&self.ttft_bounds),
                tokens: [0; TOKEN_TYPES.len()],
                cost_pico: 0,
                priced: false,
                errors: Vec::new(),
            };
            self.spend.push((key, spend));
            self.spend.len() - 1
        });
        self.seen.note(hash, key, place);
        place
    }

    pub fn collect(&mut self, now: u64, out: &mut Vec<Series>) {
        for (key, spend) in &self.spend {
            let names: Vec<String> =
                self.values.iter().zip(key).map(|(values, number)| values.name(*number).to_owned()).collect();
            let with = |extra: &str| names.iter().map(String::as_str).chain([extra]).map(str::to_owned).collect();
            out.push(spend.duration.series("llm_request_duration_seconds", names.clone()));
            if !spend.ttft.is_empty() {
                out.push(spend.ttft.series("llm_ttft_seconds", names.clone()));
            }
            for (tokens, (kind, _)) in spend.tokens.iter().zip(TOKEN_TYPES) {
                if *tokens > 0 {
                    let labels: Vec<String> = with(kind);
                    out.push(Series { labels, ..Series::number("llm_tokens_total", [], *tokens as f64) });
                }
            }
            if spend.priced {
                let labels = names.clone();
                out.push(Series { labels, ..Series::number("llm_cost_usd_total", [], to_usd(spend.cost_pico)) });
            }
            for (class, errors) in &spend.errors {
                let labels = with(self.errors.name(*class));
                out.push(Series { labels, ..Series::number("llm_errors_total", [], *errors as f64) });
            }
        }
        self.conventions.collect(out);
        self.collect_trust(out);
        out.push(Series::number("llm_active_sessions", [], self.sessions.active(now) as f64));
    }

    fn collect_trust(&self, out: &mut Vec<Series>) {
        for (state, count) in STATES.iter().zip(self.states) {
            out.push(Series::number("enricher_calls_total", [*state], count as f64));
        }
        for ((name, reason), count) in &self.unpriced {
            let labels = [*reason, self.unpriced_names.name(*name)];
            out.push(Series::number("enricher_unpriced_calls_total", labels, *count as f64));
        }
        for (rule, count) in Rule::ALL.iter().zip(self.duplicates) {
            out.push(Series::number("enricher_duplicate_reports_total", [rule.name()], count as f64));
        }
        for (direction, pico) in [("over", self.reported_over_pico), ("under", self.reported_under_pico)] {
            let name = "enricher_reported_cost_difference_usd_total";
            out.push(Series::number(name, [direction], to_usd(pico)));
        }
        out.push(Series::number("enricher_suspect_zero_costs_total", [], self.suspect_zeros as f64));
        for (unit, count) in Unit::ALL.iter().zip(self.without_price).filter(|(_, count)| *count > 0) {
            out.push(Series::number("enricher_costs_without_unit_price_total", [unit.name()], count as f64));
        }
        let dropped = self.cost_pico - self.cost_kept_pico;
        for (decision, pico) in [("kept", self.cost_kept_pico), ("dropped", dropped)] {
            out.push(Series::number("enricher_cost_usd_total", [decision], to_usd(pico)));
        }
    }

    pub fn summary_calls(&self) -> serde_json::Value {
        let by_state: serde_json::Map<_, _> =
            STATES.iter().zip(self.states).map(|(state, count)| ((*state).to_owned(), json!(count))).collect();
        json!({
            "counted": self.states.iter().sum::<u64>(),
            "duplicates": self.duplicates.iter().sum::<u64>(),
            "errors": self.failed,
            "by_state": by_state,
        })
    }

    pub fn summary_tokens(&self) -> serde_json::Value {
        TOKEN_TYPES
            .iter()
            .zip(self.totals)
            .map(|((kind, _), total)| ((*kind).to_owned(), json!(total as i64)))
            .collect()
    }

    /// USD as a decimal string.
    pub fn summary_cost(&self) -> String {
        to_decimal(self.cost_pico)
    }

    pub fn unpriced_models(&self) -> Vec<&str> {
        self.unpriced_models.iter().map(String::as_str).collect()
    }
}

/// Finds or makes the entry of `key` in a short list and changes it.
pub(super) fn count<T>(list: &mut Vec<(u32, T)>, key: u32, make: impl FnOnce() -> T, change: impl FnOnce(&mut T)) {
    let at = list.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        list.push((key, make()));
        list.len() - 1
    });
    change(&mut list[at].1);
}

fn labels(plan: &MeasurePlan) -> Result<Vec<Label>, String> {
    if plan.labels.len() > MAX_LABELS {
        return Err(format!("at most {MAX_LABELS} labels, not {}", plan.labels.len()));
    }
    plan.labels.iter().map(|name| Label::from_name(name).ok_or_else(|| format!("unknown label {name:?}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Texts;
    use crate::price::{Aspects, Cost, NO_ROW, Parts};
    use crate::usage::Usage;

    fn plan(series_limit: usize) -> MeasurePlan {
        MeasurePlan {
            labels: vec!["model".into(), "tenant".into()],
            label_limit: 100,
            series_limit,
            duration_buckets: vec![1.0],
            ttft_buckets: vec![1.0],
            token_buckets: vec![10.0],
            score_buckets: vec![0.5],
            probability_buckets: vec![],
            unpriced_limit: 3,
            session_window_ns: 10,
            session_limit: 5,
        }
    }

    fn record(series: &mut CallSeries, texts: &Texts<'_>, state: State, error: bool) {
        let mut usage = Usage::new();
        usage.set(Unit::Input, 7);
        let cost = Cost {
            state,
            total_pico: 5,
            parts: Parts::default(),
            computed_pico: Some(3),
            suspect_zero: false,
            without_price: Unit::Images.bit(),
            assumed: Aspects::NONE,
            row: NO_ROW,
        };
        series.record(&CallInput {
            service: "s",
            texts,
            usage: &usage,
            cost: &cost,
            before: None,
            reported_pico: Some(9),
            duration_ns: 2_000_000_000,
            ttft: Some(0.5),
            error,
            trace_id: 1,
            start: 1,
            kept: error,
            now: 1,
        });
    }

    fn sum(collected: &[Series], name: &str) -> f64 {
        let value = |series: &Series| match &series.value {
            super::super::Value::Number(value) => *value,
            super::super::Value::Buckets { counts, .. } => counts.iter().sum::<u64>() as f64,
        };
        collected.iter().filter(|series| series.name == name).map(value).sum()
    }

    #[test]
    fn strangers_do_not_grow_memory_and_totals_stay_exact() {
        let mut series = CallSeries::new(&plan(20)).unwrap();
        let count = 20_000;
        for at in 0..count {
            let [model, tenant, kind] = [at % 150, at % 97, at % 1000].map(|number| format!("n{number}"));
            let mut texts = Texts::default();
            texts.set(Concept::RequestModel, &model);
            texts.set(Concept::TenantId, &tenant);
            texts.set(Concept::ErrorType, &kind);
            texts.set(Concept::SessionId, &kind);
            record(&mut series, &texts, State::Computed, true);
        }
        assert_eq!((series.spend.len(), series.conventions.size().0), (21, 21));
        assert!(series.conventions.size().1 <= 61);
        let mut collected = Vec::new();
        series.collect(1, &mut collected);
        for (name, total) in [
            ("llm_request_duration_seconds", count as f64),
            ("gen_ai_client_operation_duration_seconds", count as f64),
            ("llm_tokens_total", 7.0 * count as f64),
            ("llm_errors_total", count as f64),
            ("llm_cost_usd_total", 5e-12 * count as f64),
            ("llm_active_sessions", 5.0),
        ] {
            assert!((sum(&collected, name) / total - 1.0).abs() < 1e-9, "{name}");
        }
    }

    #[test]
    fn unpriced_calls_have_no_cost_and_their_models_a_bounded_list() {
        let mut series = CallSeries::new(&plan(20)).unwrap();
        for name in ["a", "b", "c", "d", "a"] {
            let mut texts = Texts::default();
            texts.set(Concept::ResponseModel, name);
            record(&mut series, &texts, State::Unpriced(Reason::UnknownModel), false);
        }
        assert_eq!(series.unpriced_models(), ["a", "b", "c"]);
        assert_eq!(series.summary_cost(), "0");
        let mut collected = Vec::new();
        series.collect(1, &mut collected);
        assert!(collected.iter().all(|series| series.name != "llm_cost_usd_total"));
        assert_eq!(sum(&collected, "enricher_unpriced_calls_total"), 5.0);
    }

    #[test]
    fn only_kept_traces_are_exemplars_and_differences_are_split_by_direction() {
        let mut series = CallSeries::new(&plan(20)).unwrap();
        record(&mut series, &Texts::default(), State::Reported, false);
        let mut collected = Vec::new();
        series.collect(1, &mut collected);
        assert!(collected.iter().all(|series| series.exemplars.is_empty()));
        record(&mut series, &Texts::default(), State::Reported, true);
        collected.clear();
        series.collect(1, &mut collected);
        assert!(collected.iter().any(|series| !series.exemplars.is_empty()));
        let over = collected.iter().find(|series| series.labels == ["over"]).unwrap();
        assert_eq!(over.value, super::super::Value::Number(12e-12));
    }
}
