//! What policies look at when a trace is due. Numbers that cost nothing are always there; the rest is filled in for the
//! plans that ask for it (`Needs`).

use super::conditions::Bits;
use crate::evaluations::Evaluation;

/// What the policies of a plan ask for besides the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `TraceSummary::calls`.
    pub calls: bool,
    /// `TraceSummary::error_classes`.
    pub error_classes: bool,
    /// `TraceSummary::guardrails`.
    pub guardrails: bool,
    /// `TraceSummary::evaluations`.
    pub evaluations: bool,
    /// `TraceSummary::tools`.
    pub tools: bool,
    /// `TraceSummary::origin`.
    pub origin: bool,
    /// `TraceSummary::conversation_randomness`.
    pub conversation: bool,
}

impl Needs {
    pub const ALL: Needs = Needs {
        calls: true,
        error_classes: true,
        guardrails: true,
        evaluations: true,
        tools: true,
        origin: true,
        conversation: false,
    };
}

/// What a condition looked at.
#[derive(Clone, Debug)]
pub struct Witness {
    /// The condition.
    pub bit: u16,
    /// It held; else this is what it did not hold on.
    pub holds: bool,
    /// `None`: the resource of a span.
    pub span_id: Option<u64>,
    /// "" for a condition that is not about one attribute.
    pub key: String,
    pub value: Option<serde_json::Value>,
    /// Of a condition in OTTL: its paths that lead to something, with what they lead to.
    pub paths: Vec<(String, serde_json::Value)>,
    /// The span is a root.
    pub root: bool,
}

#[derive(Clone, Debug, Default)]
pub struct TraceSummary<'t> {
    pub id: u128,
    /// Earliest start and latest end, Unix nanoseconds.
    pub start: u64,
    pub end: u64,
    /// One bit per status code seen.
    pub statuses: u8,
    /// One bit per condition that held on some span or resource.
    pub bits: Bits,
    /// 56 bits.
    pub randomness: u64,
    /// Where the randomness is the conversation's, not the trace id's: the same.
    pub conversation_randomness: Option<u64>,
    /// The strictest threshold that the trace passed upstream; 0 when none is known.
    pub passed: u64,
    pub span_count: u64,
    /// Of the spans as received.
    pub bytes: u64,
    /// Counted calls, and how many of them failed.
    pub call_count: u64,
    pub errors: u64,
    /// Sums over the calls.
    pub cost_pico: i128,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub max_call_cost_pico: i128,
    pub calls: Vec<CallFacts<'t>>,
    /// Error classes on any span, each once.
    pub error_classes: Vec<&'t str>,
    /// Guardrail verdicts on any span: name ("" when it has none), decision.
    pub guardrails: Vec<(&'t str, &'t str)>,
    pub evaluations: Vec<Evaluation<'t>>,
    /// Tool executions: the name of the tool, once for each.
    pub tools: Vec<&'t str>,
    pub origin: Origin<'t>,
    /// In `explain` only.
    pub witnesses: Vec<Witness>,
    /// In `explain` only: the tools that were run, by what `runaway` takes for the same (`Step::tool`).
    pub tool_steps: Vec<(u64, String)>,
}

impl TraceSummary<'_> {
    pub fn witness(&self, bit: u16) -> Option<&Witness> {
        self.witnesses.iter().find(|witness| witness.bit == bit)
    }

    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// One counted call. Absent texts are "".
#[derive(Clone, Copy, Debug, Default)]
pub struct CallFacts<'t> {
    /// The canonical span.
    pub span_id: u64,
    pub service: &'t str,
    pub operation: &'t str,
    pub provider: &'t str,
    /// The model that answered, else the one that was asked.
    pub model: &'t str,
    pub agent: &'t str,
    pub tenant: &'t str,
    pub error_class: &'t str,
    pub error: bool,
    pub duration_ns: u64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cost_pico: i128,
}

/// Where the trace comes from: of its root, or of its first span when the root is not there. Absent texts are "".
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'t> {
    pub service: &'t str,
    pub span_name: &'t str,
    /// From the first report that says so, in the order of arrival.
    pub agent: &'t str,
    pub tenant: &'t str,
    pub session: &'t str,
}
