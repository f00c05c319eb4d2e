"""Just enough protobuf wire format for what Python does with whole OTLP requests: cut them up.

Spans themselves are the core's business. An export request of any signal has the same three levels with the same
field numbers (opentelemetry-proto 1.x): request {1: resource container}, resource container {1: resource, 2: scope
container, 3: schema_url}, scope container {1: scope, 2: item, 3: schema_url}; an item is a span, metric or log record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from enricher.errors import DecodeError

CONTAINERS = 1
"""Field of a request that holds its resource containers."""
MEMBERS = 2
"""Field of a resource container that holds scope containers, and of a scope container that holds items."""


class Field(NamedTuple):
    """One field of a message: `start:end` is the whole field, `body:end` its value without tag and length."""

    number: int
    wire_type: int
    start: int
    body: int
    end: int


def read_varint(buffer: memoryview, position: int, end: int) -> tuple[int, int]:
    """Value and next position. Raises DecodeError on a varint that is cut off or longer than 10 bytes."""
    value = shift = 0
    while position < end and shift < 70:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DecodeError("a varint is cut off" if position >= end else "a varint is longer than 10 bytes")


def encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(buffer: memoryview, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in `buffer[start:end]`, in order. Raises DecodeError on bytes that are none."""
    position = start
    while position < end:
        begin = position
        tag, position = read_varint(buffer, position, end)
        wire_type = tag & 7
        body = position
        if wire_type == 0:
            _, position = read_varint(buffer, position, end)
        elif wire_type == 1:
            position += 8
        elif wire_type == 2:
            length, body = read_varint(buffer, position, end)
            position = body + length
        elif wire_type == 5:
            position += 4
        else:
            raise DecodeError(f"wire type {wire_type} is not used by OTLP")
        if position > end:
            raise DecodeError("a field is cut off")
        yield Field(tag >> 3, wire_type, begin, body, position)


def wrap(number: int, *parts: bytes | memoryview) -> bytes:
    """A length-delimited field that holds `parts` one after the other."""
    length = sum(len(part) for part in parts)
    return b"".join((encode_varint(number << 3 | 2), encode_varint(length), *parts))


def items(buffer: memoryview) -> Iterator[Field]:
    """The spans, metrics or log records of a request."""
    for container in _messages(buffer, 0, len(buffer), CONTAINERS):
        for scope in _messages(buffer, container.body, container.end, MEMBERS):
            yield from _messages(buffer, scope.body, scope.end, MEMBERS)


def count_items(payload: bytes) -> int:
    """How many spans, metrics or log records an export request holds. Raises DecodeError."""
    return sum(1 for _ in items(memoryview(payload)))


def _messages(buffer: memoryview, start: int, end: int, number: int) -> Iterator[Field]:
    return (field for field in fields(buffer, start, end) if field.number == number and field.wire_type == 2)
