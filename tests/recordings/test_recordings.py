"""The recordings are sound: they load, hold what their truth says, and give nothing away."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.recordings import join_frames, requests, scenarios, split_frames, truth
from tests.recordings.facts import attributes, missing, reports

NAMES = scenarios()


def test_there_are_recordings() -> None:
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_requests_are_otlp_with_spans(name: str) -> None:
    for body in requests(name):
        groups = ExportTraceServiceRequest.FromString(body).resource_spans
        assert sum(len(scoped.spans) for group in groups for scoped in group.scope_spans) > 0


@pytest.mark.parametrize("name", NAMES)
def test_token_counts_are_distinct(name: str) -> None:
    answered = [call for call in truth(name)["calls"] if call["status"] == "ok"]
    assert len({call["input_tokens"] for call in answered}) == len(answered)
    outputs = [call["output_tokens"] for call in answered if call["output_tokens"]]
    assert len(set(outputs)) == len(outputs)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_to_be_missing_on_the_wire_is_exactly_what_is_missing(name: str) -> None:
    """Facts without a searchable value (``call``, all of a failed call) are claims by hand."""
    seen = list(attributes(name))
    for index, call in enumerate(truth(name)["calls"]):
        claimed = set(call["not_on_the_wire"])
        assert not claimed or call["reason"], f"call {index}"
        if call["status"] == "ok":
            assert set(missing(seen, call)) == claimed - {"call"}, f"call {index}"
        if "call" in claimed:
            assert not reports(seen, call), f"call {index}"


@pytest.mark.parametrize("name", NAMES)
def test_no_home_directory_is_named(name: str) -> None:
    for body in requests(name):
        assert b"/home/" not in body
        assert b"/root/" not in body


def test_frames_round_trip_and_a_cut_is_noticed() -> None:
    blob = join_frames([b"", b"abc"])
    assert split_frames(blob) == [b"", b"abc"]
    for cut in (2, 7, len(blob) - 1):
        with pytest.raises(ValueError, match="cut off"):
            split_frames(blob[:cut])
