"""Cutting requests loses nothing and keeps within the limit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.errors import DecodeError
from enricher.export.split import split
from tests.support import otlp

Row = tuple[str, str, str, str, bytes]


def rows(payload: bytes) -> list[Row]:
    """Every span with everything that it stands under."""
    request = ExportTraceServiceRequest.FromString(payload)
    return [
        (str(rs.resource), rs.schema_url, str(ss.scope), ss.schema_url, span.SerializeToString())
        for rs in request.resource_spans
        for ss in rs.scope_spans
        for span in ss.spans
    ]


@settings(max_examples=60, deadline=None)
@given(
    resources=st.integers(1, 4),
    scopes=st.integers(1, 4),
    spans=st.integers(1, 12),
    text=st.integers(0, 300),
    limit=st.integers(700, 5000),
)
def test_all_spans_come_through_under_their_resource_and_scope(
    resources: int, scopes: int, spans: int, text: int, limit: int
) -> None:
    payload = otlp.trace_request(spans, resources=resources, scopes=scopes, text="x" * text).SerializeToString()
    parts = split(payload, resources * scopes * spans, limit)
    assert [row for part, _ in parts for row in rows(part)] == rows(payload)
    assert [items for _, items in parts] == [len(rows(part)) for part, _ in parts]
    assert all(len(part) <= limit for part, _ in parts)


def test_a_request_within_the_limit_is_the_same_object() -> None:
    payload = otlp.traces(5)
    assert split(payload, 5, len(payload))[0][0] is payload


def test_parts_are_filled_not_one_for_each_span() -> None:
    payload = otlp.traces(100)
    assert len(split(payload, 100, len(payload) // 2 + 200)) == 2


def test_a_span_larger_than_the_limit_is_sent_alone() -> None:
    request = otlp.trace_request(3)
    request.resource_spans[0].scope_spans[0].spans[1].attributes.add(key="big").value.string_value = "x" * 5000
    parts = split(request.SerializeToString(), 3, 1000)
    assert [items for _, items in parts] == [1, 1, 1]
    assert len(parts[1][0]) > 5000


@pytest.mark.parametrize(("payload", "field"), [(otlp.metrics(1), "metrics"), (otlp.logs(50), "logs")])
def test_metrics_and_logs_are_cut_the_same_way(payload: bytes, field: str) -> None:
    parts = split(payload, 50 if field == "logs" else 1, 400)
    assert sum(items for _, items in parts) == (50 if field == "logs" else 1)
    assert (len(parts) > 1) == (field == "logs")


def test_unknown_fields_beside_the_members_stay_with_every_part() -> None:
    payload = otlp.traces(40) + b"\xaa\x06\x03new"
    assert all(part.startswith(b"\xaa\x06\x03new") for part, _ in split(payload, 40, 1000))


def test_bytes_that_are_no_request_are_refused() -> None:
    with pytest.raises(DecodeError):
        split(b"\x0a\xff\xff\x03" + bytes(100), 1, 50)
