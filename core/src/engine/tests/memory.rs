//! What the buffer holds is counted and given back.

use super::*;
use crate::buffer::notes::{Note, Notes};
use crate::buffer::trace::SpanEntry;
use crate::engine::compiled::Compiled;
use crate::sample::conditions::Bits;
use std::sync::Arc;

#[test]
fn a_drained_engine_holds_nothing() {
    let engine = engine(json!([]), json!({}));
    for trace in 1..500u128 {
        let spans: Vec<_> = (1..=trace as u64 % 7 + 1).map(|id| span(trace % 40 + 1, id, 1, &[])).collect();
        engine.ingest(&request(&format!("service {}", trace % 11), &spans), 0).unwrap();
    }
    assert!(engine.buffered_bytes() > 100_000);
    while engine.drain(0).more {}
    assert_eq!(engine.buffered_traces(), 0);
    let plan = engine.plan();
    plan.resources.sweep();
    plan.scopes.sweep();
    assert_eq!(engine.buffered_bytes(), 0);
}

#[test]
fn resources_count_as_long_as_somebody_holds_them() {
    let engine = engine(json!([]), json!({}));
    let large = "x".repeat(100_000);
    for trace in 1..=20 {
        engine.ingest(&request(&format!("{large}{trace}"), &[span(trace, 1, 0, &[])]), 0).unwrap();
    }
    assert!(engine.buffered_bytes() > 2_000_000, "{}", engine.buffered_bytes());
    engine.drain(0);
    // Nobody holds them any more: new ones push them out.
    for trace in 100..=200 {
        engine.ingest(&request(&format!("{large}{trace}"), &[span(trace, 1, 0, &[])]), 0).unwrap();
        engine.drain(0);
        assert!(engine.buffered_bytes() < 12_000_000, "{}", engine.buffered_bytes());
    }
}

#[test]
fn one_resource_is_held_once_however_many_traces_share_it() {
    let engine = engine(json!([]), json!({}));
    let service = "x".repeat(100_000);
    for trace in 1..=100 {
        engine.ingest(&request(&service, &[span(trace, 1, 0, &[])]), 0).unwrap();
    }
    assert!(engine.buffered_bytes() < 300_000, "{}", engine.buffered_bytes());
}

#[test]
fn pressure_decides_no_more_than_it_must_and_the_oldest_first() {
    let engine = engine(json!([]), json!({"buffer_bytes": 1_000_000}));
    let filler = "x".repeat(9_000);
    let mut pressure = false;
    let mut sent = 0;
    while !pressure {
        sent += 1;
        let span = span(sent, 1, 1, &[("filler", Scalar::Str(&filler))]);
        pressure = engine.ingest(&request("a", &[span]), sent as u64).unwrap().pressure;
    }
    let report = engine.tick(1000);
    let left = engine.buffered_bytes();
    assert!((700_000..=800_000).contains(&left), "{left}");
    let oldest = u64::try_from(sent).unwrap() - engine.buffered_traces() as u64;
    assert_eq!(report.decided, oldest);
    let ids: Vec<u128> = written(&report).keys().map(|id| u128::from_be_bytes(id[2..18].try_into().unwrap())).collect();
    assert_eq!(ids, (1..=u128::from(oldest)).collect::<Vec<_>>());
}

#[test]
fn a_request_that_did_not_fit_fits_after_the_next_tick() {
    let engine = engine(json!([]), json!({"buffer_bytes": 1_000_000}));
    let filler = "x".repeat(9_000);
    for trace in 1..=60 {
        engine.ingest(&request("a", &[span(trace, 1, 1, &[("filler", Scalar::Str(&filler))])]), 0).unwrap();
    }
    let large = request("a", &[span(1000, 1, 1, &[("filler", Scalar::Str(&"x".repeat(600_000)))])]);
    assert!(engine.ingest(&large, 0).is_err());
    assert!(engine.tick(1).decided > 0);
    assert_eq!(engine.ingest(&large, 2).unwrap().accepted, 1);
    assert_eq!(engine.refused.load(std::sync::atomic::Ordering::Relaxed), 0, "forgotten once there was room for it");
}

#[test]
fn a_tick_relieves_no_more_than_it_may_decide() {
    let engine = engine(json!([]), json!({"buffer_bytes": 4_000_000, "request_spans": 10_000}));
    let spans: Vec<_> = (1..=5000).map(|trace| span(trace, 1, 1, &[])).collect();
    engine.ingest(&request("a", &spans), 0).unwrap();
    let large = request("a", &[span(9999, 1, 1, &[("filler", Scalar::Str(&"x".repeat(3_900_000)))])]);
    assert!(engine.ingest(&large, 0).is_err());
    let mut decided = Vec::new();
    loop {
        let report = engine.tick(1);
        decided.push(report.decided);
        if !report.more {
            break;
        }
    }
    assert!(decided.len() > 1 && decided.iter().all(|traces| *traces < 2100), "{decided:?}");
    assert_eq!(engine.ingest(&large, 2).unwrap().accepted, 1);
}

#[test]
fn the_queue_does_not_grow_with_traces_that_are_gone() {
    let engine = engine(json!([]), json!({"shards": 1}));
    for trace in 1..=20_000u128 {
        let now = trace as u64 * 1_000;
        engine.ingest(&request("a", &[span(trace, 1, 1, &[])]), now).unwrap();
        engine.ingest(&request("a", &[span(trace, 2, 0, &[])]), now).unwrap();
        if trace % 100 == 0 {
            engine.drain(now);
        }
    }
    assert!(lock(&engine.shards[0]).queued() < 2_000, "{}", lock(&engine.shards[0]).queued());
}

#[test]
fn spans_keep_their_resource_however_many_a_trace_has() {
    let engine = engine(json!([]), json!({"trace_spans": 1_000_000, "trace_bytes": 1 << 30}));
    let mut whole = Vec::new();
    let count = 70_000u64;
    for id in 1..=count {
        whole.extend(request(&id.to_string(), &[span(1, id, 1, &[])]));
    }
    engine.ingest(&whole, 0).unwrap();
    let found = written(&engine.drain(0));
    assert_eq!(found.len() as u64, count);
    for (key, (resource, _)) in found {
        let id = u64::from_be_bytes(key[20..28].try_into().unwrap());
        assert!(resource.ends_with(id.to_string().as_bytes()));
        let digits = resource.len() - memchr::memmem::rfind(&resource, b"\x0a").unwrap() - 2;
        assert_eq!(digits, id.to_string().len());
    }
}

fn note(plan: &Arc<Compiled>) -> Note {
    let (record, content) = (Box::default(), Box::default());
    Note { span_id: 1, record, content, bits: Bits::default(), plan: plan.clone() }
}

#[test]
fn the_queue_does_not_grow_with_notes_that_found_their_span() {
    let plan = engine(json!([]), json!({})).plan();
    let span = SpanEntry {
        span_id: 1,
        parent_id: 0,
        start: 0,
        end: 0,
        segment: 0,
        offset: 0,
        len: 0,
        record_len: 0,
        group: 0,
        kind: 0,
        status: 0,
        has_trace_state: false,
    };
    let mut notes = Notes::default();
    notes.add(2, note(&plan), 7);
    for turn in 1..=20_000 {
        notes.add(1, note(&plan), 10 * turn);
        assert_eq!(notes.take(1, &[span]).len(), 1);
    }
    assert!(notes.queued() < 2_000, "{}", notes.queued());
    assert_eq!(notes.expire(7, |_| None).len(), 1, "one that waits is still given up");
    assert!(notes.is_empty());
}

#[test]
fn notes_of_a_trace_that_waits_hold_up_no_others_and_are_looked_at_when_it_is_due() {
    let plan = engine(json!([]), json!({})).plan();
    let mut notes = Notes::default();
    for (trace, expires) in [(1, 10), (2, 10), (3, 100)] {
        notes.add(trace, note(&plan), expires);
    }
    let due = |trace| (trace == 1).then_some(20);
    assert_eq!(notes.expire(9, due).len(), 0);
    assert_eq!(notes.expire(10, due).len(), 1);
    // Decided by now, and nobody asked for the note.
    assert_eq!(notes.expire(19, |_| None).len(), 0);
    assert_eq!(notes.expire(20, |_| None).len(), 1);
    assert_eq!(notes.expire(99, |_| None).len(), 0);
    assert_eq!(notes.expire(100, |_| None).len(), 1);
    assert!(notes.is_empty());
}
