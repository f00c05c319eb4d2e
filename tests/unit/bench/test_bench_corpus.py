"""The benchmark's traffic is what it says it is: a wrong corpus would make every figure and every check worthless."""

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench import corpus

TRACES = 300


def load(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The index and the bytes of a corpus."""
    return json.loads((folder / "corpus.json").read_text()), (folder / "corpus.bin").read_bytes()


def spans_of(payload: bytes) -> list[Span]:
    """All spans of a request."""
    request = ExportTraceServiceRequest.FromString(payload)
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture(scope="module", params=[512, 10])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes]:
    folder = tmp_path_factory.mktemp("corpus")
    corpus.write(folder, request.param, traces=TRACES)
    return load(folder)


def test_every_patched_place_is_the_right_one(written: tuple[dict[str, Any], bytes]) -> None:
    index, blob = written
    for request in index["requests"]:
        payload = bytearray(blob[request["offset"] : request["offset"] + request["length"]])
        for offset, owner in request["trace_ids"]:
            payload[offset : offset + 16] = owner.to_bytes(16, "big")
        for offset, _, number in request["response_ids"]:
            payload[offset : offset + 32] = f"{number:032d}".encode()
        for offset, delta in request["times"]:
            payload[offset : offset + 8] = (10**18 + delta).to_bytes(8, "little")
        spans = spans_of(bytes(payload))
        assert len(spans) == request["spans"]
        owners = {owner.to_bytes(16, "big") for _, owner in request["trace_ids"]}
        assert {span.trace_id for span in spans} == owners
        assert all(span.start_time_unix_nano < span.end_time_unix_nano <= 10**18 for span in spans)
        ids = [a.value.string_value for span in spans for a in span.attributes if a.key == "gen_ai.response.id"]
        wanted = {f"{number:032d}" for _, _, number in request["response_ids"]}
        assert {response_id.rsplit("-")[-1].removeprefix("msg_") for response_id in ids} == wanted


def test_truth_agrees_with_the_spans(written: tuple[dict[str, Any], bytes]) -> None:
    index, blob = written
    spans: dict[int, list[Span]] = {}
    for request in index["requests"]:
        payload = blob[request["offset"] : request["offset"] + request["length"]]
        owner_of = {payload[offset : offset + 16]: owner for offset, owner in request["trace_ids"]}
        for span in spans_of(payload):
            spans.setdefault(owner_of[span.trace_id], []).append(span)
    assert len(spans) == len(index["traces"]) == TRACES
    for owner, truth in enumerate(index["traces"]):
        members = spans[owner]
        assert len(members) == truth["spans"]
        assert 6 <= len(members) <= 10
        failed = any(span.status.code == Status.STATUS_CODE_ERROR for span in members)
        lasted = max(s.end_time_unix_nano for s in members) - min(s.start_time_unix_nano for s in members)
        assert truth["always"] == (failed or lasted > corpus.SLOW_MS * 1_000_000)
        values = [{a.key: a.value for a in span.attributes} for span in members]
        assert sum("llm.request.type" in keys for keys in values) == truth["calls"]
        cost = 0
        for keys in values:
            if "gen_ai.usage.prompt_tokens" in keys:
                _, _, dear, cached, output = corpus.PRICES_PICO[keys["gen_ai.response.model"].string_value]
                prompt = keys["gen_ai.usage.prompt_tokens"].int_value
                hits = keys.get("gen_ai.usage.cache_read_input_tokens", AnyValue()).int_value
                cost += (prompt - hits) * dear + hits * cached
                cost += keys["gen_ai.usage.completion_tokens"].int_value * output
        assert cost == truth["cost_pico"]


def test_traffic_has_the_shape_it_claims(written: tuple[dict[str, Any], bytes]) -> None:
    index, blob = written
    spans = sum(trace["spans"] for trace in index["traces"])
    assert 900 < len(blob) / spans < 1200
    assert 0.5 < sum(trace["calls"] for trace in index["traces"]) / spans < 0.7
    assert 0.03 < sum(trace["always"] for trace in index["traces"]) / TRACES < 0.1
