//! Wrappers that come after the verdict on the only call below them.

use super::recent::RecentCalls;
use super::report::Report;
use super::scene::{Tell, decide, span};
use crate::concept::Concept;
use crate::facts::Role;
use crate::usage::Unit;

/// Pico-dollars that the handler tells.
const COST: i128 = 250_000_000_000;

fn handler() -> Report<'static> {
    let handler = span(1, 0, "gateway", 0, 40).role(Role::Wrapper).model("gemini-2.5-pro").costs(0.25);
    handler.text(Concept::Provider, "gcp.gemini").text(Concept::Operation, "chat").usage(5, 7)
}

fn raw() -> Report<'static> {
    span(9, 1, "gateway", 10, 20).role(Role::Inference).usage(5, 7)
}

fn unknowing() -> Report<'static> {
    span(9, 1, "gateway", 10, 20).role(Role::Inference)
}

/// Calls, tokens and pico-dollars that each of these verdicts adds.
fn added(verdicts: &[&[Report<'static>]]) -> Vec<(usize, i64, i64, i128)> {
    let recent = RecentCalls::new();
    let sum = |outcome: super::scene::Outcome| {
        let tokens = outcome.calls.iter().fold((0, 0), |sum, call| (sum.0 + call.1, sum.1 + call.2));
        (outcome.count, tokens.0, tokens.1, outcome.cost_pico)
    };
    verdicts.iter().map(|spans| sum(decide(spans, &recent))).collect()
}

#[test]
fn it_adds_the_cost_of_a_call_without_a_model() {
    assert_eq!(added(&[&[raw()], &[handler()]]), [(1, 5, 7, 0), (0, 0, 0, COST)]);
    // Sent again, or told once more by a wrapper around it, it adds nothing.
    let outer = span(2, 0, "agents", 0, 50).role(Role::Wrapper).model("gemini-2.5-pro").costs(0.5).usage(5, 7);
    let nested = Report { place: super::report::Place { parent_id: 2, ..handler().place }, ..handler() };
    let all = added(&[&[raw()], &[nested], &[nested, outer]]);
    assert_eq!(all[1..], [(0, 0, 0, COST), (0, 0, 0, 0)]);
}

#[test]
fn it_adds_the_usage_of_a_call_that_showed_none() {
    assert_eq!(added(&[&[unknowing()], &[handler()]]), [(1, 0, 0, 0), (0, 5, 7, COST)]);
    let failed = Report { error: true, ..unknowing() };
    assert_eq!(added(&[&[failed], &[handler()]])[1], (0, 0, 0, 0));
}

#[test]
fn it_adds_nothing_to_several_calls_or_to_one_with_a_price() {
    let other = span(8, 1, "gateway", 22, 30).role(Role::Inference).usage(5, 7);
    for verdicts in [&[&[raw(), other][..], &[handler()]][..], &[&[raw()], &[other], &[handler()]]] {
        assert_eq!(added(verdicts).last(), Some(&(0, 0, 0, 0)));
    }
    assert_eq!(added(&[&[raw(), other], &[handler()]]).len(), 2);
    assert_eq!(added(&[&[raw().costs(0.1)], &[handler()]])[1], (0, 0, 0, 0));
    assert_eq!(added(&[&[raw().usage(6, 7)], &[handler()]])[1], (0, 0, 0, 0));
}

#[test]
fn failed_attempts_do_not_keep_it_from_that() {
    let attempt = span(7, 1, "gateway", 3, 4).role(Role::Inference).failed();
    for verdicts in [&[&[attempt, raw()][..], &[handler()]][..], &[&[attempt], &[raw()], &[handler()]]] {
        assert_eq!(added(verdicts).last(), Some(&(0, 0, 0, COST)));
    }
}

/// What the call that is added is priced by.
fn priced_by(counted: Report<'static>, later: Report<'static>) -> Option<(&'static str, &'static str, Option<i64>)> {
    let recent = RecentCalls::new();
    decide(&[counted], &recent);
    let mut grouping = super::group::Grouping::new();
    grouping.group(&[later], [(1, 0)].as_slice(), &recent, 0);
    let report = grouping.calls.first()?.report;
    let text = |concept| report.texts.get(concept);
    Some((text(Concept::Provider), text(Concept::RequestModel), report.usage.get(Unit::CacheRead)))
}

#[test]
fn it_is_priced_as_it_would_have_been_in_time_or_not_at_all() {
    let told = ("gcp.gemini", "gemini-2.5-pro");
    let by = |counted, later| priced_by(counted, later).map(|(provider, model, _)| (provider, model));
    assert_eq!(by(raw(), handler()), Some(told));
    assert_eq!(by(raw().text(Concept::Provider, "gcp.gemini"), handler()), Some(told));
    let mut concluded = raw().text(Concept::Provider, "gcp.gen_ai");
    concluded.inferred.insert(Concept::Provider);
    assert_eq!(by(concluded, handler()), Some(told));
    let unknown = Some(("", ""));
    assert_eq!(by(raw().text(Concept::Provider, "gcp.vertex_ai"), handler()), unknown);
    assert_eq!(by(raw().model("other"), handler()), unknown);
    assert_eq!(by(raw().text(Concept::ServiceTier, "flex"), handler()), unknown);
    assert_eq!(by(Report { batch: Some(true), ..raw() }, handler()), unknown);
    let flex = handler().text(Concept::ServiceTier, "flex");
    assert_eq!(by(raw().text(Concept::ServiceTier, "flex"), flex), Some(told));
}

#[test]
fn what_was_counted_as_cached_is_priced_as_cached() {
    let mut cached = raw().usage(1000, 7);
    cached.usage.set(Unit::CacheRead, 600);
    let by = priced_by(cached, handler().usage(400, 7));
    assert_eq!(by.map(|(_, _, read)| read), Some(Some(600)));
    // Parts of other kinds are not remembered.
    let mut heard = raw();
    heard.usage.set(Unit::AudioInput, 3);
    assert_eq!(priced_by(heard, handler()), Some(("", "", None)));
}
