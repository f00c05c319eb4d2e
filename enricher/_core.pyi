"""The Rust contract: raw OTLP bytes in, finished export payloads and small frozen reports out.

Every method releases the GIL while it works. Times are Unix nanoseconds given by the caller, so that files can be
replayed under a virtual clock. Exceptions: `enricher.errors` (DecodeError, Overloaded, PlanError); a panic inside the
core surfaces as `pyo3_runtime.PanicException`, a BaseException that `enricher.runtime.engine` alone translates.
"""

from typing import final

VERSION: str
"""The crate's version; equal to the package's."""

@final
class IngestReport:
    """What became of one request."""

    @property
    def accepted(self) -> int:
        """Spans taken."""
    @property
    def rejected(self) -> int:
        """Spans refused, to be reported as OTLP partial success."""
    @property
    def message(self) -> str:
        """Why spans were refused, for the partial success message; "" when none were."""
    @property
    def pressure(self) -> bool:
        """The buffer is above its high watermark: call `tick` soon."""

@final
class LogsReport:
    """What became of one logs request."""

    @property
    def records(self) -> int:
        """Log records in it."""
    @property
    def payload(self) -> bytes | None:
        """The `ExportLogsServiceRequest` to pass on; None: the one that came, which the content policy left alone."""
    @property
    def refused(self) -> int:
        """Records that say something about a model call, and that limits.log_facts_mib had no room for."""

@final
class TickReport:
    """What one tick decided."""

    @property
    def payloads(self) -> list[bytes]:
        """Encoded `ExportTraceServiceRequest` messages of kept spans, each at most the plan's `payload_bytes` unless a
        single span is larger."""
    @property
    def payload_spans(self) -> list[int]:
        """Spans in each payload, parallel to `payloads`."""
    @property
    def calls(self) -> bytes:
        """Call records, one JSON object a line (DESIGN §11); empty unless the plan asks for them."""
    @property
    def traces(self) -> bytes:
        """Trace records, one JSON object a line, dropped traces included; empty unless the plan asks for them.

        Of a trace: `time` (its start) `trace_id service root duration_ms spans bytes error calls failed_calls
        unpriced_calls input_tokens output_tokens cost_usd guardrail`; of its decision: `decided` (when) `trigger late
        kept policy probability incoming_probability` (with which it was kept before it came, by its `ot=th`) `limited`
        (by `sampling.limit`) `incomplete` (decided on a part) `dry_run` (`kept policy probability` without it) `votes`
        (probability by name of each policy that voted). Spans that come after the verdict make a record of their own,
        with `late` true. Unknown is null.
        """
    @property
    def explanations(self) -> bytes:
        """What was concluded about each trace that the plan wants explained, one JSON object a line, dropped traces
        included; empty unless the plan asks for it. `enricher explain --json` prints it (docs/sampling.md).
        """
    @property
    def decided(self) -> int:
        """Traces decided."""
    @property
    def kept(self) -> int:
        """Traces kept."""
    @property
    def more(self) -> bool:
        """Work was left because a bound of the tick was reached: call `tick` again at once."""

@final
class Engine:
    """Decode, normalize, price, buffer, de-duplicate, measure and sample. Safe to call from several threads."""

    def __new__(cls, plan: bytes) -> Engine:
        """Compile a plan (UTF-8 JSON, `enricher.config.compile`). Raises PlanError."""
    def replace_plan(self, plan: bytes) -> None:
        """Swap the plan; traces in flight end under the plan they began with. Raises PlanError and changes nothing."""
    def ingest(self, payload: bytes, now_ns: int) -> IngestReport:
        """Take one `ExportTraceServiceRequest`. All or nothing for bytes that are not OTLP (DecodeError). Overloaded
        when the buffer is full."""
    def take_logs(self, payload: bytes, now_ns: int, keep: bool = False) -> LogsReport:
        """Take one `ExportLogsServiceRequest`: note what its records say about model calls for the spans that they were
        written in, and apply the content policy. keep: notes wait until the end, not a decision's time. DecodeError for
        bytes that are not OTLP."""
    def tick(self, now_ns: int) -> TickReport:
        """Decide every trace that is due."""
    def drain(self, now_ns: int) -> TickReport:
        """Decide every trace at once (shutdown, end of input); call until `more` is false."""
    def discard(self, now_ns: int) -> TickReport:
        """Drop every trace undecided; their calls are measured all the same. Call until `more` is false."""
    def next_due_ns(self) -> int:
        """When the next trace is due; 0 when nothing is buffered."""
    def metrics(
        self,
    ) -> list[tuple[str, tuple[str, ...], float | list[int], float, list[tuple[int, str, float, float]]]]:
        """A snapshot of all series: (instrument, label values, value, sum, exemplars).

        Counters and gauges: value is a float, sum 0. Histograms: value is the list of bucket counts (not cumulative,
        the last is +Inf), sum the sum of observations. Exemplars: (bucket index, trace id in hex, value, Unix seconds).
        """
    def save_states(self) -> bytes:
        """What policies have learned, for `load_states` of a later run. Opaque; begins with its version."""

    def load_states(self, saved: bytes) -> None:
        """Take over what `save_states` gave, before any trace is decided.

        What belongs to policies that are not there any more, or that changed, is left out. Raises DecodeError for bytes
        that `save_states` did not give.
        """

    def summary(self) -> str:
        """Totals since start as JSON, the summary of DESIGN §11."""

def traces_to_json(payload: bytes) -> bytes:
    """One `ExportTraceServiceRequest` (or `TracesData`) as OTLP JSON on one line, ids in hex. Raises DecodeError."""

def otlp_to_json(signal: str, payload: bytes) -> bytes:
    """One export request of `signal` (`traces`, `metrics` or `logs`) as OTLP JSON on one line. Raises DecodeError."""

def otlp_from_json(signal: str, payload: bytes) -> bytes:
    """OTLP JSON to protobuf. `signal` is `traces`, `metrics` or `logs`. Raises DecodeError."""

def otlp_signal(payload: bytes) -> str | None:
    """The signal of one export request, by its first item that shows one; None when none does. Raises DecodeError."""

def check_otlp(signal: str, payload: bytes) -> int:
    """Validate the framing of a metrics or logs request; returns the number of data points or records.

    Raises DecodeError.
    """

def latest_end_ns(payload: bytes) -> int:
    """The latest span end of one `ExportTraceServiceRequest`, Unix nanoseconds; 0 when it holds no span.

    Spans that break protobuf's framing count as far as they can be read. Raises DecodeError.
    """

@final
class PriceBook:
    """A compiled price book by itself, for `enricher prices show` and tests; the engine has its own."""

    def __new__(cls, plan: bytes) -> PriceBook:
        """Compile the `price` section of a plan (UTF-8 JSON, `enricher.price.compile`). Raises PlanError."""
    def price(self, request: str) -> str:
        """What one call costs and how that comes about, as JSON.

        `request` is a JSON object: `provider`, `request_model`, `response_model`, `host`, `time_unix_ns`,
        `duration_ns`, `usage` (quantities by unit name of `enricher.price.book.UNITS`, and `total`), `service_tier`,
        `batch`, `speed`, `inference_geo`, `search_context_size`, `tenant`, `failed_without_answer`, `from_cache`,
        `estimated`, `reported_usd` (decimal string), `reported_by_provider`; all optional. Raises ValueError.
        """

def ottl_fault(text: str, context: str) -> tuple[int, str] | None:
    """Where an OTTL condition stops making sense and why; None for one that the core can evaluate.

    context: `span` or `spanevent`. The place counts characters from 0. Raises ValueError for another context.
    """

def regex_fault(text: str) -> tuple[int | None, str] | None:
    """Where a regular expression stops making sense and why; None for one that the core can compile.

    The place counts characters from 0; None for one that is well formed and too large (1 MiB compiled).
    """

@final
class Normalizer:
    """Normalize by itself, for tests against the reference; the engine has its own."""

    def __new__(cls, plan: bytes) -> Normalizer:
        """Compile the `normalize` section of a plan (UTF-8 JSON, `enricher.normalize.compile`). Raises PlanError."""
    def read(self, payload: bytes) -> str:
        """What normalize makes of the spans of one `ExportTraceServiceRequest`, as JSON.

        `spans`, in order, each with `name`, `model`, `dialect`, `role`, `facts` and `rules` by concept, `inferred`,
        `canonical`, `misstated` (concept names) and `attributes` (the attributes of the kept span); and `anomalies` by
        name. Raises DecodeError.
        """

def panic() -> None:
    """Panics, for the test that panics are translated."""
