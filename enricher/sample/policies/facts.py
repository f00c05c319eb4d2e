"""Policies on what a trace says of its model calls: tokens, errors, guardrails, evaluations, sums."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from enricher.config.base import Section, fault
from enricher.sample.policies.base import PolicySettings

Count = Annotated[int, Field(gt=0, le=10**15)]
Score = Annotated[float | None, Field(allow_inf_nan=False)]
Names = Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=1000)]
ErrorClassName = Literal[
    "rate_limit", "timeout", "server_error", "auth", "context_length_exceeded", "content_filter", "client_error"
]


class Tokens(PolicySettings):
    """Matches when the whole trace, or one call of it, uses at least so many tokens."""

    of: Literal["total", "input", "output"] = "total"
    """Which tokens count. Input includes cached tokens, output includes reasoning."""
    trace_tokens: Count | None = None
    """Matches when the calls of the trace together use at least this many."""
    call_tokens: Count | None = None
    """Matches when one call uses at least this many."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.trace_tokens is None and self.call_tokens is None:
            raise fault("missing-key", "needs trace_tokens, call_tokens or both")
        return self


class ErrorClass(PolicySettings):
    """Matches when any span failed with one of the classes."""

    classes: Annotated[list[ErrorClassName], Field(min_length=1)]
    """Classes of errors, as `llm_errors_total` has them."""


class Guardrail(PolicySettings):
    """Matches when a guardrail on any span said so."""

    decisions: Annotated[Names, Field(min_length=1)] = Field(default=["blocked"])
    """Verdicts: blocked, passed, redacted, flagged, error; others as the guardrail words them."""
    names: Names = Field(default=[])
    """Guardrails to look at; any when empty."""


class Evaluation(PolicySettings):
    """Matches when an evaluation on any span has a score beyond a bound, or one of the labels."""

    names: Names = Field(default=[])
    """Evaluations to look at; any when empty."""
    below: Score = None
    """Matches scores lower than this."""
    above: Score = None
    """Matches scores higher than this."""
    labels: Names = Field(default=[])
    """Matches these labels, such as `fail`."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.below is None and self.above is None and not self.labels:
            raise fault("missing-key", "needs below, above, labels or several of them")
        return self


class Bounds(Section):
    """A range; both ends belong to it."""

    min: Annotated[int | float | None, Field(ge=0, allow_inf_nan=False)] = None
    """Smallest value; no lower bound when unset."""
    max: Annotated[int | float | None, Field(ge=0, allow_inf_nan=False)] = None
    """Largest value; no upper bound when unset."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is None and self.max is None:
            raise fault("missing-key", "needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise fault("empty-range", f"no number is at least {self.min} and at most {self.max}", at=("max",))
        return self


class Aggregate(PolicySettings):
    """Matches by sums over the whole trace. All that are given must hold."""

    cost_usd: Bounds | None = None
    """Cost of its calls, in USD."""
    tokens: Bounds | None = None
    """Input and output tokens of its calls."""
    input_tokens: Bounds | None = None
    """Input tokens of its calls."""
    output_tokens: Bounds | None = None
    """Output tokens of its calls."""
    calls: Bounds | None = None
    """Model calls, each counted once."""
    tool_calls: Bounds | None = None
    """Executions of tools."""
    errors: Bounds | None = None
    """Model calls that failed."""
    distinct_models: Bounds | None = None
    """Different models that its calls used."""
    models: Names = Field(default=[])
    """Some call used one of these models; `*` stands for any text."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.models and not self.plan()["sums"]:
            raise fault("missing-key", "needs a sum such as `calls: {min: 50}`, or models")
        return self

    def plan(self) -> dict[str, Any]:
        sums = [
            {"of": name, **bounds.model_dump()}
            for name in type(self).model_fields
            if isinstance(bounds := getattr(self, name), Bounds)
        ]
        return {"sums": sums, "models": self.models}
