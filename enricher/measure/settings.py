"""The `metrics:` section: where metrics are served."""

from __future__ import annotations

from enricher.config.base import Section
from enricher.endpoint import HostPort


class PrometheusSettings(Section):
    """The endpoint that Prometheus scrapes, `/metrics`."""

    enabled: bool = True
    """Serve it."""
    endpoint: HostPort = "127.0.0.1:9464"
    """Address to listen on, `host:port`; port 0 takes a free one."""


class MetricsSettings(Section):
    """What is measured, and where it can be read."""

    prometheus: PrometheusSettings = PrometheusSettings()
    """The scrape endpoint."""
