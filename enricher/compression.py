"""Bounded decompression of gzip and zstd, so that a small body cannot become a large one."""

from __future__ import annotations

import zlib

import zstandard

from enricher.errors import DecodeError

ENCODINGS = ("identity", "gzip", "zstd")
_GZIP = 31
_CHUNK = 256 * 1024


class TooLarge(DecodeError):
    """The body is, or becomes, larger than the limit."""


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The plain body, at most `limit` bytes. Raises DecodeError on a broken stream, TooLarge beyond the limit."""
    if encoding == "gzip":
        return _gunzip(body, limit)
    if encoding == "zstd":
        return _unzstd(body, limit)
    if len(body) > limit:
        raise TooLarge(f"the body has {len(body)} bytes, the limit is {limit}")
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    out: list[bytes] = []
    left = limit
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP)
        try:
            plain = member.decompress(rest, left + 1)
        except zlib.error as error:
            raise DecodeError(f"the body is not gzip: {error}") from error
        left -= len(plain)
        if left < 0:
            raise TooLarge(f"the body is larger than {limit} bytes when decompressed")
        if not member.eof:
            raise DecodeError("the gzip body is cut off")
        out.append(plain)
        rest = member.unused_data
    return out[0] if len(out) == 1 else b"".join(out)


def _unzstd(body: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_window(limit))
    out: list[bytes] = []
    try:
        # Twice: the reader can stop at the limit but takes a body that is cut off for a whole one; the other way round.
        with decompressor.stream_reader(body, read_across_frames=True) as reader:
            left = limit
            while plain := reader.read(_CHUNK):
                left -= len(plain)
                if left < 0:
                    raise TooLarge(f"the body is larger than {limit} bytes when decompressed")
        rest = body
        while rest:
            frame = decompressor.decompressobj()
            out.append(frame.decompress(rest))
            if not frame.eof:
                raise DecodeError("the zstd body is cut off")
            rest = frame.unused_data
    except zstandard.ZstdError as error:
        raise DecodeError(f"the body is not zstd: {error}") from error
    return b"".join(out)


def _window(limit: int) -> int:
    """Largest window to take, in bytes; zstd knows none above 2 GiB."""
    # A frame may ask for a window far larger than what it holds; 8 MiB must be supported (RFC 8878 §3.1.1.1.2).
    return min(max(8 * 1024 * 1024, 1 << limit.bit_length()), 1 << 31)
