//! Traces in which thousands of reports share what tells calls apart: square work would not end.

use super::recent::RecentCalls;
use super::report::Report;
use super::scene::{Tell, alone, decide, span};

const ID: &str = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";
const COUNT: u64 = 60_000;

fn chat(id: u64, parent: u64, scope: &str, start: u64, end: u64) -> Report<'static> {
    span(id, parent, scope, start, end).chat().usage(5, 7)
}

#[test]
fn one_answer_told_by_all_reports_of_a_trace_and_by_those_of_another() {
    let recent = RecentCalls::new();
    let fetched: Vec<_> = (1..=COUNT).map(|at| chat(at, 0, "sdk", 20 * at, 20 * at + 10).id(ID)).collect();
    let outcome = decide(&fetched, &recent);
    assert_eq!((outcome.calls, outcome.duplicates.len() as u64), (vec![(1, 5, 7)], COUNT - 1));
    let again: Vec<_> = fetched.into_iter().map(|report| report.in_trace(2)).collect();
    assert_eq!(decide(&again, &recent).duplicates.len() as u64, COUNT);
}

#[test]
fn one_answer_told_by_reports_each_below_the_one_before() {
    let level = |at| chat(at, at - 1, ["gateway", "framework", "sdk"][at as usize % 3], at, 3 * COUNT - at).id(ID);
    let outcome = alone(&(1..=COUNT).map(level).collect::<Vec<_>>());
    assert_eq!((outcome.calls, outcome.duplicates.len() as u64), (vec![(COUNT, 5, 7)], COUNT - 1));
}
