//! Traces that are not decided yet, bounded by bytes, and the verdicts of those that are.

pub mod intern;
pub mod notes;
pub mod shard;
pub mod trace;
pub mod verdicts;
