//! Which whole traces to keep: conditions on spans as they arrive, one verdict when the trace is due.

pub mod conditions;
pub mod plan;
pub mod policies;
pub mod threshold;
pub mod tracestate;
