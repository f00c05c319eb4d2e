//! Random programs, reported by random stacks of SDKs: the totals found are the truth, exactly, whatever the order in which
//! the reports come and however verdicts and traces part them.

use super::programs::{Dice, Program, Usage, Way};
use super::recent::RecentCalls;
use super::report::{Place, Report};
use super::scene::{decide, decide_all};
use crate::concept::Concept;
use crate::usage::Unit;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Some spans and all those above them, which end later, arrive after the verdict on the others.
fn split(spans: &[Report<'static>], seed: u64) -> [Vec<Report<'static>>; 2] {
    let mut dice = Dice(seed);
    let mut late: Vec<u64> = spans.iter().map(|span| span.place.span_id).filter(|_| dice.chance(15)).collect();
    let mut at = 0;
    while at < late.len() {
        let above = spans.iter().find(|span| span.place.span_id == late[at]).map_or(0, |span| span.place.parent_id);
        if above != 0 && !late.contains(&above) {
            late.push(above);
        }
        at += 1;
    }
    let (late, first) = spans.iter().partition(|span| late.contains(&span.place.span_id));
    [first, late]
}

/// How many calls are counted, and their tokens, when the batches are decided one after the other.
fn totals<'b>(batches: impl IntoIterator<Item = &'b [Report<'static>]>) -> (usize, Usage) {
    let recent = RecentCalls::new();
    let mut found = (0, (0, 0));
    for batch in batches {
        for outcome in decide_all(batch, &recent) {
            let usages: Vec<Usage> = outcome.calls.iter().map(|(_, input, output)| (*input, *output)).collect();
            let sum = total(&usages);
            found = (found.0 + outcome.count, (found.1.0 + sum.0, found.1.1 + sum.1));
        }
    }
    found
}

/// Tokens of the parts that were decided before their sum or with it, while further parts came later: with these parts alone
/// the sum looks like a call of its own.
fn counted_beside_sums(program: &Program, batches: &[Vec<Report<'static>>]) -> Usage {
    let decided = |span: u64| batches.iter().position(|batch| batch.iter().any(|one| one.place.span_id == span));
    let early = program.sums.iter().flat_map(|(sum, parts)| {
        let is_early = |part: &(u64, Usage)| decided(part.0) <= decided(*sum);
        let cut = parts.iter().any(|part| !is_early(part));
        parts.iter().filter(move |part| cut && is_early(part)).map(|part| part.1)
    });
    total(&early.collect::<Vec<_>>())
}

/// One line for each span: verdict, trace, span, parent, scope, role, usage.
fn shown(batches: &[Vec<Report<'static>>]) -> String {
    let lines = batches.iter().zip(0..).flat_map(|(batch, verdict)| {
        batch.iter().map(move |report| {
            let Place { trace_id, span_id, parent_id, scope, .. } = report.place;
            let counts = [Unit::Input, Unit::Output].map(|unit| report.usage.or_zero(unit));
            let id = report.texts.get(Concept::ResponseId);
            let (role, scope) = (report.role, scope % 97);
            format!("\n{verdict} {trace_id:x} {span_id} < {parent_id} scope {scope} {role:?} {counts:?} {id}")
        })
    });
    lines.collect()
}

/// The calls that are found when the batches of one trace are decided one after the other.
fn found<'b>(batches: impl IntoIterator<Item = &'b [Report<'static>]>) -> Vec<Usage> {
    let recent = RecentCalls::new();
    let calls = batches.into_iter().flat_map(|batch| decide(batch, &recent).calls);
    let mut calls: Vec<Usage> = calls.map(|(_, input, output)| (input, output)).collect();
    calls.sort_unstable();
    calls
}

fn total(calls: &[Usage]) -> Usage {
    calls.iter().fold((0, 0), |sum, call| (sum.0 + call.0, sum.1 + call.1))
}

/// The same cases at each run; with `PROPTEST_CASES` set, so many new ones.
fn config() -> ProptestConfig {
    let explores = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if explores { default } else { ProptestConfig { cases: 2000, rng_seed: RngSeed::Fixed(1), ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_call_counts_once(seed: u64, size in 1..40_u32) {
        let program = Program::run(seed, size, Way::Whole);
        prop_assert_eq!(found([&program.spans[..]]), program.truth);
    }

    #[test]
    fn spans_after_the_verdict_change_no_total(seed: u64, size in 1..12_u32, cut: u64) {
        let program = Program::run(seed, size, Way::AfterVerdict);
        let batches = split(&program.spans, cut);
        prop_assert_eq!(found(batches.iter().map(|batch| &batch[..])), program.truth);
    }

    #[test]
    fn no_order_changes_a_total(seed: u64, size in 1..8_u32, cut: u64) {
        let program = Program::run(seed, size, Way::AnyOrder);
        let mut dice = Dice(cut);
        let mut batches = vec![Vec::new(); dice.roll(2..5) as usize];
        for span in &program.spans {
            let at = dice.roll(0..batches.len() as u64) as usize;
            batches[at].push(*span);
        }
        let found = totals(batches.iter().map(|batch| &batch[..]));
        let early = counted_beside_sums(&program, &batches);
        let truth = total(&program.truth);
        let expected = (program.truth.len(), (truth.0 + early.0, truth.1 + early.1));
        prop_assert_eq!(found, expected, "{}", shown(&batches));
    }

    #[test]
    fn calls_in_two_traces_count_once(seed: u64, size in 1..20_u32) {
        let mut program = Program::run(seed, size, Way::Elsewhere);
        let recent = RecentCalls::new();
        for span in &program.spans {
            recent.note(span, 0);
        }
        let mut traces: Vec<u128> = program.spans.iter().map(|span| span.place.trace_id).collect();
        traces.sort_unstable();
        traces.dedup();
        program.dice.shuffle(&mut traces);
        let mut found: Vec<Usage> = Vec::new();
        for trace in traces {
            let spans: Vec<_> = program.spans.iter().filter(|span| span.place.trace_id == trace).copied().collect();
            found.extend(decide(&spans, &recent).calls.iter().map(|(_, input, output)| (*input, *output)));
        }
        found.sort_unstable();
        prop_assert_eq!(found, program.truth);
    }
}
