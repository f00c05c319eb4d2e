"""Policy types of the Collector's `tail_sampling` that look at one trace: its names, fields and defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from enricher.config.base import fault
from enricher.sample.policies.base import Key, Milliseconds, PolicySettings


def _status(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Code = Annotated[Literal["OK", "ERROR", "UNSET"], BeforeValidator(_status)]


Texts = Annotated[list[str], BeforeValidator(_listed)]
"""Texts; one by itself stands for a list of it, as in the Collector."""


class AlwaysSample(PolicySettings):
    """Matches every trace; has no settings."""


class TraceFlags(PolicySettings):
    """Matches when any span has the W3C sampled flag; has no settings."""


class StatusCode(PolicySettings):
    """Matches when any span has one of the codes."""

    status_codes: Annotated[list[Code], Field(min_length=1), BeforeValidator(_listed)]
    """Span status codes: OK, ERROR, UNSET."""


class Latency(PolicySettings):
    """Matches by the duration of the trace in whole milliseconds: its latest end minus its earliest start."""

    threshold_ms: Milliseconds = 0
    """Matches traces longer than this."""
    upper_threshold_ms: Milliseconds = 0
    """… and not longer than this; 0 means no upper bound."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.upper_threshold_ms and self.upper_threshold_ms <= self.threshold_ms:
            raise fault(
                "empty-range",
                f"no duration is over {self.threshold_ms} ms and at most {self.upper_threshold_ms} ms",
                "raise upper_threshold_ms, or remove it for no upper bound",
                at=("upper_threshold_ms",),
            )
        return self

    def plan(self) -> dict[str, Any]:
        return {"threshold_ms": self.threshold_ms, "upper_threshold_ms": self.upper_threshold_ms or None}


class Probabilistic(PolicySettings):
    """Votes a probability, decided by the randomness of the trace id (or `ot=rv`), the same on every instance."""

    sampling_percentage: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Share of traces to keep, in percent; 100 and more keep every trace."""

    @property
    def share(self) -> float:
        """The probability, 0 to 1."""
        return min(self.sampling_percentage, 100.0) / 100

    def plan(self) -> dict[str, Any]:
        return {"sampling_percentage": min(self.sampling_percentage, 100.0)}


class NumericAttribute(PolicySettings):
    """Matches when any span, or its resource, has the attribute with a number in the range. Both ends belong to it."""

    key: Key
    """Attribute name."""
    min_value: Annotated[int | float | None, Field(allow_inf_nan=False)] = None
    """Smallest value; no lower bound when unset, or when it is 0 and `max_value` is below."""
    max_value: Annotated[int | float | None, Field(allow_inf_nan=False)] = None
    """Largest value; no upper bound when unset, or when it is 0 and `min_value` is above."""
    invert_match: bool = False
    """Match traces in which no span has such a value."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_value is None and self.max_value is None:
            raise fault("missing-key", "needs min_value, max_value or both")
        low, high = self._bounds()
        if low is not None and high is not None and low > high:
            message = f"no number is at least {low} and at most {high}"
            raise fault("empty-range", message, "swap them", at=("max_value",))
        return self

    def _bounds(self) -> tuple[int | float | None, int | float | None]:
        """The range. To the Collector a bound of 0 is none; here it is one, unless no number were in the range."""
        low, high = self.min_value, self.max_value
        if low is not None and high is not None and low > high and 0 in (low, high):
            return low or None, high or None
        return low, high

    def plan(self) -> dict[str, Any]:
        low, high = self._bounds()
        return self.model_dump() | {"min_value": low, "max_value": high}


class StringAttribute(PolicySettings):
    """Matches when any span, or its resource, has the attribute with one of the values."""

    key: Key
    """Attribute name."""
    values: Texts = Field(default=[])
    """Values, or regular expressions when `enabled_regex_matching` is set. Expressions match anywhere in the value; use
    `^` and `$` to match all of it. They run in linear time: no look-around, no back-references. An empty text is no
    value, as in the Collector; without any value nothing matches."""
    enabled_regex_matching: bool = False
    """Read `values` as regular expressions."""
    invert_match: bool = False
    """Match traces in which no span has such a value."""

    def plan(self) -> dict[str, Any]:
        return self.model_dump() | {"values": self.matched()}

    def matched(self) -> list[str]:
        """The values that can match."""
        return self.values if self.enabled_regex_matching else [value for value in self.values if value]


class BooleanAttribute(PolicySettings):
    """Matches when any span, or its resource, has the attribute with this value."""

    key: Key
    """Attribute name."""
    value: bool = False
    """The value: true or false."""
    invert_match: bool = False
    """Match traces in which no span has this value."""


class TraceState(PolicySettings):
    """Matches when any span has the member with one of the values in its W3C trace state."""

    key: Key
    """Name of the member."""
    values: Texts = Field(default=[])
    """Exact values. An empty text is no value, as in the Collector; without any value nothing matches."""

    def plan(self) -> dict[str, Any]:
        return {"key": self.key, "values": self.matched()}

    def matched(self) -> list[str]:
        """The values that can match."""
        return [value for value in self.values if value]


class SpanCount(PolicySettings):
    """Matches by the number of spans that came before the decision."""

    min_spans: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Fewest spans; they belong to the range."""
    max_spans: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Most spans; they belong to the range. 0 means no upper bound."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_spans and self.max_spans < self.min_spans:
            message = f"no trace has at least {self.min_spans} spans and at most {self.max_spans}"
            raise fault("empty-range", message, "raise max_spans, or remove it for no upper bound", at=("max_spans",))
        return self

    def plan(self) -> dict[str, Any]:
        return {"min_spans": self.min_spans, "max_spans": self.max_spans or None}


Condition = Annotated[str, Field(min_length=1, max_length=10_000)]


class OttlCondition(PolicySettings):
    """Matches when any of the conditions holds on any span, or on any event of one.

    Conditions are written in the OpenTelemetry Transformation Language: paths of `span`, `spanevent`, `resource` and
    `scope` (`attributes["key"]`, `name`, `kind`, `status.code` …), `==` `!=` `<` `<=` `>` `>=`, `and` `or` `not`,
    `nil`, `STATUS_CODE_*` and `SPAN_KIND_*`, and the functions IsMatch, HasPrefix, HasSuffix, IsString, IsInt,
    IsDouble, IsBool, IsMap, IsList, IsRootSpan, Int, Double, Len, Concat, Substring, ToLowerCase and ToUpperCase.
    Anything else is a fault.
    """

    error_mode: Literal["ignore", "silent", "propagate"] = "propagate"
    """Accepted, and the same whatever it says: a condition that cannot be worked out (the length of a number) does not
    hold, is counted, and takes no other span, condition or policy along."""
    span: Annotated[list[Condition], BeforeValidator(_listed)] = Field(default=[])
    """Conditions on spans, in the OpenTelemetry Transformation Language: paths of `span`, `resource` and `scope`, `==`
    `!=` `<` `<=` `>` `>=`, `and` `or` `not`, `nil`, `STATUS_CODE_*`, `SPAN_KIND_*`, IsMatch, HasPrefix, HasSuffix,
    IsString, IsInt, IsDouble, IsBool, IsMap, IsList, IsRootSpan, Int, Double, Len, Concat, Substring, ToLowerCase,
    ToUpperCase. Anything else is a fault."""
    spanevent: Annotated[list[Condition], BeforeValidator(_listed)] = Field(default=[])
    """Conditions on span events: the same, and paths of `spanevent`."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.span and not self.spanevent:
            raise fault("missing-key", "needs span, spanevent or both")
        return self

    def plan(self) -> dict[str, Any]:
        return {"span": self.span, "spanevent": self.spanevent}
