//! What type of value each concept has.

use crate::concept::Concept;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of tokens or things: not negative, at most [`MAX_COUNT`].
    Count,
    /// A quantity that may have a fraction; not negative.
    Quantity,
    /// Any integer.
    Int,
    /// Any finite number.
    Number,
    Bool,
    /// Bounded text.
    Text,
    /// Texts joined by `LIST_SEPARATOR`.
    List,
    /// Text of any length.
    Content,
}

/// More than any provider will ever bill in one call; larger figures are faults of the emitter.
pub const MAX_COUNT: i64 = 1_000_000_000_000;

pub fn kind_of(concept: Concept) -> Kind {
    use Concept as C;
    match concept {
        C::InputTokens
        | C::OutputTokens
        | C::TotalTokens
        | C::CacheReadTokens
        | C::CacheWriteTokens
        | C::CacheWrite5mTokens
        | C::CacheWrite1hTokens
        | C::CacheWrite12hTokens
        | C::ReasoningTokens
        | C::AudioInputTokens
        | C::AudioOutputTokens
        | C::AudioCacheReadTokens
        | C::ImageInputTokens
        | C::ImageOutputTokens
        | C::VideoInputTokens
        | C::VideoOutputTokens
        | C::TextInputTokens
        | C::TextOutputTokens
        | C::CitationTokens
        | C::Images
        | C::Characters
        | C::Pages
        | C::WebSearches
        | C::XSearches
        | C::FileSearches
        | C::Iterations
        | C::RerankSearches
        | C::Requests => Kind::Count,
        C::AudioSeconds
        | C::Seconds
        | C::CostTotal
        | C::CostAmount
        | C::CostInput
        | C::CostOutput
        | C::CostCacheRead
        | C::CostCacheWrite
        | C::Ttft => Kind::Quantity,
        C::HttpStatus | C::ServerPort | C::MaxTokens => Kind::Int,
        C::RateLimitRequests | C::RateLimitRequestsRemaining => Kind::Int,
        C::RateLimitTokens | C::RateLimitTokensRemaining => Kind::Int,
        C::RateLimitInputTokens | C::RateLimitInputTokensRemaining => Kind::Int,
        C::RateLimitOutputTokens | C::RateLimitOutputTokensRemaining => Kind::Int,
        C::EvaluationScore | C::Temperature | C::TopP | C::TopK => Kind::Number,
        C::TokensEstimated | C::CostByProvider | C::Streaming | C::Batch | C::CacheHit => Kind::Bool,
        C::ToolCalls | C::FinishReason => Kind::List,
        C::InputContent
        | C::OutputContent
        | C::SystemInstructions
        | C::ToolDefinitions
        | C::ToolArguments
        | C::ToolResult => Kind::Content,
        _ => Kind::Text,
    }
}
