"""A policy of any type, and the types that are made of policies."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from enricher.config.base import Section, fault
from enricher.config.shape import nearest
from enricher.sample.policies.base import PolicySettings
from enricher.sample.policies.collector import (
    BooleanAttribute,
    Latency,
    NumericAttribute,
    Probabilistic,
    StatusCode,
    StringAttribute,
)
from enricher.sample.policies.own import Cost

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
    def block(self) -> PolicySettings | None:
        """The settings that belong to the type; None for `always_sample`, or when the block is not written."""
        name = self.type + "_" if self.type in ("and", "not") else self.type
        found: PolicySettings | None = getattr(self, name, None)
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


class And(PolicySettings):
    """Matches when all sub-policies match, be it on different spans."""

    and_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies that must all match."""


class Not(PolicySettings):
    """Matches when the sub-policy does not."""

    not_sub_policy: SubPolicy
    """The policy that must not match."""


class Drop(PolicySettings):
    """Drops the trace when all sub-policies match, whatever other policies vote."""

    drop_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies that must all match."""


for _model in (SubPolicy, Policy):
    _model.model_rebuild()
