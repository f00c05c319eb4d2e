"""The two ends of a demonstration: a real `enricher run` process, and a client that feeds it over gRPC."""

from __future__ import annotations

import importlib.resources
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import grpc

from enricher.demo.recording import Truth
from enricher.demo.traffic import Traffic
from enricher.errors import InputError

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_START_SECONDS = 60.0
_STOP_SECONDS = 40.0
_MARK = "# Written by `enricher demo`"


class Files:
    """What a demonstration leaves in its directory."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "enricher.yaml"
        self.sent = directory / "sent.binpb"
        self.calls = directory / "calls.jsonl"
        self.traces = directory / "traces.jsonl"
        self.metrics = directory / "metrics.prom"
        self.log = directory / "enricher.log"
        self.directory = directory

    def prepare(self) -> None:
        """Makes the directory, or clears it of an earlier demonstration.

        Raises InputError when it cannot be written, or when files of other origin would be overwritten.
        """
        written = (self.sent, self.calls, self.traces, self.metrics, self.log)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            earlier = self.config.is_file() and self.config.read_text().startswith(_MARK)
            strange = [path for path in (self.config, *written) if path.exists()]
            if strange and not earlier:
                raise InputError(
                    f"{strange[0]} is not from a demonstration and would be overwritten: "
                    "choose another place with --directory"
                )
            for path in written:
                path.unlink(missing_ok=True)
            self.config.write_text(importlib.resources.files("enricher.demo").joinpath("pipeline.yaml").read_text())
        except OSError as error:
            raise InputError(
                f"cannot write to {self.directory}: {error.strerror}; choose another place with --directory"
            ) from error


class Server:
    """The process under demonstration, on free ports."""

    def __init__(self, files: Files) -> None:
        self.ports: dict[str, str] = {}
        """`host:port` by listener: otlp_grpc, otlp_http, metrics, admin."""
        self._log = files.log
        self._ready = threading.Event()
        self._is_ready = False
        own = {
            "receivers.otlp.protocols.grpc.endpoint": "127.0.0.1:0",
            "receivers.otlp.protocols.http.endpoint": "127.0.0.1:0",
            "metrics.prometheus.endpoint": "127.0.0.1:0",
            "metrics.call_log.path": str(files.calls),
            "admin.endpoint": "127.0.0.1:0",
            "exporters.file.path": str(files.traces),
        }
        sets = [argument for path, value in own.items() for argument in ("--set", f"{path}={value}")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "enricher", "run", "-c", str(files.config), *sets],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the demonstration, which then stops the service in order.
            start_new_session=True,
        )
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    def wait_ready(self) -> None:
        """Raises InputError when the service does not come up."""
        self._ready.wait(_START_SECONDS)
        if not self._is_ready:
            self.stop()
            raise InputError(f"the service did not start; from its log, {self._log}:\n{self.last_words()}")

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of the log."""
        return "\n".join(self._log.read_text().splitlines()[-10:])

    def _read(self, lines: TextIO) -> None:
        with self._log.open("w") as log:
            for line in lines:
                log.write(line)
                log.flush()
                match line.split():
                    case ["listening", kind, address]:
                        self.ports[kind] = address
                    case ["ready"]:
                        self._is_ready = True
                        self._ready.set()
        self._ready.set()

    def stop(self) -> int:
        """Asks for an orderly end and waits for it; returns the exit status. May be called again."""
        if self.runs:
            self._process.terminate()
        try:
            status = self._process.wait(_STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            status = self._process.wait()
        self._reader.join(5)
        return status


@dataclass
class Tally:
    """What is true of everything sent so far, as the recording knows it."""

    kinds: Counter[str] = field(default_factory=Counter)
    spans: int = 0
    traces: int = 0
    calls: int = 0
    failed_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, truth: Truth) -> None:
        self.kinds[truth.kind] += 1
        self.spans += truth.spans
        self.traces += truth.traces
        self.calls += truth.calls
        self.failed_calls += truth.failed_calls
        self.input_tokens += truth.input_tokens
        self.output_tokens += truth.output_tokens


class Feeder(threading.Thread):
    """Sends traffic at a steady rate until told to stop, and keeps a copy in a file of length-prefixed messages."""

    def __init__(self, target: str, traffic: Traffic, spans_per_second: float, copy: Path) -> None:
        super().__init__(daemon=True)
        self._channel = grpc.insecure_channel(target)
        self._export = self._channel.unary_unary(_EXPORT, request_serializer=None, response_deserializer=None)
        self._traffic = traffic
        self._rate = spans_per_second
        self._copy = copy
        self._halt = threading.Event()
        # Not `join`: before Python 3.13 Ctrl-C in a `join` makes a running thread pass for ended
        # (https://github.com/python/cpython/issues/90882).
        self._ended = threading.Event()
        self.tally = Tally()
        self.fault = ""

    def run(self) -> None:
        try:
            self._feed()
        finally:
            self._ended.set()

    def _feed(self) -> None:
        started = time.monotonic()
        with self._copy.open("wb") as copy:
            while True:
                for unit in self._traffic.deck():
                    payload = self._traffic.replay(unit, time.time_ns()).SerializeToString()
                    try:
                        self._export(payload, timeout=10)
                    except grpc.RpcError as error:
                        self.fault = f"{error.code().name}: {error.details()}"
                        return
                    self.tally.add(unit.truth)
                    copy.write(len(payload).to_bytes(4, "big") + payload)
                    ahead = self.tally.spans / self._rate - (time.monotonic() - started)
                    if self._halt.wait(max(ahead, 0)):
                        return

    def wait_ended(self, seconds: float) -> None:
        """Returns when sending failed, at the latest after `seconds`."""
        self._ended.wait(seconds)

    def stop(self) -> None:
        """Returns when the last request has been answered."""
        self._halt.set()
        self._ended.wait(15)
        self._channel.close()
