"""The `tests:` section: traces written briefly, and the verdicts and costs expected of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from enricher.config.base import Duration, Section, SpanTime, fault
from enricher.config.shape import nearest

Trigger = Literal["root_received", "decision_wait", "span_limit", "byte_limit", "too_large", "memory_pressure"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=10**15)]
Usd = Annotated[float, Field(ge=0, lt=10**9, allow_inf_nan=False)]

# fmt: off
CALL_FIELDS = (
    "time", "trace_id", "span_id", "service", "operation", "provider", "request_model", "response_model", "response_id",
    "calls", "input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "tokens_estimated", "cost_usd", "cost_state", "price", "duration_ms", "ttft_ms",
    "tokens_per_second", "streaming", "status", "error_class", "http_status", "finish_reasons", "session_id", "user_id",
    "tenant_id", "feature", "agent_id", "prompt_name", "prompt_version", "variant", "tools", "guardrail", "evaluations",
    "dialect", "inferred", "counted_before", "duplicates", "sampled", "policy",
)
# fmt: on
"""Fields of a call record, which `expect.call` may name."""

ELSEWHERE = "elsewhere"
"""The parent of a span whose parent never comes."""
NONE = "none"
"""The parent of a second root."""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Event(Section):
    """An event of a span."""

    name: str
    """Its name, such as `exception` or `gen_ai.choice`."""
    attributes: dict[str, Any] = Field(default={})
    """Its attributes."""


class WrittenSpan(Section):
    """One span. With `model`, tokens or `cost_usd` it is a model call in the current GenAI conventions; other dialects
    are written under `attributes`."""

    name: str = "span"
    """Its name."""
    id: str = ""
    """What other spans call it under `parent`; its name when unset."""
    parent: str | None = None
    """Its parent's `id`. Unset: the first span, which is the root itself. `none`: another root. `elsewhere`: a parent
    that never comes."""
    service: str = "app"
    """`service.name` of its resource."""
    scope: str = ""
    """Name of its instrumentation scope."""
    start: Duration = 0.0
    """When it starts, after the trace's beginning."""
    duration: Duration = 1.0
    """How long it takes."""
    arrives: Duration | None = None
    """When it is received, after the trace's beginning; when it ends, if unset. Late spans are written with it."""
    kind: Literal["internal", "server", "client", "producer", "consumer"] = "internal"
    """Its kind."""
    status: Annotated[Literal["OK", "ERROR", "UNSET"], BeforeValidator(_upper)] = "UNSET"
    """Its status code."""
    message: str = ""
    """Its status message."""
    model: str = ""
    """The model that was asked and answered, `gen_ai.request.model` and `gen_ai.response.model`."""
    provider: str = ""
    """`gen_ai.provider.name`; concluded from the model when unset."""
    operation: str = ""
    """`gen_ai.operation.name`; `chat` when the span is a model call."""
    input_tokens: Count | None = None
    """`gen_ai.usage.input_tokens`, cached tokens included; 0 when only `output_tokens` is set."""
    output_tokens: Count | None = None
    """`gen_ai.usage.output_tokens`; 0 when only `input_tokens` is set."""
    cost_usd: Usd | None = None
    """`gen_ai.usage.cost`: what the span says it cost. Believed for models that the price book does not know; without
    `model` there is none that it knows."""
    attributes: dict[str, Any] = Field(default={})
    """Further attributes, which win over what the keys above write."""
    resource: dict[str, Any] = Field(default={})
    """Further attributes of its resource."""
    events: list[Event] = Field(default=[])
    """Its events."""
    trace_state: str = ""
    """Its W3C tracestate."""
    repeat: Annotated[int, Field(ge=1, le=200_000)] = 1
    """So many spans like this, one after the other."""

    @property
    def label(self) -> str:
        """What `parent` of another span says."""
        return self.id or self.name


class Traffic(Section):
    """Traces that come before the one that is judged, so that what is learned from traffic is known."""

    spans: Annotated[list[WrittenSpan], Field(min_length=1)]
    """The spans of each."""
    repeat: Annotated[int, Field(ge=1, le=100_000)] = 1
    """So many traces like this."""
    every: Duration = 1.0
    """Time between two of them; the last one begins this long before the trace of the test."""

    @model_validator(mode="after")
    def _linked(self) -> Self:
        check_parents(self.spans)
        return self


class ExpectTrial(Section):
    """What would have been decided with what is in `dry_run`."""

    keep: bool | None = None
    """Whether the trace would have been kept."""
    policy: str | None = None
    """The policy that would have decided."""
    probability: Share | None = None
    """The probability with which it would have been kept."""


class Expect(Section):
    """What is expected. Only what is written is compared."""

    keep: bool | None = None
    """Whether the trace is kept. With a probability between 0 and 1 this depends on `randomness`."""
    policy: str | None = None
    """The policy that decided."""
    probability: Share | None = None
    """The probability with which such a trace is kept; 0 for what is always dropped."""
    trigger: Trigger | None = None
    """What made the engine decide when it did."""
    votes: dict[str, Share | None] = Field(default={})
    """What single policies vote, by name; null for no vote. A `drop` votes the probability of dropping."""
    cost_usd: Usd | None = None
    """What the calls of the trace cost together, in USD."""
    calls: Count | None = None
    """How many model calls are counted; those that several spans tell of count once."""
    failed_calls: Count | None = None
    """How many of them failed."""
    input_tokens: Count | None = None
    """Input tokens of all calls."""
    output_tokens: Count | None = None
    """Output tokens of all calls."""
    guardrail: Literal["blocked", "redacted", "flagged", "error", "passed"] | None = None
    """What guardrails decided; `blocked` when one of several did."""
    call: dict[str, Any] = Field(default={})
    """The first call record, by field: `provider`, `operation`, `cost_state`, `error_class`, `tenant_id` …; null for
    unknown."""
    spans: dict[str, dict[str, Any]] = Field(default={})
    """Attributes of kept spans as they leave, by span name; null for one that must not be there."""
    incomplete: bool | None = None
    """Whether the decision was made on a part of the trace."""
    dry_run: ExpectTrial | None = None
    """What would have been decided with the policies that are in `dry_run`, or without `sampling.dry_run`."""
    late_spans: Count | None = None
    """How many spans came after the verdict and followed it."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.call:
            if name not in CALL_FIELDS:
                close = nearest(name, CALL_FIELDS)
                hint = f"did you mean `{close}`?" if close else "for example provider, cost_state, error_class"
                raise fault("unknown-field", f"a call record has no field `{name[:60]}`", hint, at=("call", name))
        return self


class Scenario(Section):
    """One trace in an engine of its own under a virtual clock, and what is expected of it."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """What the test shows; unique."""
    before: list[Traffic] = Field(default=[])
    """Traffic that the engine has seen before."""
    spans: Annotated[list[WrittenSpan], Field(min_length=1)]
    """The spans of the trace; the first is its root unless it says otherwise."""
    time: SpanTime | None = None
    """When the trace begins, which chooses the prices; noon (UTC) of the day the price book was built when unset."""
    randomness: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Where the trace stands among all: it is kept when this is at least 1 minus its probability."""
    expect: Expect
    """What is expected of it."""

    @model_validator(mode="after")
    def _linked(self) -> Self:
        check_parents(self.spans)
        return self


def check_parents(spans: list[WrittenSpan]) -> None:
    """Raises the fault of a span whose parent is none of the spans."""
    labels = [span.label for span in spans]
    for index, span in enumerate(spans):
        if span.parent is not None and span.parent not in (*labels, ELSEWHERE, NONE):
            close = nearest(span.parent, labels)
            hint = f"did you mean `{close}`?" if close else f"write `{ELSEWHERE}` for a parent that never comes"
            message = f"no span of the test is called `{span.parent[:60]}`"
            raise fault("unknown-span", message, hint, at=("spans", index, "parent"))
