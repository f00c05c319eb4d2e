"""The traffic of the benchmark: traces of an agent instrumented with OpenLLMetry, encoded once, with their truth.

A span is about 1 KB, three in five are model calls, a trace has 6 to 10 spans, 5 % of the traces hold a failed call
and 1 % are slow. Requests are cut from the stream of spans without regard to traces, as an SDK's batch processor cuts
them, so small requests split traces. What must differ on every send (trace ids, response ids, times) is listed by
byte offset for the load generator to patch.
"""

import hashlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACES = 1024
ERROR_SHARE, SLOW_SHARE = 0.05, 0.01
SLOW_MS = 20_000
"""A trace is slow from here on: the threshold of the latency policy; normal ones stay well under a quarter of it."""

SECOND = 1_000_000_000

OPENAI, ANTHROPIC = "opentelemetry.instrumentation.openai.v1", "opentelemetry.instrumentation.anthropic"

PRICES_PICO = {
    # model: (provider as OpenLLMetry spells it, scope, input, cached input, output), in 1e-12 USD a token
    "gpt-4o-2024-08-06": ("OpenAI", OPENAI, 2_500_000, 1_250_000, 10_000_000),
    "gpt-4o-mini-2024-07-18": ("OpenAI", OPENAI, 150_000, 75_000, 600_000),
    "claude-sonnet-4-5-20250929": ("Anthropic", ANTHROPIC, 3_000_000, 300_000, 15_000_000),
}
"""The list prices of the three models, as the truth of this benchmark; the program has to find them in its own book."""


@dataclass
class Trace:
    """One trace with its truth; `spans` are (scope name, span, response id or "") in the order of their ends."""

    spans: list[tuple[str, Span, str]] = field(default_factory=list)
    always: bool = False
    calls: int = 0
    cost_pico: int = 0


def attribute(key: str, value: str | int | float | bool) -> KeyValue:
    """A span attribute of the type of `value`."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


class Writer:
    """Makes traces; all randomness comes from one seed, so that every run measures the same bytes."""

    def __init__(self, seed: int) -> None:
        """Seed the generator and make its vocabulary of 4,000 pseudo-words."""
        self.random = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgk"
        self.words = ["".join(self.random.choices(letters, k=self.random.randint(2, 9))) for _ in range(4000)]

    def text(self, size: int) -> str:
        """Random words of about `size` bytes."""
        return " ".join(self.random.choices(self.words, k=max(1, size // 6)))[:size]

    def trace(self, index: int) -> Trace:
        """One trace: a workflow, tasks and tools below it, model calls below those."""
        rng = self.random
        trace_id = hashlib.sha256(b"trace %d" % index).digest()[:16]
        trace = Trace()
        count = rng.randint(6, 10)
        models = max(3, round(count * 0.6))
        failing = rng.randrange(models) if rng.random() < ERROR_SHARE else -1
        slow = rng.random() < SLOW_SHARE
        trace.always = failing >= 0 or slow
        start, length = 0, rng.randint(1500, 4500) if not slow else SLOW_MS * 2
        shared = self.association(rng.randrange(5000))
        root_id = rng.randbytes(8)
        tasks = [rng.randbytes(8) for _ in range(count - models - 1)]
        call_ms = length // (models + 1)
        for number in range(models):
            span = self.model_call(trace, failed=number == failing, shared=shared)
            span[1].trace_id, span[1].parent_span_id = trace_id, rng.choice(tasks) if tasks else root_id
            begin = start + number * call_ms
            span[1].start_time_unix_nano, span[1].end_time_unix_nano = begin, begin + rng.randint(call_ms // 2, call_ms)
            trace.spans.append(span)
        for number, span_id in enumerate(tasks):
            step = self.step("tool" if number % 2 else "task", shared)
            step.trace_id, step.span_id, step.parent_span_id = trace_id, span_id, root_id
            step.start_time_unix_nano, step.end_time_unix_nano = start, length - 20 + number
            trace.spans.append(("traceloop.tracer", step, ""))
        root = self.step("workflow", shared)
        root.trace_id, root.span_id = trace_id, root_id
        root.start_time_unix_nano, root.end_time_unix_nano = start, length
        trace.spans.append(("traceloop.tracer", root, ""))
        for _, span_, _ in trace.spans:  # milliseconds since the start until here; now nanoseconds before "now"
            span_.start_time_unix_nano = (span_.start_time_unix_nano + 1) * 1_000_000
            span_.end_time_unix_nano = (span_.end_time_unix_nano + 1) * 1_000_000
        return trace

    def association(self, user: int) -> list[KeyValue]:
        """What every span of a trace carries."""
        return [
            attribute("traceloop.workflow.name", "support_agent"),
            attribute("traceloop.association.properties.user_id", f"user-{user:05d}"),
            attribute("traceloop.association.properties.session_id", f"session-{self.random.randrange(10**9):09d}"),
        ]

    def model_call(self, trace: Trace, failed: bool, shared: list[KeyValue]) -> tuple[str, Span, str]:
        """A span of an instrumented SDK call; adds its cost and itself to the truth of `trace`."""
        rng = self.random
        model = rng.choice(list(PRICES_PICO))
        system, scope, input_price, cached_price, output_price = PRICES_PICO[model]
        trace.calls += 1
        span = Span(name="openai.chat" if system == "OpenAI" else "anthropic.chat", kind=Span.SPAN_KIND_CLIENT)
        span.span_id = rng.randbytes(8)
        add = span.attributes.append
        for pair in shared:
            add(pair)
        add(attribute("gen_ai.system", system))
        add(attribute("llm.request.type", "chat"))
        add(attribute("gen_ai.request.model", model))
        add(attribute("gen_ai.request.temperature", 0.2))
        add(attribute("gen_ai.prompt.0.role", "user"))
        add(attribute("gen_ai.prompt.0.content", self.text(rng.randint(100, 200))))
        if failed:
            span.status.CopyFrom(
                Status(code=Status.STATUS_CODE_ERROR, message="Error code: 500 - the server had an error")
            )
            add(attribute("error.type", "InternalServerError"))
            event = span.events.add(name="exception")
            event.attributes.append(attribute("exception.type", "openai.InternalServerError"))
            event.attributes.append(attribute("exception.message", self.text(200)))
            return scope, span, ""
        prompt, completion = rng.randint(200, 4000), rng.randint(10, 900)
        cached = rng.randrange(0, prompt, 128) if rng.random() < 0.3 else 0
        trace.cost_pico += (prompt - cached) * input_price + cached * cached_price + completion * output_price
        response_id = rng.randbytes(16).hex()
        add(attribute("gen_ai.response.model", model))
        add(attribute("gen_ai.response.id", ("chatcmpl-" if system == "OpenAI" else "msg_") + response_id))
        add(attribute("gen_ai.completion.0.role", "assistant"))
        add(attribute("gen_ai.completion.0.content", self.text(rng.randint(60, 140))))
        add(attribute("gen_ai.completion.0.finish_reason", "stop"))
        add(attribute("gen_ai.usage.prompt_tokens", prompt))
        add(attribute("gen_ai.usage.completion_tokens", completion))
        add(attribute("llm.usage.total_tokens", prompt + completion))
        if cached:
            add(attribute("gen_ai.usage.cache_read_input_tokens", cached))
        return scope, span, response_id

    def step(self, kind: str, shared: list[KeyValue]) -> Span:
        """A workflow, task or tool span of the Traceloop SDK, with its input and output."""
        name = f"{self.random.choice(self.words)}.{kind}"
        span = Span(name=name, kind=Span.SPAN_KIND_INTERNAL)
        span.attributes.extend(shared)
        span.attributes.append(attribute("traceloop.span.kind", kind))
        span.attributes.append(attribute("traceloop.entity.name", name))
        span.attributes.append(attribute("traceloop.entity.path", "support_agent"))
        span.attributes.append(attribute("traceloop.entity.version", 1))
        span.attributes.append(attribute("traceloop.entity.input", json.dumps({"inputs": {"q": self.text(190)}})))
        span.attributes.append(attribute("traceloop.entity.output", json.dumps({"out": self.text(130)})))
        span.attributes.append(attribute("thread.id", 139_872_000_000_000))
        span.attributes.append(attribute("thread.name", "MainThread"))
        span.attributes.append(attribute("deployment.ring", self.random.choice(["canary", "stable"])))
        return span


def encode(spans: list[tuple[str, Span, str]]) -> bytes:
    """One ExportTraceServiceRequest: one resource, the spans grouped by scope."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(attribute("service.name", "support-agent"))
    resource.resource.attributes.append(attribute("telemetry.sdk.language", "python"))
    resource.resource.attributes.append(attribute("telemetry.sdk.name", "opentelemetry"))
    resource.resource.attributes.append(attribute("deployment.environment.name", "production"))
    scopes: dict[str, list[Span]] = {}
    for scope, span, _ in spans:
        scopes.setdefault(scope, []).append(span)
    for scope, members in scopes.items():
        entry = resource.scope_spans.add()
        entry.scope.name, entry.scope.version = scope, "0.40.7"
        entry.spans.extend(members)
    return request.SerializeToString()


def places(
    payload: bytes, spans: list[tuple[str, Span, str]], owners: list[int], latest: int
) -> dict[str, list[list[int]]]:
    """Where to patch: byte offsets of trace ids, response ids and times of one request.

    `owners` gives the trace index of each span; times become nanoseconds to add to the moment of sending, such that
    the latest end of any trace is the moment itself.
    """
    found: dict[str, list[list[int]]] = {"trace_ids": [], "response_ids": [], "times": []}
    for (_, span, response_id), owner in zip(spans, owners, strict=True):
        head = payload.index(b"\x0a\x10" + span.trace_id + b"\x12\x08" + span.span_id)
        found["trace_ids"].append([head + 2, owner])
        for tag, value in ((b"\x39", span.start_time_unix_nano), (b"\x41", span.end_time_unix_nano)):
            at = payload.index(tag + value.to_bytes(8, "little"), head)
            found["times"].append([at + 1, value - latest])
        if response_id:
            at = payload.index(response_id.encode(), head)
            found["response_ids"].append([at, owner, len(found["response_ids"])])
    return found


def write(folder: Path, spans_per_request: int, traces: int = TRACES, seed: int = 7) -> None:
    """Write `corpus.bin` and `corpus.json` (see `loadgen/corpus.go`) into `folder`."""
    writer = Writer(seed)
    made = [writer.trace(index) for index in range(traces)]
    latest = max(span.end_time_unix_nano for trace in made for _, span, _ in trace.spans)
    stream = [(entry, index) for index, trace in enumerate(made) for entry in trace.spans]
    blob, requests = bytearray(), []
    numbers = 0
    for begin in range(0, len(stream), spans_per_request):
        part = stream[begin : begin + spans_per_request]
        spans = [entry for entry, _ in part]
        payload = encode(spans)
        patches = places(payload, spans, [owner for _, owner in part], latest)
        for entry in patches["response_ids"]:
            entry[2] = numbers
            numbers += 1
        requests.append({"offset": len(blob), "length": len(payload), "spans": len(spans), **patches})
        blob += payload
    truth = [
        {"spans": len(trace.spans), "always": trace.always, "calls": trace.calls, "cost_pico": trace.cost_pico}
        for trace in made
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corpus.bin").write_bytes(blob)
    (folder / "corpus.json").write_text(json.dumps({"traces": truth, "requests": requests}))
