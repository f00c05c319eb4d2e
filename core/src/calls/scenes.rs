//! The rules of design §6, one situation at a time. Most were seen in captures (`dialects.md`, sections B.4 and Z).

use super::group::{Grouping, Rule};
use super::recent::RecentCalls;
use super::report::{Place, Report, ReportedCost};
use super::scene::{Outcome, Tell, alone, decide, span};
use crate::concept::Concept;
use crate::facts::Role;
use crate::usage::Unit;

fn chat(id: u64, parent: u64, scope: &str, start: u64, end: u64) -> Report<'static> {
    span(id, parent, scope, start, end).chat()
}

fn agent(id: u64, parent: u64, start: u64, end: u64) -> Report<'static> {
    span(id, parent, "agents", start, end).role(Role::Wrapper).text(Concept::Operation, "invoke_agent")
}

fn expect(outcome: &Outcome, calls: &[(u64, i64, i64)], duplicates: &[(u64, u64, Rule)]) {
    assert_eq!(outcome.calls, calls);
    assert_eq!(outcome.duplicates, duplicates);
}

#[test]
fn one_report_is_one_call() {
    expect(&alone(&[chat(1, 0, "sdk", 0, 10).usage(5, 7)]), &[(1, 5, 7)], &[]);
    expect(&alone(&[]), &[], &[]);
}

#[test]
fn a_response_id_is_one_call_wherever_it_stands() {
    let outcome = alone(&[
        chat(1, 9, "a", 0, 10).usage(5, 7).id(STRONG),
        chat(2, 8, "b", 100, 110).usage(5, 9).id(STRONG),
        // Asked once more for an answer that was not there.
        chat(4, 9, "a", 80, 90).id(STRONG),
        chat(3, 9, "a", 0, 10).usage(5, 7).id("chatcmpl-2"),
    ]);
    assert_eq!(outcome.calls.len(), 2);
    assert!(outcome.duplicates.iter().all(|duplicate| duplicate.2 == Rule::ResponseId));
}

/// An id as providers make them.
const STRONG: &str = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";

#[test]
fn an_id_that_a_test_server_always_sends_merges_nothing() {
    for id in ["chatcmpl-123", STRONG] {
        // A long id with other counts is another answer.
        let usage = |call: Report<'static>, at: u64| call.usage(if id == STRONG { at as i64 } else { 5 }, 7).id(id);
        let sdk = |at: u64| usage(chat(at, 999, "sdk", at * 100, at * 100 + 50), at);
        let framework = |at: u64| usage(chat(at + 50, 999, "framework", at * 100 - 1, at * 100 + 51), at);
        let calls: Vec<_> = (1..40).map(sdk).collect();
        assert_eq!(alone(&calls).calls.len(), 39);
        let both: Vec<_> = (1..40).flat_map(|at| [framework(at), sdk(at)]).collect();
        assert_eq!(alone(&both).calls.len(), 39);
        // One by one, each in a trace of its own, and each after a verdict.
        let alone: Vec<_> = (1..40).map(|at| [sdk(at).in_trace(u128::from(at))]).collect();
        let alone: Vec<&[Report<'static>]> = alone.iter().map(|trace| &trace[..]).collect();
        assert_eq!(across(&alone).len(), 39);
        let recent = RecentCalls::new();
        let late: usize = both.iter().map(|one| decide(&[*one], &recent).calls.len()).sum();
        assert_eq!(late, 39);
    }
}

#[test]
fn an_answer_that_is_fetched_again_is_one_call() {
    let told = |at: u64| chat(at, 999, "sdk", at * 1000, at * 1000 + 50).id(STRONG);
    // Asked for in the background, fetched before it was there, and twice when it was.
    let spans = [told(1), told(2), told(3).usage(5, 7), told(4).usage(5, 7)];
    let outcome = alone(&spans);
    assert_eq!((outcome.calls.len(), outcome.calls[0].1, outcome.calls[0].2), (1, 5, 7));
    let recent = RecentCalls::new();
    assert_eq!(spans[2..].iter().map(|span| decide(&[*span], &recent).count).sum::<usize>(), 1);
    let elsewhere = [[told(3).usage(5, 7).in_trace(1)], [told(4).usage(5, 7).in_trace(2)]];
    assert_eq!(across(&[&elsewhere[0], &elsewhere[1]]).len(), 1);
    // Other counts, or the same of another model, are another answer.
    for other in [told(4).usage(5, 8), told(4).model("gpt-4o-mini").usage(5, 7)] {
        assert_eq!(alone(&[spans[2], other]).calls.len(), 2);
        assert_eq!(across(&[&elsewhere[0], &[other.in_trace(2)]]).len(), 2);
    }
}

#[test]
fn an_id_of_few_digits_tells_parallel_calls_of_one_sdk_nothing() {
    let calls = [0, 1, 2].map(|at| chat(at + 1, 9, "sdk", at, 60 - at).usage(5, 7).id("chatcmpl-607"));
    assert_eq!(alone(&calls).calls.len(), 3);
    // One below the other they are reports of one call all the same.
    let raw = chat(2, 1, "sdk", 1, 59).usage(5, 7).id("chatcmpl-607");
    let again = chat(3, 9, "sdk", 100, 160).usage(5, 7).id("chatcmpl-607");
    assert_eq!(alone(&[calls[0], raw, again]).calls.len(), 2);
}

#[test]
fn a_gateway_with_the_instrumentation_of_its_client_reports_the_same_call() {
    let mut inner = chat(2, 1, "sdk", 5, 25).usage(5, 7);
    inner.place.instance = 8;
    let client = chat(1, 0, "sdk", 0, 30).usage(5, 7);
    expect(&alone(&[client, inner]), &[(2, 5, 7)], &[(1, 2, Rule::Nested)]);
}

#[test]
fn wrappers_with_reports_below_are_never_calls() {
    let outcome = alone(&[
        agent(1, 0, 0, 100).usage(1000, 1000),
        chat(2, 1, "sdk", 10, 20).usage(5, 7),
        span(3, 1, "tools", 30, 60).role(Role::Other),
        chat(4, 3, "sdk", 40, 50).usage(6, 8),
    ]);
    expect(&outcome, &[(2, 5, 7), (4, 6, 8)], &[]);
    assert_eq!(outcome.wrappers, [1, 3]);
}

#[test]
fn a_wrapper_that_alone_knows_the_usage_is_the_call() {
    let outcome =
        alone(&[agent(1, 0, 0, 100), agent(2, 1, 10, 90).usage(5, 7), span(3, 2, "tools", 20, 30).role(Role::Other)]);
    expect(&outcome, &[(2, 5, 7)], &[]);
    assert_eq!(outcome.wrappers, [1]);
    assert_eq!(alone(&[agent(1, 0, 0, 100).usage(0, 0)]).calls, []);
}

#[test]
fn a_wrapper_gives_its_usage_to_the_only_call_below() {
    let outcome = alone(&[agent(1, 0, 0, 100).usage(5, 7), chat(2, 1, "sdk", 10, 20)]);
    expect(&outcome, &[(2, 5, 7)], &[(1, 2, Rule::Wrapper)]);
}

#[test]
fn a_framework_report_above_the_sdk_is_the_same_call() {
    let outcome = alone(&[
        chat(1, 0, "framework", 0, 30).usage(5, 7),
        span(2, 1, "http", 5, 25),
        chat(3, 2, "sdk", 10, 20).usage(5, 7),
    ]);
    expect(&outcome, &[(3, 5, 7)], &[(1, 3, Rule::Nested)]);
}

#[test]
fn a_stream_without_usage_takes_it_from_the_framework() {
    let outcome = alone(&[chat(1, 0, "framework", 0, 30).usage(5, 7), chat(2, 1, "sdk", 10, 20)]);
    expect(&outcome, &[(2, 5, 7)], &[(1, 2, Rule::Nested)]);
}

#[test]
fn failed_attempts_below_stay_calls() {
    let outcome = alone(&[
        chat(1, 0, "framework", 0, 30).usage(5, 7),
        chat(2, 1, "sdk", 1, 9).failed(),
        chat(3, 1, "sdk", 10, 20),
    ]);
    expect(&outcome, &[(2, 0, 0), (3, 5, 7)], &[(1, 3, Rule::Nested)]);
}

#[test]
fn a_sum_above_several_is_no_call() {
    let outcome = alone(&[
        chat(1, 0, "framework", 0, 30).usage(11, 15),
        chat(2, 1, "sdk", 1, 9).usage(5, 7),
        chat(3, 1, "sdk", 10, 20).usage(6, 8),
    ]);
    expect(&outcome, &[(2, 5, 7), (3, 6, 8)], &[(1, 2, Rule::Sum)]);
}

#[test]
fn a_stream_held_open_around_other_calls_is_its_own() {
    let outcome = alone(&[
        chat(1, 0, "framework", 0, 30).usage(100, 50),
        chat(2, 1, "sdk", 1, 9).usage(5, 7),
        chat(3, 1, "sdk", 10, 20).usage(6, 8),
    ]);
    expect(&outcome, &[(1, 100, 50), (2, 5, 7), (3, 6, 8)], &[]);
}

#[test]
fn a_sum_above_a_call_of_its_own_is_seen_through() {
    let outcome = alone(&[
        chat(1, 0, "gateway", 0, 40).usage(105, 57),
        chat(2, 1, "framework", 0, 30).usage(100, 50),
        chat(3, 2, "sdk", 1, 9).usage(5, 7),
    ]);
    expect(&outcome, &[(2, 100, 50), (3, 5, 7)], &[(1, 2, Rule::Sum)]);
}

#[test]
fn nested_reports_of_one_scope_are_two() {
    let outcome = alone(&[chat(1, 0, "sdk", 0, 30).usage(5, 7), chat(2, 1, "sdk", 1, 9).usage(5, 7)]);
    assert_eq!(outcome.calls.len(), 2);
}

#[test]
fn siblings_of_two_scopes_match_one_to_one() {
    // A framework and an SDK that both report four parallel identical calls.
    let mut reports = Vec::new();
    for call in 0..4 {
        reports.push(chat(10 + call, 1, "framework", call, 30 + call).usage(5, 7));
        reports.push(chat(20 + call, 1, "sdk", call + 1, 28 + call).usage(5, 7));
    }
    let outcome = alone(&reports);
    assert_eq!(outcome.calls, [(20, 5, 7), (21, 5, 7), (22, 5, 7), (23, 5, 7)]);
    let pairs: Vec<_> = outcome.duplicates.iter().map(|duplicate| (duplicate.0, duplicate.1)).collect();
    assert_eq!(pairs, [(10, 20), (11, 21), (12, 22), (13, 23)]);
}

#[test]
fn siblings_must_agree() {
    let base = chat(1, 9, "framework", 0, 30).usage(5, 7);
    for (other, same) in [
        (chat(2, 9, "sdk", 1, 29), true),
        (chat(2, 9, "sdk", 1, 33).usage(5, 7), true),
        (chat(2, 9, "sdk", 1, 29).model("openai/gpt-4o-2024-08-06").usage(5, 7), true),
        (chat(2, 9, "sdk", 1, 29).model("").usage(5, 7), true),
        (chat(2, 9, "sdk", 1, 29).usage(5, 8), false),
        (chat(2, 9, "sdk", 10, 60).usage(5, 7), false),
        (chat(2, 9, "sdk", 1, 29).model("gpt-4o-mini").usage(5, 7), false),
        (chat(2, 9, "sdk", 1, 29).model(""), false),
        (chat(2, 9, "framework", 1, 29).usage(5, 7), false),
        (chat(2, 9, "sdk", 1, 29).text(Concept::Operation, "embeddings"), true),
        (chat(2, 9, "sdk", 1, 10).failed(), false),
    ] {
        assert_eq!(alone(&[base, other]).calls.len(), if same { 1 } else { 2 }, "{other:?}");
        assert_eq!(alone(&[other, base]).calls.len(), if same { 1 } else { 2 }, "{other:?}");
    }
}

#[test]
fn an_sdk_span_beside_the_instrumentation_below_a_framework() {
    // LangChain above OpenLLMetry's span and the SDK's own.
    let outcome = alone(&[
        chat(1, 0, "framework", 0, 30).usage(5, 7),
        chat(2, 1, "instrumentation", 5, 25).usage(5, 7),
        chat(3, 1, "sdk", 6, 24).usage(5, 7),
    ]);
    expect(&outcome, &[(3, 5, 7)], &[(1, 3, Rule::Nested), (2, 3, Rule::Sibling)]);
}

#[test]
fn retries_are_separate_calls() {
    let outcome = alone(&[chat(1, 9, "sdk", 0, 5).failed(), chat(2, 9, "sdk", 6, 10).usage(5, 7)]);
    expect(&outcome, &[(1, 0, 0), (2, 5, 7)], &[]);
}

#[test]
fn what_was_neither_answered_nor_failed_does_not_count() {
    let begun = Report { answered: false, ..chat(1, 0, "sdk", 0, 5) };
    expect(&alone(&[begun]), &[], &[]);
    expect(&alone(&[chat(1, 0, "sdk", 0, 5).usage(5, 7).role(Role::Never)]), &[], &[]);
}

#[test]
fn a_gateway_handler_around_its_own_call() {
    // The app's client span, the gateway's server span with usage, the gateway's call to the provider.
    let handler = span(2, 1, "gateway", 2, 28).role(Role::Wrapper).usage(5, 7);
    let outcome = alone(&[chat(1, 0, "sdk", 0, 30).usage(5, 7), handler, chat(3, 2, "litellm", 5, 20).usage(5, 7)]);
    expect(&outcome, &[(3, 5, 7)], &[(1, 3, Rule::Nested)]);
    // Without its call the handler stands for it: the client may know the model by another name.
    let outcome = alone(&[chat(1, 0, "sdk", 0, 30).usage(5, 7), handler]);
    expect(&outcome, &[(2, 5, 7)], &[(1, 2, Rule::Nested)]);
}

#[test]
fn what_the_canonical_report_lacks_comes_from_the_others() {
    let mut outer = chat(1, 0, "gateway", 0, 30).usage(5, 7).text(Concept::SessionId, "s");
    outer.cost = Some(ReportedCost { usd: 0.25, by_provider: true });
    outer.ttft = Some(0.5);
    let root = agent(3, 0, 0, 90).text(Concept::AgentId, "a").text(Concept::ResponseModel, "not mine");
    outer.place.parent_id = 3;
    let mut inner = chat(2, 1, "sdk", 10, 20).id("chatcmpl-1");
    inner.cost = Some(ReportedCost { usd: 0.2, by_provider: false });
    let mut reports = [root, outer, inner];
    reports[1].place.index = 1;
    reports[2].place.index = 2;
    let mut grouping = Grouping::new();
    grouping.group(&reports, [(3, 0), (1, 3), (2, 1)].as_slice(), &RecentCalls::new(), 0);
    let call = &grouping.calls[0];
    let text = |concept| call.report.texts.get(concept);
    assert_eq!((call.canonical, call.usage_from, call.cost_from, call.duplicates()), (2, 1, Some(1), 1));
    assert_eq!((text(Concept::SessionId), text(Concept::AgentId), text(Concept::ResponseId)), ("s", "a", "chatcmpl-1"));
    assert_eq!(text(Concept::ResponseModel), "");
    assert_eq!((call.report.cost, call.report.ttft), (outer.cost, Some(0.5)));
}

#[test]
fn a_span_delivered_twice_is_one() {
    let call = chat(1, 0, "sdk", 0, 30).usage(5, 7);
    expect(&alone(&[call, call]), &[(1, 5, 7)], &[(1, 1, Rule::SameSpan)]);
    let recent = RecentCalls::new();
    assert_eq!(decide(&[call], &recent).calls.len(), 1);
    expect(&decide(&[call], &recent), &[], &[(1, 1, Rule::SameSpan)]);
}

#[test]
fn a_span_that_was_sent_again_with_its_answer_is_one_call_with_all_that_both_say() {
    let asked = chat(1, 0, "sdk", 0, 30);
    let answered = chat(1, 0, "sdk", 0, 90).usage(5, 7);
    for (one, other) in [(asked, answered), (answered, asked), (Report { answered: false, ..asked }, answered)] {
        assert_eq!(alone(&[one, other]).calls, [(1, 5, 7)]);
        assert_eq!(alone(&[one, other, other, chat(2, 1, "inner", 1, 29).usage(5, 7)]).calls, [(2, 5, 7)]);
    }
}

#[test]
fn spans_after_the_verdict_count_nothing_again() {
    let recent = RecentCalls::new();
    let first = [chat(3, 2, "sdk", 10, 20).usage(5, 7), chat(4, 2, "sdk", 21, 29).usage(6, 8)];
    assert_eq!(decide(&first, &recent).calls.len(), 2);
    // The agent and a framework report above, late.
    let late = [agent(1, 0, 0, 100).usage(11, 15), chat(2, 1, "framework", 5, 30).usage(11, 15)];
    let outcome = decide(&late, &recent);
    expect(&outcome, &[], &[(2, 3, Rule::Sum)]);
    assert_eq!(outcome.wrappers, [1]);
    // Delivered again.
    assert_eq!(decide(&late, &recent).calls, []);
    // A new call in the same trace counts.
    assert_eq!(decide(&[chat(9, 1, "sdk", 50, 60).usage(1, 1)], &recent).calls, [(9, 1, 1)]);
}

#[test]
fn every_span_may_come_after_the_verdict_on_those_below() {
    let recent = RecentCalls::new();
    assert_eq!(decide(&[chat(4, 3, "sdk", 10, 20).usage(5, 7)], &recent).calls.len(), 1);
    for upper in [chat(3, 2, "framework", 9, 21).usage(5, 7), agent(2, 1, 8, 22), agent(1, 0, 7, 23).usage(5, 7)] {
        assert_eq!(decide(&[upper], &recent).calls, []);
    }
}

#[test]
fn wrappers_and_calls_find_each_other_without_what_links_them() {
    let call = chat(3, 2, "agents", 10, 20).usage(5, 7);
    let wrapper = agent(1, 0, 7, 23).usage(5, 7);
    for (first, late) in [(call, wrapper), (wrapper, call)] {
        let recent = RecentCalls::new();
        assert_eq!(decide(&[first], &recent).calls.len(), 1);
        assert_eq!(decide(&[late], &recent).calls, []);
    }
}

#[test]
fn calls_below_a_counted_wrapper_are_in_its_usage() {
    let recent = RecentCalls::new();
    assert_eq!(decide(&[agent(1, 0, 0, 100).usage(11, 15)], &recent).calls, [(1, 11, 15)]);
    let outcome = decide(&[chat(2, 1, "sdk", 10, 20).usage(5, 7), chat(3, 1, "sdk", 10, 20).usage(6, 8)], &recent);
    // The agent was counted as one call; the other one is a call more, whose tokens are counted.
    expect(&outcome, &[(3, 0, 0)], &[(2, 1, Rule::Wrapper)]);
    assert_eq!(outcome.count, 1);
}

#[test]
fn late_siblings_find_their_call() {
    let recent = RecentCalls::new();
    decide(&[chat(2, 1, "sdk", 10, 20).usage(5, 7)], &recent);
    expect(&decide(&[chat(3, 1, "framework", 9, 22).usage(5, 7)], &recent), &[], &[(3, 2, Rule::Sibling)]);
    // The first two reports are matched; this is another call.
    expect(&decide(&[chat(4, 1, "sdk", 10, 20).usage(5, 7)], &recent), &[(4, 5, 7)], &[]);
}

/// Observes all spans, then decides the traces one after the other. Returns the calls of all.
fn across(traces: &[&[Report<'static>]]) -> Vec<(u64, i64, i64)> {
    let recent = RecentCalls::new();
    for report in traces.iter().copied().flatten() {
        recent.note(report, 0);
    }
    let mut calls: Vec<_> = traces.iter().flat_map(|reports| decide(reports, &recent).calls).collect();
    calls.sort_unstable();
    calls
}

#[test]
fn a_response_id_is_one_call_across_traces() {
    let framework = chat(1, 0, "framework", 0, 30).id("chatcmpl-1").in_trace(1);
    let sdk = chat(2, 0, "sdk", 5, 25).id("chatcmpl-1").usage(5, 7).in_trace(2);
    // The one with usage counts, whichever is decided first.
    assert_eq!(across(&[&[framework], &[sdk]]), [(2, 5, 7)]);
    assert_eq!(across(&[&[sdk], &[framework]]), [(2, 5, 7)]);
    // Decided before the other arrived: counted once all the same.
    let recent = RecentCalls::new();
    assert_eq!(decide(&[framework], &recent).calls.len(), 1);
    let late = decide(&[sdk], &recent);
    assert_eq!((late.count, late.calls), (0, vec![(2, 5, 7)]));
    let again = chat(3, 0, "client", 6, 24).id("chatcmpl-1").usage(5, 7).in_trace(3);
    assert_eq!(decide(&[again], &recent).duplicates, [(3, 1, Rule::ResponseId)]);
}

#[test]
fn a_root_report_and_one_elsewhere_are_one_call() {
    let root = |trace, id, start| chat(id, 0, "sdk", start, start + 20).usage(5, 7).in_trace(trace);
    let inner = |id, start| chat(id, 1, "framework", start, start + 30).usage(5, 7).in_trace(1);
    let framework = [inner(11, 0), inner(12, 2), inner(13, 4)];
    let sdk = [[root(21, 21, 3)], [root(22, 22, 5)], [root(23, 23, 7)]];
    let expected = [(21, 5, 7), (22, 5, 7), (23, 5, 7)];
    assert_eq!(across(&[&framework, &sdk[0], &sdk[1], &sdk[2]]), expected);
    assert_eq!(across(&[&sdk[2], &sdk[0], &framework, &sdk[1]]), expected);
    // One more call that only the SDK reports stays a call.
    let more = [root(24, 24, 3)];
    assert_eq!(across(&[&more, &sdk[2], &framework, &sdk[0], &sdk[1]]).len(), 4);
}

#[test]
fn the_first_call_in_two_traces_is_one_as_well() {
    let framework = chat(11, 1, "framework", 0, 30).usage(5, 7).in_trace(1);
    let sdk = chat(21, 0, "sdk", 2, 28).usage(5, 7).in_trace(2);
    for pair in [[framework, sdk], [sdk, framework]] {
        // Each is decided before the next arrives.
        let recent = RecentCalls::new();
        let count = |report: &Report<'static>| {
            recent.note(report, 0);
            decide(&[*report], &recent).calls.len()
        };
        assert_eq!(pair.iter().map(count).sum::<usize>(), 1);
    }
}

#[test]
fn reports_elsewhere_are_told_apart() {
    let root = chat(21, 0, "sdk", 5, 25).usage(5, 7).in_trace(2);
    for other in [
        chat(11, 1, "framework", 0, 30).usage(5, 8),
        chat(11, 1, "sdk", 0, 30).usage(5, 7),
        chat(11, 1, "framework", 20, 60).usage(5, 7),
    ] {
        assert_eq!(across(&[&[root], &[other]]).len(), 2);
    }
    let mut elsewhere = chat(11, 1, "framework", 0, 30).usage(5, 7);
    elsewhere.place.instance = 8;
    assert_eq!(across(&[&[root], &[elsewhere]]).len(), 2);
    let inner = chat(21, 20, "sdk", 5, 25).usage(5, 7).in_trace(2);
    assert_eq!(across(&[&[inner], &[chat(11, 1, "framework", 0, 30).usage(5, 7)]]).len(), 2);
}

#[test]
fn a_report_that_is_no_call_takes_none_from_another_trace() {
    let asked = Report { answered: false, ..chat(21, 0, "sdk", 5, 25) }.in_trace(2);
    for told in [chat(11, 1, "framework", 0, 30), chat(11, 1, "framework", 0, 30).failed()] {
        assert_eq!([across(&[&[asked], &[told]]), across(&[&[told], &[asked]])], [[(11, 0, 0)], [(11, 0, 0)]]);
        // Nor does it keep the two that belong together from finding each other.
        let root = Report { place: Place { span_id: 22, trace_id: 3, ..asked.place }, ..told };
        assert_eq!(across(&[&[asked], &[root], &[told]]).len(), 1);
    }
}

#[test]
fn calls_in_two_traces_that_differ_by_cached_tokens_are_two() {
    let mut cached = chat(11, 1, "framework", 0, 30).usage(1500, 7).in_trace(1);
    cached.usage.set(Unit::CacheWrite, 500);
    let root = chat(21, 0, "sdk", 5, 25).usage(1000, 7).in_trace(2);
    assert_eq!(across(&[&[root], &[cached]]), [(11, 1500, 7), (21, 1000, 7)]);
    assert_eq!(across(&[&[cached], &[root]]), [(11, 1500, 7), (21, 1000, 7)]);
    // One id or one trace says that a reporter left the cached tokens out.
    assert_eq!(across(&[&[root.id(STRONG)], &[cached.id(STRONG)]]).len(), 1);
    assert_eq!(alone(&[cached, root.in_trace(1)]).calls.len(), 1);
}
