"""One run of the demonstration: a real `enricher run` process, fed over gRPC, watched over Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

import grpc
import yaml

from enricher.demo.traffic import Traffic
from enricher.errors import InputError

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_START_SECONDS = 30.0


def configuration(directory: Path) -> str:
    """The YAML the demonstration runs: files as the backend, a mix of rules, short waits."""
    tree = {
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}, "http": {"endpoint": "127.0.0.1:0"}}}
        },
        "sampling": {
            "decision_wait": "5s",
            "decision_wait_after_root_received": "1s",
            "policies": [
                {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
                {"name": "slow", "type": "latency", "latency": {"threshold_ms": 2500}},
                {"name": "costly", "type": "cost", "cost": {"trace_usd": 0.10}},
                {"name": "the-rest", "type": "probabilistic", "probabilistic": {"sampling_percentage": 10}},
            ],
        },
        "metrics": {
            "prometheus": {"endpoint": "127.0.0.1:0"},
            "call_log": {"path": str(directory / "calls.jsonl")},
        },
        "admin": {"endpoint": "127.0.0.1:0"},
        "exporters": {"file": {"path": str(directory / "traces.jsonl")}},
    }
    return yaml.safe_dump(tree, sort_keys=False)


class Server:
    """The process under demonstration. `ports` maps listener names to `host:port`."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "enricher.yaml"
        self.log = directory / "enricher.log"
        self.config.write_text(configuration(directory))
        self.ports: dict[str, str] = {}
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "enricher", "run", "-c", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        if not self._ready.wait(_START_SECONDS):
            self.stop()
            raise InputError(f"the service did not start; its log is {self.log}:\n{self.log.read_text()}")

    def _read(self, lines: TextIO) -> None:
        with self.log.open("w") as log:
            for line in lines:
                log.write(line)
                log.flush()
                words = line.split()
                if words[:1] == ["listening"] and len(words) == 3:
                    self.ports[words[1]] = words[2]
                elif words == ["ready"]:
                    self._ready.set()

    def stop(self) -> int:
        """Ask for an orderly end and wait for it; returns the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            code = self._process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(timeout=5)
        return code


class Feeder(threading.Thread):
    """Sends traffic at a steady rate until told to stop."""

    def __init__(self, target: str, traffic: Traffic, spans_per_second: float) -> None:
        super().__init__(daemon=True)
        self._channel = grpc.insecure_channel(target)
        self._export = self._channel.unary_unary(_EXPORT, request_serializer=None, response_deserializer=None)
        self._traffic = traffic
        self._rate = spans_per_second
        self._stop = threading.Event()
        self.sent = 0
        self.fault: Exception | None = None

    def run(self) -> None:
        started = time.monotonic()
        while not self._stop.is_set():
            for _kind, request, spans in self._traffic.requests(time.time_ns()):
                try:
                    self._export(request.SerializeToString(), timeout=10, wait_for_ready=True)
                except grpc.RpcError as error:
                    self.fault = error
                    return
                self.sent += spans
                ahead = self.sent / self._rate - (time.monotonic() - started)
                if ahead > 0 and self._stop.wait(ahead):
                    break

    def stop(self) -> None:
        self._stop.set()
        self.join(timeout=15)
        self._channel.close()
