//! Kept spans back to OTLP: original bytes, plus what was added.

pub mod batch;
pub mod span;
pub mod stamp;
