"""Files of spans in every format that commands read."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from enricher.cli.inputs import read_requests
from enricher.errors import DecodeError, InputError
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
    assert read(b'{"a":1}\n\n{"b":2}\n') == [b'traces|{"a":1}', b'traces|{"b":2}']
    assert read(b' {\n "a": 1\n}\n') == [b'traces|{\n "a": 1\n}']
    assert read(b'{"a":1}') == [b'traces|{"a":1}']


def test_an_empty_file_holds_nothing(read: Read) -> None:
    assert read(b"") == []
    assert read(b"\n") == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello world", "neither OTLP protobuf .* nor OTLP JSON"),
        (FRAMED[:-3], "neither OTLP protobuf"),
        (FIRST[:-3], "neither OTLP protobuf"),
        (gzip.compress(FIRST)[:-9], "cannot be decompressed"),
        (zstandard.compress(FIRST * 50)[:-9], "cannot be decompressed"),
        (b'{"a":1}\n{"bad":2}\n', "message 2 is not OTLP JSON: no OTLP"),
    ],
)
def test_what_is_none_of_these_is_refused_with_the_file_and_the_reason(read: Read, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=f"input: .*{words}"):
        read(data)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="/nowhere: No such file"):
        list(read_requests("/nowhere", from_json))


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FRAMED)))
    assert list(read_requests("-", from_json)) == [FIRST, SECOND]
