//! The hot path of enricher: OTLP bytes in, decided and enriched OTLP bytes out.
//!
//! `wire` reads and writes OTLP, `normalize` turns attributes into facts, `calls` groups reports of the same model call,
//! `price` costs them, `sample` decides, `measure` counts, `buffer` holds traces until they are due, `engine` drives all
//! of it. Only `bindings` knows Python.

mod bindings;
pub mod buffer;
pub mod calls;
pub mod concept;
pub mod content;
pub mod engine;
pub mod error;
pub mod evaluations;
pub mod facts;
pub mod guardrails;
mod key_order;
pub mod keys;
pub mod measure;
pub mod normalize;
pub mod output;
pub mod price;
pub mod record;
pub mod sample;
pub mod tokens;
pub mod usage;
pub mod wire;
