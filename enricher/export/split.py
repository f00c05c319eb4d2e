"""Cutting an encoded export request into smaller ones, between spans, without decoding any span.

Each part repeats the resource, scope, schema URLs and unknown fields that its items stand under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from enricher.wire import CONTAINERS, MEMBERS, Field, count_items, fields, wrap

PartsOf = Callable[[memoryview, Field, int], Iterator[bytes]]
"""Cuts one member: (buffer, member, limit in bytes) to encoded members."""

_HEADER = 16
"""Room for tags and lengths around a part: two nested fields of at most 1 + 5 bytes each, rounded up."""


def split(payload: bytes, items: int, limit: int) -> list[tuple[bytes, int]]:
    """Requests of at most `limit` bytes with the number of items in each, together equal to `payload`.

    An item that is larger than `limit` by itself is alone in its request. Raises DecodeError on bytes that are no
    export request.
    """
    if len(payload) <= limit:
        return [(payload, items)]
    buffer = memoryview(payload)
    containers = _cut(buffer, 0, len(buffer), CONTAINERS, limit, _container_parts)
    parts = (b"".join(group) for group in containers)
    return [(part, count_items(part)) for part in parts]


def _container_parts(buffer: memoryview, field: Field, limit: int) -> Iterator[bytes]:
    for group in _cut(buffer, field.body, field.end, MEMBERS, limit - _HEADER, _scope_parts):
        yield wrap(CONTAINERS, *group)


def _scope_parts(buffer: memoryview, field: Field, limit: int) -> Iterator[bytes]:
    for group in _cut(buffer, field.body, field.end, MEMBERS, limit - _HEADER, None):
        yield wrap(MEMBERS, *group)


def _cut(
    buffer: memoryview,
    start: int,
    end: int,
    member: int,
    limit: int,
    parts_of: PartsOf | None,
) -> Iterator[list[bytes | memoryview]]:
    """The fields of one message in groups of at most `limit` bytes; every group has all fields but the members."""
    shared: list[bytes | memoryview] = []
    members: list[Field] = []
    for field in fields(buffer, start, end):
        if field.number == member and field.wire_type == 2:
            members.append(field)
        else:
            shared.append(buffer[field.start : field.end])
    room = limit - sum(map(len, shared))
    group: list[bytes | memoryview] = []
    size = 0
    for field in members:
        for part in _pieces(buffer, field, room, parts_of):
            if group and size + len(part) > room:
                yield [*shared, *group]
                group, size = [], 0
            group.append(part)
            size += len(part)
    yield [*shared, *group]


def _pieces(buffer: memoryview, field: Field, room: int, parts_of: PartsOf | None) -> Iterable[bytes | memoryview]:
    if parts_of is None or field.end - field.start <= room:
        return (buffer[field.start : field.end],)
    return parts_of(buffer, field, room)
