"""Settings of the policy types, a family a file: the Collector's, those made of policies, our own."""

from enricher.sample.policies.collector import (
    BooleanAttribute,
    Latency,
    NumericAttribute,
    Probabilistic,
    StatusCode,
    StringAttribute,
)
from enricher.sample.policies.combined import TYPES, And, Drop, Not, Policy, PolicyBody, SubPolicy
from enricher.sample.policies.own import Cost

__all__ = [
    "TYPES",
    "And",
    "BooleanAttribute",
    "Cost",
    "Drop",
    "Latency",
    "Not",
    "NumericAttribute",
    "Policy",
    "PolicyBody",
    "Probabilistic",
    "StatusCode",
    "StringAttribute",
    "SubPolicy",
]
