"""The `admin:` section: where operators and probes ask how the service is."""

from __future__ import annotations

from enricher.config.base import Section
from enricher.endpoint import HostPort


class AdminSettings(Section):
    """Health, readiness and the effective configuration over HTTP."""

    enabled: bool = True
    """Serve them."""
    endpoint: HostPort = "127.0.0.1:13133"
    """Address to listen on, `host:port`; port 0 takes a free one. For probes of an orchestrator: `0.0.0.0:13133`."""
