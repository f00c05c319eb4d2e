"""Programs that call models, reported by random stacks of SDKs in the spellings of their dialects.

What a program really did is known, so that what the engine counts can be compared with it exactly.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.spans import key_values

MS = 10**6


@dataclass(frozen=True, slots=True)
class Call:
    """One answered model call; input is inclusive of what was read from the cache."""

    provider: str
    model: str
    input: int
    output: int
    cached: int
    response_id: str


@dataclass(slots=True)
class Told:
    """A span as an SDK writes it."""

    scope: str
    name: str
    attributes: dict[str, Any]
    kind: str = "client"
    #: Input and output tokens that a wrapper shows as the sum of what is below it.
    shown: tuple[int, int] | None = None


def _conventions(call: Call, **more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
        "gen_ai.usage.input_tokens": call.input,
        "gen_ai.usage.output_tokens": call.output,
        "gen_ai.usage.cache_read.input_tokens": call.cached,
        "gen_ai.response.id": call.response_id,
        **more,
    }


def otel(call: Call) -> Told:
    return Told(f"opentelemetry.instrumentation.genai.{call.provider}", f"chat {call.model}", _conventions(call))


def openllmetry(call: Call) -> Told:
    scope = "openai.v1" if call.provider == "openai" else "anthropic"
    more = {"gen_ai.is_streaming": False, "traceloop.workflow.name": "w"}
    return Told(f"opentelemetry.instrumentation.{scope}", f"{call.provider}.chat", _conventions(call, **more))


def openllmetry_legacy(call: Call) -> Told:
    return Told(
        "opentelemetry.instrumentation.openai.v1",
        "openai.chat",
        {
            "llm.request.type": "chat",
            "gen_ai.system": call.provider.title(),
            "gen_ai.request.model": call.model,
            "gen_ai.usage.prompt_tokens": call.input,
            "gen_ai.usage.completion_tokens": call.output,
            "gen_ai.usage.cache_read_input_tokens": call.cached,
            "gen_ai.response.id": call.response_id,
        },
    )


def openinference(call: Call) -> Told:
    return Told(
        f"openinference.instrumentation.{call.provider}",
        "ChatCompletion",
        {
            "openinference.span.kind": "LLM",
            "llm.provider": call.provider,
            "llm.model_name": call.model,
            "llm.token_count.prompt": call.input,
            "llm.token_count.completion": call.output,
            "llm.token_count.prompt_details.cache_read": call.cached,
            "output.value": json.dumps({"id": call.response_id, "model": call.model}),
        },
        "internal",
    )


def openlit(call: Call) -> Told:
    fresh = call.input - call.cached if call.provider == "anthropic" else call.input
    more = {"gen_ai.usage.input_tokens": fresh, "gen_ai.sdk.version": "1", "gen_ai.application_name": "app"}
    return Told(f"openlit.instrumentation.{call.provider}", f"chat {call.model}", _conventions(call, **more))


def langfuse(call: Call) -> Told:
    counts = {"input": call.input - call.cached, "input_cache_read": call.cached, "output": call.output}
    return Told(
        "langfuse-sdk",
        "generation",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": call.model,
            "langfuse.observation.usage_details": json.dumps(counts),
        },
        "internal",
    )


def handwritten(call: Call) -> Told:
    counts = {"ai.input_tokens": call.input, "ai.output_tokens": call.output, "ai.cached_tokens": call.cached}
    return Told("app", "ai.chat", {"ai.model": call.model, **counts, "ai.cost_usd": 0.5}, "internal")


#: Spans of client libraries, all with the provider's response id.
SDKS: tuple[Callable[[Call], Told], ...] = (otel, openllmetry, openllmetry_legacy, openinference, openlit)
#: Spans that people or tools put around such a library, without the id.
AROUND: tuple[Callable[[Call], Told], ...] = (langfuse, handwritten)


def sums(calls: list[Call], rng: random.Random, *, lifetime: bool) -> Told:
    """A wrapper that repeats what the calls below it used, each dialect in its way.

    With `lifetime`, some of them show all that their agent has used since it was made, as Strands does. Of Strands
    that is known, so what its agents show counts nowhere.
    """
    used = sum(call.input for call in calls), sum(call.output for call in calls)
    usage = {"gen_ai.usage.input_tokens": used[0], "gen_ai.usage.output_tokens": used[1]}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    text = f"total_tokens={sum(used)} prompt_tokens={used[0]} completion_tokens={used[1]}"
    older = 100_000 if lifetime else 0
    since = {"gen_ai.usage.input_tokens": used[0] + older, "gen_ai.usage.output_tokens": used[1] + older}
    told = [
        Told(
            "agent_framework",
            "invoke_agent a",
            agent | usage | {"gen_ai.provider.name": "microsoft.agent_framework"},
            shown=used,
        ),
        Told("strands.telemetry.tracer", "invoke_agent a", agent | since | {"gen_ai.system": "strands-agents"}),
        Told(
            "opentelemetry.instrumentation.crewai",
            "crewai.workflow",
            {"traceloop.span.kind": "workflow", "crewai.crew.token_usage": text},
            shown=used,
        ),
        Told(
            "openinference.instrumentation.smolagents",
            "CodeAgent.run",
            {
                "openinference.span.kind": "AGENT",
                "llm.token_count.prompt": used[0],
                "llm.token_count.completion": used[1],
            },
            shown=used,
        ),
        Told("gen_ai", "invoke_agent", agent | since, shown=(used[0] + older, used[1] + older)),
        Told("app", "POST /ask", {"http.route": "/ask"}, "server"),
    ]
    return rng.choice(told)


@dataclass(slots=True)
class Program:
    """One trace: its spans, and the calls that were made."""

    number: int
    start: int
    rng: random.Random
    calls: list[Call] = field(default_factory=list)
    spans: list[tuple[str, Span]] = field(default_factory=list)
    lifetime: bool = True
    #: With steps that tell nothing between agents and calls, agents inside agents, and attempts that fail.
    deep: bool = False
    failed: int = 0
    #: By number of the span: the call that it tells of; what it shows as a wrapper.
    told: dict[int, Call] = field(default_factory=dict)
    shown: dict[int, tuple[int, int]] = field(default_factory=dict)
    failures: set[int] = field(default_factory=set)

    def run(self, *, ids_only: bool) -> Program:
        """Agents around sequences of steps; with `ids_only`, each call shows the provider's id in all its spans."""
        at = self.start
        root = self._open(Told("web", "POST /", {"http.route": "/"}, "server"), 0, at)
        for _ in range(self.rng.randint(1, 3)):
            at = self._agent(root, at + 10 * MS, ids_only)
        self._close(root, at + 10 * MS)
        return self

    def _agent(self, parent: int, at: int, ids_only: bool, depth: int = 1) -> int:
        place = len(self.spans)
        below = agent = self._open(Told("", "", {}), parent, at)
        before = len(self.calls)
        if self.deep and self.rng.random() < 0.5:
            below = self._open(Told("app", "step", {}, "internal"), agent, at + MS)
        for _ in range(self.rng.randint(1, 3)):
            if self.deep and self.rng.random() < 0.2:
                at = self._failure(below, at + 10 * MS)
            if self.deep and depth and self.rng.random() < 0.2:
                at = self._agent(below, at + 10 * MS, ids_only, depth - 1)
            elif self.rng.random() < 0.2:
                # Equal calls at the same time are as many calls as they are.
                call = self._call()
                twin = Call(**{**_fields(call), "response_id": f"chatcmpl-{self.rng.randrange(10**12)}"})
                stack = [self.rng.choice(SDKS)]
                at = max(self._stack(below, at + 10 * MS, told, stack) for told in (call, twin))
            else:
                at = self._stack(below, at + 10 * MS, self._call(), self._layers(ids_only))
        if below != agent:
            self._close(below, at + 5 * MS)
        told = sums(self.calls[before:], self.rng, lifetime=self.lifetime)
        span = self.spans[place][1]
        self.spans[place] = (told.scope, span)
        if told.shown is not None:
            self.shown[agent] = told.shown
        span.name, span.kind = told.name, Span.SpanKind.Value(f"SPAN_KIND_{told.kind.upper()}")
        span.attributes.extend(key_values(told.attributes))
        self._close(agent, at + 10 * MS)
        return at + 10 * MS

    def _failure(self, parent: int, at: int) -> int:
        """An attempt that was refused; the call that follows is its retry."""
        self.failed += 1
        asked = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
        told = Told(
            "opentelemetry.instrumentation.genai.openai", "chat gpt-4o", asked | {"error.type": "RateLimitError"}
        )
        number = self._open(told, parent, at)
        self.failures.add(number)
        self.spans[number - 1][1].status.code = Status.STATUS_CODE_ERROR
        self._close(number, at + 40 * MS)
        return at + 40 * MS

    def _layers(self, ids_only: bool) -> list[Callable[[Call], Told]]:
        inner = self.rng.sample(SDKS, self.rng.randint(1, 2))
        outer = [] if ids_only or self.rng.random() < 0.6 else [self.rng.choice(AROUND)]
        return [*outer, *inner]

    def _call(self) -> Call:
        rng = self.rng
        provider, model = rng.choice([("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")])
        cached = rng.choice([0, rng.randint(1, 5_000)])
        fresh = rng.randint(5_001, 900_000)
        prefix = "chatcmpl-" if provider == "openai" else "msg_"
        return Call(provider, model, fresh + cached, rng.randint(1, 9_000), cached, f"{prefix}{rng.randrange(10**12)}")

    def _stack(self, parent: int, at: int, call: Call, layers: list[Callable[[Call], Told]]) -> int:
        """One call, told by several layers: one below the other, or beside one another."""
        if call not in self.calls:
            self.calls.append(call)
        length = self.rng.randint(300, 900) * MS
        nested = self.rng.random() < 0.7
        above = parent
        for depth, layer in enumerate(layers):
            number = self._open(layer(call), above, at + depth * MS)
            self.told[number] = call
            self._close(number, at + length - depth * MS)
            above = number if nested else parent
        return at + length

    def _open(self, told: Told, parent: int, at: int) -> int:
        number = len(self.spans) + 1
        span = Span(
            trace_id=(self.number + 1).to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            name=told.name,
            kind=Span.SpanKind.Value(f"SPAN_KIND_{told.kind.upper()}"),
            start_time_unix_nano=at,
        )
        span.attributes.extend(key_values(told.attributes))
        self.spans.append((told.scope, span))
        return number

    def _close(self, number: int, at: int) -> None:
        self.spans[number - 1][1].end_time_unix_nano = at


def _fields(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in Call.__slots__}


def requests(
    programs: list[Program],
    rng: random.Random,
    parts: int,
    *,
    as_they_end: bool = False,
    as_they_begin: bool = False,
) -> list[bytes]:
    """All spans of the programs, split into so many requests; each program is a process of its own.

    They come in any order, or, with `as_they_end`, each program's in the order of their ends, as exporters send them,
    or, with `as_they_begin`, the outer ones first.
    """
    made = []
    pieces: list[list[tuple[int, str, Span]]] = [[] for _ in range(parts)]
    for program in programs:
        spans = [(program.number, scope, span) for scope, span in program.spans]
        rng.shuffle(spans)
        if as_they_end:
            spans.sort(key=lambda item: item[2].end_time_unix_nano)
        if as_they_begin:
            spans.sort(key=lambda item: item[2].start_time_unix_nano)
        cuts = [0, *sorted(rng.randint(0, len(spans)) for _ in range(parts - 1)), len(spans)]
        for piece, begin, end in zip(pieces, cuts, cuts[1:], strict=False):
            piece += spans[begin:end]
    for piece in pieces:
        message = ExportTraceServiceRequest()
        for number, scope, span in piece:
            group = message.resource_spans.add()
            resource = {"service.name": "shop", "service.instance.id": str(number)}
            group.resource.attributes.extend(key_values(resource))
            scoped = group.scope_spans.add()
            scoped.scope.name = scope
            scoped.spans.append(span)
        made.append(message.SerializeToString())
    return made
