//! Tokens counted from content, for calls of which nobody told the usage or one side of it (design §4). The last resort:
//! it runs when a trace is decided, for such calls alone, within bounds of bytes; what it gives is marked as an estimate.
//!
//! `vocabulary` is a byte-level BPE loaded when first asked for; `source` finds the text on a span; `estimate` decides
//! which vocabulary and how far.

pub mod estimate;
pub mod plan;
pub mod source;
pub mod vocabulary;

pub use estimate::{Estimate, Estimator, Spent, Told};

#[cfg(test)]
mod tests;
