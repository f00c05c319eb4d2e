"""The `normalize.estimate_tokens:` section."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from enricher.config.base import Section


def switch_alone(value: Any) -> Any:
    """A bare `true` or `false` is the switch."""
    return {"enabled": value} if isinstance(value, bool) else value


class EstimateSettings(Section):
    """Tokens counted from content, for calls that nobody told the usage of. Never on the way in, never for others."""

    enabled: bool = True
    """False leaves such calls without tokens, and unpriced."""
    call_kib: Annotated[int, Field(ge=1, le=1 << 16)] = 256
    """Text of one call that is counted, in KiB; of longer text the rest is taken to be like it."""
    tick_kib: Annotated[int, Field(ge=1, le=1 << 20)] = 2048
    """Text that is counted at one go of deciding traces, several a second, in KiB. Calls beyond go without an estimate
    and are counted in enricher_token_estimates_total."""
