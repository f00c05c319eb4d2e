//! Which whole traces to keep: conditions on spans as they arrive, one verdict when the trace is due.

pub mod adaptive;
pub mod conditions;
pub mod fingerprint;
pub mod groups;
pub mod key;
pub mod ottl;
pub mod own_plan;
pub mod plan;
pub mod policies;
pub mod quantile;
pub mod runaway;
pub mod spend;
pub mod state;
pub mod summary;
pub mod threshold;
pub mod tracestate;
pub mod verdict;
pub mod vote;

pub use summary::TraceSummary;
pub use verdict::Verdict;
pub use vote::Vote;
