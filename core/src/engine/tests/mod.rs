//! The engine from the inside: what cannot be seen or provoked through Python.

mod crowds;
mod faults;
mod memory;
mod reload;

use super::tick::TickReport;
use super::{Engine, lock};
use crate::wire::request::{Head, Visitor, walk};
use crate::wire::writer::{Scalar, bytes, key_value, tag};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// A plan with normalize's test tables, without prices.
fn plan(policies: Value, limits: Value) -> Vec<u8> {
    let normalize: Value = serde_json::from_str(include_str!("../../normalize/tests/plan.json")).unwrap();
    let mut bounds = json!({
        "buffer_bytes": 1 << 30, "trace_bytes": 1 << 20, "trace_spans": 1000, "payload_bytes": 1 << 20,
        "attribute_count": 128, "depth": 32,
        "request_spans": 1_000_000, "shards": 4,
    });
    for (name, value) in limits.as_object().unwrap() {
        bounds[name] = value.clone();
    }
    let plan = json!({
        "version": 1,
        "normalize": normalize,
        "price": {},
        "sample": {
            "decision_wait_ns": 30 * SECOND, "decision_wait_after_root_ns": 2 * SECOND,
            "cache_sampled": 100, "cache_not_sampled": 100, "policies": policies,
        },
        "measure": {
            "labels": [], "label_limit": 10, "series_limit": 10, "duration_buckets": [1.0], "ttft_buckets": [1.0],
            "token_buckets": [1.0], "score_buckets": [1.0], "unpriced_limit": 10, "session_window_ns": SECOND, "session_limit": 10,
        },
        "limits": bounds,
        "output": {"call_records": false, "trace_records": false, "keep_all": false},
    });
    plan.to_string().into_bytes()
}

fn engine(policies: Value, limits: Value) -> Engine {
    Engine::new(&plan(policies, limits)).unwrap()
}

/// An encoded span; `parent` 0 makes it a root.
fn span(trace: u128, id: u64, parent: u64, attributes: &[(&str, Scalar<'_>)]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, &trace.to_be_bytes());
    bytes(&mut out, 2, &id.to_be_bytes());
    if parent != 0 {
        bytes(&mut out, 4, &parent.to_be_bytes());
    }
    bytes(&mut out, 5, b"s");
    for (field, time) in [(7, SECOND), (8, 2 * SECOND)] {
        tag(&mut out, field, 1);
        out.extend_from_slice(&time.to_le_bytes());
    }
    for (key, value) in attributes {
        key_value(&mut out, 9, key, *value);
    }
    out
}

/// A request of these spans under a resource with this service name.
fn request(service: &str, spans: &[Vec<u8>]) -> Vec<u8> {
    let (mut resource, mut scope, mut group, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    key_value(&mut resource, 1, "service.name", Scalar::Str(service));
    for span in spans {
        bytes(&mut scope, 2, span);
    }
    bytes(&mut group, 1, &resource);
    bytes(&mut group, 2, &scope);
    bytes(&mut out, 1, &group);
    out
}

/// Every span in some payloads, by trace and span id, with the encoded resource that it stands under.
fn written(report: &TickReport) -> BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)> {
    #[derive(Default)]
    struct Spans {
        resource: Vec<u8>,
        found: BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>,
    }
    impl<'a> Visitor<'a> for Spans {
        fn resource(&mut self, head: Head<'a>) -> crate::error::Result<()> {
            self.resource.clear();
            head.gather(&mut self.resource)
        }
        fn scope(&mut self, _: Head<'a>) -> crate::error::Result<()> {
            Ok(())
        }
        fn span(&mut self, raw: &'a [u8]) -> crate::error::Result<()> {
            // Ids come first: two tags, two lengths, 16 and 8 bytes.
            let known = self.found.insert(raw[..28].to_vec(), (self.resource.clone(), raw.to_vec()));
            assert!(known.is_none(), "a span left twice");
            Ok(())
        }
    }
    let mut spans = Spans::default();
    for payload in &report.payloads {
        walk(&payload.bytes, &mut spans).unwrap();
    }
    spans.found
}

fn metric(engine: &Engine, name: &str) -> f64 {
    let values = engine.series().into_iter().filter(|series| series.name == name).map(|series| match series.value {
        crate::measure::Value::Number(value) => value,
        crate::measure::Value::Buckets { .. } => panic!("{name} is a histogram"),
    });
    values.sum()
}
