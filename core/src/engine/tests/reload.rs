//! A trace ends under the plan it began with, its later spans as well.

use super::*;

/// Conditions in another order have other bits.
fn wants(keys: &[&str]) -> Value {
    let policies = keys.iter().map(|key| json!({"name": key, "type": "string_attribute", "key": key, "values": ["x"]}));
    policies.collect()
}

fn with(trace: u128, id: u64, key: &str) -> Vec<u8> {
    request("a", &[span(trace, id, 1, &[(key, Scalar::Str("x"))])])
}

#[test]
fn a_span_after_the_reload_is_read_as_its_traces_plan_reads_it() {
    let engine = engine(wants(&["first", "second"]), json!({}));
    for trace in 1..=3 {
        engine.ingest(&with(trace, 1, "neither"), 0).unwrap();
    }
    engine.replace_plan(&plan(wants(&["other", "first", "another"]), json!({}))).unwrap();
    // "first" was bit 0 and is bit 1 now; "other" is bit 0 and was nothing.
    engine.ingest(&with(1, 2, "first"), 0).unwrap();
    engine.ingest(&with(2, 2, "other"), 0).unwrap();
    engine.ingest(&with(3, 2, "second"), 0).unwrap();
    engine.ingest(&with(4, 1, "other"), 0).unwrap();
    let report = engine.drain(0);
    assert_eq!((report.decided, report.kept), (4, 3));
    let traces: Vec<u8> = written(&report).keys().map(|id| id[17]).collect();
    assert_eq!(traces, [1, 1, 3, 3, 4]);
    let policies: BTreeMap<_, _> =
        serde_json::from_str::<BTreeMap<String, Value>>(&engine.summary()).unwrap()["policies"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, counts)| (name.clone(), counts["kept"].as_u64().unwrap()))
            .collect();
    let expected = [("another", 0), ("first", 1), ("other", 1), ("second", 1)];
    assert_eq!(policies, expected.map(|(name, kept)| (name.to_owned(), kept)).into());
}

#[test]
fn a_request_may_meet_traces_of_many_plans() {
    let engine = engine(wants(&["p0"]), json!({}));
    for plan_number in 0..10u128 {
        if plan_number > 0 {
            engine.replace_plan(&plan(wants(&[&format!("p{plan_number}")]), json!({}))).unwrap();
        }
        engine.ingest(&with(plan_number + 1, 1, "none"), 0).unwrap();
    }
    let spans: Vec<_> =
        (0..10u64).map(|n| span(u128::from(n) + 1, 2, 1, &[(&format!("p{n}"), Scalar::Str("x"))])).collect();
    assert_eq!(engine.ingest(&request("b", &spans), 0).unwrap().accepted, 10);
    let report = engine.drain(0);
    assert_eq!((report.decided, report.kept), (10, 10));
    assert_eq!(written(&report).len(), 20);
}

#[test]
fn sizes_of_the_caches_follow_the_plan() {
    let engine = engine(json!([]), json!({"shards": 1}));
    let mut smaller: Value = serde_json::from_slice(&plan(json!([]), json!({"shards": 1}))).unwrap();
    smaller["sample"]["cache_sampled"] = json!(0);
    engine.replace_plan(smaller.to_string().as_bytes()).unwrap();
    engine.ingest(&with(1, 1, "a"), 0).unwrap();
    engine.drain(0);
    assert!(lock(&engine.shards[0]).verdicts.is_empty());
}

#[test]
fn a_plan_that_does_not_compile_changes_nothing() {
    let engine = engine(wants(&["first"]), json!({}));
    let generation = engine.plan().generation;
    assert!(engine.replace_plan(b"{}").is_err());
    let bad = json!([{"name": "p", "type": "string_attribute", "key": "k", "values": ["("],
                      "enabled_regex_matching": true}]);
    assert!(engine.replace_plan(&plan(bad, json!({}))).is_err());
    assert_eq!(engine.plan().generation, generation);
}
