//! OpenTelemetry's own metrics of model calls, by the labels of the GenAI semantic conventions.

use super::call_input::CallInput;
use super::calls::count;
use super::histogram::{Histogram, Kept, bounds};
use super::labels::{OTHER, Values};
use super::plan::MeasurePlan;
use super::seen::{self, Seen};
use super::series::Series;
use crate::concept::Concept;
use crate::usage::Unit;
use hashbrown::HashMap;
use std::sync::Arc;

/// Operation, provider, request model, response model.
type Key = [u32; 4];

struct Entry {
    /// By number of the error type; 0 is none.
    duration: Vec<(u32, Histogram)>,
    first_chunk: Histogram,
    tokens: [Histogram; 2],
}

pub struct Conventions {
    series_limit: usize,
    /// Histograms of durations over all error types.
    durations: usize,
    values: [Values; 4],
    errors: Values,
    series: Vec<(Key, Entry)>,
    /// Indices into `series`.
    places: HashMap<Key, usize, foldhash::fast::RandomState>,
    seen: Seen<4>,
    duration_bounds: Arc<[f64]>,
    ttft_bounds: Arc<[f64]>,
    token_bounds: Arc<[f64]>,
}

impl Conventions {
    pub fn new(plan: &MeasurePlan) -> Result<Self, String> {
        Ok(Self {
            series_limit: plan.series_limit.max(1),
            durations: 0,
            values: std::array::from_fn(|_| Values::new(plan.label_limit)),
            errors: Values::new(plan.label_limit),
            series: Vec::new(),
            places: HashMap::default(),
            seen: Seen::new(),
            duration_bounds: bounds(&plan.duration_buckets, "duration_buckets")?,
            ttft_bounds: bounds(&plan.ttft_buckets, "ttft_buckets")?,
            token_bounds: bounds(&plan.token_buckets, "token_buckets")?,
        })
    }

    /// Sets of labels, and histograms of durations over all of them.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        (self.series.len(), self.series.iter().map(|(_, entry)| entry.duration.len()).sum())
    }

    /// Takes over limits; series with other buckets than before begin anew.
    pub fn reconfigure(&mut self, fresh: Conventions) {
        let bounds = |c: &Conventions| [c.duration_bounds.clone(), c.ttft_bounds.clone(), c.token_bounds.clone()];
        if bounds(&fresh) == bounds(self) {
            self.series_limit = fresh.series_limit;
        } else {
            *self = fresh;
        }
    }

    pub fn record(&mut self, call: &CallInput<'_>, seconds: f64, kept: Kept) {
        let concepts = [Concept::Operation, Concept::Provider, Concept::RequestModel, Concept::ResponseModel];
        let said = concepts.map(|concept| call.texts.get(concept));
        let hash = seen::hash(said);
        let is = |numbers: &Key| numbers.iter().zip(&self.values).zip(said).all(|((n, v), said)| v.name(*n) == said);
        let place = self.seen.find(hash, is).unwrap_or_else(|| self.place(said, hash));
        let error = match (call.error, call.texts.get(Concept::ErrorType)) {
            (false, _) => 0,
            // The convention's value for a failure of unknown type.
            (true, "") => self.errors.number("_OTHER"),
            (true, kind) => self.errors.number(kind),
        };
        let durations = &self.duration_bounds;
        let entry = &mut self.series[place].1;
        // Each set of labels may still fail in one more way when the limit is reached.
        let is_new = !entry.duration.iter().any(|(known, _)| *known == error);
        let error = if is_new && self.durations >= 2 * self.series_limit { OTHER } else { error };
        if call.is_new() {
            count(
                &mut entry.duration,
                error,
                || {
                    self.durations += 1;
                    Histogram::new(durations)
                },
                |histogram| histogram.observe(seconds, kept),
            );
            if let Some(ttft) = call.ttft {
                entry.first_chunk.observe(ttft, kept);
            }
        }
        for (histogram, unit) in entry.tokens.iter_mut().zip([Unit::Input, Unit::Output]) {
            // What is in the sum of a wrapper was observed with it.
            if let Some(tokens) = call.usage.get(unit).filter(|tokens| *tokens > 0 || call.before.is_none()) {
                histogram.observe(tokens as f64, kept);
            }
        }
    }

    /// The place of the series with these values, made when there is none yet.
    fn place(&mut self, said: [&str; 4], hash: u64) -> usize {
        let mut key = [0; 4];
        for ((slot, values), said) in key.iter_mut().zip(&mut self.values).zip(said) {
            *slot = values.number(said);
        }
        if self.series.len() >= self.series_limit && !self.places.contains_key(&key) {
            key.fill(OTHER);
        }
        let place = *self.places.entry(key).or_insert_with(|| {
            let entry = Entry {
                duration: Vec::new(),
                first_chunk: Histogram::new(&self.ttft_bounds),
                tokens: [Histogram::new(&self.token_bounds), Histogram::new(&self.token_bounds)],
            };
            self.series.push((key, entry));
            self.series.len() - 1
        });
        self.seen.note(hash, key, place);
        place
    }

    pub fn collect(&self, out: &mut Vec<Series>) {
        for (key, series) in &self.series {
            let names: Vec<String> =
                self.values.iter().zip(key).map(|(v, number)| v.name(*number).to_owned()).collect();
            let with = |extra: &str| names.iter().cloned().chain([extra.to_owned()]).collect();
            for (error, histogram) in &series.duration {
                let error = self.errors.name(*error);
                out.push(histogram.series("gen_ai_client_operation_duration_seconds", with(error)));
            }
            if !series.first_chunk.is_empty() {
                let name = "gen_ai_client_operation_time_to_first_chunk_seconds";
                out.push(series.first_chunk.series(name, names.clone()));
            }
            for (histogram, kind) in series.tokens.iter().zip(["input", "output"]) {
                if !histogram.is_empty() {
                    out.push(histogram.series("gen_ai_client_token_usage", with(kind)));
                }
            }
        }
    }
}
