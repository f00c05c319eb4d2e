//! Faults that tests plant in the decision of a trace.

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
pub struct Trips(Mutex<Vec<(Stage, u128, u32)>>);

impl Trips {
    pub fn set(&self, stage: Stage, trace: u128, index: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((stage, trace, index));
    }

    pub fn at(&self, stage: Stage, trace: u128, index: u32) {
        let hit = self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&(stage, trace, index));
        assert!(!hit, "planted in {stage:?}");
    }
}
