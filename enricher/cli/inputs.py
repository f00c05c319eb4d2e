"""Files of spans that commands read: OTLP protobuf or JSON, one message or many, plain, gzip or zstd.

A protobuf file is one `ExportTraceServiceRequest` (or `TracesData`, the same on the wire), or the `proto` format of the
Collector's file exporter: messages with a 4-byte big-endian length before each. JSON is one message, or one a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from enricher.compression import decompress
from enricher.errors import DecodeError, InputError
from enricher.wire import count_items

FromJson = Callable[[str, bytes], bytes]

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_LARGEST = 1 << 40


def read_requests(path: str, from_json: FromJson) -> Iterator[bytes]:
    """The export requests of one file in protobuf, in order; `-` is standard input.

    from_json: `enricher.runtime.engine.CoreEngine.otlp_from_json`. Raises InputError, with the file and the message's
    number, on anything that is not OTLP.
    """
    data = _plain(path)
    if not data.strip():
        return
    if data.lstrip()[:1] in (b"{", b"["):
        yield from _from_json(path, data, from_json)
    elif _is_request(data):
        yield data
    elif framed := _frames(data):
        yield from framed
    else:
        raise InputError(
            f"{path}: is neither OTLP protobuf (an ExportTraceServiceRequest, or length-prefixed ones) nor OTLP JSON"
        )


def _plain(path: str) -> bytes:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    encoding = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "identity")
    try:
        return decompress(data, encoding, _LARGEST)
    except DecodeError as error:
        raise InputError(f"{path}: cannot be decompressed: {error}") from error


def _is_request(data: bytes) -> bool:
    try:
        count_items(data)
    except DecodeError:
        return False
    return True


def _frames(data: bytes) -> list[bytes]:
    """The length-prefixed messages of a file; none when it is not such a file."""
    frames: list[bytes] = []
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        frame = data[position + 4 : position + 4 + length]
        if len(frame) < length or position + 4 > len(data) or not _is_request(frame):
            return []
        frames.append(frame)
        position += 4 + length
    return frames


def _from_json(path: str, data: bytes, from_json: FromJson) -> Iterator[bytes]:
    for number, text in enumerate(_messages(data), 1):
        try:
            yield from_json("traces", text)
        except DecodeError as error:
            raise InputError(f"{path}: message {number} is not OTLP JSON: {error}") from error


def _messages(data: bytes) -> Iterator[bytes]:
    """The messages of a JSON file: its lines when the first of them is whole by itself, else the file as one."""
    first, _, rest = data.lstrip().partition(b"\n")
    if rest.strip() and _is_json(first):
        return (line for line in data.splitlines() if line.strip())
    return iter((data,))


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
