"""The verdicts of the real Collector's `tail_sampling` and ours, on the same traces, for every policy without chance.

One Collector has a pipeline for each policy, all fed by one receiver; enricher's engine takes the same block as it is
written for the Collector.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.peers import build
from bench.process import Process, free_port
from tests.support.engines import NOW, drained, engine, span, spans_of

# The first build of the Collector takes minutes; afterwards it is cached.
pytestmark = pytest.mark.timeout(1800)

TRACES = 300
PATIENCE_S = 30.0


def _text(key: str, values: list[str], **more: Any) -> dict[str, Any]:
    return {"type": "string_attribute", "string_attribute": {"key": key, "values": values, **more}}


def _number(low: int, high: int) -> dict[str, Any]:
    return {"type": "numeric_attribute", "numeric_attribute": {"key": "n", "min_value": low, "max_value": high}}


def _ottl(*conditions: str, events: tuple[str, ...] = ()) -> dict[str, Any]:
    block = {"error_mode": "ignore", "span": list(conditions), "spanevent": list(events)}
    return {"type": "ottl_condition", "ottl_condition": block}


def _and(*subs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "and", "and": {"and_sub_policy": _named(*subs)}}


def _drop(*subs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "drop", "drop": {"drop_sub_policy": _named(*subs)}}


def _not(sub: dict[str, Any]) -> dict[str, Any]:
    return {"type": "not", "not": {"not_sub_policy": {"name": "inner", **sub}}}


def _named(*subs: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": f"sub{at}", **sub} for at, sub in enumerate(subs)]


ALL: dict[str, Any] = {"type": "always_sample"}
ERRORS: dict[str, Any] = {"type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
TRUE: dict[str, Any] = {"type": "boolean_attribute", "boolean_attribute": {"key": "b", "value": True}}
LISTS: list[list[dict[str, Any]]] = [
    [ALL],
    [ERRORS],
    [{"type": "status_code", "status_code": {"status_codes": ["OK", "UNSET"]}}],
    [{"type": "latency", "latency": {"threshold_ms": 50}}],
    [{"type": "span_count", "span_count": {"min_spans": 2, "max_spans": 3}}],
    [{"type": "span_count", "span_count": {"min_spans": 3}}],
    [TRUE],
    [{"type": "boolean_attribute", "boolean_attribute": {"key": "b", "value": False}}],
    [_number(1, 7)],
    [_number(-5, -1)],
    [_text("s", ["x"])],
    [_text("s", ["^x", "z$"], enabled_regex_matching=True)],
    [_text("s", ["y"], enabled_regex_matching=True, cache_max_size=10)],
    [_text("service.name", ["s1"])],
    [{"type": "trace_state", "trace_state": {"key": "a", "values": ["1", "3"]}}],
    [{"type": "trace_flags"}],
    [_and(ERRORS, TRUE)],
    [_and(_text("service.name", ["s1"]), _not(ERRORS))],
    [_not(_text("s", ["x"]))],
    [_drop(ERRORS, TRUE), ALL],
    [TRUE, _drop(_text("s", ["x", "xy"]))],
    [_ottl('attributes["n"] > 0')],
    [_ottl('attributes["n"] == 7 and status.code == STATUS_CODE_ERROR', 'IsMatch(attributes["s"], "^xy")')],
    [_ottl('not (attributes["b"] == true or attributes["s"] == nil)')],
    [_ottl('resource.attributes["service.name"] == "s2" and kind == SPAN_KIND_CLIENT')],
    [_ottl('attributes["f"] >= 0.5', 'Len(attributes["s"]) == 3')],
    [_ottl('Concat([attributes["s"], name], "-") == "x-s"', 'Substring(attributes["s"], 0, 1) == "z"')],
    [_ottl(events=('name == "boom" and attributes["n"] < 3',))],
    [_ottl('IsString(attributes["n"]) or IsRootSpan() and Int(attributes["d"]) == 12')],
    [_ottl('attributes["b"] != attributes["missing"]')],
]


def _traces() -> list[Span]:
    pick = random.Random(11)
    spans = []
    for number in range(1, TRACES + 1):
        for at in range(pick.randint(1, 4)):
            values: dict[str, str | int | float | bool] = {
                "s": pick.choice(["x", "xy", "xyz", "z"]),
                "n": pick.choice([-3, 0, 1, 7, 8]),
                "f": pick.choice([0.25, 0.5]),
                "b": pick.random() < 0.5,
                "d": pick.choice(["12", "no"]),
            }
            chosen = {key: value for key, value in values.items() if pick.random() < 0.4}
            state = pick.choice(["", "", "a=1", "a=2,c=1", "c=1,a=3"])
            one = span(
                number, 10 * number + at, at and 10 * number, chosen, ms=pick.choice([5, 49, 50, 51, 90]), state=state
            )
            one.status.code = pick.choice([0, 0, 1, 2])  # type: ignore[assignment]
            one.kind = pick.choice([1, 2, 3])  # type: ignore[assignment]
            one.flags = pick.choice([0, 0, 1])
            if pick.random() < 0.3:
                event = one.events.add(name=pick.choice(["boom", "fine"]))
                event.attributes.add(key="n").value.int_value = pick.choice([1, 5])
            spans.append(one)
    return spans


def _request() -> bytes:
    message = ExportTraceServiceRequest()
    for one in _traces():
        group = message.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = f"s{one.trace_id[-1] % 3}"
        group.scope_spans.add(spans=[one])
    return message.SerializeToString()


@pytest.fixture(scope="module")
def kept_there(tmp_path_factory: pytest.TempPathFactory) -> list[set[bytes]]:
    """The traces that the Collector keeps, by list of policies."""
    folder = tmp_path_factory.mktemp("collector")
    port = free_port()
    lists = {f"p{at}": _named(*policies) for at, policies in enumerate(LISTS)}
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}},
        "processors": {
            f"tail_sampling/{name}": {"decision_wait": "1s", "policies": policies} for name, policies in lists.items()
        },
        "exporters": {
            f"file/{name}": {"path": str(folder / name), "flush_interval": "100ms"} for name in (*lists, "all")
        },
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                f"traces/{name}": {
                    "receivers": ["otlp"],
                    "processors": [f"tail_sampling/{name}"],
                    "exporters": [f"file/{name}"],
                }
                for name in lists
            }
            | {"traces/all": {"receivers": ["otlp"], "exporters": ["file/all"]}},
        },
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    collector = Process([str(build.ensure("collector")), "--config", str(folder / "config.yaml")], folder / "log")
    try:
        collector.wait_for_port(port)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(_request(), timeout=20)
        deadline = time.monotonic() + PATIENCE_S
        while len(_read(folder / "p0")) < TRACES and time.monotonic() < deadline:
            collector.check_alive()
            time.sleep(0.1)
    finally:
        # What it has decided is written when it stops.
        collector.stop()
    return [_read(folder / name) for name in lists]


def _read(path: Path) -> set[bytes]:
    found = set()
    # A line without its end is still being written.
    for line in path.read_text().split("\n")[:-1] if path.exists() else ():
        for group in json.loads(line)["resourceSpans"]:
            found |= {bytes.fromhex(one["traceId"]) for scope in group["scopeSpans"] for one in scope["spans"]}
    return found


@pytest.mark.parametrize("at", range(len(LISTS)), ids=lambda at: f"{at}-{LISTS[at][0]['type']}")
def test_the_same_traces_are_kept(kept_there: list[set[bytes]], at: int) -> None:
    core = engine(json.dumps({"sampling": {"decision_wait": "1s", "policies": _named(*LISTS[at])}}))
    core.ingest(_request(), NOW)
    kept = {one.trace_id for one in spans_of(drained(core))}
    assert 0 < len(kept) <= TRACES
    assert kept == kept_there[at]
