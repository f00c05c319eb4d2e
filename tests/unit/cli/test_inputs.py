"""Files of spans in every format that commands read."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.cli.inputs import read_requests
from enricher.errors import DecodeError, InputError
from enricher.wire import count_items
from tests.support import otlp

FIRST, SECOND = otlp.traces(2, name="first"), otlp.traces(3, name="second")
FRAMED = b"".join(len(one).to_bytes(4, "big") + one for one in (FIRST, SECOND))


def from_json(signal: str, text: bytes) -> bytes:
    """In place of the core: notes what it was given."""
    if b"bad" in text:
        raise DecodeError("no OTLP")
    return signal.encode() + b"|" + text.strip()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[bytes]]:
    def reading(data: bytes) -> list[bytes]:
        path = tmp_path / "input"
        path.write_bytes(data)
        return list(read_requests(str(path), from_json))

    return reading


Read = Callable[[bytes], list[bytes]]


def test_one_protobuf_request_is_one_request(read: Read) -> None:
    assert read(FIRST) == [FIRST]


def test_length_prefixed_requests_come_one_by_one(read: Read) -> None:
    assert read(FRAMED) == [FIRST, SECOND]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_each_may_be_compressed(read: Read, compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(FRAMED)) == [FIRST, SECOND]
    assert read(compress(b'{"a":1}\n{"b":2}\n')) == [b'traces|{"a":1}', b'traces|{"b":2}']


def test_json_is_one_message_a_line_or_one_message_over_many_lines(read: Read) -> None:
    assert read(b'\n{"a":1}\n\n{"b":2}\n') == [b'traces|{"a":1}', b'traces|{"b":2}']
    assert read(b' {\n "a": 1\n}\n') == [b'traces|{\n "a": 1\n}']
    assert read(b'{"a":1}') == [b'traces|{"a":1}']


def test_an_empty_file_holds_nothing(read: Read) -> None:
    assert read(b"") == []
    assert read(b"\n") == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello world", "neither OTLP protobuf .* nor OTLP JSON"),
        (FRAMED[:-3], "cut off in the middle of a message"),
        (FRAMED + b"\0\0", "cut off in the middle of a message"),
        (FRAMED + b"\0\0\0\1x", "message 3 is not OTLP protobuf"),
        (FIRST[:-3], "cut off in the middle of a message"),
        (FIRST + b"\x12\0", "neither OTLP protobuf"),
        (b"\n\xff\xff\xff\xff\x7f", "neither OTLP protobuf"),
        (gzip.compress(FIRST)[:-9], "cannot be decompressed"),
        (zstandard.compress(FIRST * 50)[:-9], "cannot be decompressed"),
        (b'{"a":1}\n{"bad":2}\n', "message 2 is not OTLP JSON: no OTLP"),
    ],
)
def test_what_is_none_of_these_is_refused_with_the_file_and_the_reason(read: Read, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=f"input: .*{words}"):
        read(data)


def test_what_comes_before_the_fault_is_read(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(FRAMED[:-3])
    requests = read_requests(str(path), from_json)
    assert next(requests) == FIRST
    with pytest.raises(InputError, match="cut off"):
        next(requests)


@pytest.mark.parametrize("size", [91, 123])
def test_a_message_that_begins_like_json_is_protobuf(read: Read, size: int) -> None:
    message = ExportTraceServiceRequest()
    message.resource_spans.add(schema_url="x" * (size - 2))
    request = message.SerializeToString()
    assert request[:2] in (b"\n{", b"\n[")
    assert read(request) == [request]


def test_a_large_message_comes_in_parts_that_are_it_together(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enricher.cli.inputs._PART", 500)
    request = otlp.trace_request(2, resources=20).SerializeToString()
    parts = read(request)
    assert len(parts) > 3
    assert b"".join(parts) == request
    assert all(count_items(part) for part in parts)


def test_compressed_files_one_after_the_other_are_one(read: Read) -> None:
    assert read(gzip.compress(FRAMED) + gzip.compress(FRAMED)) == [FIRST, SECOND] * 2


def test_the_meter_counts_the_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(gzip.compress(FRAMED))
    told: list[int] = []
    assert list(read_requests(str(path), from_json, told.append)) == [FIRST, SECOND]
    assert sum(told) == path.stat().st_size


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="/nowhere: No such file"):
        list(read_requests("/nowhere", from_json))


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FRAMED)))
    assert list(read_requests("-", from_json)) == [FIRST, SECOND]
