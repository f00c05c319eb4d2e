//! Faults and questions that tests plant in the decision of a trace.

use super::Engine;
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Conclude,
    Measure,
    /// While the span with this index is written.
    Write,
}

/// Panics wait here for their trace.
#[derive(Default)]
pub struct Trips {
    panics: Mutex<Vec<(Stage, u128, u32)>>,
    /// Of traces while which are decided somebody asks for the metrics, with how many series there were.
    asked: Mutex<Vec<(u128, Stage, usize)>>,
}

fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trips {
    pub fn set(&self, stage: Stage, trace: u128, index: u32) {
        lock(&self.panics).push((stage, trace, index));
    }

    /// Asks for the metrics at a stage of a trace.
    pub fn ask(&self, stage: Stage, trace: u128) {
        lock(&self.asked).push((trace, stage, 0));
    }

    /// How many series there were each time.
    pub fn answers(&self) -> Vec<usize> {
        lock(&self.asked).iter().map(|(_, _, series)| *series).collect()
    }

    pub fn at(&self, engine: &Engine, stage: Stage, trace: u128, index: u32) {
        let asks = |asked: &&mut (u128, Stage, usize)| (asked.0, asked.1) == (trace, stage);
        if let Some(asked) = lock(&self.asked).iter_mut().find(asks) {
            asked.2 = engine.series().len();
        }
        assert!(!lock(&self.panics).contains(&(stage, trace, index)), "planted in {stage:?}");
    }
}
