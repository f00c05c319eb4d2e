//! Traces made to be slow: the work of grouping grows with their spans, not with the square of them.

use super::report::Report;
use super::scene::{Outcome, Tell, alone, span};
use crate::facts::Role;
use std::time::{Duration, Instant};

/// Far more than it takes on a busy machine, far less than the square would.
const ENOUGH: Duration = Duration::from_secs(30);

fn chat(id: u64, parent: u64, scope: &str, start: u64, end: u64) -> Report<'static> {
    span(id, parent, scope, start, end).chat()
}

fn in_time(spans: &[Report<'static>]) -> Outcome {
    let begun = Instant::now();
    let outcome = alone(spans);
    assert!(begun.elapsed() < ENOUGH, "{:?}", begun.elapsed());
    outcome
}

/// Reports without usage, each below the one before, with two calls that differ beside each.
fn nested(count: u64) -> Vec<Report<'static>> {
    let level = |at: u64| {
        let (start, end) = (at, 3 * count - at);
        let parent = if at == 0 { 0 } else { 3 * at - 2 };
        let id = 3 * at + 1;
        [
            chat(id, parent, "framework", start, end),
            chat(id + 1, id, "sdk", start, end).usage(at as i64 + 1, 7),
            chat(id + 2, id, "client", start, end).usage(at as i64 + 1, 8),
        ]
    };
    (0..count).flat_map(level).collect()
}

#[test]
fn sums_one_below_the_other() {
    let outcome = in_time(&nested(8000));
    assert_eq!((outcome.calls.len(), outcome.duplicates.len()), (16_000, 8000));
}

#[test]
fn wrappers_one_below_the_other() {
    let count = 200_000;
    let agent = |id| span(id, id - 1, "agents", id, 3 * count - id).role(Role::Wrapper).usage(5, 7);
    let call = chat(count + 1, count, "sdk", count, count + 1).usage(5, 7);
    let spans: Vec<_> = (1..=count).map(agent).chain([call]).collect();
    assert_eq!(in_time(&spans).calls, [(count + 1, 5, 7)]);
}

#[test]
fn a_sum_of_more_calls_than_are_searched_again_is_a_sum() {
    for usage in [true, false] {
        let calls = (0..100).map(|at| chat(10 + at, 2, "sdk", at, at + 1).usage(5, 7));
        let tell = |report: Report<'static>| if usage { report.usage(500, 700) } else { report };
        let above = [chat(1, 0, "gateway", 0, 200), chat(2, 1, "framework", 0, 200)].map(tell);
        let spans: Vec<_> = above.into_iter().chain(calls).collect();
        assert_eq!(alone(&spans).calls.len(), 100, "{usage}");
    }
}
