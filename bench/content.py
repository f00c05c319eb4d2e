"""What a content policy costs: `python -m bench.content [--rounds 5]`.

Each policy takes the same spans through the engine, in turn, so that other work on the machine disturbs all alike; the
least CPU time of each counts. The policy `keep` does all but touch content: the difference to it is what a policy
costs. Each kind of content comes in sizes that grow: a nanosecond a byte must stay what it was, or the work grows
faster than the text. Times are of one thread of this process, and worth something beside each other only.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.config import compile_plan, load_text
from enricher.runtime.engine import CoreEngine

NOW_NS = 1_795_000_000 * 10**9
LATER_NS = NOW_NS + 3_600 * 10**9
KIB = 1 << 10
#: A traced byte of a small span costs more than a span of many: enough spans that their sum is worth measuring.
LEAST_BYTES = 2 << 20
POLICIES = ("keep", "drop", "truncate", "redact")
PROSE = (
    "The customer asked on Tuesday whether order 48-1107 can still be changed; the parcel leaves at 14:30. "
    "Please answer to anna.schmidt@example.com or +49 30 901820, and look up 10.20.30.40 in the logs.\n"
)


def prose(size: int) -> str:
    """Running text with something personal in it now and then."""
    return (PROSE * (size // len(PROSE) + 1))[:size]


def messages(size: int) -> str:
    """A conversation as the convention writes it."""
    turns = [{"role": "user", "parts": [{"type": "text", "content": prose(500)}]}] * (size // 560 + 1)
    return json.dumps(turns)


def nested(size: int) -> str:
    """JSON that only goes deeper."""
    depth = size // 12
    return '{"a":["x",' * depth + '"y"' + "]}" * depth


#: By name: the attributes that about so many bytes of content stand in.
KINDS: dict[str, Callable[[int], list[str]]] = {
    "messages": lambda size: [messages(size)],
    "plain text": lambda size: [prose(size)],
    "many small": lambda size: [prose(60)] * (size // 60),
    "deep JSON": lambda size: [nested(size)],
    "JSON in JSON": lambda size: [json.dumps([{"role": "tool", "content": messages(size)}])],
    "unfinished matches": lambda size: ["1 " * (size // 6) + "sk-" * (size // 9) + "@a." * (size // 9)],
}
SIZES = (8 * KIB, 32 * KIB)
LARGEST = 4 << 20


def request(kind: str, size: int) -> tuple[bytes, int, int]:
    """A request of model spans with such content, how many spans, and how many bytes of content in all."""
    values = KINDS[kind](size)
    each = sum(map(len, values))
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    count = max(1, min(256, LEAST_BYTES // each))
    for number in range(1, count + 1):
        span = spans.add(name="chat", trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"))
        span.start_time_unix_nano, span.end_time_unix_nano = NOW_NS, NOW_NS + 10**9
        span.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4o"
        for place, value in enumerate(values):
            key = "gen_ai.input.messages" if len(values) == 1 else f"gen_ai.prompt.{place}.content"
            span.attributes.add(key=key).value.string_value = value
    return message.SerializeToString(), count, count * each


def plan(policy: str) -> bytes:
    """The plan of a policy."""
    given = {"normalize": {"content": policy, "estimate_tokens": False}}
    return compile_plan(load_text(json.dumps(given)).require())


def cost(policy: str, body: bytes) -> float:
    """CPU nanoseconds from the bytes of a request to those that leave."""
    engine = CoreEngine(plan(policy))
    begin = time.thread_time_ns()
    engine.ingest(body, NOW_NS)
    engine.drain(LATER_NS)
    return time.thread_time_ns() - begin


def measured(kind: str, size: int, rounds: int) -> dict[str, tuple[float, float]]:
    """By policy: least CPU nanoseconds a span, and a byte of content."""
    body, spans, content = request(kind, size)
    least = {policy: min(cost(policy, body) for _ in range(rounds)) for policy in POLICIES}
    return {policy: (total / spans, total / content) for policy, total in least.items()}


def table(rounds: int) -> str:
    """A line for each kind of content and policy."""
    lines = [
        "| content | policy | µs a span of 8 KiB | ns a byte at 8 KiB | at 32 KiB | one attribute of 4 MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind in KINDS:
        small, large = (measured(kind, size, rounds) for size in SIZES)
        huge = measured(kind, LARGEST, 1) if kind != "many small" else {}
        for policy in POLICIES:
            last = f"{huge[policy][1]:.1f}" if huge else ""
            lines.append(
                f"| {kind} | {policy} | {small[policy][0] / 1e3:,.0f} | {small[policy][1]:.1f} "
                f"| {large[policy][1]:.1f} | {last} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5, help="times that each policy takes each request")
    print(table(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
