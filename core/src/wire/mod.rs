//! OTLP protobuf, read without copying and written by hand. Field numbers are those of opentelemetry-proto 1.x.

pub mod json;
pub mod reader;
pub mod request;
pub mod signal;
pub mod span;
pub mod text;
pub mod valid;
pub mod value;
pub mod writer;
