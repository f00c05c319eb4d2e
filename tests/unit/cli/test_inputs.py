"""Files of spans in every format that commands read."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.cli.inputs import Message, read_messages
from enricher.cli.progress import Progress
from enricher.errors import DecodeError, InputError
from enricher.wire import count_items
from tests.support import otlp

FIRST, SECOND = otlp.traces(2, name="first"), otlp.traces(3, name="second")
ONE, TWO = b'{"resourceSpans":[]}', b'{"resourceSpans":[{}]}'
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
        messages = list(read_messages(str(path), from_json))
        assert {message.signal for message in messages} <= {"traces"}
        return [message.payload for message in messages]

    return reading


Read = Callable[[bytes], list[bytes]]


def test_one_protobuf_request_is_one_request(read: Read) -> None:
    assert read(FIRST) == [FIRST]


def test_length_prefixed_requests_come_one_by_one(read: Read) -> None:
    assert read(FRAMED) == [FIRST, SECOND]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_each_may_be_compressed(read: Read, compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(FRAMED)) == [FIRST, SECOND]
    assert read(compress(ONE + b"\n" + TWO + b"\n")) == [b"traces|" + ONE, b"traces|" + TWO]


def test_json_is_one_message_a_line_or_one_message_over_many_lines(read: Read) -> None:
    assert read(b"\n" + ONE + b"\n\n" + TWO + b"\n") == [b"traces|" + ONE, b"traces|" + TWO]
    assert read(b' {\n "resource_spans": []\n}\n') == [b'traces|{\n "resource_spans": []\n}']
    assert read(ONE) == [b"traces|" + ONE]


def test_each_message_tells_its_signal(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text('{"resourceLogs":[]}\n{"resourceMetrics":[]}\n{"resourceSpans":[]}\n{"other":1}\n{}\n')
    messages = list(read_messages(str(path), from_json))
    assert [message.signal for message in messages] == ["logs", "metrics", "traces", "unknown"]
    assert [message.payload.split(b"|")[0] for message in messages] == [b"logs", b"metrics", b"traces", b""]
    assert [message.signal for message in read_messages(str(path), from_json, only="logs")] == ["logs"]


def test_a_message_of_two_signals_is_two_messages(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text('{"resourceLogs":[],"resourceSpans":[]}')
    assert {message.signal for message in read_messages(str(path), from_json)} == {"logs", "traces"}


def test_protobuf_tells_its_signal_by_its_items(tmp_path: Path) -> None:
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1)
    metrics = ExportMetricsServiceRequest()
    metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="a").gauge.data_points.add(as_int=1)
    # Looks like a trace id and a span id.
    named = ExportMetricsServiceRequest()
    named.resource_metrics.add().scope_metrics.add().metrics.add(
        name="http.server.load", description="CPU load"
    ).gauge.data_points.add(as_int=1)
    requests = [one.SerializeToString() for one in (logs, metrics, named)] + [FIRST]
    path = tmp_path / "input"
    path.write_bytes(b"".join(len(one).to_bytes(4, "big") + one for one in requests))
    messages = list(read_messages(str(path), from_json))
    signals = ("logs", "metrics", "metrics", "traces")
    assert messages == [Message(signal, one) for signal, one in zip(signals, requests, strict=True)]


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
        (b'{"resourceSpans":[]}\n{"bad":2}\n', "message 2 is not OTLP JSON: no OTLP"),
    ],
)
def test_what_is_none_of_these_is_refused_with_the_file_and_the_reason(read: Read, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=f"input: .*{words}"):
        read(data)


def test_what_comes_before_the_fault_is_read(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(FRAMED[:-3])
    requests = read_messages(str(path), from_json)
    assert next(requests).payload == FIRST
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
    assert [message.payload for message in read_messages(str(path), from_json, told.append)] == [FIRST, SECOND]
    assert sum(told) == path.stat().st_size


def test_what_was_read_is_a_share_of_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, pipe = tmp_path / "input", tmp_path / "pipe"
    path.write_bytes(bytes(1 << 20))
    os.mkfifo(pipe)
    monkeypatch.setattr("enricher.cli.progress._LOG_S", 0.0)
    for inputs, words in (([path], "read 50% of 1 MiB"), ([path, pipe], "read 0 MiB"), ([path, "-"], "read 0 MiB")):
        Progress([str(one) for one in inputs]).add(1 << 19)
        assert capsys.readouterr().err.startswith(words)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="/nowhere: No such file"):
        list(read_messages("/nowhere", from_json))


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FRAMED)))
    assert [message.payload for message in read_messages("-", from_json)] == [FIRST, SECOND]
