"""The `sampling:` section: names, fields and defaults of the Collector's `tail_sampling`, and what is ours besides."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from enricher.config.base import Duration, Section, fault
from enricher.config.shape import nearest

PolicyType = Literal[
    "always_sample",
    "status_code",
    "latency",
    "probabilistic",
    "numeric_attribute",
    "string_attribute",
    "boolean_attribute",
    "cost",
    "and",
    "not",
    "drop",
]
TYPES: tuple[str, ...] = get_args(PolicyType)

_PICO_DIGITS = 12


def _status(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Key = Annotated[str, Field(min_length=1)]
Code = Annotated[Literal["OK", "ERROR", "UNSET"], BeforeValidator(_status)]
Usd = Annotated[Decimal, Field(gt=0, lt=10**9, decimal_places=_PICO_DIGITS)]
Milliseconds = Annotated[int, Field(ge=0, le=10**12)]


class StatusCode(Section):
    """Matches when any span has one of the codes."""

    status_codes: Annotated[list[Code], Field(min_length=1)]
    """Span status codes: OK, ERROR, UNSET."""


class Latency(Section):
    """Matches by the duration of the trace: its latest end minus its earliest start."""

    threshold_ms: Milliseconds
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


class Probabilistic(Section):
    """Votes a probability, decided by the randomness of the trace id (or `ot=rv`), the same on every instance."""

    sampling_percentage: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    """Share of traces to keep, in percent, 0 to 100."""


class NumericAttribute(Section):
    """Matches when any span, or its resource, has the attribute with a number in the range. Both ends belong to it."""

    key: Key
    """Attribute name."""
    min_value: Annotated[int | float | None, Field(allow_inf_nan=False)] = None
    """Smallest value; no lower bound when unset."""
    max_value: Annotated[int | float | None, Field(allow_inf_nan=False)] = None
    """Largest value; no upper bound when unset."""
    invert_match: bool = False
    """Match traces in which no span has such a value."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_value is None and self.max_value is None:
            raise fault("missing-key", "needs min_value, max_value or both")
        if self.min_value is not None and self.max_value is not None and self.min_value > self.max_value:
            hint = "swap them" if self.max_value != 0 else "remove max_value for no upper bound"
            message = f"no number is at least {self.min_value} and at most {self.max_value}"
            raise fault("empty-range", message, hint, at=("max_value",))
        return self


class StringAttribute(Section):
    """Matches when any span, or its resource, has the attribute with one of the values."""

    key: Key
    """Attribute name."""
    values: Annotated[list[str], Field(min_length=1)]
    """Values, or regular expressions when `enabled_regex_matching` is set. Expressions match anywhere in the value; use
    `^` and `$` to match all of it. They run in linear time: no look-around, no back-references."""
    enabled_regex_matching: bool = False
    """Read `values` as regular expressions."""
    invert_match: bool = False
    """Match traces in which no span has such a value."""


class BooleanAttribute(Section):
    """Matches when any span, or its resource, has the attribute with this value."""

    key: Key
    """Attribute name."""
    value: bool
    """The value: true or false."""
    invert_match: bool = False
    """Match traces in which no span has this value."""


class Cost(Section):
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


class PolicyBody(Section):
    """One policy: its type, and the block of that name with its settings."""

    name: str = ""
    """Name of the policy."""
    type: PolicyType
    """What kind of policy; its settings stand under a key of the same name."""
    status_code: StatusCode | None = None
    """Settings of `type: status_code`."""
    latency: Latency | None = None
    """Settings of `type: latency`."""
    probabilistic: Probabilistic | None = None
    """Settings of `type: probabilistic`."""
    numeric_attribute: NumericAttribute | None = None
    """Settings of `type: numeric_attribute`."""
    string_attribute: StringAttribute | None = None
    """Settings of `type: string_attribute`."""
    boolean_attribute: BooleanAttribute | None = None
    """Settings of `type: boolean_attribute`."""
    cost: Cost | None = None
    """Settings of `type: cost`."""
    and_: And | None = Field(default=None, alias="and")
    """Settings of `type: and`."""
    not_: Not | None = Field(default=None, alias="not")
    """Settings of `type: not`."""
    drop: Drop | None = None
    """Settings of `type: drop`."""

    @model_validator(mode="before")
    @classmethod
    def _known_type(cls, value: Any) -> Any:
        """One clear fault for an unknown type, instead of one for the type and one for its block."""
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind not in TYPES:
            close = nearest(kind, TYPES)
            hint = f"did you mean `{close}`?" if close else "available: " + ", ".join(TYPES)
            raise fault("unknown-policy-type", f"unknown policy type `{kind[:60]}`", hint, at=("type",))
        return value

    @property
    def block(self) -> Section | None:
        """The settings that belong to the type; None for `always_sample`, or when the block is not written."""
        name = self.type + "_" if self.type in ("and", "not") else self.type
        found: Section | None = getattr(self, name, None)
        return found

    @property
    def children(self) -> list[SubPolicy]:
        """The policies inside `and`, `not` and `drop`."""
        match self.block:
            case And(and_sub_policy=subs) | Drop(drop_sub_policy=subs):
                return subs
            case Not(not_sub_policy=sub):
                return [sub]
        return []


class SubPolicy(PolicyBody):
    """A policy inside another one."""

    name: str = ""
    """Name shown by `explain`; may be left out."""


class Policy(PolicyBody):
    """A policy of the list. Its name appears on kept spans, in metrics and in `explain`."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """Unique name."""


class And(Section):
    """Matches when all sub-policies match, be it on different spans."""

    and_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies that must all match."""


class Not(Section):
    """Matches when the sub-policy does not."""

    not_sub_policy: SubPolicy
    """The policy that must not match."""


class Drop(Section):
    """Drops the trace when all sub-policies match, whatever other policies vote."""

    drop_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies that must all match."""


for _model in (SubPolicy, Policy):
    _model.model_rebuild()


class DecisionCache(Section):
    """How many verdicts are remembered for spans that come after the decision."""

    sampled_cache_size: Annotated[int, Field(ge=0, le=10**8)] = 100_000
    """Kept traces to remember."""
    non_sampled_cache_size: Annotated[int, Field(ge=0, le=10**8)] = 400_000
    """Dropped traces to remember."""


class SamplingSettings(Section):
    """Which whole traces are kept. A Collector's `tail_sampling:` block can be pasted here as it stands.

    Every policy that matches votes a probability. A matching `drop` wins; otherwise the highest probability wins; a
    trace without any vote is dropped.
    """

    decision_wait: Annotated[Duration, Field(gt=0, le=86_400)] = 30.0
    """A trace is decided at the latest this long after its first span."""
    decision_wait_after_root_received: Annotated[Duration, Field(le=86_400)] = 2.0
    """A trace is decided this long after its root span has ended; 0 waits for `decision_wait` always."""
    decision_cache: DecisionCache = DecisionCache()
    """Memory for verdicts."""
    policies: list[Policy] = Field(default=[])
    """The rules. Without any, every trace is kept."""
