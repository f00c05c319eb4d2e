//! Programs that call models, reported by random stacks of SDKs. What they really did is known.

use super::report::Report;
use super::scene::{Tell, span};
use crate::concept::Concept;
use crate::facts::Role;
use std::ops::Range;

const MODELS: [[&str; 2]; 3] = [
    ["gpt-4o", "openai/gpt-4o-2024-08-06"],
    ["claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
    ["gemini-2.5-flash", "models/gemini-2.5-flash-001"],
];

pub type Usage = (i64, i64);

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, range: Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (z ^ z >> 31) % (range.end - range.start)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.roll(0..100) < percent
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.roll(0..at as u64 + 1) as usize);
        }
    }
}

/// How the reports of a program are decided. Each way leaves out what its facts do not tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All at once.
    Whole,
    /// Some spans and all above them after the verdict on the others. Reports without usage, and silent spans between
    /// reports, do not find their call when they come alone.
    AfterVerdict,
    /// Any span before or after any verdict. As before; besides, a wrapper's sum that is more than its calls was counted
    /// already, and a call below a stream that is held open, with no tool in between, is taken for a part of it. Some spans
    /// are sent twice, some calls have their usage in another trace.
    AnyOrder,
    /// All at once, the SDK's reports in traces of their own.
    Elsewhere,
}

/// What a program is made of.
pub struct Program {
    pub dice: Dice,
    pub spans: Vec<Report<'static>>,
    /// Tokens of the calls that were made; (0, 0) for one that failed.
    pub truth: Vec<Usage>,
    last_id: u64,
    way: Way,
    /// Only stacks whose parts find each other when they are decided apart.
    splittable: bool,
    budget: u32,
    /// The id that a test server gives every answer.
    constant_id: bool,
    /// Reports that sum up those below them, and which these are.
    pub sums: Vec<(u64, Vec<(u64, Usage)>)>,
}

impl Program {
    /// Runs a program of about `size` steps.
    pub fn run(seed: u64, size: u32, way: Way) -> Self {
        let splittable = matches!(way, Way::AfterVerdict | Way::AnyOrder);
        let (spans, truth) = (Vec::new(), Vec::new());
        let (dice, budget) = (Dice(seed), size);
        let (last_id, sums) = (0, Vec::new());
        let mut program = Self { dice, spans, truth, last_id, way, splittable, budget, constant_id: false, sums };
        program.constant_id = program.dice.chance(15);
        let mut at = 0;
        for _ in 0..size.div_ceil(4) {
            at = program.step(0, at, 4) + 50;
        }
        program.truth.sort_unstable();
        if way == Way::AnyOrder {
            let copies: Vec<_> = program.spans.iter().filter(|_| program.dice.chance(10)).copied().collect();
            program.spans.extend(copies);
        }
        program.dice.shuffle(&mut program.spans);
        program
    }

    /// The id of an answer, where it is told at all.
    fn id(&mut self) -> &'static str {
        match self.dice.chance(40) {
            true if self.constant_id => "chatcmpl-123",
            true => Box::leak(format!("resp_{:016}", self.last_id).into_boxed_str()),
            false => "",
        }
    }

    fn usage(&mut self) -> Usage {
        (self.dice.roll(1..1_000_000) as i64, self.dice.roll(1..1_000_000) as i64)
    }

    fn add(
        &mut self,
        parent: u64,
        scope: &str,
        start: u64,
        end: u64,
        shape: impl FnOnce(Report<'static>) -> Report<'static>,
    ) -> u64 {
        self.last_id += 1;
        self.spans.push(shape(span(self.last_id, parent, scope, start, end)));
        self.last_id
    }

    /// A span that says nothing, now and then, between a parent and what stands below it.
    fn between(&mut self, parent: u64, start: u64, end: u64) -> u64 {
        if self.splittable || !self.dice.chance(25) {
            return parent;
        }
        self.add(parent, "http", start, end, |span| span)
    }

    /// Something that runs from `start`; returns when it ends.
    fn step(&mut self, parent: u64, start: u64, depth: u32) -> u64 {
        let deep = depth > 0 && self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        match self.dice.roll(0..if deep { 13 } else { 6 }) {
            0 | 1 => self.call(parent, start),
            2 => self.failed(parent, start),
            3 => self.retried(parent, start),
            4 => self.wrapped(parent, start),
            5 => self.in_a_loop(parent, start),
            6 | 7 => self.agent(parent, start, depth - 1),
            8 => self.tool(parent, start, depth - 1),
            9 | 10 => self.parallel(parent, start),
            11 if self.way != Way::AfterVerdict => self.function_calls(parent, start),
            11 => self.call(parent, start),
            _ => self.held_open(parent, start, depth - 1),
        }
    }

    fn steps(&mut self, parent: u64, mut at: u64, depth: u32) -> u64 {
        for _ in 0..self.dice.roll(1..4) {
            at = self.step(parent, at, depth) + 50;
        }
        at
    }

    /// An agent that may sum up what happens in it, or repeat an older sum.
    fn agent(&mut self, parent: u64, start: u64, depth: u32) -> u64 {
        let place = self.spans.len();
        let before = self.truth.len();
        let id = self.add(parent, "agents", start, start, |span| span.role(Role::Wrapper));
        let below = self.between(id, start, start + 1);
        let end = self.steps(below, start + 10, depth);
        self.spans[place].place.end = span(0, 0, "", 0, end).place.end;
        let sum = self.truth[before..].iter().fold((0, 0), |sum, usage| (sum.0 + usage.0, sum.1 + usage.1));
        if self.dice.chance(60) {
            let older = if self.way == Way::AnyOrder { 0 } else { 1000 };
            self.spans[place] = self.spans[place].usage(sum.0 + older, sum.1);
        }
        end
    }

    fn tool(&mut self, parent: u64, start: u64, depth: u32) -> u64 {
        let id = self.add(parent, "agents", start, start + 1, |span| span.role(Role::Other));
        self.steps(id, start + 5, depth)
    }

    /// A stream that is held open while tools call other models.
    fn held_open(&mut self, parent: u64, start: u64, depth: u32) -> u64 {
        let usage = self.usage();
        self.truth.push(usage);
        let place = self.spans.len();
        let id = self.add(parent, "framework", start, start, |span| span.chat().usage(usage.0, usage.1));
        let below = if self.way == Way::AnyOrder || self.dice.chance(50) {
            self.add(id, "agents", start, start, |span| span.role(Role::Other))
        } else {
            id
        };
        let end = self.steps(below, start + 10, depth.min(1));
        self.spans[place].place.end = span(0, 0, "", 0, end).place.end;
        end
    }

    /// A failed call, reported by one SDK and perhaps a framework above it.
    fn failed(&mut self, parent: u64, start: u64) -> u64 {
        self.truth.push((0, 0));
        let mut above = parent;
        if self.dice.chance(50) {
            above = self.add(parent, "framework", start, start + 40, |span| span.chat().failed());
        }
        self.add(above, "sdk", start + 1, start + 39, |span| span.chat().failed());
        start + 40
    }

    /// A framework's call whose first attempts failed.
    fn retried(&mut self, parent: u64, start: u64) -> u64 {
        let usage = self.usage();
        let attempts = self.dice.roll(1..3);
        let end = start + 60 * (attempts + 1);
        let id = self.add(parent, "framework", start, end, |span| span.chat().usage(usage.0, usage.1));
        for attempt in 0..attempts {
            self.truth.push((0, 0));
            let at = start + 60 * attempt;
            self.add(id, "sdk", at + 1, at + 20, |span| span.chat().failed());
        }
        self.truth.push(usage);
        let silent = !self.splittable && self.dice.chance(50);
        self.add(
            id,
            "sdk",
            end - 50,
            end - 1,
            |span| if silent { span.chat() } else { span.chat().usage(usage.0, usage.1) },
        );
        end
    }

    /// An operation of an SDK around the requests of the same SDK (`ai.generateText`, ADK's `call_llm`, LiteLLM's request
    /// around the raw one), which repeats the usage of the one that was answered.
    fn wrapped(&mut self, parent: u64, start: u64) -> u64 {
        let usage = self.usage();
        let id = self.id();
        let attempts = self.dice.roll(0..3);
        let end = start + 60 * (attempts + 1);
        let wrapper =
            self.add(parent, "sdk", start, end, |span| span.role(Role::Wrapper).usage(usage.0, usage.1).id(id));
        for attempt in 0..attempts {
            self.truth.push((0, 0));
            let at = start + 60 * attempt;
            self.add(wrapper, "sdk", at + 1, at + 20, |span| span.chat().failed());
        }
        self.truth.push(usage);
        self.add(wrapper, "sdk", end - 50, end - 1, |span| span.chat().usage(usage.0, usage.1).id(id));
        if self.dice.chance(30) {
            // The answer is fetched once more.
            self.add(parent, "sdk", end + 1, end + 5, |span| span.role(Role::Never).usage(usage.0, usage.1).id(id));
        }
        end + 5
    }

    /// Calls one after the other with equal counts, each told by a framework and an SDK.
    fn in_a_loop(&mut self, parent: u64, start: u64) -> u64 {
        let usage = self.usage();
        let nested = self.dice.chance(50);
        let rounds = self.dice.roll(2..5);
        for round in 0..rounds {
            self.truth.push(usage);
            let (from, to, id) = (start + 70 * round, start + 70 * round + 60, self.id());
            let tell = |span: Report<'static>| span.chat().usage(usage.0, usage.1).id(id);
            let outer = self.add(parent, "framework", from, to, tell);
            self.add(if nested { outer } else { parent }, "sdk", from + 1, to - 1, tell);
        }
        start + 70 * rounds
    }

    /// One framework report over several requests of one SDK, as with automatic function calls.
    fn function_calls(&mut self, parent: u64, start: u64) -> u64 {
        let count = self.dice.roll(2..5);
        let place = self.spans.len();
        let id = self.add(parent, "framework", start, start + 60 * count, |span| span.chat());
        let below = self.between(id, start, start + 60 * count);
        let mut sum = (0, 0);
        let mut parts = Vec::new();
        for at in 0..count {
            let usage = self.usage();
            self.truth.push(usage);
            sum = (sum.0 + usage.0, sum.1 + usage.1);
            let part = self.add(below, "sdk", start + 60 * at + 1, start + 60 * at + 40, |span| {
                span.chat().usage(usage.0, usage.1)
            });
            parts.push((part, usage));
        }
        if self.way == Way::AnyOrder || self.dice.chance(70) {
            self.spans[place] = self.spans[place].usage(sum.0, sum.1);
            self.sums.push((id, parts));
        }
        start + 60 * count
    }

    /// Identical calls at the same time, each reported by the same two SDKs.
    fn parallel(&mut self, parent: u64, start: u64) -> u64 {
        let usage = self.usage();
        let nested = self.dice.chance(50);
        let id = if self.constant_id { self.id() } else { "" };
        for call in 0..self.dice.roll(2..6) {
            self.truth.push(usage);
            // Near enough that any two of them match, whichever are decided together.
            let (from, to) = (start + call, start + call + 60);
            let tell = |span: Report<'static>| span.chat().usage(usage.0, usage.1).id(id);
            let outer = self.add(parent, "framework", from, to, tell);
            self.add(if nested { outer } else { parent }, "sdk", from + 1, to - 1, tell);
        }
        start + 80
    }

    /// The last report once more: with its usage, where it was sent before that was known, or in a trace of its own.
    fn told_twice(&mut self, parent: u64, end: u64) -> u64 {
        let at = self.spans.len() - 1;
        let told = self.spans[at];
        let bare = Report { usage: crate::usage::Usage::new(), ..told };
        match self.dice.roll(0..6) {
            // A wrapper would give a silent call all that it shows.
            0 if parent == 0 => self.spans.push(bare),
            // Where a wrapper has counted it, nothing links that to a report in another trace.
            1 | 2 if parent == 0 => {
                self.last_id += 1;
                let id: &'static str = Box::leak(format!("msg_{:016}", self.last_id).into_boxed_str());
                let mut inner = told.id(id).in_trace(u128::from(self.last_id) << 8);
                (inner.place.span_id, inner.place.scope) = (self.last_id, span(0, 0, "openai", 0, 0).place.scope);
                self.spans[at] = if self.dice.chance(50) { bare.id(id) } else { told.id(id) };
                self.spans.push(inner);
            }
            _ => {}
        }
        end
    }

    /// One answered call through a random stack.
    fn call(&mut self, parent: u64, start: u64) -> u64 {
        let usage = self.usage();
        self.truth.push(usage);
        let model = MODELS[self.dice.roll(0..MODELS.len() as u64) as usize];
        let id = self.id();
        let end = start + self.dice.roll(60..300);
        let layers = self.dice.roll(1..4);
        let spoken = self.dice.roll(0..layers);
        let tell = |alias: usize, counts: bool, span: Report<'static>| {
            let span = span.role(Role::Inference).model(model[alias]).text(Concept::Operation, "chat");
            (if counts { span.usage(usage.0, usage.1) } else { span }).id(id)
        };
        let mut above = parent;
        for layer in 0..layers {
            let scope = ["framework", "client", "sdk"][layer as usize];
            let (alias, silent) = (self.dice.roll(0..2) as usize, !self.splittable && self.dice.chance(30));
            let (from, to) = (start + layer, end - layer);
            let below = self.between(above, from, to);
            above = self.add(below, scope, from, to, |span| tell(alias, layer == spoken || !silent, span));
        }
        if self.way == Way::AnyOrder && layers == 1 && !self.constant_id {
            return self.told_twice(parent, end);
        }
        if self.way == Way::Elsewhere && self.dice.chance(50) {
            let inner = self.add(0, "openai", start + layers, end - layers, |span| tell(0, true, span));
            let at = self.spans.len() - 1;
            self.spans[at] = self.spans[at].in_trace(u128::from(inner) << 8);
            return end;
        }
        if self.dice.chance(30) {
            // Another SDK beside the innermost report.
            let beside = self.spans[self.spans.len() - 1].place.parent_id;
            self.add(beside, "instrumentation", start + 2, end - 2, |span| tell(0, true, span));
        } else if self.dice.chance(30) && !self.splittable {
            // A gateway behind it, with or without its own call, on a machine with another clock.
            let first = self.spans.len();
            let handler =
                self.add(above, "gateway", start + 5, end - 5, |span| tell(1, true, span).role(Role::Wrapper));
            if self.dice.chance(50) {
                let scope = ["upstream", "sdk"][self.dice.roll(0..2) as usize];
                self.add(handler, scope, start + 6, end - 6, |span| tell(1, true, span));
            }
            // With one id for every answer, the time is what tells answers in other traces apart.
            let late = if self.constant_id { 0 } else { self.dice.roll(0..2) * 400_000_000 };
            for span in &mut self.spans[first..] {
                (span.place.instance, span.place.start, span.place.end) =
                    (8, span.place.start + late, span.place.end + late);
            }
        }
        end
    }
}
