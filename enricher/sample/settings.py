"""The `sampling:` section: names, fields and defaults of the Collector's `tail_sampling`, and what is ours besides."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from enricher.config.base import Duration, Section, fault
from enricher.sample.policies import Policy


class DecisionCache(Section):
    """How many verdicts are remembered for spans that come after the decision."""

    sampled_cache_size: Annotated[int, Field(ge=0, le=10**8)] = 100_000
    """Kept traces to remember."""
    non_sampled_cache_size: Annotated[int, Field(ge=0, le=10**8)] = 400_000
    """Dropped traces to remember."""


Rate = Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]


class Limit(Section):
    """Bounds everything that is kept, whichever policy wants it. What is over is cut from the last policy of the list
    upwards, with `ot=th` saying so: estimated totals stay right."""

    traces_per_second: Rate | None = None
    """Traces a second."""
    spans_per_second: Rate | None = None
    """Spans a second."""
    bytes_per_second: Rate | None = None
    """Bytes a second, of spans as they were received."""
    burst: Annotated[Duration, Field(ge=0.1, le=3600)] = 2.0
    """Time whose worth may pass at once after a quiet time. Longer lets more of a short peak through; in the long run
    no more than the bounds passes whatever it is."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.traces_per_second is self.spans_per_second is self.bytes_per_second is None:
            raise fault("missing-key", "needs traces_per_second, spans_per_second or bytes_per_second")
        return self

    def rates(self) -> dict[str, float]:
        """The bounds that are set, by what they count."""
        each = {"traces": self.traces_per_second, "spans": self.spans_per_second, "bytes": self.bytes_per_second}
        return {unit: rate for unit, rate in each.items() if rate is not None}


class SamplingSettings(Section):
    """Which whole traces are kept. A Collector's `tail_sampling:` block can be pasted here as it stands.

    Every policy that matches votes a probability. A matching `drop` wins; otherwise the highest probability wins; a
    trace without any vote is dropped.
    """

    decision_wait: Annotated[Duration, Field(gt=0, le=86_400)] = 30.0
    """A trace is decided at the latest this long after its first span."""
    decision_wait_after_root_received: Annotated[Duration, Field(le=86_400)] = 2.0
    """A trace is decided this long after its root span has ended; 0 waits for `decision_wait` always."""
    decision_cache: DecisionCache = DecisionCache()
    """Memory for verdicts."""
    drop_health_checks: bool = False
    """Drop the probes of load balancers and orchestrators: traces that call no model and whose root is a request for a
    path such as `/healthz`, or for `grpc.health.v1.Health`, or comes from a known prober."""
    state_file: Annotated[str | None, Field(min_length=1)] = None
    """File in which what policies have learned outlives a restart: moving averages and quantiles, spend of tenants,
    tokens of limits. It is written every minute and at the end, and read at the start; its directory must exist.
    Without it policies begin anew."""
    sample_on_first_match: bool = False
    """Ask policies in the order of the list and stop at the first that keeps the trace for certain. Saves limits what
    policies above them keep; policies below are neither asked nor counted. A matching `drop` wins all the same."""
    drop_pending_traces_on_shutdown: bool = False
    """Drop what is undecided when the service stops, instead of deciding it on the spans that are there."""
    maximum_trace_size_bytes: Annotated[int, Field(ge=0, le=2**50)] | None = None
    """Drop a trace as soon as its spans hold more bytes than this, whatever policies say. Unset or 0,
    `limits.trace_mib` has such a trace decided on the spans that are there."""
    group_by: Literal["trace", "conversation"] = "trace"
    """What shares one fate under policies that keep a part: each trace has its own, or all traces of a conversation
    (`gen_ai.conversation.id`) have one, which is written as `ot=rv`. Traces with an `ot=rv` of their own, or sampled
    upstream, keep theirs."""
    limit: Limit | None = None
    """A bound on everything that is kept."""
    dry_run: bool = False
    """Export everything, and write on the root what would have been decided (`enricher.sampling.dry_run.*`)."""
    policies: Annotated[list[Policy], BeforeValidator(lambda value: [] if value is None else value)] = Field(default=[])
    """The rules. Without any, every trace is kept."""
