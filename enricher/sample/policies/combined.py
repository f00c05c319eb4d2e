"""A policy of any type, and the types that are made of policies."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from enricher.config.base import Section, fault
from enricher.config.shape import nearest
from enricher.sample.policies.base import PolicySettings, Usd, pico
from enricher.sample.policies.bounded import BytesLimiting, RateLimiting
from enricher.sample.policies.collector import (
    AlwaysSample,
    BooleanAttribute,
    Latency,
    NumericAttribute,
    OttlCondition,
    Probabilistic,
    SpanCount,
    StatusCode,
    StringAttribute,
    TraceFlags,
    TraceState,
)
from enricher.sample.policies.facts import Aggregate, ErrorClass, Evaluation, Guardrail, Tokens
from enricher.sample.policies.health import HealthCheck
from enricher.sample.policies.learned import Adaptive, Rare, Slow
from enricher.sample.policies.own import Cost
from enricher.sample.policies.runaway import Runaway

PolicyType = Literal[
    "always_sample",
    "status_code",
    "latency",
    "probabilistic",
    "numeric_attribute",
    "string_attribute",
    "boolean_attribute",
    "trace_state",
    "trace_flags",
    "span_count",
    "ottl_condition",
    "rate_limiting",
    "bytes_limiting",
    "cost",
    "tokens",
    "error_class",
    "guardrail",
    "evaluation",
    "aggregate",
    "slow",
    "rare",
    "adaptive",
    "runaway",
    "health_check",
    "and",
    "not",
    "drop",
    "composite",
    "budget",
]
TYPES: tuple[str, ...] = get_args(PolicyType)

WITHOUT_SETTINGS = (
    "always_sample",
    "trace_flags",
    "latency",
    "probabilistic",
    "span_count",
    "rate_limiting",
    "bytes_limiting",
    "guardrail",
    "slow",
    "rare",
    "runaway",
    "health_check",
)
"""Types that have nothing to set, or nothing that must be: their block may be left out."""


ON_ONE_SPAN = (
    "status_code",
    "string_attribute",
    "numeric_attribute",
    "boolean_attribute",
    "trace_state",
    "trace_flags",
    "ottl_condition",
)
"""Types that look at single spans."""


class PolicyBody(Section):
    """One policy: its type, and the block of that name with its settings."""

    name: str = ""
    """Name of the policy."""
    type: PolicyType
    """What kind of policy; its settings stand under a key of the same name."""
    always_sample: AlwaysSample | None = None
    """Settings of `type: always_sample`: none."""
    trace_flags: TraceFlags | None = None
    """Settings of `type: trace_flags`: none."""
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
    trace_state: TraceState | None = None
    """Settings of `type: trace_state`."""
    span_count: SpanCount | None = None
    """Settings of `type: span_count`."""
    ottl_condition: OttlCondition | None = None
    """Settings of `type: ottl_condition`."""
    rate_limiting: RateLimiting | None = None
    """Settings of `type: rate_limiting`."""
    bytes_limiting: BytesLimiting | None = None
    """Settings of `type: bytes_limiting`."""
    cost: Cost | None = None
    """Settings of `type: cost`."""
    tokens: Tokens | None = None
    """Settings of `type: tokens`."""
    error_class: ErrorClass | None = None
    """Settings of `type: error_class`."""
    guardrail: Guardrail | None = None
    """Settings of `type: guardrail`."""
    evaluation: Evaluation | None = None
    """Settings of `type: evaluation`."""
    aggregate: Aggregate | None = None
    """Settings of `type: aggregate`."""
    slow: Slow | None = None
    """Settings of `type: slow`."""
    rare: Rare | None = None
    """Settings of `type: rare`."""
    adaptive: Adaptive | None = None
    """Settings of `type: adaptive`."""
    runaway: Runaway | None = None
    """Settings of `type: runaway`."""
    and_: And | None = Field(default=None, alias="and")
    """Settings of `type: and`."""
    not_: Not | None = Field(default=None, alias="not")
    """Settings of `type: not`."""
    drop: Drop | None = None
    """Settings of `type: drop`."""
    composite: Composite | None = None
    """Settings of `type: composite`."""
    budget: Budget | None = None
    """Settings of `type: budget`."""

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
        """The settings that belong to the type; None when it has none, or when the block is not written."""
        if self.type in ("always_sample", "trace_flags"):
            return None
        name = self.type + "_" if self.type in ("and", "not") else self.type
        found: PolicySettings | None = getattr(self, name, None)
        if found is None and self.type in _DEFAULTS:
            return _DEFAULTS[self.type]
        return found

    @property
    def children(self) -> list[SubPolicy]:
        """The policies inside `and`, `not`, `drop`, `composite` and `budget`, as they are written."""
        match self.block:
            case And(and_sub_policy=subs) | Drop(drop_sub_policy=subs) | Composite(composite_sub_policy=subs):
                return subs
            case Not(not_sub_policy=sub) | Budget(budget_sub_policy=sub):
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
    dry_run: bool = False
    """Try the policy out: its votes are counted and shown, and change nothing. What would have been decided with it
    stands on the root of kept traces (`enricher.sampling.dry_run.*`) and is counted."""


class And(PolicySettings):
    """Matches when all sub-policies match, be it on different spans."""

    and_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies that must all match."""
    same_span: bool = False
    """Ask for one span that satisfies all of them. They may be `status_code`, `string_attribute`, `numeric_attribute`,
    `boolean_attribute`, `trace_state`, `trace_flags`, `ottl_condition` and `not` of one of these. Attributes of the
    resource count as those of each of its spans, events as those of their span."""

    def plan(self) -> dict[str, Any]:
        return {"same_span": True} if self.same_span else {}


class Not(PolicySettings):
    """Matches when the sub-policy does not."""

    not_sub_policy: SubPolicy
    """The policy that must not match."""

    def plan(self) -> dict[str, Any]:
        return {}


class Drop(PolicySettings):
    """Drops the trace when all sub-policies match, whatever other policies vote."""

    drop_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies that must all match."""

    def plan(self) -> dict[str, Any]:
        return {}


class RateAllocation(Section):
    """The share of one sub-policy of a `composite`."""

    policy: str
    """Name of the sub-policy."""
    percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Its share of `max_total_spans_per_second`; 0 means an equal share: the total divided by the number of
    sub-policies."""


class Composite(PolicySettings):
    """Shares a bound out between policies: the first that wants a trace has it, within its share. What is over its
    share is not kept, and does not fall through to the next."""

    max_total_spans_per_second: Annotated[int, Field(ge=0, le=10**15)] = 0
    """Spans a second that the shares are parts of; 0 keeps nothing."""
    policy_order: list[str] = Field(default=[])
    """Names of the sub-policies in the order in which they are asked; those not named come after, as written."""
    composite_sub_policy: Annotated[list[SubPolicy], Field(min_length=1)]
    """The policies."""
    rate_allocation: list[RateAllocation] = Field(default=[])
    """The share of each; a sub-policy that is not named gets an equal share."""

    def plan(self) -> dict[str, Any]:
        names = [sub.name for sub in self.composite_sub_policy]
        percents = {share.policy: share.percent for share in self.rate_allocation}
        total = self.max_total_spans_per_second
        rates = [total * (percents[name] / 100 if percents.get(name) else 1 / len(names)) for name in names]
        last = len(self.policy_order)
        places = [self.policy_order.index(name) if name in self.policy_order else last for name in names]
        return {"rates": rates, "order": sorted(range(len(names)), key=places.__getitem__)}


class Budget(PolicySettings):
    """Votes as its sub-policy does, with another probability while the trace's tenant is over its budget.

    Spend is counted from all traffic, each call once, in calendar periods of UTC: when its trace is decided, before
    that trace's own vote, and within a second when it comes later. Traces without a tenant are those of one.
    """

    usd: Usd
    """What each tenant may spend in a period, in USD."""
    tenants: Annotated[dict[str, Usd], Field(max_length=10_000)] = Field(default={})
    """Budgets of single tenants, by their id, in USD."""
    period: Literal["hour", "day", "month"] = "day"
    """When spend begins anew."""
    factor: Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
    """What the probability is multiplied with while the tenant is over its budget: below 1 keeps less of it, above 1
    more."""
    budget_sub_policy: SubPolicy
    """The policy whose probability changes."""
    max_tenants: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Tenants that are told apart in a period. The spend of those beyond is counted together, and none of them is over
    its budget."""

    def plan(self) -> dict[str, Any]:
        return {
            "pico_usd": pico(self.usd),
            "tenants": sorted((tenant, pico(usd)) for tenant, usd in self.tenants.items()),
            **self.model_dump(include={"period", "factor", "max_tenants"}),
        }


_DEFAULTS: dict[str, PolicySettings] = {
    "latency": Latency(),
    "probabilistic": Probabilistic(),
    "span_count": SpanCount(),
    "rate_limiting": RateLimiting(),
    "bytes_limiting": BytesLimiting(),
    "guardrail": Guardrail(),
    "slow": Slow(),
    "rare": Rare(),
    "runaway": Runaway(),
    "health_check": HealthCheck(),
}

for _model in (SubPolicy, Policy):
    _model.model_rebuild()
