//! Traces made to be slow: the work of grouping grows with their spans, not with the square of them.

use super::draw::AROUND;
use super::recent::{Loss, RecentCalls};
use super::report::Report;
use super::scene::{Outcome, Tell, alone, decide, span};
use super::sets::looks;
use crate::facts::Role;

fn chat(id: u64, parent: u64, scope: &str, start: u64, end: u64) -> Report<'static> {
    span(id, parent, scope, start, end).chat()
}

/// What becomes of so many. Twice as many take twice the work, counted in looks at sets, and not four times.
fn linear<T>(count: u64, group: impl Fn(u64) -> T) -> T {
    let (outcome, looks) = looks::during(|| group(count));
    let (_, twice) = looks::during(|| group(2 * count));
    assert!(looks > count && twice < looks * 5 / 2, "{looks} looks, {twice} for twice as many");
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
    let outcome = linear(1000, |count| alone(&nested(count)));
    assert_eq!((outcome.calls.len(), outcome.duplicates.len()), (2000, 1000));
}

#[test]
fn wrappers_one_below_the_other() {
    let outcome = linear(20_000, |count| {
        let agent = |id| span(id, id - 1, "agents", id, 3 * count - id).role(Role::Wrapper).usage(5, 7);
        let call = chat(count + 1, count, "sdk", count, count + 1).usage(5, 7);
        alone(&(1..=count).map(agent).chain([call]).collect::<Vec<_>>())
    });
    assert_eq!(outcome.calls, [(20_001, 5, 7)]);
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

fn lost(recent: &RecentCalls, loss: Loss) -> u64 {
    recent.losses().into_iter().find(|(known, _)| *known == loss).unwrap().1
}

const NAMES: [&str; 33] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
    "x", "y", "z", "0", "1", "2", "3", "4", "5", "6",
];

#[test]
fn a_call_is_compared_with_so_many_reports_of_other_traces() {
    let recent = RecentCalls::new();
    // Each nearer to the next than to the one before.
    let root = |at: u64, scope| {
        let shrinks = (0..at).map(|step| 1000 - 10 * step).sum::<u64>();
        chat(at + 1, 0, scope, shrinks, 100_000 - shrinks).usage(5, 7).in_trace(u128::from(at) + 1)
    };
    let chain: Vec<_> = (0..32).map(|at| root(at, NAMES[at as usize])).collect();
    for report in &chain {
        recent.note(report, 0);
    }
    // What takes long to look through.
    for (name, scope) in NAMES.iter().zip(1..) {
        for number in 0..250 {
            let trace = 1000 * scope + number;
            recent.note(&chat(1, 0, name, 0, 100_000).usage(6, 7).in_trace(u128::from(trace as u64)), 0);
        }
    }
    assert_eq!(decide(&chain[..1], &recent).calls.len(), 1);
    assert_eq!(lost(&recent, Loss::NotCompared("searches")), 1);
    assert_eq!(lost(&recent, Loss::NotCompared("scopes")), 250);
    // One of the scope beyond looks at none of them, and was counted as it came.
    assert_eq!(decide(&[root(0, NAMES[32]).in_trace(9999)], &recent).calls.len(), 1);
    assert_eq!(lost(&recent, Loss::NotCompared("searches")), 1);
    assert_eq!(lost(&recent, Loss::NotCompared("scopes")), 250);
}

#[test]
fn pairs_are_forgotten_when_there_are_too_many() {
    let recent = RecentCalls::new();
    for at in 0..5000_u64 {
        let [one, other] = [("sdk", 1, 0), ("framework", 0, 9)].map(|(scope, shorter, parent)| {
            let report = chat(1 + shorter, parent, scope, 100 * at + shorter, 100 * at + 50 - shorter);
            report.usage(at as i64 + 1, 7).in_trace(u128::from(2 * at + shorter) + 1)
        });
        recent.note(&one, 0);
        recent.note(&other, 0);
        assert_eq!(decide(&[one], &recent).calls.len() + decide(&[other], &recent).calls.len(), 1);
    }
    assert_eq!(lost(&recent, Loss::Forgotten("pairs")), 10_000 - 8192);
}

#[test]
fn calls_around_which_thousands_of_wrappers_were_counted() {
    let count = 750;
    let (outer, late, cut_off) = linear(count, |count| {
        let recent = RecentCalls::new();
        // What links any of them has not come: each stands beside the others, and any may stand above the calls.
        let agent = |id| span(id, 9_000_000 + id, "agents", id, 100_000 - id).role(Role::Wrapper).usage(500, 700);
        let call = |at| chat(1_000_000 + at, 8_000_000 + at, "sdk", 50_000, 50_001).usage(500, 700);
        let agents: Vec<_> = (1..=count).map(agent).collect();
        let calls: Vec<_> = (0..3 * count).map(call).collect();
        let (outer, late) = (decide(&agents, &recent), decide(&calls, &recent));
        (outer, late, lost(&recent, Loss::NotCompared("wrappers")))
    });
    // So many wrappers are more than are looked at for a call: calls count beside all but the first few, and none is lost.
    let tokens = |outcome: &Outcome| outcome.calls.iter().map(|call| call.1).sum::<i64>();
    assert_eq!([tokens(&outer), tokens(&late)], [500 * 495, 500 * (3 * count as i64 - AROUND as i64)]);
    assert_eq!(cut_off, 3 * count);
    assert_eq!(late.duplicates.len(), AROUND);
}
