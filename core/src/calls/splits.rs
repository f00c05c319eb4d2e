//! Small traces, split around verdicts in every way there is: each call counts once in all of them.

use super::recent::RecentCalls;
use super::report::{Place, Report};
use super::scene::{Tell, decide, decide_all, span};
use crate::facts::Role;
use crate::usage::Unit;

pub fn chat(id: u64, parent: u64, scope: &str, start: u64, end: u64) -> Report<'static> {
    span(id, parent, scope, start, end).chat()
}

pub fn agent(id: u64, parent: u64, start: u64, end: u64) -> Report<'static> {
    span(id, parent, "agents", start, end).role(Role::Wrapper)
}

/// Calls, input and output tokens found when span `n` arrives before verdict `splits[n]`.
pub fn found(spans: &[Report<'static>], split: &[usize]) -> (usize, i64, i64) {
    found_with_cost(spans, split).0
}

/// The same, and pico-dollars.
pub fn found_with_cost(spans: &[Report<'static>], split: &[usize]) -> ((usize, i64, i64), i128) {
    let recent = RecentCalls::new();
    let mut found = ((0, 0, 0), 0);
    for verdict in 0..=*split.iter().max().unwrap() {
        let batch: Vec<_> = spans.iter().zip(split).filter(|(_, at)| **at == verdict).map(|(span, _)| *span).collect();
        for outcome in decide_all(&batch, &recent) {
            found.0.0 += outcome.count;
            found.1 += outcome.cost_pico;
            for (_, input, output) in outcome.calls {
                (found.0.1, found.0.2) = (found.0.1 + input, found.0.2 + output);
            }
        }
    }
    found
}

/// All splits around two verdicts.
pub fn splits(spans: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..3_usize.pow(spans as u32)).map(move |way| (0..spans as u32).map(|at| way / 3_usize.pow(at) % 3).collect())
}

/// The splits around two verdicts that do not lead to what `accept` takes.
fn wrong(
    spans: &[Report<'static>],
    accept: impl Fn((usize, i64, i64)) -> bool,
) -> Vec<(Vec<usize>, (usize, i64, i64))> {
    splits(spans.len())
        .map(|split| (found(spans, &split), split))
        .filter(|(found, _)| !accept(*found))
        .map(|(found, split)| (split, found))
        .collect()
}

#[test]
fn parallel_identical_calls_stay_as_many_as_they_are() {
    // Further apart, three calls can be split so that no report can tell its own partner from another call's: the tolerance
    // for clocks is as long as what is between them.
    for (calls, gaps) in [(2, &[0, 1, 2, 3, 4, 9][..]), (3, &[0, 1, 2])] {
        for nested in [true, false] {
            for apart in gaps {
                let pair = |call: u64| {
                    let (outer, start) = (call * 2 + 1, call * apart);
                    let inner = if nested { outer } else { 99 };
                    [
                        chat(outer, 99, "framework", start, start + 60).usage(5, 7),
                        chat(outer + 1, inner, "sdk", start + 1, start + 59).usage(5, 7),
                    ]
                };
                let spans: Vec<_> = (0..calls).flat_map(pair).collect();
                let wrong = wrong(&spans, |found| found.0 as u64 == calls);
                assert!(
                    wrong.is_empty(),
                    "{} {apart} {nested} {calls}: {:?}",
                    wrong.len(),
                    &wrong[..wrong.len().min(3)]
                );
            }
        }
    }
}

#[test]
fn three_reports_of_a_call_are_one() {
    for nested in [true, false] {
        let parent = |at: u64| if nested { at } else { 9 };
        let spans = [
            chat(1, 9, "framework", 0, 60).usage(5, 7),
            chat(2, parent(1), "client", 1, 59).usage(5, 7),
            chat(3, parent(2), "sdk", 2, 58).usage(5, 7),
            chat(4, 9, "sdk", 100, 160).usage(5, 7),
        ];
        assert_eq!(wrong(&spans, |found| found == (2, 10, 14)), []);
    }
}

#[test]
fn calls_below_a_wrapper_are_in_its_usage_in_any_order() {
    let between = |id, parent, start, end| span(id, parent, "steps", start, end);
    // An agent, steps that say nothing, and the calls in them.
    let spans = [
        agent(1, 0, 0, 100).usage(11, 15),
        between(2, 1, 5, 50),
        chat(3, 2, "sdk", 10, 40).usage(5, 7),
        between(4, 1, 55, 95),
        chat(5, 4, "sdk", 60, 90).usage(6, 8),
    ];
    assert_eq!(wrong(&spans, |found| found == (2, 11, 15)), []);
    // A workflow around an agent, both with the sum; each call is reported twice.
    let spans = [
        agent(1, 0, 0, 100).usage(11, 15),
        agent(2, 1, 3, 97).usage(11, 15),
        chat(3, 2, "framework", 10, 40).usage(5, 7),
        chat(4, 3, "sdk", 11, 39).usage(5, 7),
        chat(5, 2, "framework", 50, 90).usage(6, 8),
        chat(6, 5, "sdk", 51, 89).usage(6, 8),
    ];
    assert_eq!(wrong(&spans, |found| found == (2, 11, 15)), []);
}

#[test]
fn agents_side_by_side_share_what_is_in_their_sums() {
    let step = |id, parent, start, end| span(id, parent, "steps", start, end);
    let spans = [
        agent(1, 9, 0, 100).usage(100, 0),
        agent(2, 9, 1, 99).usage(90, 0),
        step(3, 1, 2, 98),
        step(4, 2, 2, 98),
        chat(5, 3, "sdk", 10, 40).usage(60, 0),
        chat(6, 3, "sdk", 41, 50).usage(40, 0),
        chat(7, 4, "sdk", 11, 42).usage(50, 0),
        chat(8, 4, "sdk", 43, 80).usage(40, 0),
    ];
    // What links the calls to the agents is known to nobody when both agents were decided first.
    for split in 0..3_usize.pow(4) {
        let at = |span: u32| 1 + split / 3_usize.pow(span) % 3;
        assert_eq!(found(&spans, &[0, 0, 0, 0, at(0), at(1), at(2), at(3)]), (4, 190, 0), "{split}");
    }
}

#[test]
fn an_operation_that_shows_one_call_of_several_is_not_their_sum() {
    let agent = agent(1, 0, 0, 100).usage(6, 8);
    let step = |id, start, end| span(id, 1, "steps", start, end);
    for above in [1, 9] {
        // More input than the agent shows: wherever it comes, it is in no sum.
        for (other, truth) in [((7, 7), (13, 15)), ((8, 9), (14, 17))] {
            let spans = [
                agent,
                step(9, 5, 95),
                chat(2, above, "sdk", 10, 40).usage(other.0, other.1),
                chat(3, above, "sdk", 50, 90).usage(6, 8),
            ];
            assert_eq!(wrong(&spans, |found| found == (2, truth.0, truth.1)), [], "{above}");
        }
    }
    // One that could be in a sum, as long as the call that the agent repeats has come.
    let first = chat(2, 1, "sdk", 10, 40).usage(5, 7);
    let last = chat(3, 1, "sdk", 50, 90).usage(6, 8);
    for split in [[0, 1, 1, 1], [0, 0, 1, 1], [0, 2, 1, 1], [0, 1, 2, 1], [0, 0, 2, 1], [1, 2, 0, 0]] {
        assert_eq!(found(&[agent, step(9, 5, 95), first, last], &split), (2, 11, 15), "{split:?}");
    }
}

#[test]
fn calls_beside_the_one_that_an_agent_repeats_count_when_what_links_them_came_with_it() {
    let agent = agent(1, 0, 0, 100).usage(6, 8);
    let step = span(9, 1, "steps", 5, 95);
    let first = chat(2, 9, "sdk", 10, 40).usage(5, 7);
    let last = chat(3, 9, "sdk", 50, 90).usage(6, 8);
    for split in [[0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 2, 2], [0, 2, 1, 1], [0, 0, 2, 1], [0, 1, 2, 1], [1, 1, 0, 0]] {
        assert_eq!(found(&[agent, step, first, last], &split), (2, 11, 15), "{split:?}");
    }
}

#[test]
fn a_part_that_came_first_is_no_reason_to_lose_the_call_that_an_agent_repeats() {
    let spans =
        [agent(1, 0, 0, 100).usage(6, 8), chat(2, 1, "sdk", 10, 40).usage(5, 7), chat(3, 1, "sdk", 50, 90).usage(6, 8)];
    // Nobody can know at the second verdict that the first call is not in the agent's sum. What it was taken for is what the
    // other one adds at the third.
    assert_eq!(wrong(&spans, |found| found == (2, 11, 15)), []);
}

#[test]
fn every_report_of_the_call_that_an_agent_repeats_is_that_call() {
    for (first, second) in [(1, 2), (1, 1), (8, 8), (8, 2), (2, 1)] {
        for id in ["", "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"] {
            let spans = [
                agent(1, 0, 0, 100).usage(5, 7).id(id),
                chat(2, if first == 2 { 3 } else { first }, "framework", 10, 90).usage(5, 7),
                chat(3, if first == 2 { 1 } else { second }, "sdk", 11, 89).usage(5, 7).id(id),
                chat(4, 7, "client", 12, 88).usage(5, 7).id(id),
            ];
            assert_eq!(wrong(&spans, |found| found == (1, 5, 7)), [], "{first} {second} {id}");
        }
    }
}

#[test]
fn a_call_beside_the_one_of_an_operation_with_its_id_counts() {
    const ID: &str = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";
    let operation = agent(1, 0, 0, 100).usage(6, 8).id(ID);
    let own = chat(2, 1, "sdk", 50, 90).usage(6, 8).id(ID);
    let other = chat(3, 1, "sdk", 10, 40).usage(5, 7);
    for split in [[0, 1, 1], [0, 1, 2], [1, 0, 0], [1, 0, 1], [1, 1, 0], [0, 0, 1]] {
        assert_eq!(found(&[operation, own, other], &split), (2, 11, 15), "{split:?}");
    }
}

#[test]
fn a_call_that_a_step_does_not_show_is_in_the_sum_of_the_agent_around_it() {
    let spans = [
        agent(1, 0, 0, 100).usage(11, 15),
        agent(2, 1, 3, 97).usage(6, 8),
        chat(3, 2, "sdk", 10, 40).usage(5, 9),
        chat(4, 2, "sdk", 50, 90).usage(6, 6),
    ];
    for split in [[0, 1, 2, 2], [0, 1, 2, 3], [0, 1, 3, 2]] {
        assert_eq!(found(&spans, &split), (2, 11, 15), "{split:?}");
    }
}

#[test]
fn a_failed_attempt_below_a_counted_wrapper_stays_a_call() {
    let spans =
        [agent(1, 0, 0, 100).usage(5, 7), chat(2, 1, "sdk", 10, 20).failed(), chat(3, 1, "sdk", 30, 90).usage(5, 7)];
    assert_eq!(wrong(&spans, |found| found == (2, 5, 7)), []);
}

#[test]
fn the_cost_of_calls_below_a_counted_wrapper_is_theirs() {
    const MILLI: i128 = 1_000_000_000;
    let calls = [
        chat(3, 2, "framework", 10, 40).usage(5, 7).costs(0.003),
        chat(4, 3, "sdk", 11, 39).usage(5, 7).costs(0.003),
        chat(5, 2, "sdk", 50, 90).usage(6, 8).costs(0.004),
    ];
    // Without a model an agent has no cost; with one, its cost may leave something out.
    let (bare, priced) = (|span| span, |span: Report<'static>| span.costs(0.005));
    for outer in [bare, priced] {
        for inner in [bare, priced] {
            let agents = [outer(agent(1, 0, 0, 100).usage(11, 15)), inner(agent(2, 1, 3, 97).usage(11, 15))];
            let spans: Vec<_> = agents.into_iter().chain(calls).collect();
            for split in splits(spans.len()) {
                assert_eq!(found_with_cost(&spans, &split), ((2, 11, 15), 7 * MILLI), "{split:?}");
            }
        }
    }
    // More than the calls cost is not known to be more before they have come.
    let spans = [agent(1, 0, 0, 100).usage(11, 15).costs(0.01), calls[1], calls[2]];
    assert_eq!(found_with_cost(&spans, &[0, 1, 2]), ((2, 11, 15), 10 * MILLI));
    assert_eq!(found_with_cost(&spans, &[1, 1, 2]).1, 7 * MILLI);
}

#[test]
fn what_a_call_lacked_counts_when_a_report_says_it() {
    // A stream that the SDK could not count, below a framework that could.
    let stream = [chat(1, 9, "framework", 0, 60).usage(5, 7).costs(0.003), chat(2, 1, "sdk", 1, 59)];
    // An outer report without the model.
    let unnamed = [chat(1, 9, "framework", 0, 60).usage(5, 7), chat(2, 1, "sdk", 1, 59).usage(5, 7).costs(0.003)];
    for spans in [stream, unnamed] {
        for split in splits(spans.len()) {
            assert_eq!(found_with_cost(&spans, &split), ((1, 5, 7), 3_000_000_000), "{split:?}");
        }
    }
}

#[test]
fn cached_tokens_that_an_outer_report_leaves_out_count() {
    let mut inner = chat(2, 1, "sdk", 1, 59).usage(160, 20);
    inner.usage.set(Unit::CacheRead, 60);
    for outer in [chat(1, 9, "framework", 0, 60), agent(1, 9, 0, 60)] {
        let spans = [outer.usage(100, 20), inner];
        assert_eq!(wrong(&spans, |found| found == (1, 160, 20)), []);
        // What a wrapper around both counted of them before is in its sum.
        let spans = [
            agent(3, 0, 0, 70).usage(160, 20),
            Report { place: Place { parent_id: 3, ..spans[0].place }, ..spans[0] },
            inner,
        ];
        assert_eq!(wrong(&spans, |found| found == (1, 160, 20)), []);
    }
}

#[test]
fn the_failure_of_a_wrapper_that_failed_is_that_of_its_call() {
    let mut failed = agent(1, 0, 0, 100).usage(5, 7);
    failed.error = true;
    let spans = [failed, chat(2, 1, "sdk", 10, 20).usage(5, 7), chat(3, 1, "sdk", 30, 90).failed()];
    assert_eq!(wrong(&spans, |found| found == (2, 5, 7)), []);
    assert_eq!(decide_in_turn(&spans, &[0, 1, 1]), [vec![1], vec![2]]);
    for split in splits(spans.len()) {
        assert_eq!(errors(&spans, &split), 1, "{split:?}");
    }
}

/// Spans that stand for calls, by verdict.
fn decide_in_turn(spans: &[Report<'static>], split: &[usize]) -> Vec<Vec<u64>> {
    let recent = RecentCalls::new();
    let batch = |verdict| spans.iter().zip(split).filter(move |(_, at)| **at == verdict).map(|(span, _)| *span);
    (0..=*split.iter().max().unwrap())
        .map(|verdict| decide(&batch(verdict).collect::<Vec<_>>(), &recent).calls.iter().map(|call| call.0).collect())
        .collect()
}

#[test]
fn a_loop_of_which_the_call_shows_the_last_step_counts_with_all_of_them() {
    let last = |mut report: Report<'static>| {
        report.last_step = true;
        report
    };
    let around = last(span(1, 0, "agents", 0, 100).role(Role::Wrapper).usage(25, 64));
    let tool = last(span(2, 1, "agents", 40, 50).role(Role::Other));
    let call = last(chat(3, 1, "agents", 5, 95).usage(11, 35));
    assert_eq!(wrong(&[around, tool, call], |found| found == (2, 25, 64)), []);
    // A step that links them says nothing, a workflow repeats the agent's sum.
    let workflow = span(9, 0, "steps", 0, 101).role(Role::Wrapper).usage(25, 64);
    let below = |report: Report<'static>, parent_id| Report { place: Place { parent_id, ..report.place }, ..report };
    let spans = [workflow, below(around, 9), call];
    assert_eq!(wrong(&spans, |found| found == (2, 25, 64)), []);
    let spans = [workflow, below(around, 9), below(call, 4), span(4, 1, "steps", 3, 97)];
    for split in splits(spans.len()).filter(|split| split[2] == split[3]) {
        assert_eq!(found(&spans, &split), (2, 25, 64), "{split:?}");
    }
    // No loop: the agent repeats its call, or the sum of its calls.
    let once = last(span(1, 0, "agents", 0, 100).role(Role::Wrapper).usage(11, 35));
    assert_eq!(wrong(&[once, call], |found| found == (1, 11, 35)), []);
    let other = last(chat(5, 1, "agents", 5, 60).usage(14, 29));
    assert_eq!(wrong(&[around, call, other], |found| found == (2, 25, 64)), []);
    // Equal steps, and three of which one is shown.
    let equal = last(chat(3, 1, "agents", 5, 95).usage(5, 7));
    for steps in [2, 3] {
        let sum = last(span(1, 0, "agents", 0, 100).role(Role::Wrapper).usage(5 * steps, 7 * steps));
        assert_eq!(wrong(&[sum, equal], |found| found == (2, 5 * steps, 7 * steps)), []);
    }
    // What the tool calls is in no sum of the agent's, as long as it is known to be the tool's.
    let called = chat(6, 2, "sdk", 41, 49).usage(9, 9);
    for split in [[0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 1, 1], [0, 1, 2, 1]] {
        assert_eq!(found(&[around, tool, call, called], &split), (3, 34, 73), "{split:?}");
    }
    // The SDK reports each step, below the call or beside it.
    for parent in [3, 1] {
        let steps = [chat(6, parent, "sdk", 6, 40).usage(14, 29), chat(7, 3, "sdk", 50, 94).usage(11, 35)];
        let spans = [around, call, steps[0], steps[1]];
        assert_eq!(wrong(&spans, |found| found == (2, 25, 64)), [], "{parent}");
    }
    // The last step failed, or nobody counted it.
    let failed = last(chat(3, 1, "agents", 5, 95).failed());
    assert_eq!(wrong(&[around, failed], |found| found == (2, 25, 64)), []);
    let silent = last(chat(3, 1, "agents", 5, 95));
    assert_eq!(found(&[around, silent], &[0, 0]), (1, 25, 64));
    // Others' agents show what they like.
    let foreign = span(1, 0, "framework", 0, 100).role(Role::Wrapper).usage(25, 64);
    assert_eq!(found(&[foreign, call], &[0, 0]), (1, 11, 35));
}

#[test]
fn a_span_that_is_sent_again_with_its_usage_adds_it() {
    let begun = chat(2, 1, "sdk", 10, 40).costs(0.0);
    let ended = chat(2, 1, "sdk", 10, 50).usage(5, 7).costs(0.003);
    let around = agent(1, 0, 0, 100).usage(11, 15);
    let other = chat(3, 1, "sdk", 60, 90).usage(6, 8);
    let framework = chat(4, 1, "framework", 9, 51).usage(5, 7);
    for spans in [&[begun, ended][..], &[begun, ended, ended], &[begun, begun, ended], &[begun, ended, framework]] {
        assert_eq!(wrong(spans, |found| found == (1, 5, 7)), []);
    }
    // An agent of which nothing but the silent call is known gives it all that it shows.
    let spans = [begun, ended, other, around];
    for split in splits(4).filter(|split| split[3] < split[0] || split[1].min(split[2]) <= split[3]) {
        assert_eq!(found(&spans, &split), (2, 11, 15), "{split:?}");
    }
    // Each told something: the first one stays.
    let more = chat(2, 1, "sdk", 10, 50).usage(6, 9);
    for split in [[0, 0], [0, 1]] {
        assert_eq!(found(&[ended, more], &split), (1, 5, 7), "{split:?}");
    }
}

/// Failures that are counted.
fn errors(spans: &[Report<'static>], split: &[usize]) -> usize {
    let recent = RecentCalls::new();
    let batch = |verdict| spans.iter().zip(split).filter(move |(_, at)| **at == verdict).map(|(span, _)| *span);
    (0..=*split.iter().max().unwrap()).map(|at| decide(&batch(at).collect::<Vec<_>>(), &recent).errors).sum()
}

#[test]
fn counts_of_any_size_are_drawn_on() {
    const MUCH: i64 = 10_000_000_000;
    let spans = [
        agent(1, 0, 0, 100).usage(2 * MUCH, 7).costs(30_000_000.0),
        chat(2, 1, "sdk", 10, 40).usage(MUCH, 3).costs(15_000_000.0),
        chat(3, 1, "sdk", 50, 90).usage(MUCH, 4).costs(15_000_000.0),
    ];
    for split in splits(spans.len()) {
        let truth = ((2, 2 * MUCH, 7), 30_000_000 * 1_000_000_000_000);
        assert_eq!(found_with_cost(&spans, &split), truth, "{split:?}");
    }
}
