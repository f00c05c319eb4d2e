"""The little of the wire format that Python reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.errors import DecodeError
from enricher.wire import count_items, encode_varint, fields, read_varint
from tests.support import otlp


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(value: int) -> None:
    encoded = encode_varint(value)
    assert read_varint(memoryview(encoded), 0, len(encoded)) == (value, len(encoded))


def test_items_of_every_signal_are_counted() -> None:
    assert count_items(otlp.trace_request(3, resources=2, scopes=2).SerializeToString()) == 12
    assert count_items(otlp.logs(5)) == 5
    assert count_items(b"") == 0


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_never_run_away(data: bytes) -> None:
    try:
        found = list(fields(memoryview(data), 0, len(data)))
    except DecodeError:
        return
    assert sum(field.end - field.start for field in found) == len(data)


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x80" * 11, b"\x0b", b"\x09\0\0"])
def test_messages_that_are_cut_off_or_of_unknown_types_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        list(fields(memoryview(data), 0, len(data)))
