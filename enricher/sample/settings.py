"""The `sampling:` section: names, fields and defaults of the Collector's `tail_sampling`, and what is ours besides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from enricher.config.base import Duration, Section
from enricher.sample.policies import Policy


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
    drop_health_checks: bool = False
    """Drop the probes of load balancers and orchestrators: traces that call no model and whose root is a request for a
    path such as `/healthz`, or for `grpc.health.v1.Health`, or comes from a known prober."""
    state_file: Annotated[str | None, Field(min_length=1)] = None
    """File in which what policies have learned outlives a restart: moving averages and quantiles, spend of tenants,
    tokens of limits. It is written every minute and at the end, and read at the start; its directory must exist.
    Without it policies begin anew."""
    policies: list[Policy] = Field(default=[])
    """The rules. Without any, every trace is kept."""
