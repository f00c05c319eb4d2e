"""Candidates: configurations that are run side by side over the same requests, each in an engine of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enricher.config import Settings, compile_plan
from enricher.errors import DecodeError, InputError
from enricher.runtime.engine import CoreEngine
from enricher.runtime.replay import Replay
from enricher.sample.compile import compile_plan as compile_sampling
from enricher.simulate.tally import Tally

MOST = 16
"""Each candidate is a whole engine with a buffer of its own."""


class Candidate:
    """One configuration under trial."""

    def __init__(self, name: str, settings: Settings, *, costly_usd: float, slow_ms: float | None) -> None:
        self.name = name
        self.engine = CoreEngine(compile_plan(settings, trace_records=True))
        names = [policy["name"] for policy in compile_sampling(settings.sampling)["policies"]]
        self.tally = Tally(names, costly_usd=costly_usd, slow_ms=slow_ms)
        self.replay = Replay(self.engine, self.tally.take)


def names_of(paths: Sequence[Path]) -> list[str]:
    """A short name for each file: its stem, or its path where two have the same stem."""
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else str(path) for stem, path in zip(stems, paths, strict=True)]


@dataclass(frozen=True, slots=True)
class Request:
    """One export request. source: what to call it in messages. time_ns: when it arrives, Unix nanoseconds; when None,
    time is that of its spans."""

    source: str
    payload: bytes
    time_ns: int | None = None


def run(candidates: Sequence[Candidate], requests: Iterable[Request], refused: Callable[[InputError], None]) -> None:
    """Feeds every candidate every request, then ends. refused: told of each request that an engine does not take."""
    for request in requests:
        try:
            _feed(candidates, request)
        except InputError as error:
            refused(error)
    for candidate in candidates:
        candidate.replay.finish()


def _feed(candidates: Sequence[Candidate], request: Request) -> None:
    time_ns = _latest_end_ns(request) if request.time_ns is None else request.time_ns
    for candidate in candidates:
        candidate.replay.take(request.source, request.payload, time_ns)


def _latest_end_ns(request: Request) -> int:
    """Read once for all candidates."""
    try:
        return CoreEngine.latest_end_ns(request.payload)
    except DecodeError as error:
        raise InputError(f"{request.source}: is not OTLP: {error}") from error


def report(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """`{"input": …, "candidates": [{"name", …}]}`: what `enricher simulate --json` prints. Raises InputError when there
    were no traces."""
    results = [{"name": candidate.name, **candidate.tally.result()} for candidate in candidates]
    if not results[0]["input"]["traces"]:
        raise InputError("there are no spans in the input")
    # What came in is the same for all; how it was cut into traces may differ with their waits.
    told = results[0]["input"]
    return {"input": told, "candidates": [{k: v for k, v in one.items() if k != "input"} for one in results]}
