//! From attributes in any dialect to facts in one vocabulary, driven by the plan alone.

pub mod plan;
