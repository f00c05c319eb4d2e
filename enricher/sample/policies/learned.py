"""Policies that learn from all traffic: what is slow, what is rare, what fits a target."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from enricher.config.base import Duration, fault
from enricher.sample.policies.base import PolicySettings

_NANOS = 10**9
_GIB = 2**30
_MONTH_S = 86_400 * 365.25 / 12

Part = Literal["service", "span_name", "operation", "provider", "model", "agent", "tenant", "tool", "error_class"]
Window = Annotated[Duration, Field(ge=1, le=31 * 86_400)]
Rate = Annotated[float, Field(gt=0, le=10**15, allow_inf_nan=False)]
MaxKeys = Annotated[int, Field(ge=1, le=100_000)]


class Slow(PolicySettings):
    """Matches what takes longer than a moving quantile of its key, learned from all traffic.

    With the default, about one trace in twenty of each key matches, however slow that key is by nature.
    """

    of: Literal["trace", "call"] = "trace"
    """What is compared: whole traces, or model calls (one slow call makes the trace match)."""
    quantile: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.95
    """Share of the durations of a key that are not slow, 0 to 1."""
    keys: list[Part] | None = None
    """What makes a key. For traces `service` and `span_name` (of the root) by default; for calls `service`, `operation`
    and `model`, and neither `span_name` nor `tool`."""
    window: Window = 600.0
    """Time in which a duration loses two thirds of its weight."""
    min_count: Annotated[int, Field(ge=1, le=10**6)] = 100
    """Durations of a key that must be known before any counts as slow."""
    max_keys: MaxKeys = 500
    """Keys that are told apart; those beyond share one quantile."""

    @model_validator(mode="after")
    def _keys_of_calls(self) -> Self:
        for index, part in enumerate(self.keys or []):
            if self.of == "call" and part in ("span_name", "tool"):
                raise fault(
                    "unknown-value", f"a call has no `{part}`", "remove it, or write `of: trace`", ("keys", index)
                )
        return self

    def plan(self) -> dict[str, Any]:
        default = ["service", "span_name"] if self.of == "trace" else ["service", "operation", "model"]
        return {
            **self.model_dump(include={"of", "quantile", "min_count", "max_keys"}),
            "keys": default if self.keys is None else self.keys,
            "window_ns": round(self.window * _NANOS),
        }


class Rare(PolicySettings):
    """Matches the first trace of its kind in a window, so that an example of everything is kept."""

    keys: Annotated[list[Part], Field(min_length=1)] = Field(
        default=[
            "service",
            "span_name",
            "operation",
            "model",
            "agent",
            "tool",
            "error_class",
        ]
    )
    """What makes a kind."""
    window: Window = 900.0
    """Time that begins with the first of its kind."""
    max_fingerprints: Annotated[int, Field(ge=1, le=10**6)] = 10_000
    """Kinds that are remembered; in a window in which more come, those beyond are not rare."""

    def plan(self) -> dict[str, Any]:
        return {
            "keys": self.keys,
            "window_ns": round(self.window * _NANOS),
            "max_fingerprints": self.max_fingerprints,
        }


class Adaptive(PolicySettings):
    """Votes a probability such that what it keeps meets a target, whatever the traffic.

    The target is for what no other policy keeps for certain. One share of it goes to traces in proportion to their
    cost, the other to rare keys: what is kept of a key grows with the logarithm of how often it comes.
    """

    traces_per_second: Rate | None = None
    """Target in traces."""
    spans_per_second: Rate | None = None
    """Target in spans."""
    bytes_per_second: Rate | None = None
    """Target in bytes of spans as received."""
    gib_per_month: Rate | None = None
    """Target in GiB of spans as received, in a month of 30.4 days."""
    cost_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """Share of the target that goes to cost; the rest goes to rare keys."""
    keys: list[Part] = Field(default=["service", "operation", "model", "agent", "error_class"])
    """What makes a key. Of a part with several values, such as the models of a trace, all count."""
    max_keys: MaxKeys = 500
    """Keys that are told apart; those beyond share one."""
    window: Window = 30.0
    """Traffic that is remembered, at least; longer where it is thin."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        targets = ("traces_per_second", "spans_per_second", "bytes_per_second", "gib_per_month")
        given = [name for name in targets if getattr(self, name) is not None]
        if not given:
            raise fault("missing-key", "needs a target", "add one of " + ", ".join(targets))
        if len(given) > 1:
            raise fault("two-targets", f"{' and '.join(given)} contradict each other", "keep one", at=(given[1],))
        return self

    def plan(self) -> dict[str, Any]:
        unit, per_second = next(
            (unit, rate)
            for unit, rate in (
                ("traces", self.traces_per_second),
                ("spans", self.spans_per_second),
                ("bytes", self.bytes_per_second),
                ("bytes", self.gib_per_month and self.gib_per_month * _GIB / _MONTH_S),
            )
            if rate is not None
        )
        return {
            "unit": unit,
            "per_second": per_second,
            "window_ns": round(self.window * _NANOS),
            **self.model_dump(include={"cost_share", "keys", "max_keys"}),
        }
