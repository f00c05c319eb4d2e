"""Protobuf framing by hand, to write what protobuf's own encoder never would and to compare bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Length-delimited fields that are messages, by the message they stand in (opentelemetry-proto 1.x).
NESTED: dict[str, dict[int, str]] = {
    "request": {1: "resource_spans"},
    "resource_spans": {1: "resource", 2: "scope_spans"},
    "resource": {1: "key_value"},
    "scope_spans": {1: "scope", 2: "span"},
    "scope": {3: "key_value"},
    "span": {9: "key_value", 11: "event", 13: "link", 15: "status"},
    "event": {3: "key_value"},
    "link": {4: "key_value"},
    "status": {},
    "key_value": {2: "any_value"},
    "any_value": {5: "array", 6: "map"},
    "array": {1: "any_value"},
    "map": {1: "key_value"},
}
SPANS = 2


@dataclass(frozen=True)
class Field:
    number: int
    wire: int
    content: bytes
    """What follows the tag; of length-delimited fields what follows the length."""

    def encoded(self) -> bytes:
        length = varint(len(self.content)) if self.wire == 2 else b""
        return varint(self.number << 3 | self.wire) + length + self.content


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number: int, content: bytes) -> bytes:
    return Field(number, 2, content).encoded()


def fields(message: bytes) -> Iterator[Field]:
    at = 0

    def read() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = read()
        number, wire = tag >> 3, tag & 7
        start = at
        if wire == 0:
            read()
        elif wire == 2:
            length = read()
            start, at = at, at + length
        else:
            at += 8 if wire == 1 else 4
        yield Field(number, wire, message[start:at])


def rewritten(message: bytes, kind: str, change: Callable[[str, list[Field]], list[Field]]) -> bytes:
    """The message with `change` applied to the fields of each message in it, innermost first."""
    nested = NESTED[kind]
    inner = [
        Field(one.number, 2, rewritten(one.content, nested[one.number], change))
        if one.wire == 2 and one.number in nested
        else one
        for one in fields(message)
    ]
    return b"".join(one.encoded() for one in change(kind, inner))


def head(message: bytes) -> bytes:
    """A `ResourceSpans` or `ScopeSpans` without what is nested in it."""
    return b"".join(one.encoded() for one in fields(message) if (one.number, one.wire) != (SPANS, 2))


def located(request: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Each span's bytes with the heads of its resource and scope."""
    for resource in (one.content for one in fields(request) if one.number == 1):
        for scope in (one.content for one in fields(resource) if one.number == SPANS):
            for span in (one.content for one in fields(scope) if one.number == SPANS):
                yield head(resource), head(scope), span
