"""Policy types of the Collector's `tail_sampling` that bound what passes in a time."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from enricher.sample.policies.base import PolicySettings

Rate = Annotated[int, Field(ge=0, le=10**15)]
Burst = Annotated[int, Field(ge=0, le=10**15)]

_BURST_S = 2


class RateLimiting(PolicySettings):
    """Matches while there is room: as many spans a second, in whole traces. Where not all fit, those with the highest
    randomness do, and `ot=th` says which share that was, so that estimated totals stay right."""

    spans_per_second: Rate = 0
    """Spans a second. 0 lets nothing pass but what `burst_capacity` holds at the start."""
    burst_capacity: Burst = 0
    """Spans that may pass at once after a quiet time; a larger trace never passes. 0 means twice `spans_per_second`."""

    def plan(self) -> dict[str, Any]:
        burst = self.burst_capacity or _BURST_S * self.spans_per_second
        return {"spans_per_second": self.spans_per_second, "burst_capacity": burst}


class BytesLimiting(PolicySettings):
    """Matches while there is room: as many bytes of spans a second, in whole traces, otherwise like `rate_limiting`."""

    bytes_per_second: Rate = 0
    """Bytes a second, of spans as they were received. 0 lets nothing pass but what `burst_capacity` holds at the
    start."""
    burst_capacity: Burst = 0
    """Bytes that may pass at once after a quiet time; a larger trace never passes. 0 means twice `bytes_per_second`."""

    def plan(self) -> dict[str, Any]:
        burst = self.burst_capacity or _BURST_S * self.bytes_per_second
        return {"bytes_per_second": self.bytes_per_second, "burst_capacity": burst}
