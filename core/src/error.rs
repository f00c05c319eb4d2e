//! What can go wrong in the core. `bindings` maps each variant to one exception of `enricher.errors`.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreError {
    /// Bytes that are not the message they should be; `offset` is where reading stopped.
    Decode { message: &'static str, offset: usize },
    /// Text that is not OTLP JSON.
    Json(String),
    /// A plan that does not compile.
    Plan(String),
    /// The buffer is full.
    Full { buffered: u64, limit: u64 },
}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode { message, offset } => write!(f, "{message} at byte {offset}"),
            Self::Json(message) => f.write_str(message),
            Self::Plan(message) => write!(f, "plan: {message}"),
            Self::Full { buffered, limit } => {
                write!(f, "the buffer is full: {buffered} of {limit} bytes (limits.buffer_mib)")
            }
        }
    }
}

impl std::error::Error for CoreError {}

pub type Result<T> = std::result::Result<T, CoreError>;
