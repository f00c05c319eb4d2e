"""Settings of the policy types, a family a file: the Collector's, those made of policies, our own."""

from enricher.sample.policies.bounded import BytesLimiting, RateLimiting
from enricher.sample.policies.collector import (
    BooleanAttribute,
    Latency,
    NumericAttribute,
    Probabilistic,
    SpanCount,
    StatusCode,
    StringAttribute,
    TraceState,
)
from enricher.sample.policies.combined import (
    TYPES,
    WITHOUT_SETTINGS,
    And,
    Composite,
    Drop,
    Not,
    Policy,
    PolicyBody,
    SubPolicy,
)
from enricher.sample.policies.own import Cost

__all__ = [
    "TYPES",
    "WITHOUT_SETTINGS",
    "And",
    "BooleanAttribute",
    "BytesLimiting",
    "Composite",
    "Cost",
    "Drop",
    "Latency",
    "Not",
    "NumericAttribute",
    "Policy",
    "PolicyBody",
    "Probabilistic",
    "RateLimiting",
    "SpanCount",
    "StatusCode",
    "StringAttribute",
    "SubPolicy",
    "TraceState",
]
