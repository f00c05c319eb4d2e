//! The hot path of enricher.
