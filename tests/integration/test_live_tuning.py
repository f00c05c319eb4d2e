"""Rules that change while traffic flows: nothing is lost, nothing decided twice, and what policies carry stays."""

from __future__ import annotations

import json
import random
import sys
import threading
from collections import Counter
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.errors import PlanError
from tests.support.engines import NOW, SECOND, attributes, drained, engine, metric, plan, request_of, span, spans_of

RELOADS = 100


def rules(*policies: dict[str, Any]) -> str:
    waits = {"decision_wait": 3, "decision_wait_after_root_received": 1}
    return json.dumps({"sampling": {**waits, "policies": list(policies)}})


def lean(text: str) -> bytes:
    """The plan, without what takes longest to compile: a hundred reloads are to fall into a few seconds."""
    whole = json.loads(plan(text))
    return json.dumps(
        {**whole, "price": {}, "normalize": {**whole["normalize"], "rules": [], "usage_shapes": []}}
    ).encode()


def always(name: str) -> dict[str, Any]:
    return {"name": name, "type": "always_sample"}


def rate(spans: int, name: str = "rate") -> dict[str, Any]:
    return {"name": name, "type": "rate_limiting", "rate_limiting": {"spans_per_second": spans}}


def has(key: str) -> dict[str, Any]:
    block = {"key": key, "values": ["x"]}
    return {"name": key, "type": "string_attribute", "string_attribute": block}


def test_a_hundred_reloads_under_load_lose_no_span_and_decide_no_trace_twice() -> None:
    # Conditions in another order have other bits, limits decide in batches, and every rule keeps everything.
    plans = [
        lean(rules(has("a"), always("all"))),
        lean(rules(rate(10), has("b"), has("a"), always("rest"))),
        lean(rules(always("all"), has("c"))),
    ]
    core = engine(rules(always("all")))
    clock = iter(range(NOW, NOW + 10**18, SECOND // 50))
    lock = threading.Lock()
    stop = threading.Event()
    sent: Counter[bytes] = Counter()
    out: list[Span] = []

    def now() -> int:
        with lock:
            return next(clock)

    def send(worker: int) -> None:
        source = random.Random(worker)
        trace = 0
        while not stop.is_set():
            trace += 1
            identity = worker << 64 | trace << 8 | source.getrandbits(8)
            # The spans of a trace come in three requests, so that reloads fall between them.
            for number in (3, 2, 1):
                one = span(identity, worker << 48 | trace << 8 | number, 0 if number == 1 else 1, {"a": "x"})
                core.ingest(request_of(one), now())
                sent[one.span_id] += 1

    def tick() -> None:
        while not stop.wait(0.002):
            out.extend(spans_of(core.tick(now()).payloads))

    threads = [threading.Thread(target=send, args=(worker,)) for worker in (1, 2)] + [threading.Thread(target=tick)]
    for thread in threads:
        thread.start()
    # Threads take turns more often than usual, so that the reloads get theirs.
    turns = sys.getswitchinterval()
    sys.setswitchinterval(turns / 20)
    for reload in range(RELOADS):
        core.replace_plan(plans[reload % len(plans)])
        seen = sum(sent.values())
        while sum(sent.values()) < seen + 3:
            stop.wait(0.001)
    stop.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(turns)
    out.extend(spans_of(drained(core, now())))
    left = Counter(one.span_id for one in out)
    assert left == sent
    assert max(left.values()) == 1
    traces = {one.trace_id for one in out}
    assert metric(core, "enricher_traces_total") == len(traces)


def test_what_a_policy_carries_stays_while_its_target_does() -> None:
    core = engine(rules(rate(5)))

    def kept(trace: int, spans: int) -> int:
        core.ingest(request_of(*(span(trace, number, number - 1) for number in range(1, spans + 1))), NOW)
        return len(spans_of(drained(core)))

    assert kept(1, 10) == 10
    core.replace_plan(plan(rules(has("a"), rate(5))))
    assert kept(2, 10) == 0, "the room was spent before the reload"
    core.replace_plan(plan(rules(rate(6))))
    assert kept(3, 10) == 10, "another target begins anew"


def test_a_plan_that_the_core_refuses_changes_nothing() -> None:
    core = engine(rules(always("all")))
    core.ingest(request_of(span(1, 2, 1)), NOW)
    faulty = json.loads(plan(rules(has("a"))))
    faulty["sample"]["policies"][0] |= {"values": ["("], "enabled_regex_matching": True}
    with pytest.raises(PlanError):
        core.replace_plan(json.dumps(faulty).encode())
    core.ingest(request_of(span(1, 1)), NOW)
    found = spans_of(drained(core))
    assert {attributes(one).get("enricher.sampling.policy") for one in found} == {"all", None}
    assert len(found) == 2
