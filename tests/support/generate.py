"""Random OTLP requests, from a seed: every kind of value, several resources and scopes, fields of strangers, and fields
in the orders that encoders write them in (protobuf's own ascending, the Collector's descending) or in any other."""

from __future__ import annotations

import random
import struct
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support import wire

MODEL_KEYS = (
    "gen_ai.system",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.operation.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.cost",
    "enricher.cost.state",
    "enricher.duplicate_of",
    "llm.token_count.prompt",
    "llm.model_name",
    "openinference.span.kind",
    "traceloop.span.kind",
    "ai.model.id",
    "input.value",
)
MODEL_TEXTS = (
    "openai",
    "OpenAI",
    "az.ai.openai",
    "gpt-4o",
    "chat",
    "LLM",
    "7",
    "stop",
    '{"usage":{"prompt_tokens":3}}',
)
TEXTS = ("", "x", "é", "漢字", "\U0001f600", "a\0b", "long " * 60)


class Generator:
    """One random source; what it makes depends on the seed alone."""

    def __init__(self, seed: int, *, model_calls: bool = False) -> None:
        self.random = random.Random(seed)
        self.model_calls = model_calls
        self.spans = 0

    def requests(self) -> list[bytes]:
        """Up to three requests over a few traces; span ids are unique among them."""
        return [self.request() for _ in range(self.random.randint(1, 3))]

    def request(self) -> bytes:
        pick = self.random
        message = ExportTraceServiceRequest()
        for _ in range(pick.randint(0, 3)):
            group = message.resource_spans.add(schema_url=self.text())
            self.pairs(group.resource.attributes, ("service.name", "service.instance.id", "host.name"))
            for _ in range(pick.randint(0, 3)):
                scope = group.scope_spans.add(schema_url=self.text())
                scope.scope.name, scope.scope.version = self.text(), self.text()
                self.pairs(scope.scope.attributes)
                for _ in range(pick.randint(0, 5)):
                    self.span(scope.spans.add())
        return self.laid_out(message.SerializeToString())

    def span(self, span: Span) -> None:
        pick = self.random
        self.spans += 1
        span.trace_id = pick.randint(1, 6).to_bytes(16, "big")
        span.span_id = self.spans.to_bytes(8, "big")
        span.parent_span_id = pick.choice([b"", b"\0" * 8, b"parentid", max(1, self.spans - 1).to_bytes(8, "big")])
        span.trace_state = pick.choice(["", "", "a=1", "ot=rv:ffffffffffffff;th:8,b=2", "no trace state at all"])
        span.name = self.text()
        span.kind = pick.randint(0, 5)  # type: ignore[assignment]
        span.flags = pick.choice([0, 1, 0x301])
        span.start_time_unix_nano = pick.choice([0, pick.getrandbits(64)])
        span.end_time_unix_nano = pick.getrandbits(64)
        span.dropped_attributes_count = pick.randint(0, 2)
        self.pairs(span.attributes, MODEL_KEYS if self.model_calls else ())
        for _ in range(pick.choice([0, 0, 1, 2])):
            event = span.events.add(name=self.text(), time_unix_nano=pick.getrandbits(64))
            self.pairs(event.attributes)
        for _ in range(pick.choice([0, 0, 1])):
            link = span.links.add(trace_id=pick.randbytes(16), span_id=pick.randbytes(8), trace_state=self.text())
            self.pairs(link.attributes)
        if pick.randint(0, 1):
            span.status.code = pick.randint(0, 2)  # type: ignore[assignment]
            span.status.message = self.text()

    def pairs(self, target: Any, keys: tuple[str, ...] = ()) -> None:
        """Attributes with distinct keys."""
        known: set[str] = set()
        for _ in range(self.random.randint(0, 6)):
            known_key = keys and self.random.randint(0, 3)
            key = self.random.choice(keys) if known_key else f"app.{self.text()}"
            if key not in known:
                known.add(key)
                self.value(target.add(key=key).value, 3, known_key=bool(known_key))

    def value(self, value: AnyValue, depth: int, *, known_key: bool = False) -> None:
        pick = self.random
        kind = pick.randint(0, 7 if depth else 5)
        if known_key and pick.randint(0, 3):
            kind = pick.choice([1, 1, 3, 3, 4])
        match kind:
            case 0:
                pass
            case 1:
                value.string_value = pick.choice(MODEL_TEXTS) if known_key else self.text()
            case 2:
                value.bool_value = bool(pick.randint(0, 1))
            case 3:
                value.int_value = pick.choice([0, 7, 300, -1, 2**63 - 1, -(2**63)])
            case 4:
                value.double_value = pick.choice([0.0, 0.1, -1e300, float("nan"), float("inf"), self.double()])
            case 5:
                value.bytes_value = pick.randbytes(pick.randint(0, 9))
            case 6:
                value.array_value.SetInParent()
                for _ in range(pick.randint(0, 3)):
                    self.value(value.array_value.values.add(), depth - 1)
            case 7:
                value.kvlist_value.SetInParent()
                for _ in range(pick.randint(0, 3)):
                    self.value(value.kvlist_value.values.add(key=self.text()).value, depth - 1)

    def double(self) -> float:
        found: float = struct.unpack("<d", self.random.randbytes(8))[0]
        return found

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def laid_out(self, encoded: bytes) -> bytes:
        pick = self.random
        order = pick.choice(["ascending", "descending", "any"])
        strange = pick.randint(0, 1)

        def change(kind: str, found: list[wire.Field]) -> list[wire.Field]:
            if strange and kind != "request" and not pick.randint(0, 4):
                found = [*found, self.unknown()]
            if order == "descending":
                found.sort(key=lambda one: -one.number)
            if order == "any":
                pick.shuffle(found)
            return found

        return wire.rewritten(encoded, "request", change)

    def unknown(self) -> wire.Field:
        """A field that opentelemetry-proto does not have."""
        pick = self.random
        kind = pick.choice([0, 1, 2, 5])
        content = {
            0: wire.varint(pick.getrandbits(64)),
            1: pick.randbytes(8),
            2: pick.randbytes(5),
            5: pick.randbytes(4),
        }
        return wire.Field(pick.choice([100, 1000, 2**29 - 1]), kind, content[kind])
