"""The files of `collector-config/sidecar` with the real programs: SDK → Collector → enricher → Collector → Jaeger.

Four traces go in through the OpenTelemetry SDK: one fails, one is costly, one is lucky, one is not. The first three are
read back through Jaeger's query API with what enricher wrote on them; Prometheus has counted the calls of all four.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Status, StatusCode

from bench.peers import build
from bench.process import Process, free_port

REPO = Path(__file__).resolve().parent.parent.parent
SIDECAR = REPO / "collector-config" / "sidecar"
PATIENCE_S = 60.0
SERVICE = "support-agent"
T = TypeVar("T")

# The first build of Jaeger, Prometheus and the Collector takes about ten minutes; afterwards they are cached.
pytestmark = pytest.mark.timeout(3000)


@dataclass(frozen=True)
class Case:
    """One trace: a workflow span with one model call below it, and what must become of it."""

    name: str
    trace_id: int
    system: str
    model: str
    input_tokens: int
    output_tokens: int
    failed: bool
    provider: str
    cost: float
    """USD at list price."""
    policy: str | None
    """The policy that keeps it; None when it is dropped."""


# The low 56 bits of a trace id are its randomness: all zero loses every draw, all one wins every draw.
LOSES, WINS = 0, (1 << 56) - 1
CASES = (
    Case("failing", 0xA1 << 64 | LOSES, "OpenAI", "gpt-4o-2024-08-06", 0, 0, True, "openai", 0.0, "errors"),
    Case(
        "costly",
        0xA2 << 64 | LOSES,
        "Anthropic",
        "claude-sonnet-4-5-20250929",
        40_000,
        2_000,
        False,
        "anthropic",
        0.15,
        "costly",
    ),
    Case(
        "lucky", 0xA3 << 64 | WINS, "OpenAI", "gpt-4o-mini-2024-07-18", 1_000, 500, False, "openai", 0.00045, "the-rest"
    ),
    Case("unlucky", 0xA4 << 64 | LOSES, "OpenAI", "gpt-4o-2024-08-06", 1_000, 500, False, "openai", 0.0075, None),
)
KEPT = [case for case in CASES if case.policy]
DROPPED = [case for case in CASES if not case.policy]


class GivenTraceIds(IdGenerator):
    """The SDK's id generator with trace ids taken from a list."""

    def __init__(self, trace_ids: Iterator[int]) -> None:
        self.trace_ids = trace_ids
        self.random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        return self.random.generate_span_id()

    def generate_trace_id(self) -> int:
        return next(self.trace_ids)


@dataclass(frozen=True)
class Topology:
    """The addresses that a user talks to."""

    collector: str
    jaeger: str
    prometheus: str

    def jaeger_get(self, path: str, **query: str) -> Any:
        """The `data` of a reply of Jaeger's query API; None when it knows no such trace."""
        return get(f"http://{self.jaeger}{path}", **query)["data"]

    def prometheus_value(self, expression: str) -> float | None:
        """The value of an expression with one result; None when there is none yet."""
        result = get(f"http://{self.prometheus}/api/v1/query", query=expression)["data"]["result"]
        return float(result[0]["value"][1]) if result else None


def get(url: str, **query: str) -> Any:
    """The JSON of a GET; also of a 404, which is how Jaeger says that it has no such trace."""
    full = f"{url}?{urllib.parse.urlencode(query)}" if query else url
    try:
        with urllib.request.urlopen(full, timeout=10) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return json.load(error)


def eventually(what: str, probe: Callable[[], T | None]) -> T:
    """The first result of `probe` that is not None; fails, saying `what` was waited for, when patience is over."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = probe()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_S:.0f} s for {what}")
        time.sleep(0.2)


def send(collector: str) -> None:
    """Send the cases as an application with OpenLLMetry's older attribute names would."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": SERVICE}),
        id_generator=GivenTraceIds(case.trace_id for case in CASES),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=collector, insecure=True)))
    workflows = provider.get_tracer("traceloop.tracer", "0.40.7")
    calls = provider.get_tracer("opentelemetry.instrumentation.openai.v1", "0.40.7")
    for case in CASES:
        with workflows.start_as_current_span(f"{case.name}.workflow") as root:
            root.set_attribute("traceloop.span.kind", "workflow")
            with calls.start_as_current_span("chat") as span:
                span.set_attribute("gen_ai.system", case.system)
                span.set_attribute("llm.request.type", "chat")
                span.set_attribute("gen_ai.request.model", case.model)
                if case.failed:
                    span.set_status(Status(StatusCode.ERROR, "Error code: 500"))
                    continue
                span.set_attribute("gen_ai.response.model", case.model)
                span.set_attribute("gen_ai.response.id", f"chatcmpl-{case.name}")
                span.set_attribute("gen_ai.usage.prompt_tokens", case.input_tokens)
                span.set_attribute("gen_ai.usage.completion_tokens", case.output_tokens)
    assert provider.force_flush(30_000), "the Collector did not take the spans"
    provider.shutdown()


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """All four programs with the files of the repository, on free ports, after the cases have been sent."""
    folder = tmp_path_factory.mktemp("sidecar")
    names = ["COLLECTOR_GRPC", "COLLECTOR_HTTP", "COLLECTOR_KEPT", "ENRICHER_GRPC", "ENRICHER_HTTP", "ENRICHER_METRICS"]
    names += ["ENRICHER_ADMIN", "JAEGER_OTLP", "JAEGER_QUERY", "JAEGER_QUERY_GRPC"]
    env = {name: f"127.0.0.1:{free_port()}" for name in names}
    env["PYTHONPATH"] = os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    prometheus = f"127.0.0.1:{free_port()}"
    scrape = (SIDECAR / "prometheus.yaml").read_text().replace("127.0.0.1:9464", env["ENRICHER_METRICS"])
    (folder / "prometheus.yaml").write_text(scrape.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    commands: dict[str, list[str]] = {
        "jaeger": [str(build.ensure("jaeger")), "--config", str(SIDECAR / "jaeger.yaml")],
        "enricher": [sys.executable, "-m", "enricher", "run", "-c", str(SIDECAR / "enricher.yaml")],
        "collector": [str(build.ensure("collector")), "--config", str(SIDECAR / "collector.yaml")],
        "prometheus": [
            str(build.ensure("prometheus")),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={prometheus}",
            "--enable-feature=exemplar-storage",
        ],
    }
    with ExitStack() as stack:
        started = {}
        for name, command in commands.items():
            started[name] = Process(command, folder / f"{name}.log", env)
            stack.callback(started[name].stop)
        started["enricher"].wait_for_line(r"^ready$")
        for process, address in (("jaeger", env["JAEGER_QUERY"]), ("collector", env["COLLECTOR_GRPC"])):
            started[process].wait_for_port(int(address.rsplit(":", 1)[1]))
        started["prometheus"].wait_for_port(int(prometheus.rsplit(":", 1)[1]))
        send(env["COLLECTOR_GRPC"])
        yield Topology(env["COLLECTOR_GRPC"], env["JAEGER_QUERY"], prometheus)
        assert started["enricher"].stop() == 0, started["enricher"].output()


def read_back(topology: Topology, case: Case) -> dict[str, dict[str, Any]]:
    """The tags of each span of a kept trace, by the span's name, once Jaeger has the whole trace."""

    def whole() -> dict[str, dict[str, Any]] | None:
        found = topology.jaeger_get(f"/api/traces/{case.trace_id:032x}")
        if not found or len(found[0]["spans"]) < 2:
            return None
        return {span["operationName"]: {tag["key"]: tag["value"] for tag in span["tags"]} for span in found[0]["spans"]}

    return eventually(f"the {case.name} trace in Jaeger", whole)


@pytest.mark.parametrize("case", KEPT, ids=lambda case: case.name)
def test_kept_trace_is_read_back_with_provider_tokens_and_cost(topology: Topology, case: Case) -> None:
    spans = read_back(topology, case)
    call, root = spans["chat"], spans[f"{case.name}.workflow"]
    assert call["gen_ai.provider.name"] == case.provider
    assert call["gen_ai.system"]
    assert call["gen_ai.operation.name"] == "chat"
    assert call["gen_ai.request.model"] == case.model
    assert call["gen_ai.usage.cost"] == pytest.approx(case.cost, rel=1e-12)
    assert call["enricher.cost.state"] == ("not_billed" if case.failed else "computed")
    if not case.failed:
        assert call["gen_ai.usage.input_tokens"] == case.input_tokens
        assert call["gen_ai.usage.output_tokens"] == case.output_tokens
    assert root["enricher.sampling.policy"] == case.policy
    assert root["enricher.trace.cost"] == pytest.approx(case.cost, rel=1e-12)
    assert root["enricher.trace.calls"] == 1


def test_traces_are_found_by_the_policy_that_kept_them(topology: Topology) -> None:
    for case in KEPT:
        read_back(topology, case)
        tags = json.dumps({"enricher.sampling.policy": case.policy})
        found = topology.jaeger_get("/api/traces", service=SERVICE, tags=tags, lookback="1h", limit="20")
        assert [int(trace["traceID"], 16) for trace in found] == [case.trace_id]


@pytest.mark.parametrize("case", DROPPED, ids=lambda case: case.name)
def test_dropped_trace_never_reaches_jaeger(topology: Topology, case: Case) -> None:
    for kept in KEPT:
        read_back(topology, kept)
    # Everything was sent in one batch and is decided by now; Prometheus has counted it, so it is not merely late.
    eventually("all calls in Prometheus", lambda: all_calls(topology))
    assert topology.jaeger_get(f"/api/traces/{case.trace_id:032x}") is None


def all_calls(topology: Topology) -> float | None:
    """The number of model calls that Prometheus has seen, once it has seen them all."""
    calls = topology.prometheus_value("sum(llm_request_duration_seconds_count)")
    return calls if calls and calls >= len(CASES) else None


def test_prometheus_has_the_spend_of_all_calls(topology: Topology) -> None:
    assert eventually("all calls in Prometheus", lambda: all_calls(topology)) == len(CASES)
    spend = topology.prometheus_value("sum(llm_cost_usd_total)")
    assert spend == pytest.approx(sum(case.cost for case in CASES), rel=1e-9)
    tokens = topology.prometheus_value("sum(llm_tokens_total)")
    assert tokens == sum(case.input_tokens + case.output_tokens for case in CASES)
