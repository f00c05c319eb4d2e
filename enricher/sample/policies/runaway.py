"""The policy that sees loops and bursts of spend while they go on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from enricher.config.base import Duration, fault
from enricher.sample.policies.base import PolicySettings, Usd

_NANOS = 10**9


class Runaway(PolicySettings):
    """Matches a trace that belongs to a loop or a burst of spend.

    Spans are looked at as they arrive, so that a loop inside one open trace, or after its decision, shows in
    `llm_runaway_detections_total` while it burns. Whatever reaches a threshold within the window counts.
    """

    per: Literal["trace", "session", "agent", "tenant"] = "trace"
    """What is followed. Of a session, an agent or a tenant only spans that name it count, in whatever trace."""
    window: Annotated[Duration, Field(ge=1, le=86_400)] = 600.0
    """Time over which is counted."""
    repeats: Annotated[int | None, Field(ge=2, le=10**6)] = 20
    """A loop: so many executions of one tool with the same arguments; without recorded arguments, of one tool."""
    calls: Annotated[int | None, Field(ge=2, le=10**9)] = 500
    """A loop: so many model calls."""
    usd: Usd | None = None
    """A burst: model calls that cost so much, in USD. Costs are those of single spans as they arrive: a call that two
    libraries report without a response id counts twice."""
    max_tracked: Annotated[int, Field(ge=1, le=10**6)] = 10_000
    """Traces, sessions, agents or tenants that are followed at a time; those beyond are not."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.repeats is None and self.calls is None and self.usd is None:
            raise fault("missing-key", "needs repeats, calls, usd or several of them")
        return self

    def plan(self) -> dict[str, Any]:
        return {
            "window_ns": round(self.window * _NANOS),
            "usd": None if self.usd is None else float(self.usd),
            **self.model_dump(include={"per", "repeats", "calls", "max_tracked"}),
        }
