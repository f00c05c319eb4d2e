"""The programs under test: how each is started, and what its answer must be."""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.peers import build
from bench.process import Process, free_port

HERE = Path(__file__).resolve().parent
REPO = HERE.parent

Job = Literal["acknowledge", "forward", "tail-fnv", "tail-otel"]
"""What becomes of the spans: nothing, all are sent on, or a sample by the Collector's or OpenTelemetry's randomness."""


@dataclass(frozen=True)
class Waits:
    """How long the tail samplers wait: for a trace, and for the rest of it after its root (Go durations)."""

    trace: str = "10s"
    root: str = "1s"


class Sink:
    """The counting OTLP backend, a process of its own."""

    def __init__(self, folder: Path) -> None:
        """Start the sink and wait for its two ports."""
        program = build.ensure("loadgen")
        self.process = Process([str(program), "sink"], folder / "sink.log")
        match = self.process.wait_for_line(r"^listening 127\.0\.0\.1:(\d+) 127\.0\.0\.1:(\d+)$")
        self.port, self.control = int(match[1]), int(match[2])

    def counts(self) -> dict[str, Any]:
        """What has arrived so far (`Counts` of loadgen/sink.go)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/counts", timeout=10) as reply:
            counts: dict[str, Any] = json.load(reply)
        if counts["bad"]:
            raise self.process.fail(f"the sink received bytes that are not OTLP: {counts['bad']}")
        return counts


@dataclass
class Running:
    """A started program: its process, the port it receives on, and a reader of its own metrics (if it has any)."""

    process: Process
    port: int
    metrics_port: int = 0

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of a Prometheus series over all its labels that contain the text `labels`; 0 when it is absent."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as reply:
            text = reply.read().decode()
        pattern = rf"^{re.escape(name)}(\{{.*\}})? (\S+)"
        found = re.findall(pattern, text, re.MULTILINE)
        return sum(float(value) for labels_, value in found if labels in labels_)


@dataclass(frozen=True)
class Target:
    """One row of the report."""

    name: str
    title: str
    job: Job
    start: Callable[[Path, Sink, Waits], Running]
    peer: bool = True
    workers: int = 8
    """Calls in flight at full speed. Rotel answers many calls only after 40 ms: few in flight would leave it idle."""


def start_grpcio(folder: Path, sink: Sink, waits: Waits) -> Running:
    """The empty grpcio server, in the interpreter that runs the benchmark."""
    del sink, waits
    process = Process([sys.executable, str(HERE / "peers" / "empty_grpcio.py")], folder / "grpcio.log")
    match = process.wait_for_line(r"^listening otlp_grpc 127\.0\.0\.1:(\d+)$")
    return Running(process, int(match[1]))


def start_collector(config: str) -> Callable[[Path, Sink, Waits], Running]:
    """A Collector with one of the files of `bench/configs`."""

    def start(folder: Path, sink: Sink, waits: Waits) -> Running:
        port, metrics = free_port(), free_port()
        env = {
            "BENCH_GRPC": f"127.0.0.1:{port}",
            "BENCH_SINK": f"127.0.0.1:{sink.port}",
            "BENCH_METRICS": f"127.0.0.1:{metrics}",
            "BENCH_DECISION_WAIT": waits.trace,
            "BENCH_ROOT_WAIT": waits.root,
        }
        command = [str(build.ensure("collector")), f"--config={HERE / 'configs' / config}"]
        process = Process(command, folder / "collector.log", env)
        process.wait_for_port(port)
        return Running(process, port, metrics)

    return start


def start_rotel(exporter: str) -> Callable[[Path, Sink, Waits], Running]:
    """Rotel with its blackhole or its OTLP exporter (which compresses whatever it is told)."""

    def start(folder: Path, sink: Sink, waits: Waits) -> Running:
        del waits
        port = free_port()
        command = [str(build.ensure("rotel")), "start", f"--otlp-grpc-endpoint=127.0.0.1:{port}"]
        command += [f"--otlp-http-endpoint=127.0.0.1:{free_port()}", "--otlp-grpc-max-recv-msg-size-mib=64"]
        command += [f"--exporter={exporter}"]
        if exporter == "otlp":
            command += [f"--otlp-exporter-endpoint=http://127.0.0.1:{sink.port}", "--otlp-exporter-protocol=grpc"]
        process = Process(command, folder / "rotel.log")
        process.wait_for_port(port)
        return Running(process, port)

    return start


def start_enricher(folder: Path, sink: Sink, waits: Waits) -> Running:
    """enricher as `run -c` serves it, from this checkout and the interpreter that runs the benchmark."""
    env = {
        "PYTHONPATH": os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "BENCH_SINK": f"127.0.0.1:{sink.port}",
        "BENCH_DECISION_WAIT": waits.trace,
        "BENCH_ROOT_WAIT": waits.root,
    }
    command = [sys.executable, "-m", "enricher", "run", "-c", str(HERE / "configs" / "enricher.yaml")]
    process = Process(command, folder / "enricher.log", env)
    process.wait_for_line(r"^ready$")
    ports = dict(re.findall(r"^listening (\w+) 127\.0\.0\.1:(\d+)$", process.output(), re.MULTILINE))
    return Running(process, int(ports["otlp_grpc"]), int(ports["metrics"]))


TARGETS = {
    target.name: target
    for target in (
        Target("grpcio", "ceiling: empty grpcio server", "acknowledge", start_grpcio),
        Target("enricher", "enricher, the whole job", "tail-otel", start_enricher, peer=False),
        Target("collector-nop", "Collector 0.159, nop", "acknowledge", start_collector("collector-nop.yaml")),
        Target("collector-tail", "Collector 0.159, a smaller job", "tail-fnv", start_collector("collector-tail.yaml")),
        Target("rotel-blackhole", "Rotel 0.0.1a15, blackhole", "acknowledge", start_rotel("blackhole"), workers=64),
        Target("rotel-otlp", "Rotel 0.0.1a15, OTLP out (gzip)", "forward", start_rotel("otlp"), workers=64),
    )
}
