"""Recorded traffic of real instrumentations, and what the model server truly answered.

Used by the golden tests and the demo::

    from tests.recordings import requests, scenarios, truth

    for name in scenarios():
        for body in requests(name):      # bytes of one ExportTraceServiceRequest, as they came in
            ...
        calls = truth(name)["calls"]     # one entry for each request to the model server

README.md beside this file tells what the fields mean and how to record anew.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent / "data"
REQUESTS = "requests.binpb"
TRUTH = "truth.json"

_LENGTH = struct.Struct(">I")


def scenarios() -> list[str]:
    """Names of the recorded scenarios, sorted."""
    return sorted(path.parent.name for path in DATA.glob(f"*/{TRUTH}"))


def requests(name: str) -> list[bytes]:
    """The export requests of a scenario in order of arrival, each the bytes of one ``ExportTraceServiceRequest``."""
    return split_frames((DATA / name / REQUESTS).read_bytes())


def truth(name: str) -> dict[str, Any]:
    """What the model server answered during a scenario: ``scenario``, ``instrumentation`` and ``calls``."""
    loaded: dict[str, Any] = json.loads((DATA / name / TRUTH).read_text(encoding="utf-8"))
    return loaded


def visible_calls(name: str) -> list[dict[str, Any]]:
    """The true calls that the recorded spans can show at all: those which a perfect reader of the spans would count."""
    return [call for call in truth(name)["calls"] if "call" not in call["not_on_the_wire"]]


def split_frames(blob: bytes) -> list[bytes]:
    """Undoes ``join_frames``. Raises ``ValueError`` when the bytes end inside a frame."""
    frames: list[bytes] = []
    at = 0
    while at < len(blob):
        if at + _LENGTH.size > len(blob):
            raise ValueError(f"length prefix cut off at byte {at}")
        (size,) = _LENGTH.unpack_from(blob, at)
        at += _LENGTH.size
        if at + size > len(blob):
            raise ValueError(f"message of {size} bytes cut off at byte {at}")
        frames.append(blob[at : at + size])
        at += size
    return frames


def join_frames(messages: Iterable[bytes]) -> bytes:
    """The Collector file exporter's ``proto`` format: a 4-byte big-endian length before each message."""
    return b"".join(_LENGTH.pack(len(message)) + message for message in messages)
