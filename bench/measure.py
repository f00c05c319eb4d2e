"""One measurement: start a program, send, wait until it has done its work, read its CPU time, check its answer."""

import contextlib
import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import corpus
from bench.peers import build, cache
from bench.targets import Running, Sink, Target, Waits

SETTLE_TIMEOUT_S = 120.0
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Shape:
    """How the spans are cut into requests."""

    name: str
    spans: int
    gzip: bool = False


SHAPES = {
    shape.name: shape for shape in (Shape("512", 512), Shape("100", 100), Shape("10", 10), Shape("512-gzip", 512, True))
}


@dataclass
class Check:
    """One part of the answer, beside what it had to be."""

    what: str
    expected: float | int | str
    got: float | int | str
    ok: bool


@dataclass
class Result:
    """One run: the figure (spans per CPU-second, or what `figures` names) and the checks of its answer."""

    target: str
    measure: str
    figures: dict[str, float]
    checks: list[Check] = field(default_factory=list)

    @property
    def correct(self) -> bool:
        """Whether every check held."""
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the JSON report."""
        return {**asdict(self), "correct": self.correct}


def corpus_folder(spans: int) -> Path:
    """The folder of the corpus cut into requests of `spans`, made when it is missing or its generator has changed."""
    version = hashlib.sha256(Path(corpus.__file__).read_bytes()).hexdigest()[:12]
    with cache.locked(f"corpus{spans}", version):
        folder = cache.folder(f"corpus{spans}", version)
        if not (folder / "corpus.json").exists():
            with cache.building(f"corpus{spans}", version) as work:
                corpus.write(work, spans)
    return folder


def send(port: int, spans_per_request: int, seed: int, **flags: object) -> dict[str, Any]:
    """Run the load generator against a port and return its report (`Report` of loadgen/send.go)."""
    command = [str(build.ensure("loadgen")), "send", "-target", f"127.0.0.1:{port}"]
    command += ["-corpus", str(corpus_folder(spans_per_request)), "-seed", str(seed)]
    command += [f"-{key}={value}" for key, value in flags.items()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def settle(sink: Sink, running: Running, wanted_spans: int) -> None:
    """Wait until the sink has what must arrive, or until nothing has arrived for 15 seconds."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        running.process.check_alive()
        got = sink.counts()["spans"]
        if got >= wanted_spans or (got == last and time.monotonic() - since > 15):
            break
        if got != last:
            last, since = got, time.monotonic()
        time.sleep(0.1)
    # What is dropped reaches no sink: give the last verdicts, which fall within a second of the kept ones, their time.
    time.sleep(1.5)


def wanted(target: Target, expected: dict[str, Any]) -> dict[str, Any]:
    """What must reach the sink: spans, traces, cost and the sum of ids, by the target's job."""
    if target.job == "forward":
        return {"spans": expected["spans"], "traces": expected["traces"]}
    if target.job == "acknowledge":
        return {"spans": 0, "traces": 0}
    kept: dict[str, Any] = expected["fnv" if target.job == "tail-fnv" else "otel"]
    return kept


def check_answer(target: Target, report: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> list[Check]:
    """Compare what reached the sink (difference of two counts) and the program's own figures with the truth."""
    expected = report["expected"]
    must = wanted(target, expected)

    def same(what: str, expected_value: int | float | str, got: int | float | str) -> Check:
        return Check(what, expected_value, got, expected_value == got)

    checks = [same("calls that failed", 0, report["failed"])]
    checks.append(same("spans at the sink", must["spans"], after["spans"] - before["spans"]))
    checks.append(same("whole traces at the sink", must["traces"], after["roots"] - before["roots"]))
    if target.job.startswith("tail"):
        ids = (int(after["id_sum"]) - int(before["id_sum"])) % 2**64
        checks.append(same("which traces (sum of ids)", must["id_sum"], str(ids)))
        checks.append(
            same("cost of kept spans (1e-12 USD)", must["cost_pico"], after["cost_pico"] - before["cost_pico"])
        )
    return checks


def own_figures(running: Running) -> dict[str, float]:
    """enricher's own totals, read from its metrics: spans in, traces decided and held, calls, cost."""
    return {
        "spans received": running.metric("enricher_spans_received_total"),
        "traces decided": running.metric("enricher_traces_total"),
        "traces held": running.metric("enricher_buffer_traces"),
        "calls": running.metric("llm_request_duration_seconds_count"),
        "cost": running.metric("llm_cost_usd_total"),
    }


def check_own(expected: dict[str, Any], before: dict[str, float], after: dict[str, float]) -> list[Check]:
    """enricher's own totals against the truth; the cost is a sum of doubles, exact to a billionth of a dollar."""
    grown = {name: after[name] - before[name] for name in after}
    cost = expected["cost_pico"] / 1e12
    return [
        Check(
            "spans received", expected["spans"], grown["spans received"], expected["spans"] == grown["spans received"]
        ),
        Check(
            "traces decided", expected["traces"], grown["traces decided"], expected["traces"] == grown["traces decided"]
        ),
        Check("traces left undecided", 0, after["traces held"], after["traces held"] == 0),
        Check("model calls counted", expected["calls"], grown["calls"], expected["calls"] == grown["calls"]),
        Check("cost of all calls (USD)", cost, grown["cost"], abs(cost - grown["cost"]) <= 1e-9 * max(1.0, cost)),
    ]


@contextlib.contextmanager
def under_test(target: Target, waits: Waits) -> Iterator[tuple[Sink, Running]]:
    """A fresh sink and a fresh program for one run; both are stopped afterwards, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="enricher-bench-") as name:
        sink = Sink(Path(name))
        try:
            running = target.start(Path(name), sink, waits)
            try:
                yield sink, running
            finally:
                running.process.stop()
        finally:
            sink.process.stop()


def throughput(target: Target, shape: Shape, seconds: float, seed: int) -> Result:
    """Spans per CPU-second at full speed: `seconds` of sending, or for gzip 100,000 spans for each of them."""
    with under_test(target, Waits()) as (sink, running):
        warm = send(running.port, shape.spans, seed * 1000 + 1, seconds=WARM_UP_SECONDS, workers=target.workers)
        settle(sink, running, wanted(target, warm["expected"])["spans"])
        own = own_figures(running) if not target.peer else {}
        before, cpu = sink.counts(), running.process.cpu_seconds()
        flags: dict[str, object] = {"seconds": seconds, "workers": target.workers}
        if shape.gzip:
            flags |= {"spans": int(seconds * 100_000), "gzip": "true"}
        report = send(running.port, shape.spans, seed * 1000 + 2, **flags)
        settle(sink, running, before["spans"] + wanted(target, report["expected"])["spans"])
        used = running.process.cpu_seconds() - cpu
        checks = check_answer(target, report, before, sink.counts())
        if not target.peer:
            checks += check_own(report["expected"], own, own_figures(running))
        spans = report["expected"]["spans"]
        figures = {
            "spans_per_cpu_second": spans / used,
            "cpu_us_per_request": used / report["requests"] * 1e6,
            "spans_per_second": spans / report["seconds"],
            "spans": spans,
            "cpu_seconds": used,
            "refused": report["refused"],
            "peak_rss_mib": running.process.memory_bytes()[1] / 2**20,
        }
        return Result(target.name, shape.name, figures, checks)


def latency(target: Target, seconds: float, seed: int, rate: int = 20_000) -> Result:
    """Percentiles of the export call at a fixed rate in requests of 100 spans, sent in an open loop."""
    with under_test(target, Waits()) as (_, running):
        send(running.port, 100, seed * 1000 + 3, seconds=2 * WARM_UP_SECONDS, rate=rate)
        cpu = running.process.cpu_seconds()
        report = send(running.port, 100, seed * 1000 + 4, seconds=seconds, rate=rate)
        used = running.process.cpu_seconds() - cpu
        got = report["expected"]["spans"] / report["seconds"]
        checks = [
            Check("calls that failed", 0, report["failed"], report["failed"] == 0),
            Check("spans per second sent", rate, round(got), abs(got / rate - 1) < 0.05),
        ]
        figures = {key: report[key] for key in ("p50_ms", "p99_ms", "max_ms", "max_late_ms", "refused")}
        figures["cpu_share"] = used / report["seconds"]
        return Result(target.name, "latency", figures, checks)


def memory(target: Target, spans: int, seed: int) -> Result:
    """Resident bytes for each byte of span held undecided: nothing is decided before the reading is taken."""
    with under_test(target, Waits(trace="600s", root="590s")) as (sink, running):
        floor = running.process.memory_bytes()[0]
        report = send(running.port, 512, seed * 1000 + 5, spans=spans)
        time.sleep(5)  # the peers' garbage collectors run once more
        held, peak = running.process.memory_bytes()
        early = sink.counts()["spans"]
        figures = {
            "floor_mib": floor / 2**20,
            "rss_per_byte": (held - floor) / report["wire_bytes"],
            "peak_rss_per_byte": (peak - floor) / report["wire_bytes"],
            "mib_sent": report["wire_bytes"] / 2**20,
            "refused": report["refused"],
        }
        running.process.child.kill()  # deciding everything at the stop is no part of this measurement
        return Result(target.name, "memory", figures, [Check("spans decided early", 0, early, early == 0)])
