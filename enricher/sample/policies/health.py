"""The policy that knows the probes of load balancers and orchestrators."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from enricher.sample.policies.base import PolicySettings


class HealthCheck(PolicySettings):
    """Matches a trace whose root span is a health check and that calls no model; has no settings."""

    def plan(self) -> dict[str, Any]:
        return {"patterns": sorted(patterns().items())}


@cache
def patterns() -> dict[str, list[str]]:
    """Attributes of a root span and the expressions of which one tells a health check."""
    found: dict[str, list[str]] = yaml.safe_load((files("enricher.sample") / "health_checks.yaml").read_text())[
        "patterns"
    ]
    return found
