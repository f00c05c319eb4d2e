"""The real process, on free ports, under a configuration of the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
_FREE = {
    "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}, "http": {"endpoint": "127.0.0.1:0"}}}},
    "metrics": {"prometheus": {"endpoint": "127.0.0.1:0"}},
    "admin": {"endpoint": "127.0.0.1:0"},
    "sampling": {"decision_wait": "2s", "decision_wait_after_root_received": "100ms"},
}


class Enricher:
    """`enricher run` with its log lines, the addresses it listens on, and ways to ask it."""

    def __init__(self, config: Path, *arguments: str) -> None:
        self.config = config
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "enricher", "run", "-c", str(config), *arguments],
            stderr=subprocess.PIPE,
            text=True,
            cwd=config.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_ready(self) -> None:
        wait_until(lambda: "ready" in self.lines or self.process.poll() is not None, 50)
        assert "ready" in self.lines, self.log

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def address(self, kind: str) -> str:
        """Of `otlp_grpc`, `otlp_http`, `metrics` or `admin`, from the line that says so."""
        return next(line.split()[2] for line in self.lines if line.startswith(f"listening {kind} "))

    def get(self, kind: str, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", f"http://{self.address(kind)}{path}", timeout=10, retries=False)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the series with these labels; 0 when there is none."""
        total = 0.0
        for line in self.get("metrics", "/metrics").data.decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{key}="{text}"' in series for key, text in labels.items()):
                total += float(value)
        return total

    def memory_mib(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 60) -> int:
        """Send a signal and wait; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout_s)
        self._reader.join(5)
        return status

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))


Start = Callable[..., Enricher]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the service with the given sections on top of free ports and short waits, and waits until it is ready."""
    running: list[Enricher] = []

    def starting(*arguments: str, ready: bool = True, **sections: Any) -> Enricher:
        config = tmp_path / f"enricher-{len(running)}.yaml"
        config.write_text(yaml.safe_dump(merged(_FREE, sections)))
        one = Enricher(config, *arguments)
        running.append(one)
        if ready:
            one.wait_ready()
        return one

    yield starting
    for one in running:
        one.kill()


def merged(base: Any, over: Any) -> Any:
    """Mappings are merged key by key, everything else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over
