"""Policy types that the Collector does not have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from pydantic import model_validator

from enricher.config.base import fault
from enricher.sample.policies.base import PICO_DIGITS, PolicySettings, Usd


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
        return {"trace_pico_usd": _pico(self.trace_usd), "call_pico_usd": _pico(self.call_usd)}


def _pico(usd: Decimal | None) -> str | None:
    """US dollars as a whole number of pico-dollars; the model allows no more digits than that holds."""
    return None if usd is None else str(int(usd * 10**PICO_DIGITS))
