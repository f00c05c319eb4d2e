//! A panic while one trace is decided costs that trace its enrichment and nothing else.

use super::super::trips::Stage;
use super::*;

const MODEL: (&str, Scalar<'_>) = ("gen_ai.request.model", Scalar::Str("gpt-4o"));
const TOKENS: (&str, Scalar<'_>) = ("gen_ai.usage.input_tokens", Scalar::Int(7));
const OPERATION: (&str, Scalar<'_>) = ("gen_ai.operation.name", Scalar::Str("chat"));

fn keep_all() -> Value {
    json!([{"name": "all", "type": "always_sample"}])
}

fn spans(trace: u128) -> Vec<Vec<u8>> {
    (1..=5).map(|id| span(trace, id, id - 1, &[OPERATION, MODEL, TOKENS])).collect()
}

fn id(trace: u128, span: u64) -> Vec<u8> {
    super::span(trace, span, 0, &[])[..28].to_vec()
}

#[test]
fn spans_leave_as_they_came_when_the_conclusion_panics() {
    let engine = engine(keep_all(), json!({}));
    engine.trips.set(Stage::Conclude, 2, 0);
    for trace in 1..=3 {
        engine.ingest(&request("a", &spans(trace)), 0).unwrap();
    }
    let report = engine.drain(0);
    assert_eq!((report.decided, report.kept), (3, 3));
    let found = written(&report);
    assert_eq!(found.len(), 15);
    for (at, raw) in spans(2).iter().enumerate() {
        assert_eq!(&found[&id(2, at as u64 + 1)].1, raw);
        assert_ne!(&found[&id(1, at as u64 + 1)].1, &spans(1)[at], "others are enriched");
    }
    assert_eq!(metric(&engine, "enricher_trace_faults_total"), 1.0);
    assert_eq!(metric(&engine, "enricher_spans_total"), 15.0);
    assert_eq!(metric(&engine, "enricher_traces_total"), 3.0);
    assert_eq!(metric(&engine, "enricher_buffer_traces"), 0.0);
}

#[test]
fn one_span_that_cannot_be_written_leaves_as_it_came_among_the_others() {
    let engine = engine(keep_all(), json!({}));
    for index in [0, 2, 4] {
        engine.trips.set(Stage::Write, 1, index);
    }
    engine.ingest(&request("a", &spans(1)), 0).unwrap();
    engine.ingest(&request("a", &spans(2)), 0).unwrap();
    let report = engine.drain(0);
    let found = written(&report);
    assert_eq!(found.len(), 10);
    assert_eq!(report.payloads.iter().map(|payload| payload.spans).sum::<u64>(), 10);
    for (at, raw) in spans(1).iter().enumerate() {
        let enriched = &found[&id(1, at as u64 + 1)].1;
        assert_eq!(enriched == raw, at % 2 == 0, "span {at}");
        assert!(enriched.starts_with(raw));
    }
    assert_eq!(metric(&engine, "enricher_trace_faults_total"), 1.0);
}

#[test]
fn what_cannot_be_enriched_still_leaves_without_its_content() {
    let mut plan: Value = serde_json::from_slice(&plan(keep_all(), json!({}))).unwrap();
    plan["content"] = json!({"policy": "drop", "keys": [{"key": "gen_ai.prompt", "class": "input"}]});
    let engine = Engine::new(plan.to_string().as_bytes()).unwrap();
    engine.trips.set(Stage::Conclude, 1, 0);
    engine.trips.set(Stage::Write, 2, 0);
    for trace in [1, 2] {
        let said = ("gen_ai.prompt", Scalar::Str("said"));
        engine.ingest(&request("a", &[span(trace, 1, 0, &[OPERATION, MODEL, said])]), 0).unwrap();
    }
    let found = written(&engine.drain(0));
    assert_eq!(found[&id(1, 1)].1, span(1, 1, 0, &[OPERATION, MODEL]));
    assert_eq!(found[&id(2, 1)].1, span(2, 1, 0, &[OPERATION, MODEL]));
}

#[test]
fn spans_are_written_in_full_when_measuring_panics() {
    let engine = engine(keep_all(), json!({}));
    engine.trips.set(Stage::Measure, 1, 0);
    engine.ingest(&request("a", &spans(1)), 0).unwrap();
    let found = written(&engine.drain(0));
    assert!(found.values().all(|(_, raw)| memchr::memmem::find(raw, b"ot=th:0").is_some()));
    assert_eq!(metric(&engine, "enricher_trace_faults_total"), 1.0);
}

#[test]
fn late_spans_follow_their_verdict_through_a_panic() {
    let engine = engine(json!([{"name": "none", "type": "probabilistic", "sampling_percentage": 0}]), json!({}));
    engine.ingest(&request("a", &spans(1)), 0).unwrap();
    assert_eq!(engine.drain(0).kept, 0);
    engine.trips.set(Stage::Conclude, 1, 0);
    for _ in 0..2 {
        engine.ingest(&request("a", &[span(1, 9, 1, &[])]), 0).unwrap();
        assert!(engine.drain(0).payloads.is_empty());
    }
    assert_eq!(metric(&engine, "enricher_trace_faults_total"), 2.0);
}

#[test]
fn late_spans_of_a_trace_that_panicked_follow_it_out() {
    let engine = engine(json!([{"name": "none", "type": "probabilistic", "sampling_percentage": 0}]), json!({}));
    engine.trips.set(Stage::Conclude, 1, 0);
    engine.ingest(&request("a", &spans(1)), 0).unwrap();
    assert_eq!(engine.drain(0).kept, 1);
    engine.ingest(&request("a", &[span(1, 9, 1, &[])]), 0).unwrap();
    assert_eq!(written(&engine.drain(0)).len(), 1);
}

#[test]
fn nobody_who_asks_for_metrics_waits_until_a_tick_is_done() {
    let engine = engine(keep_all(), json!({}));
    for stage in [Stage::Conclude, Stage::Measure, Stage::Write] {
        engine.trips.ask(stage, 1);
    }
    engine.ingest(&request("a", &spans(1)), 0).unwrap();
    assert_eq!(engine.drain(0).decided, 1);
    assert!(engine.trips.answers().iter().all(|series| *series > 0), "{:?}", engine.trips.answers());
}
