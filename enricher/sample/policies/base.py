"""What the settings of all policy types share."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from enricher.config.base import Section

PICO_DIGITS = 12

Key = Annotated[str, Field(min_length=1)]
Usd = Annotated[Decimal, Field(gt=0, lt=10**9, decimal_places=PICO_DIGITS)]
Milliseconds = Annotated[int, Field(ge=0, le=10**12)]


class PolicySettings(Section):
    """The block of a policy's type."""

    def plan(self) -> dict[str, Any]:
        """The fields as `core/src/sample/plan.rs` reads them beside name and type."""
        return self.model_dump()


def pico(usd: Decimal) -> str:
    """US dollars as a whole number of pico-dollars; the models allow no more digits than that holds."""
    return str(int(usd * 10**PICO_DIGITS))
