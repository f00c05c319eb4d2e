"""The policy on what a trace costs."""

from __future__ import annotations

from typing import Any, Self

from pydantic import model_validator

from enricher.config.base import fault
from enricher.sample.policies.base import PolicySettings, Usd, pico


class Cost(PolicySettings):
    """Matches when the whole trace, or one call of it, costs at least so many US dollars."""

    trace_usd: Usd | None = None
    """Matches when the calls of the trace together cost at least this, in USD."""
    call_usd: Usd | None = None
    """Matches when one call costs at least this, in USD."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.trace_usd is None and self.call_usd is None:
            raise fault("missing-key", "needs trace_usd, call_usd or both")
        return self

    def plan(self) -> dict[str, Any]:
        thresholds = {"trace_pico_usd": self.trace_usd, "call_pico_usd": self.call_usd}
        return {name: None if usd is None else pico(usd) for name, usd in thresholds.items()}
