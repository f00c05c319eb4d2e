//! Which dialect a span is written in: the first test, in the order of the plan, whose conditions all hold. Tests are
//! found by what the span has, so their number costs nothing.

use super::compile::add_key;
use super::patterns::{Glob, covers};
use super::plan::{Condition, KeyTest, NormalizePlan};
use crate::keys::{KeyId, KeyTable, KeyTableBuilder};
use crate::wire::value::Value;
use hashbrown::HashMap;

/// No test held yet.
pub const NO_TEST: u16 = u16::MAX;

/// What a condition that holds does: decides a test that has only it, or sets a bit of those that have more.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Test(u16),
    Bit(u8),
}

/// How far detection has come.
#[derive(Clone, Copy, Debug)]
pub struct State {
    best: u16,
    bits: u128,
}

impl State {
    pub const START: Self = Self { best: NO_TEST, bits: 0 };

    #[inline]
    pub fn join(self, other: Self) -> Self {
        Self { best: self.best.min(other.best), bits: self.bits | other.bits }
    }

    /// Some test holds already.
    pub fn decided(self) -> bool {
        self.best != NO_TEST
    }

    #[inline]
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Test(test) => self.best = self.best.min(test),
            Outcome::Bit(bit) => self.bits |= 1 << bit,
        }
    }
}

type KeyTests = Vec<(Option<Glob>, Outcome)>;

#[derive(Default)]
pub struct Detector {
    /// Dialect of each test.
    dialects: Vec<u16>,
    /// Tests with several conditions: index and bits, in order.
    joint: Vec<(u16, u128)>,
    scopes: Vec<(Glob, Outcome)>,
    resources: HashMap<Box<str>, KeyTests>,
    /// Globs that start with `*`.
    any_names: Vec<(Glob, Outcome)>,
    /// The others by the first byte of the span's name.
    names: HashMap<u8, Vec<(Glob, Outcome)>>,
    attrs: Vec<(Box<str>, Option<Glob>, Outcome)>,
    /// The first stands for none.
    tests: Vec<KeyTests>,
}

impl Detector {
    pub fn compile(plan: &NormalizePlan, keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let mut detector = Self::default();
        let mut bits = 0u8;
        for (index, test) in plan.detection.iter().enumerate() {
            let fault = |what: &str| format!("detection {index}: {what}");
            if usize::from(test.dialect) >= plan.dialects.len() {
                return Err(fault("there is no such dialect"));
            }
            detector.dialects.push(test.dialect);
            let index = index as u16;
            let mut mask = 0u128;
            for condition in &test.all {
                let outcome = if test.all.len() == 1 {
                    Outcome::Test(index)
                } else {
                    if bits == 128 {
                        return Err(fault("more than 128 conditions in joint tests"));
                    }
                    mask |= 1 << bits;
                    bits += 1;
                    Outcome::Bit(bits - 1)
                };
                detector.add(condition, outcome, keys).map_err(|e| fault(&e))?;
            }
            if mask != 0 {
                detector.joint.push((index, mask));
            }
        }
        Ok(detector)
    }

    fn add(&mut self, condition: &Condition, outcome: Outcome, keys: &mut KeyTableBuilder) -> Result<(), String> {
        match condition {
            Condition::Attr(KeyTest { key, value }) => {
                add_key(keys, key)?;
                let value = value.as_deref().map(Glob::new);
                self.attrs.push((key.as_str().into(), value, outcome));
            }
            Condition::Scope(glob) => self.scopes.push((Glob::new(glob), outcome)),
            Condition::Span(glob) => match glob.bytes().next() {
                None => return Err("a glob of span names is empty".to_owned()),
                Some(b'*') => self.any_names.push((Glob::new(glob), outcome)),
                Some(first) => self.names.entry(first).or_default().push((Glob::new(glob), outcome)),
            },
            Condition::Resource(KeyTest { key, value }) => {
                self.resources.entry(key.as_str().into()).or_default().push((value.as_deref().map(Glob::new), outcome))
            }
            _ => return Err("this condition is for role tests only".to_owned()),
        }
        Ok(())
    }

    /// For each key of the table the number of its tests, 0 for none, to be passed to [`attr`](Self::attr). A key gets the
    /// tests of every pattern that covers it.
    pub fn link(&mut self, table: &KeyTable) -> Vec<u16> {
        self.tests = vec![Vec::new()];
        let mut numbers = vec![0; table.len()];
        for (id, number) in numbers.iter_mut().enumerate() {
            let name = table.name(KeyId(id as u16));
            let tests: KeyTests = self
                .attrs
                .iter()
                .filter(|(key, _, _)| **key == *name || (key.contains(['{', '*']) && covers(key, name)))
                .map(|(_, value, outcome)| (value.clone(), *outcome))
                .collect();
            if !tests.is_empty() {
                *number = self.tests.len() as u16;
                self.tests.push(tests);
            }
        }
        numbers
    }

    pub fn scope(&self, name: &[u8]) -> State {
        let mut state = State::START;
        for (glob, outcome) in &self.scopes {
            if glob.matches(name) {
                state.add(*outcome);
            }
        }
        state
    }

    pub fn resource(&self, key: &str, value: Value<'_>, state: &mut State) {
        if let Some(tests) = self.resources.get(key) {
            run(tests, value, state);
        }
    }

    #[inline]
    pub fn attr(&self, tests: u16, value: Value<'_>, state: &mut State) {
        run(&self.tests[usize::from(tests)], value, state);
    }

    /// The dialect, once everything has been shown.
    pub fn decide(&self, mut state: State, span_name: &[u8]) -> Option<u16> {
        let named = span_name.first().and_then(|first| self.names.get(first));
        for (glob, outcome) in self.any_names.iter().chain(named.into_iter().flatten()) {
            if glob.matches(span_name) {
                state.add(*outcome);
            }
        }
        if state.bits != 0 {
            for (test, mask) in &self.joint {
                if *test >= state.best {
                    break;
                }
                if state.bits & mask == *mask {
                    state.best = *test;
                }
            }
        }
        self.dialects.get(usize::from(state.best)).copied()
    }
}

#[inline]
fn run(tests: &KeyTests, value: Value<'_>, state: &mut State) {
    for (glob, outcome) in tests {
        if glob.as_ref().is_none_or(|glob| value_matches(glob, value)) {
            state.add(*outcome);
        }
    }
}

/// Whether a value's text form fits.
pub fn value_matches(glob: &Glob, value: Value<'_>) -> bool {
    match value {
        Value::Str(text) => glob.matches(text),
        Value::Bool(true) => glob.matches(b"true"),
        Value::Bool(false) => glob.matches(b"false"),
        Value::Int(value) => glob.matches(value.to_string().as_bytes()),
        _ => false,
    }
}
