"""Bounded decompression."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from enricher.compression import ENCODINGS, TooLarge, decompress
from enricher.errors import DecodeError

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}


@given(st.binary(max_size=5000), st.sampled_from(ENCODINGS))
def test_what_was_compressed_comes_back_up_to_the_limit_and_not_beyond(plain: bytes, encoding: str) -> None:
    body = COMPRESS[encoding](plain)
    assert decompress(body, encoding, len(plain)) == plain
    if plain:
        with pytest.raises(TooLarge):
            decompress(body, encoding, len(plain) - 1)


def test_several_gzip_members_and_zstd_frames_are_one_body() -> None:
    assert decompress(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip", 100) == b"abcd"
    assert decompress(zstandard.compress(b"ab") + zstandard.compress(b"cd"), "zstd", 100) == b"abcd"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_is_cut_off_is_refused(encoding: str) -> None:
    body = COMPRESS[encoding](bytes(range(256)) * 100)
    with pytest.raises(DecodeError):
        decompress(body[: len(body) // 2], encoding, 1 << 20)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_takes_no_more_memory_than_the_limit_allows(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(256 << 20))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decompress(bomb, encoding, 1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
