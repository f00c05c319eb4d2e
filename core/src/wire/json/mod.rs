//! OTLP JSON to and from protobuf, for all three signals, driven by message descriptors.
//!
//! The mapping is protobuf's, with OTLP's exceptions (OTLP specification, JSON Protobuf Encoding): ids are hexadecimal,
//! enums are numbers, unknown keys are ignored, field names are lowerCamelCase (snake_case is read too).

mod from_json;
mod messages;
mod to_json;

pub use from_json::from_json;
pub use to_json::{text as write_text, to_json};

/// Levels of nested messages that are written or read.
const MAX_DEPTH: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "traces" => Some(Self::Traces),
            "metrics" => Some(Self::Metrics),
            "logs" => Some(Self::Logs),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The descriptor of the signal's export request.
    fn request(self) -> &'static messages::Message {
        match self {
            Self::Traces => &messages::TRACES,
            Self::Metrics => &messages::METRICS,
            Self::Logs => &messages::LOGS,
        }
    }
}

/// Checks the framing of a request down to its items; returns how many records or data points it holds.
pub fn check(signal: Signal, payload: &[u8]) -> crate::error::Result<u64> {
    to_json::count(signal.request(), payload, 0)
}
