"""Settings of the policy types, a family a file: the Collector's, those made of policies, our own."""

from enricher.sample.policies.bounded import BytesLimiting, RateLimiting
from enricher.sample.policies.collector import (
    BooleanAttribute,
    Latency,
    NumericAttribute,
    OttlCondition,
    Probabilistic,
    SpanCount,
    StatusCode,
    StringAttribute,
    TraceState,
)
from enricher.sample.policies.combined import (
    ON_ONE_SPAN,
    TYPES,
    WITHOUT_SETTINGS,
    And,
    Budget,
    Composite,
    Drop,
    Not,
    Policy,
    PolicyBody,
    SubPolicy,
)
from enricher.sample.policies.facts import Aggregate, ErrorClass, Evaluation, Guardrail, Tokens
from enricher.sample.policies.health import HealthCheck
from enricher.sample.policies.learned import Adaptive, Rare, Slow
from enricher.sample.policies.own import Cost
from enricher.sample.policies.runaway import Runaway

__all__ = [
    "ON_ONE_SPAN",
    "TYPES",
    "WITHOUT_SETTINGS",
    "Adaptive",
    "Aggregate",
    "And",
    "BooleanAttribute",
    "Budget",
    "BytesLimiting",
    "Composite",
    "Cost",
    "Drop",
    "ErrorClass",
    "Evaluation",
    "Guardrail",
    "HealthCheck",
    "Latency",
    "Not",
    "NumericAttribute",
    "OttlCondition",
    "Policy",
    "PolicyBody",
    "Probabilistic",
    "Rare",
    "RateLimiting",
    "Runaway",
    "Slow",
    "SpanCount",
    "StatusCode",
    "StringAttribute",
    "SubPolicy",
    "Tokens",
    "TraceState",
]
