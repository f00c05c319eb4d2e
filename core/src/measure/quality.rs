//! Verdicts of guardrails and scores of evaluations, wherever in a trace they stand.

use super::histogram::{Histogram, bounds};
use super::labels::Values;
use super::plan::MeasurePlan;
use super::series::Series;
use super::told::Told;
use crate::calls::Report;
use crate::guardrails::Guardrail;
use hashbrown::HashMap;
use std::sync::Arc;

pub struct Quality {
    guardrails: Values,
    decisions: Values,
    evaluations: Values,
    decided: HashMap<(u32, u32), u64>,
    scores: HashMap<u32, Histogram>,
    bounds: Arc<[f64]>,
    told: Told,
}

impl Quality {
    pub fn new(plan: &MeasurePlan) -> Result<Self, String> {
        let values = || Values::new(plan.label_limit);
        Ok(Self {
            guardrails: values(),
            decisions: values(),
            evaluations: values(),
            decided: HashMap::default(),
            scores: HashMap::default(),
            bounds: bounds(&plan.score_buckets, "score_buckets")?,
            told: Told::default(),
        })
    }

    /// Takes over the buckets; scores in other buckets than before begin anew.
    pub fn reconfigure(&mut self, plan: &MeasurePlan) -> Result<(), String> {
        let bounds = bounds(&plan.score_buckets, "score_buckets")?;
        if bounds != self.bounds {
            self.scores.clear();
            self.bounds = bounds;
        }
        Ok(())
    }

    /// What a span tells twice, or tells again when it is delivered again, counts once. `now`: Unix nanoseconds.
    pub fn record(&mut self, report: &Report<'_>, now: u64) {
        let span = (report.place.trace_id, report.place.span_id);
        for Guardrail { name, decision } in report.guardrails() {
            if self.told.is_new((span, name, decision), now) {
                let name = self.guardrails.number(name);
                *self.decided.entry((name, self.decisions.number(decision))).or_default() += 1;
            }
        }
        for evaluation in report.evaluations() {
            let Some(score) = evaluation.score.filter(|score| score.is_finite()) else { continue };
            if !self.told.is_new((span, evaluation.name, score.to_bits(), evaluation.label), now) {
                continue;
            }
            let name = self.evaluations.number(evaluation.name);
            self.scores.entry(name).or_insert_with(|| Histogram::new(&self.bounds)).observe(score, None);
        }
    }

    pub fn collect(&self, out: &mut Vec<Series>) {
        for ((name, decision), count) in &self.decided {
            let labels = [self.guardrails.name(*name), self.decisions.name(*decision)];
            out.push(Series::number("llm_guardrail_decisions_total", labels, *count as f64));
        }
        for (name, histogram) in &self.scores {
            out.push(histogram.series("llm_evaluation_score", vec![self.evaluations.name(*name).to_owned()]));
        }
        out.push(Series::number("enricher_verdicts_forgotten_total", [], self.told.forgotten() as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Place;
    use crate::concept::Concept;
    use crate::facts::{Facts, NO_RULE, Val};
    use crate::measure::series::Value;

    #[test]
    fn decisions_are_counted_and_scores_fall_into_buckets() {
        let mut facts = Facts::new();
        facts.set(Concept::GuardrailName, Val::Str("pii"), NO_RULE);
        facts.set(Concept::GuardrailDecision, Val::Str("blocked"), NO_RULE);
        facts.set(Concept::MoreGuardrails, Val::Str("tone\u{1f}passed\u{1e}"), NO_RULE);
        facts.set(Concept::EvaluationName, Val::Str("relevance"), NO_RULE);
        facts.set(Concept::EvaluationScore, Val::Float(0.75), NO_RULE);
        let plan: MeasurePlan = serde_json::from_value(serde_json::json!({
            "labels": [], "label_limit": 10, "series_limit": 10, "duration_buckets": [], "ttft_buckets": [],
            "token_buckets": [], "score_buckets": [0.5, 0.7, 0.8], "unpriced_limit": 1, "session_window_ns": 1,
            "session_limit": 1,
        }))
        .unwrap();
        let mut quality = Quality::new(&plan).unwrap();
        for span_id in [1, 2, 1] {
            quality.record(&Report::from_facts(Place { span_id, ..Place::default() }, &facts), 0);
        }
        let mut out = Vec::new();
        quality.collect(&mut out);
        for labels in [["pii", "blocked"], ["tone", "passed"]] {
            assert!(out[..2].contains(&Series::number("llm_guardrail_decisions_total", labels, 2.0)));
        }
        let Value::Buckets { counts, sum } = &out[2].value else { panic!("{:?}", out[2]) };
        assert_eq!((counts[2], *sum), (2, 1.5));
        assert_eq!(out[2].labels, ["relevance"]);
    }
}
