"""The HTTP host and what is served beside the receivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge

from enricher.admin import scrape, server
from enricher.admin.server import Probes, Readiness
from enricher.errors import InputError
from enricher.runtime.web import WebHost


@pytest.fixture
def host() -> Iterator[WebHost]:
    one = WebHost()
    one.start()
    yield one
    one.stop()


def get(address: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"http://{address}{path}", headers=headers, timeout=10, retries=False)


def test_a_port_in_use_is_told_with_its_address(host: WebHost) -> None:
    site = host.serve("one", web.Application(), "127.0.0.1:0")
    with pytest.raises(InputError, match=f"two: cannot listen on {site.address}: Address already in use"):
        host.serve("two", web.Application(), site.address)
    site.stop()


def test_health_and_readiness_follow_the_service(host: WebHost) -> None:
    state = {"hangs": "", "ready": False}
    probes = Probes(
        lambda: str(state["hangs"]), lambda: Readiness(bool(state["ready"]), {"phase": "x"}), lambda: {"a": {"b": 1}}
    )
    site = host.serve("admin", server.application(probes), "127.0.0.1:0")
    assert get(site.address, "/healthz").status == 200
    assert get(site.address, "/readyz").status == 503
    state.update(hangs="no decision for 61 s", ready=True)
    answer = get(site.address, "/healthz")
    assert (answer.status, answer.data) == (500, b"no decision for 61 s\n")
    answer = get(site.address, "/readyz")
    assert (answer.status, answer.json()) == (200, {"ready": True, "phase": "x"})
    assert get(site.address, "/config").json() == {"a": {"b": 1}}
    site.stop()


def test_metrics_come_in_the_format_that_is_asked_for(host: WebHost) -> None:
    registry = CollectorRegistry()
    Gauge("enricher_test", "A test.", registry=registry).set(4)
    site = host.serve("metrics", scrape.application(registry), "127.0.0.1:0")
    plain = get(site.address, "/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert b"enricher_test 4.0" in plain.data
    openmetrics = get(site.address, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.data.endswith(b"# EOF\n")
    site.stop()
