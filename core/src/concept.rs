//! What a fact means, whatever its dialect calls it. The names are those of the dialect tables; what each concept is
//! called on a canonical span is data (`normalize.canonical` in the plan).

macro_rules! concepts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Concept { $($(#[$doc])* $variant),+ }

        impl Concept {
            /// What is said of one evaluation, taken together or not at all.
            pub const EVALUATION: [Self; 4] =
                [Self::EvaluationName, Self::EvaluationScore, Self::EvaluationLabel, Self::EvaluationExplanation];

            /// What is said of one verdict of a guardrail.
            pub const GUARDRAIL: [Self; 2] = [Self::GuardrailName, Self::GuardrailDecision];

            pub const ALL: &'static [Concept] = &[$(Concept::$variant),+];
            pub const COUNT: usize = Self::ALL.len();

            /// The name in dialect tables, records and `explain`.
            pub fn name(self) -> &'static str {
                match self { $(Concept::$variant => $name),+ }
            }

            pub fn from_name(name: &str) -> Option<Concept> {
                match name { $($name => Some(Concept::$variant),)+ _ => None }
            }
        }
    };
}

concepts! {
    Provider = "provider",
    Operation = "operation",
    /// The dialect's own kind of span (`traceloop.span.kind`, `openinference.span.kind` …).
    SpanKind = "span_kind",
    RequestModel = "request_model",
    ResponseModel = "response_model",
    ResponseId = "response_id",
    InputTokens = "input_tokens",
    OutputTokens = "output_tokens",
    TotalTokens = "total_tokens",
    CacheReadTokens = "cache_read_tokens",
    CacheWriteTokens = "cache_write_tokens",
    CacheWrite5mTokens = "cache_write_5m_tokens",
    CacheWrite1hTokens = "cache_write_1h_tokens",
    CacheWrite12hTokens = "cache_write_12h_tokens",
    ReasoningTokens = "reasoning_tokens",
    AudioInputTokens = "audio_input_tokens",
    AudioOutputTokens = "audio_output_tokens",
    AudioCacheReadTokens = "audio_cache_read_tokens",
    ImageInputTokens = "image_input_tokens",
    ImageOutputTokens = "image_output_tokens",
    VideoInputTokens = "video_input_tokens",
    VideoOutputTokens = "video_output_tokens",
    TextInputTokens = "text_input_tokens",
    TextOutputTokens = "text_output_tokens",
    CitationTokens = "citation_tokens",
    AudioSeconds = "audio_seconds",
    Images = "images",
    Characters = "characters",
    Pages = "pages",
    WebSearches = "web_searches",
    XSearches = "x_searches",
    FileSearches = "file_searches",
    /// Model calls within the call that its counts leave out.
    Iterations = "iterations",
    RerankSearches = "rerank_searches",
    Requests = "requests",
    Seconds = "seconds",
    /// What the span itself says about cached tokens: `inclusive` or `exclusive`.
    TokenSemantics = "token_semantics",
    /// Tokens were counted from content, by us or by the SDK (bool).
    TokensEstimated = "tokens_estimated",
    /// USD.
    CostTotal = "cost_total",
    /// A cost in the currency that `CostCurrency` names; USD where it names none.
    CostAmount = "cost_amount",
    /// ISO 4217.
    CostCurrency = "cost_currency",
    CostInput = "cost_input",
    CostOutput = "cost_output",
    CostCacheRead = "cost_cache_read",
    CostCacheWrite = "cost_cache_write",
    /// The cost came from the provider itself (bool), not from an SDK's own table.
    CostByProvider = "cost_by_provider",
    /// Seconds.
    Ttft = "ttft",
    Streaming = "streaming",
    SessionId = "session_id",
    UserId = "user_id",
    TenantId = "tenant_id",
    TeamId = "team_id",
    OrgId = "org_id",
    ApiKeyId = "api_key_id",
    Feature = "feature",
    AgentName = "agent_name",
    AgentId = "agent_id",
    AgentVersion = "agent_version",
    WorkflowName = "workflow_name",
    ToolName = "tool_name",
    ToolCallId = "tool_call_id",
    /// List.
    ToolCalls = "tool_calls",
    /// List.
    FinishReason = "finish_reason",
    ErrorType = "error_type",
    ErrorClass = "error_class",
    HttpStatus = "http_status",
    GuardrailName = "guardrail_name",
    GuardrailDecision = "guardrail_decision",
    /// Verdicts of guardrails besides the strictest, in the form of `guardrails`.
    MoreGuardrails = "more_guardrails",
    EvaluationName = "evaluation_name",
    EvaluationScore = "evaluation_score",
    EvaluationLabel = "evaluation_label",
    EvaluationExplanation = "evaluation_explanation",
    /// Evaluations beyond the first, in the form of `evaluations`.
    MoreEvaluations = "more_evaluations",
    PromptName = "prompt_name",
    PromptVersion = "prompt_version",
    Variant = "variant",
    Environment = "environment",
    /// As served, where the response says so.
    ServiceTier = "service_tier",
    /// As asked for.
    RequestServiceTier = "request_service_tier",
    Batch = "batch",
    Speed = "speed",
    InferenceGeo = "inference_geo",
    SearchContextSize = "search_context_size",
    CacheHit = "cache_hit",
    ServerAddress = "server_address",
    ServerPort = "server_port",
    /// Of the URL that was asked: some gateways have the provider in it.
    ServerPath = "server_path",
    Gateway = "gateway",
    MaxTokens = "max_tokens",
    Temperature = "temperature",
    TopP = "top_p",
    TopK = "top_k",
    ReasoningEffort = "reasoning_effort",
    RateLimitRequests = "rate_limit_requests",
    RateLimitRequestsRemaining = "rate_limit_requests_remaining",
    RateLimitTokens = "rate_limit_tokens",
    RateLimitTokensRemaining = "rate_limit_tokens_remaining",
    RateLimitInputTokens = "rate_limit_input_tokens",
    RateLimitInputTokensRemaining = "rate_limit_input_tokens_remaining",
    RateLimitOutputTokens = "rate_limit_output_tokens",
    RateLimitOutputTokensRemaining = "rate_limit_output_tokens_remaining",
    InputContent = "input_content",
    OutputContent = "output_content",
    SystemInstructions = "system_instructions",
    ToolDefinitions = "tool_definitions",
    ToolArguments = "tool_arguments",
    ToolResult = "tool_result",
}

/// A set of concepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConceptSet(pub u128);

const _: () = assert!(Concept::COUNT <= 128);

impl ConceptSet {
    pub const fn of(concepts: &[Concept]) -> Self {
        let (mut set, mut index) = (0, 0);
        while index < concepts.len() {
            set |= 1 << concepts[index] as u8;
            index += 1;
        }
        Self(set)
    }

    #[inline]
    pub fn contains(self, concept: Concept) -> bool {
        self.0 >> (concept as u8) & 1 == 1
    }

    #[inline]
    pub fn insert(&mut self, concept: Concept) {
        self.0 |= 1 << (concept as u8);
    }

    #[inline]
    pub fn remove(&mut self, concept: Concept) {
        self.0 &= !(1 << (concept as u8));
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Concept> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            if bits == 0 {
                return None;
            }
            let index = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            Some(Concept::ALL[index])
        })
    }
}
