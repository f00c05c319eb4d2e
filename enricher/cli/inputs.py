"""Files that commands read: OTLP protobuf or JSON, one message or many, plain, gzip or zstd, of any signal.

A protobuf file is one export request (or `TracesData`, `LogsData`, the same on the wire), or the `proto` format of the
Collector's file exporter: messages with a 4-byte big-endian length before each. JSON is one message, or one a line.
Files are read as a stream: memory holds one message, or a part of one, whatever the file's size.
"""

from __future__ import annotations

import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import zstandard

from enricher.errors import DecodeError, InputError
from enricher.runtime.engine import CoreEngine
from enricher.wire import CONTAINERS, encode_varint

FromJson = Callable[[str, bytes], bytes]
Meter = Callable[[int], None]
_Stream: TypeAlias = "io.BufferedReader[_Plain]"

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_CHUNK = 1 << 18
_GZIP = 31
# zstd knows no larger window; the file is the user's own.
_WINDOW = 1 << 31
# Protobuf's own limit for one message.
_LARGEST = (1 << 31) - 1
# A message is handed on in parts of about this size, cut between its resources: the engine's buffer is bounded.
_PART = 16 << 20
_CONTAINER = CONTAINERS << 3 | 2

UNKNOWN = "unknown"
"""Messages that are well-formed JSON and of no signal."""

# What a JSON message of the signal has at its top, in the two spellings that protobuf's mapping reads.
_TOPS = {
    "traces": (b'"resourceSpans"', b'"resource_spans"'),
    "logs": (b'"resourceLogs"', b'"resource_logs"'),
    "metrics": (b'"resourceMetrics"', b'"resource_metrics"'),
}


class Message(NamedTuple):
    """One export request. signal: `traces`, `logs`, `metrics` or UNKNOWN. payload: protobuf; empty for UNKNOWN."""

    signal: str
    payload: bytes


def is_regular(path: str) -> bool:
    """Whether the input is a file that may be read again from its start, and has a size: no `-`, pipe or terminal."""
    return path != "-" and Path(path).is_file()


def read_messages(path: str, from_json: FromJson, meter: Meter | None = None, only: str = "") -> Iterator[Message]:
    """The export requests of one file, in order; `-` is standard input.

    from_json: `enricher.runtime.engine.CoreEngine.otlp_from_json`. meter: told how many bytes of the file were read.
    only: a signal; messages of others are passed over.
    Raises InputError, with the file and the message's number, on anything that is not OTLP.
    """
    try:
        if path == "-":
            yield from _read(path, sys.stdin.buffer, from_json, meter, only)
        else:
            with Path(path).open("rb") as file:
                yield from _read(path, file, from_json, meter, only)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _read(path: str, file: IO[bytes], from_json: FromJson, meter: Meter | None, only: str) -> Iterator[Message]:
    stream: _Stream = io.BufferedReader(_Plain(path, file, meter), _CHUNK)
    head = stream.peek(_CHUNK)
    if _is_text(head):
        yield from _from_json(path, stream, from_json, only)
        return
    for request in _parts(path, stream) if head[0] == _CONTAINER else _frames(path, stream):
        # A request without items is one of no spans.
        signal = CoreEngine.otlp_signal(request) or "traces"
        if not only or signal == only:
            yield Message(signal, request)


def _is_text(head: bytes) -> bool:
    """Whether the file is JSON, or holds nothing."""
    text = head.lstrip()
    # A line feed is also the tag of a message's first field: a message of 91 or 123 bytes looks like the start of JSON.
    if head[:2] in (b"\n{", b"\n[") and _is_request(head[: 2 + head[1]]):
        return False
    return not text or text[:1] in (b"{", b"[")


def _parts(path: str, stream: _Stream) -> Iterator[bytes]:
    """One message, cut between its resources when it is large."""
    part = bytearray()
    while tag := stream.read(1):
        if tag[0] != _CONTAINER:
            raise _neither(path)
        length = _varint(path, stream)
        part += tag + encode_varint(length) + _exactly(path, stream, length)
        if len(part) >= _PART:
            yield bytes(part)
            part.clear()
    if part:
        if len(part) < _PART and not _is_request(bytes(part)):
            raise _neither(path)
        yield bytes(part)


def _frames(path: str, stream: _Stream) -> Iterator[bytes]:
    """Messages with their lengths before them."""
    number = 0
    while prefix := stream.read(4):
        number += 1
        length = int.from_bytes(prefix, "big")
        try:
            frame = _exactly(path, stream, length) if len(prefix) == 4 else None
        except InputError:
            if number == 1:
                raise _neither(path) from None
            raise
        if frame is None:
            raise _cut_off(path)
        if not _is_request(frame):
            if number == 1:
                raise _neither(path)
            raise InputError(f"{path}: message {number} is not OTLP protobuf")
        yield frame


def _varint(path: str, stream: _Stream) -> int:
    value = 0
    for shift in range(0, 35, 7):
        byte = _exactly(path, stream, 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise _neither(path)


def _exactly(path: str, stream: _Stream, length: int) -> bytes:
    """Raises InputError when the file ends before."""
    if length > _LARGEST:
        raise _neither(path)
    found = bytearray()
    while len(found) < length:
        # Not all at once: a length that is none would ask for gigabytes.
        piece = stream.read(min(length - len(found), _CHUNK))
        if not piece:
            raise _cut_off(path)
        found += piece
    return bytes(found)


def _is_request(data: bytes) -> bool:
    try:
        CoreEngine.check_otlp(CoreEngine.otlp_signal(data) or "traces", data)
    except DecodeError:
        return False
    return True


def _neither(path: str) -> InputError:
    return InputError(f"{path}: is neither OTLP protobuf (an export request, or length-prefixed ones) nor OTLP JSON")


def _cut_off(path: str) -> InputError:
    return InputError(f"{path}: is cut off in the middle of a message")


def _from_json(path: str, stream: _Stream, from_json: FromJson, only: str) -> Iterator[Message]:
    for number, text in enumerate(_messages(stream), 1):
        try:
            yield from _converted(text, from_json, only)
        except DecodeError as error:
            raise InputError(f"{path}: message {number} is not OTLP JSON: {error}") from error


def _converted(text: bytes, from_json: FromJson, only: str) -> Iterator[Message]:
    """A message may hold several signals. A name in a value may look like a signal's, which then has no items."""
    signals = [signal for signal, tops in _TOPS.items() if any(top in text for top in tops)]
    for signal in signals:
        if not only or signal == only:
            payload = from_json(signal, text)
            if payload or len(signals) == 1:
                yield Message(signal, payload)
    if not signals and not only:
        from_json("traces", text)
        if json.loads(text):
            yield Message(UNKNOWN, b"")


def _messages(stream: _Stream) -> Iterator[bytes]:
    """The messages of a JSON file: its lines when the first of them is whole by itself, else the file as one."""
    lines = (line for line in stream if line.strip())
    first = next(lines, b"")
    if not first:
        return
    if _is_json(first):
        yield first
        yield from lines
    else:
        yield first + stream.read()


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class _Plain(io.RawIOBase):
    """A file's bytes, decompressed when they begin as gzip or zstd."""

    def __init__(self, path: str, file: IO[bytes], meter: Meter | None) -> None:
        self._path = path
        self._file = file
        self._meter = meter
        self._rest = b""
        self._chunks = self._plain()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _raw(self) -> Iterator[bytes]:
        while chunk := self._file.read(_CHUNK):
            if self._meter is not None:
                self._meter(len(chunk))
            yield chunk

    def _plain(self) -> Iterator[bytes]:
        chunks = self._raw()
        first = next(chunks, b"")
        encoding = next((name for magic, name in _MAGIC.items() if first.startswith(magic)), "")
        if not encoding:
            yield first
            yield from chunks
            return
        try:
            yield from self._decompressed(encoding, first, chunks)
        except (zlib.error, zstandard.ZstdError) as error:
            raise InputError(f"{self._path}: cannot be decompressed: not {encoding}: {error}") from error

    def _decompressed(self, encoding: str, first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Several compressed files one after the other are one."""
        data, member = first, _decompressor(encoding)
        while True:
            yield member.decompress(data)
            data = member.unused_data if member.eof else b""
            if not data:
                data = next(chunks, b"")
            if not data:
                break
            if member.eof:
                member = _decompressor(encoding)
        if not member.eof:
            raise InputError(f"{self._path}: cannot be decompressed: the {encoding} file is cut off")


def _decompressor(encoding: str) -> Any:
    if encoding == "gzip":
        return zlib.decompressobj(_GZIP)
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
