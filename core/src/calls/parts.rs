//! Small traces, split around verdicts in every way there is, of calls that several spans tell of in parts: sums over
//! others, copies that say more, usage in another trace.

use super::report::Report;
use super::scene::{Tell, span};
use super::splits::{agent, chat, found, found_with_cost, splits};
use crate::facts::Role;
use crate::usage::Usage;

const ID: &str = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";

/// A framework's report over calls of an SDK: the sum, and its parts as span, input and output.
fn sum_over(parts: &[(u64, i64, i64)], parent: u64) -> Vec<Report<'static>> {
    let total = parts.iter().fold((0, 0), |sum, part| (sum.0 + part.1, sum.1 + part.2));
    let part = |at: usize| {
        let (id, input, output) = parts[at];
        chat(id, 1, "sdk", 10 + 30 * at as u64, 30 + 30 * at as u64).usage(input, output)
    };
    let sum = chat(1, parent, "framework", 5, 150).usage(total.0, total.1);
    std::iter::once(sum).chain((0..parts.len()).map(part)).collect()
}

/// What a sum and its parts come to. With some parts alone a sum looks like a call of its own: when it is decided with them,
/// and others come later, they count beside it.
fn come_to(parts: &[(u64, i64, i64)], sum: usize, decided: &[usize]) -> (usize, i64, i64) {
    let cut = decided.iter().any(|at| *at > sum);
    let counted = parts.iter().zip(decided).map(|(part, at)| {
        let times = 1 + i64::from(cut && *at <= sum);
        (part.1 * times, part.2 * times)
    });
    counted.fold((parts.len(), 0, 0), |found, part| (found.0, found.1 + part.0, found.2 + part.1))
}

#[test]
fn a_sum_that_was_counted_as_a_call_gives_it_to_its_parts() {
    for parts in [&[(2, 5, 7), (3, 6, 8)][..], &[(2, 5, 7), (3, 6, 8), (4, 7, 9)]] {
        let spans = sum_over(parts, 99);
        for split in splits(spans.len()) {
            assert_eq!(found(&spans, &split), come_to(parts, split[0], &split[1..]), "{split:?}");
        }
        let total = come_to(parts, 0, &vec![0; parts.len()]);
        let around = agent(9, 0, 0, 200).usage(total.1, total.2);
        let spans: Vec<_> = sum_over(parts, 9).into_iter().chain([around]).collect();
        for split in splits(spans.len()) {
            assert_eq!(found(&spans, &split), come_to(parts, split[0], &split[1..=parts.len()]), "agent, {split:?}");
        }
    }
}

#[test]
fn a_sum_without_counts_is_none_beside_its_parts() {
    let parts = [(2, 5, 7), (3, 6, 8), (4, 7, 9)];
    let mut spans = sum_over(&parts, 99);
    spans[0].usage = Usage::new();
    for split in splits(spans.len()) {
        assert_eq!(found(&spans, &split), (3, 18, 24), "{split:?}");
    }
}

#[test]
fn a_call_below_a_stream_that_is_held_open_counts_in_any_order() {
    let stream = chat(1, 99, "framework", 0, 100).usage(50, 70);
    let tool = span(2, 1, "framework", 5, 95).role(Role::Other);
    // More than the stream shows, of another model, or called by a tool.
    for (call, tools) in [
        (chat(3, 1, "sdk", 10, 40).usage(51, 7), false),
        (chat(3, 1, "sdk", 10, 40).model("claude-sonnet-4-5").usage(5, 7), false),
        (chat(3, 2, "sdk", 10, 40).usage(5, 7), true),
    ] {
        let spans: Vec<_> = [Some(stream), Some(call), tools.then_some(tool)].into_iter().flatten().collect();
        let (input, output) = (50 + call.usage.or_zero(crate::usage::Unit::Input), 77);
        for split in splits(spans.len()) {
            assert_eq!(found(&spans, &split), (2, input, output), "{split:?}");
        }
    }
    // Nobody can tell it from the first part of a sum when it comes after the stream.
    let spans = [stream, chat(3, 1, "sdk", 10, 40).usage(5, 7)];
    for (split, expected) in [([0, 0], (2, 55, 77)), ([1, 0], (2, 55, 77)), ([0, 1], (1, 50, 70))] {
        assert_eq!(found(&spans, &split), expected, "{split:?}");
    }
}

/// A report without its usage.
fn bare(report: Report<'static>) -> Report<'static> {
    Report { usage: Usage::new(), cost: None, ..report }
}

#[test]
fn usage_that_comes_after_the_verdict_counts() {
    let told = |report: Report<'static>| report.usage(5, 7).costs(0.002);
    let once = told(chat(1, 99, "sdk", 0, 60));
    let beside =
        |id: &'static str| [chat(1, 0, "framework", 0, 60).id(id), chat(2, 0, "sdk", 5, 55).id(id).in_trace(2)];
    let (with_id, without_id) = (beside(ID), beside(""));
    for spans in [
        vec![bare(once), once],
        vec![bare(once), once, once],
        vec![with_id[0], told(with_id[1])],
        vec![told(with_id[0]), with_id[1]],
        vec![without_id[0], told(without_id[1])],
        vec![told(without_id[0]), without_id[1]],
        // Twice in the other trace.
        vec![with_id[0], told(with_id[1]), told(chat(3, 2, "client", 6, 54).in_trace(2))],
    ] {
        for split in splits(spans.len()) {
            assert_eq!(found_with_cost(&spans, &split), ((1, 5, 7), 2_000_000_000), "{split:?}");
        }
    }
}

#[test]
fn usage_that_another_trace_tells_is_in_the_sum_of_a_wrapper_that_was_counted() {
    let framework = chat(2, 1, "framework", 10, 60).id(ID);
    let sdk = chat(3, 0, "sdk", 15, 55).usage(5, 7).id(ID).in_trace(2);
    let spans = [agent(1, 0, 0, 100).usage(5, 7), framework, sdk];
    for split in [[0, 1, 2], [0, 0, 1], [1, 0, 2]] {
        assert_eq!(found(&spans, &split), (1, 5, 7), "{split:?}");
    }
    // Before what links the two has come, nobody knows that they are one; when both come together, the usage counts where it is.
    for split in [[0, 2, 1], [0, 1, 1]] {
        assert_eq!(found(&spans, &split), (2, 10, 14), "{split:?}");
    }
}

#[test]
fn a_wrapper_that_is_sent_again_with_its_calls_gives_them_what_it_was_counted_for() {
    let agent = agent(1, 0, 0, 100).usage(11, 15);
    let calls = [chat(2, 1, "sdk", 10, 40).usage(5, 7), chat(3, 1, "sdk", 50, 90).usage(6, 8)];
    let spans = [agent, agent, calls[0], calls[1]];
    for split in splits(spans.len()) {
        assert_eq!(found(&spans, &split), (2, 11, 15), "{split:?}");
    }
}

#[test]
fn a_sum_that_is_sent_again_is_still_above_its_parts() {
    let parts = [(2, 5, 7), (3, 6, 8)];
    let mut spans = sum_over(&parts, 99);
    spans.push(spans[0]);
    for split in splits(spans.len()) {
        let first = split[0].min(split[3]);
        assert_eq!(found(&spans, &split), come_to(&parts, first, &split[1..3]), "{split:?}");
    }
}

#[test]
fn what_reports_the_same_as_a_sum_in_another_trace_is_no_call() {
    let parts = [(2, 5, 7), (3, 6, 8)];
    for usage in [true, false] {
        // Longer than the sum: decided first, it yields to what turns out to be one.
        let twin = chat(7, 0, "client", 4, 151).in_trace(2);
        let mut spans = vec![if usage { twin.usage(11, 15) } else { twin }];
        spans.extend(sum_over(&parts, 99));
        spans[1].usage = spans[0].usage;
        assert_eq!(found(&spans, &[0; 4]), (2, 11, 15), "{usage}");
        spans.reverse();
        assert_eq!(found(&spans, &[0; 4]), (2, 11, 15), "{usage}, last");
    }
}

#[test]
fn usage_does_not_yield_to_a_bare_report_that_came_after_the_verdict_on_its_trace() {
    let failed = chat(3, 0, "client", 80, 99).failed();
    let bare = chat(1, 0, "framework", 0, 60);
    let told = chat(2, 0, "sdk", 0, 60).usage(5, 7).in_trace(2);
    for spans in [[failed, told, bare], [failed, bare, told]] {
        for split in splits(spans.len()) {
            assert_eq!(found(&spans, &split), (2, 5, 7), "{split:?}");
        }
    }
}

#[test]
fn what_a_tool_calls_is_no_part_wherever_the_tool_was_seen() {
    let stream = chat(1, 99, "framework", 0, 100).usage(50, 70);
    let tool = span(2, 1, "framework", 5, 95).role(Role::Other);
    let operation = span(3, 2, "sdk", 6, 94).role(Role::Wrapper).usage(5, 7);
    let call = chat(4, 3, "sdk", 10, 40).usage(5, 7);
    let spans = [stream, tool, operation, call];
    for split in splits(spans.len()) {
        assert_eq!(found(&spans, &split), (2, 55, 77), "{split:?}");
    }
}
