"""Both crossings release the GIL: threads make progress side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher import _core
from enricher.config import compile_plan
from enricher.config.model import Settings


def request(spans: int, seed: int) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for index in range(spans):
        span = scope.spans.add()
        span.trace_id = (seed * 1_000_003 + index // 8 + 1).to_bytes(16, "big")
        span.span_id = (index + 1).to_bytes(8, "big")
        span.name = "chat"
        attribute = span.attributes.add()
        attribute.key = "gen_ai.request.model"
        attribute.value.string_value = "gpt-4o"
    return message.SerializeToString()


def ticks_while(call: Callable[[], object]) -> int:
    """How often a pure-Python thread gets to run while `call` is under way."""
    count, stop = 0, False

    def spin() -> None:
        nonlocal count
        while not stop:
            count += 1
            time.sleep(0)

    thread = threading.Thread(target=spin)
    thread.start()
    before = count
    call()
    after = count
    stop = True
    thread.join()
    return after - before


def test_python_runs_while_the_core_ingests_and_decides() -> None:
    engine = _core.Engine(compile_plan(Settings()))
    payload = request(200_000, 1)
    assert ticks_while(lambda: engine.ingest(payload, 1)) > 3

    def drain() -> None:
        while engine.drain(2).more:
            pass

    assert ticks_while(drain) > 3


def test_many_threads_ingest_and_every_span_is_decided_once() -> None:
    engine = _core.Engine(compile_plan(Settings()))
    payloads = [request(500, seed) for seed in range(40)]
    stop = threading.Event()
    exported = [0]

    def tick() -> None:
        while not stop.is_set():
            exported[0] += sum(engine.tick(10**15).payload_spans)

    def ingest(part: list[bytes]) -> None:
        for payload in part:
            assert engine.ingest(payload, 1).accepted == 500

    ticker = threading.Thread(target=tick)
    ticker.start()
    workers = [threading.Thread(target=ingest, args=(payloads[n::4],)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    ticker.join()
    while True:
        report = engine.drain(10**15)
        exported[0] += sum(report.payload_spans)
        if not report.more:
            break
    assert exported[0] == 40 * 500
