//! What a call takes from the reports around it, and which of them it is counted as: LiteLLM's spans above its raw
//! request, agents around a single call, clients of gateways (`dialects.md`, sections B.4 and Z).

use super::group::{Fate, Grouping};
use super::merge::Call;
use super::recent::RecentCalls;
use super::report::{Report, ReportedCost};
use super::scene::{Tell, alone, decide, span};
use crate::concept::Concept;
use crate::facts::Role;
use crate::usage::Unit;

/// The only call of a trace, and what became of its spans.
fn only(reports: &[Report<'static>]) -> (Call<'static>, Vec<Fate>) {
    let links: Vec<(u64, u64)> = reports.iter().map(|r| (r.place.span_id, r.place.parent_id)).collect();
    let mut placed = reports.to_vec();
    for (report, index) in placed.iter_mut().zip(0..) {
        report.place.index = index;
    }
    let mut grouping = Grouping::new();
    grouping.group(&placed, links.as_slice(), &RecentCalls::new(), 0);
    assert_eq!(grouping.calls.len(), 1);
    (grouping.calls[0].clone(), grouping.fates.clone())
}

/// Provider, request model, response model.
fn named(call: &Call<'static>) -> [&'static str; 3] {
    [Concept::Provider, Concept::RequestModel, Concept::ResponseModel].map(|concept| call.report.texts.get(concept))
}

/// A client that asks a gateway for a model by the gateway's name for it.
fn client() -> Report<'static> {
    span(1, 0, "sdk", 0, 40).chat().model("fast").text(Concept::Provider, "openai").usage(5, 7)
}

/// A gateway's handler that shows what it asked for whom.
fn handler(id: u64, parent: u64) -> Report<'static> {
    let mut handler = span(id, parent, "gateway", 1 + id, 39 - id).role(Role::Wrapper).model("gemini-2.5-pro");
    handler = handler.text(Concept::Provider, "gcp.gemini").text(Concept::Operation, "chat").usage(5, 7);
    handler.cost = Some(ReportedCost { usd: 0.25, by_provider: false });
    handler.streaming = Some(true);
    handler
}

/// The request below it, which shows nothing but the usage.
fn raw(id: u64, parent: u64) -> Report<'static> {
    span(id, parent, "gateway", 10, 20).role(Role::Inference).usage(5, 7)
}

#[test]
fn a_wrapper_with_the_usage_of_its_only_call_says_the_rest_of_it() {
    let mut above = handler(1, 0);
    above.ttft = Some(0.5);
    above.usage.set(Unit::CacheRead, 3);
    let (call, fates) = only(&[above, raw(2, 1)]);
    assert_eq!((call.canonical, call.usage_from, call.cost_from), (1, 1, Some(0)));
    assert_eq!(named(&call), ["gcp.gemini", "gemini-2.5-pro", ""]);
    assert_eq!((call.report.cost, call.report.ttft, call.report.streaming), (above.cost, Some(0.5), Some(true)));
    assert_eq!(call.report.usage.get(Unit::CacheRead), Some(3));
    assert_eq!((call.duplicates(), fates[0]), (0, Fate::Wrapper { of: Some(2) }));
}

#[test]
fn the_nearest_wrapper_lends_first_and_before_a_client_around_it() {
    let outer = handler(2, 1).model("outer").text(Concept::ServiceTier, "flex");
    let (call, _) = only(&[client(), outer, handler(3, 2), raw(4, 3)]);
    assert_eq!(named(&call), ["gcp.gemini", "gemini-2.5-pro", ""]);
    assert_eq!((call.canonical, call.duplicates()), (3, 1));
    assert_eq!((call.cost_from, call.report.texts.get(Concept::ServiceTier)), (Some(2), "flex"));
}

#[test]
fn a_wrapper_lends_nothing_that_is_not_of_its_only_call() {
    let other = |usage: (i64, i64)| handler(1, 0).usage(usage.0, usage.1);
    let (call, _) = only(&[other((6, 7)), raw(2, 1)]);
    assert_eq!((named(&call), call.report.cost), ([""; 3], None));
    // Of one that leaves cached tokens out, the counts are not taken.
    let mut whole = raw(2, 1).usage(1000, 7);
    whole.usage.set(Unit::CacheRead, 600);
    let (call, _) = only(&[other((400, 7)), whole]);
    assert_eq!((call.report.usage.get(Unit::Input), named(&call)[0]), (Some(1000), "gcp.gemini"));
    // An agent's operation is not the call's.
    let (call, _) = only(&[handler(1, 0).text(Concept::Operation, "invoke_agent"), raw(2, 1)]);
    assert_eq!(call.report.texts.get(Concept::Operation), "");
}

#[test]
fn a_wrapper_around_several_calls_lends_to_none() {
    let links = [(1, 0), (2, 1), (3, 1)];
    let mut later = raw(3, 1);
    (later.place.start, later.place.end, later.place.index) = (later.place.end, later.place.end + 9, 2);
    let mut first = raw(2, 1);
    first.place.index = 1;
    let mut grouping = Grouping::new();
    grouping.group(&[handler(1, 0), first, later], links.as_slice(), &RecentCalls::new(), 0);
    assert_eq!(grouping.calls.len(), 2);
    assert!(grouping.calls.iter().all(|call| named(call) == [""; 3] && call.report.cost.is_none()));
}

#[test]
fn below_a_client_the_wrapper_of_a_gateway_that_counts_is_the_call() {
    for asked in [client(), Report { usage: crate::usage::Usage::new(), ..client() }] {
        let (call, fates) = only(&[asked, handler(2, 1)]);
        assert_eq!((call.canonical, call.duplicates()), (1, 1));
        assert_eq!(named(&call), ["gcp.gemini", "gemini-2.5-pro", ""]);
        assert_eq!((call.report.cost, call.usage_from), (handler(2, 1).cost, 1));
        assert!(matches!(fates[0], Fate::Duplicate { of: 2, .. }));
    }
}

#[test]
fn a_client_a_gateway_and_its_request_are_one_call_whatever_verdicts_fall_between_them() {
    let spans = [client(), handler(2, 1), raw(3, 2)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for cuts in 0..4 {
            let recent = RecentCalls::new();
            let (mut batch, mut found) = (Vec::new(), (0, 0, 0));
            for (at, span) in order.iter().enumerate() {
                batch.push(spans[*span]);
                if at == 2 || cuts >> at & 1 == 1 {
                    let outcome = decide(&std::mem::take(&mut batch), &recent);
                    found.0 += outcome.count;
                    for (_, input, output) in outcome.calls {
                        (found.1, found.2) = (found.1 + input, found.2 + output);
                    }
                }
            }
            assert_eq!(found, (1, 5, 7), "{order:?} {cuts:b}");
        }
    }
}

#[test]
fn an_agent_that_shows_the_usage_of_the_call_above_it_keeps_its_operation_to_itself() {
    let agent = span(2, 1, "agents", 5, 25).role(Role::Wrapper).text(Concept::Operation, "invoke_agent").usage(5, 7);
    let (call, _) = only(&[client().text(Concept::Operation, "chat"), agent]);
    assert_eq!((call.report.texts.get(Concept::Operation), named(&call)[1]), ("chat", "fast"));
}

#[test]
fn a_name_that_is_only_told_back_is_no_answer_of_another_model() {
    let inner = span(2, 1, "gateway", 10, 20).chat().model("gpt-4o").usage(5, 7);
    let (call, _) = only(&[client().text(Concept::ResponseModel, "fast"), inner]);
    assert_eq!(named(&call)[1..], ["gpt-4o", ""]);
    for answered in ["gpt-4o-2024-08-06", "gpt-4o-mini"] {
        let (call, _) = only(&[client().text(Concept::ResponseModel, answered), inner]);
        assert_eq!(named(&call)[1..], ["gpt-4o", answered]);
    }
}

#[test]
fn only_what_was_taken_counts_as_concluded() {
    let mut above = handler(1, 0);
    above.inferred.insert(Concept::Provider);
    above.inferred.insert(Concept::RequestModel);
    let (call, _) = only(&[above, raw(2, 1).text(Concept::Provider, "gcp.vertex_ai")]);
    assert!(call.report.inferred.contains(Concept::RequestModel) && !call.report.inferred.contains(Concept::Provider));
}

/// Calls with what each has as its request model, by span id.
fn models_of(spans: &[Report<'static>]) -> Vec<(u64, &'static str)> {
    let links: Vec<(u64, u64)> = spans.iter().map(|r| (r.place.span_id, r.place.parent_id)).collect();
    let mut placed = spans.to_vec();
    for (report, index) in placed.iter_mut().zip(0..) {
        report.place.index = index;
    }
    let mut grouping = Grouping::new();
    grouping.group(&placed, links.as_slice(), &RecentCalls::new(), 0);
    let told = |call: &Call<'static>| (call.report.place.span_id, call.report.texts.get(Concept::RequestModel));
    grouping.calls.iter().map(told).collect()
}

/// An attempt that failed before the request.
fn attempt(id: u64, parent: u64) -> Report<'static> {
    span(id, parent, "gateway", 2 + id, 3 + id).role(Role::Inference).failed()
}

#[test]
fn failed_attempts_beside_a_call_are_no_other_call() {
    let request = raw(5, 1);
    let tried = [handler(1, 0), attempt(2, 1), attempt(3, 1), request];
    assert_eq!(models_of(&tried), [(2, ""), (3, ""), (5, "gemini-2.5-pro")]);
    // Its usage is the call's that shows none.
    let unknowing = span(5, 1, "gateway", 10, 20).role(Role::Inference);
    assert_eq!(alone(&[handler(1, 0), attempt(2, 1), unknowing]).calls, [(2, 0, 0), (5, 5, 7)]);
}

#[test]
fn what_else_failed_leaves_it_open_whose_model_the_wrapper_tells() {
    let others = [
        attempt(2, 1).model("gpt-4o"),
        span(2, 1, "other", 4, 5).role(Role::Inference).failed(),
        span(2, 1, "gateway", 15, 30).role(Role::Inference).failed(),
        attempt(2, 1).text(Concept::Operation, "embeddings"),
        attempt(2, 1).usage(3, 0).failed(),
    ];
    for (other, case) in others.into_iter().zip(0..) {
        let request = raw(5, 1).text(Concept::Operation, "chat");
        assert_eq!(models_of(&[handler(1, 0), other, request])[1], (5, ""), "{case}");
    }
}

#[test]
fn what_a_dialect_tells_is_worth_more_than_what_was_concluded_from_the_name_of_the_model() {
    let mut call = raw(2, 1).text(Concept::Provider, "gcp.gen_ai");
    call.inferred.insert(Concept::Provider);
    let (found, _) = only(&[handler(1, 0), call]);
    assert_eq!(named(&found)[0], "gcp.gemini");
    assert!(!found.report.inferred.contains(Concept::Provider));
    let (found, _) = only(&[Report { dialect: 3, ..handler(1, 0) }, call]);
    assert_eq!(named(&found)[0], "gcp.gen_ai");
}
