//! What thousands of copies, log records and evaluations of one call cost: square work would not end.

use super::*;
use std::collections::BTreeSet;

const OPERATION: (&str, Scalar<'_>) = ("gen_ai.operation.name", Scalar::Str("chat"));
const MODEL: (&str, Scalar<'_>) = ("gen_ai.request.model", Scalar::Str("gpt-4o"));

fn roomy() -> Value {
    json!({"trace_spans": 1_000_000, "trace_bytes": 1 << 30})
}

/// The count of a metric under its only label.
fn counted(engine: &Engine, name: &str, label: &str) -> f64 {
    let series = engine.series();
    let found = series.iter().find(|series| series.name == name && series.labels == [label]).unwrap();
    match found.value {
        crate::measure::Value::Number(value) => value,
        crate::measure::Value::Buckets { .. } => panic!("{name} is a histogram"),
    }
}

/// An evaluation as an event or a log record has it, its attributes in `field`.
fn evaluation(out: &mut Vec<u8>, field: u32, name: &str, score: f64) {
    key_value(out, field, "gen_ai.evaluation.name", Scalar::Str(name));
    key_value(out, field, "gen_ai.evaluation.score.value", Scalar::Float(score));
}

fn log(trace: u128, span: u64, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 9, &trace.to_be_bytes());
    bytes(&mut out, 10, &span.to_be_bytes());
    bytes(&mut out, 12, b"gen_ai.evaluation.result");
    key_value(&mut out, 6, MODEL.0, MODEL.1);
    evaluation(&mut out, 6, name, 0.5);
    out
}

#[test]
fn copies_of_a_span_that_thousands_of_log_records_are_about() {
    let engine = engine(json!([]), roomy());
    let kinds = 20;
    let copies: Vec<_> =
        (0..400 * kinds).map(|at| span(1, 1, 0, &[OPERATION, MODEL, ("n", Scalar::Int(at % kinds))])).collect();
    engine.ingest(&request("a", &copies), 0).unwrap();
    let logs: Vec<_> = (0..4000).map(|at| log(1, 1, &format!("judge {at}"))).collect();
    assert_eq!(engine.take_logs(&request("a", &logs), 0, false).unwrap().refused, 0);
    assert_eq!(engine.drain(SECOND).decided, 1);
    let heard = 256.0;
    assert_eq!(counted(&engine, "enricher_log_events_total", "joined"), heard);
    assert_eq!(counted(&engine, "enricher_log_events_total", "refused"), 4000.0 - heard);
    assert_eq!(counted(&engine, "enricher_anomalies_total", "copies_beyond"), 400.0 * (kinds - 8) as f64);
    // Each record once, however many copies there are.
    let refused = counted(&engine, "enricher_anomalies_total", "oversize_text");
    assert!((1.0..heard).contains(&refused), "{refused}");
    assert_eq!(engine.buffered_traces(), 0);
    engine.plan().resources.sweep();
    engine.plan().scopes.sweep();
    assert_eq!(engine.buffered_bytes(), 0);
}

#[test]
fn thousands_of_evaluations_of_one_call() {
    let mut plan: Value = serde_json::from_slice(&plan(json!([]), roomy())).unwrap();
    plan["output"]["call_records"] = json!(true);
    let engine = Engine::new(plan.to_string().as_bytes()).unwrap();
    let id = ("gen_ai.response.id", Scalar::Str("chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"));
    let (spans, each) = (3000, 50);
    let judged = |at: u64| {
        let mut out = span(1, at, 0, &[OPERATION, MODEL, id]);
        for number in 0..each {
            let mut event = Vec::new();
            bytes(&mut event, 2, b"gen_ai.evaluation.result");
            evaluation(&mut event, 3, "j", (at * each + number) as f64);
            bytes(&mut out, 11, &event);
        }
        out
    };
    engine.ingest(&request("a", &(1..=spans).map(judged).collect::<Vec<_>>()), 0).unwrap();
    let record: Value = serde_json::from_slice(&engine.drain(SECOND).calls).unwrap();
    assert_eq!(record["duplicates"], spans as f64 - 1.0);
    let evaluations = record["evaluations"].as_array().unwrap();
    let kept: BTreeSet<u64> = evaluations.iter().map(|one| one["score"].as_f64().unwrap() as u64).collect();
    assert_eq!((evaluations.len(), kept.len()), (256, 256));
    assert!(kept.is_superset(&(each..2 * each).collect()), "those of the canonical span first");
    assert_eq!(counted(&engine, "enricher_anomalies_total", "evaluations_beyond"), (spans * each - 256) as f64);
}
