"""What an operator sees: start, faults at start, health, configuration, reload, stop."""

from __future__ import annotations

import signal

import pytest
import yaml

from tests.e2e.conftest import Start, merged
from tests.support.waiting import wait_until


def test_it_says_where_it_listens_and_that_memory_is_all_there_is(start: Start) -> None:
    enricher = start(exporters={"debug": None})
    for kind in ("otlp_grpc", "otlp_http", "metrics", "admin"):
        host, _, port = enricher.address(kind).rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0
    assert any("memory only" in line for line in enricher.lines)
    assert enricher.lines.index("ready") > enricher.lines.index(f"listening otlp_http {enricher.address('otlp_http')}")


def test_health_readiness_and_the_configuration_without_secrets(start: Start) -> None:
    backend = {"endpoint": "127.0.0.1:1", "tls": {"insecure": True}, "headers": {"authorization": "s3cret-token"}}
    enricher = start("--set", "limits.buffer_mib=64", exporters={"otlp_grpc/tempo": backend})
    assert enricher.get("admin", "/healthz").status == 200
    ready = enricher.get("admin", "/readyz")
    assert ready.status == 200
    assert "otlp_grpc/tempo" in ready.json()["exporters"]
    config = enricher.get("admin", "/config")
    assert config.json()["limits"]["buffer_mib"] == 64
    assert "s3cret" not in config.data.decode()


def test_a_faulty_file_ends_the_start_with_every_fault_and_status_1(start: Start) -> None:
    enricher = start(ready=False, sampling={"decision_wait": "soon"}, exporters={"otlp": {"compression": "zstd"}})
    assert enricher.process.wait(50) == 1
    wait_until(lambda: "zstd" in enricher.log and "soon" in enricher.log)
    assert "Traceback" not in enricher.log


def test_a_port_in_use_ends_the_start_with_its_address(start: Start) -> None:
    first = start(exporters={"debug": None})
    taken = first.address("otlp_http")
    second = start(ready=False, receivers={"otlp": {"protocols": {"http": {"endpoint": taken}}}})
    assert second.process.wait(50) == 1
    wait_until(lambda: f"cannot listen on {taken}" in second.log)
    assert "Traceback" not in second.log


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_changed_file_is_in_force_without_a_restart_and_a_faulty_one_is_not(start: Start, by_signal: bool) -> None:
    enricher = start(exporters={"debug": None})

    def write(wait: str) -> None:
        config = yaml.safe_load(enricher.config.read_text())
        enricher.config.write_text(yaml.safe_dump(merged(config, {"sampling": {"decision_wait": wait}})))
        if by_signal:
            enricher.process.send_signal(signal.SIGHUP)

    def decision_wait() -> float:
        return float(enricher.get("admin", "/config").json()["sampling"]["decision_wait"])

    write("7s")
    wait_until(lambda: decision_wait() == 7)
    write("soon")
    wait_until(lambda: not enricher.get("admin", "/readyz").json()["config"]["last_reload_ok"])
    assert decision_wait() == 7
    assert enricher.get("admin", "/readyz").status == 200
    assert enricher.metric("enricher_config_last_reload_successful") == 0
    assert "the old one stays in force" in enricher.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_stops_at_once(start: Start, number: signal.Signals) -> None:
    enricher = start("--shutdown-timeout", "600s", exporters={"debug": None})
    assert enricher.stop(number) == 0


def test_a_second_signal_does_not_wait_for_a_dead_destination(start: Start) -> None:
    from tests.e2e.test_receive_export import call
    from tests.support import otlp

    dead = {"endpoint": "127.0.0.1:1", "tls": {"insecure": True}}
    enricher = start("--shutdown-timeout", "600s", exporters={"otlp_grpc": dead})
    call(enricher, otlp.traces())
    enricher.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in enricher.log)
    assert enricher.stop(signal.SIGTERM) == -signal.SIGTERM
