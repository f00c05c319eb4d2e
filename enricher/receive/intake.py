"""What happens to one request, whichever protocol brought it: admit, hand over, count, say what became of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from enricher.errors import CoreFault, DecodeError, EnricherError, Overloaded
from enricher.measure import events
from enricher.receive.admission import Admission

log = logging.getLogger(__name__)

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")

_REQUESTS = events.counter(
    "enricher_receiver_requests_total",
    "Requests by what became of them: ok, partial, malformed, overloaded, fault.",
    "transport",
    "signal",
    "outcome",
)
_BYTES = events.counter("enricher_receiver_bytes_total", "Bytes of requests, decompressed.", "transport", "signal")
_ITEMS = events.counter(
    "enricher_receiver_accepted_items_total",
    "Spans taken, and metrics data points and log records passed on.",
    "transport",
    "signal",
)
_REJECTED = events.counter(
    "enricher_receiver_rejected_items_total", "Spans refused by themselves (partial success).", "transport", "signal"
)
_NO_DESTINATION_RETRY_S = 5.0


class IngestReport(Protocol):
    """The part of the core's report that receivers use."""

    @property
    def accepted(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def pressure(self) -> bool: ...


class LogsReport(Protocol):
    """The part of the core's report on logs that receivers use."""

    @property
    def records(self) -> int: ...
    @property
    def payload(self) -> bytes | None: ...


class TakesTraces(Protocol):
    """The part of the engine that receivers use (`enricher.runtime.engine.CoreEngine`)."""

    def ingest(self, payload: bytes, now_ns: int) -> IngestReport: ...
    def take_logs(self, payload: bytes, now_ns: int) -> LogsReport: ...
    def check_otlp(self, signal: str, payload: bytes) -> int: ...
    def otlp_from_json(self, signal: str, payload: bytes) -> bytes: ...


class PassesOn(Protocol):
    """Where metrics and logs go (`enricher.export.fanout.Fanout`)."""

    def send(self, signal: Signal, payload: bytes, items: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request was taken; `rejected` items of it were not, for the reason in `message`."""

    rejected: int = 0
    message: str = ""


ALL = Accepted()
"""Everything was taken: by far the most common answer."""

Outcome = Accepted | EnricherError
Take = Callable[[bytes], tuple[int, int, str]]
"""Hands a request over; returns items accepted, items rejected, why."""


class Intake:
    """The way in, shared by all protocols."""

    def __init__(
        self, engine: TakesTraces, exporters: PassesOn, admission: Admission, on_pressure: Callable[[], None]
    ) -> None:
        self.admission = admission
        self.otlp_from_json = engine.otlp_from_json
        self._engine = engine
        self._exporters = exporters
        self._on_pressure = on_pressure

    def door(self, transport: str, signal: Signal) -> Door:
        """What takes the requests of one signal; made once, called per request."""
        take = {"traces": self._take_traces, "metrics": self._take_metrics, "logs": self._take_logs}[signal]
        return Door(self.admission, take, transport, signal)

    def _take_traces(self, payload: bytes) -> tuple[int, int, str]:
        report = self._engine.ingest(payload, time.time_ns())
        if report.pressure:
            self._on_pressure()
        return report.accepted, report.rejected, report.message

    def _take_metrics(self, payload: bytes) -> tuple[int, int, str]:
        return self._pass_on("metrics", payload, self._engine.check_otlp("metrics", payload))

    def _take_logs(self, payload: bytes) -> tuple[int, int, str]:
        report = self._engine.take_logs(payload, time.time_ns())
        changed = report.payload
        return self._pass_on("logs", payload if changed is None else changed, report.records)

    def _pass_on(self, signal: Signal, payload: bytes, items: int) -> tuple[int, int, str]:
        if items and not self._exporters.send(signal, payload, items):
            raise Overloaded(f"no destination has room for {signal}", _NO_DESTINATION_RETRY_S)
        return items, 0, ""


class Door:
    """One request in, one outcome out; never raises for what a sender or an overload can cause."""

    def __init__(self, admission: Admission, take: Take, transport: str, signal: Signal) -> None:
        self._admission = admission
        self._take = take
        self._signal = signal
        self._bytes = _BYTES.of(transport, signal)
        self._items = _ITEMS.of(transport, signal)
        self._rejected = _REJECTED.of(transport, signal)
        self._ok, self._partial, self._malformed, self._overloaded, self._fault = (
            _REQUESTS.of(transport, signal, outcome)
            for outcome in ("ok", "partial", "malformed", "overloaded", "fault")
        )

    def __call__(self, payload: bytes, admitted: int = 0, prepare: Callable[[bytes], bytes] | None = None) -> Outcome:
        """Take one request. `admitted`: bytes of it that the caller holds of the admission budget already.
        `prepare`: makes the protobuf request out of `payload`; may raise DecodeError."""
        try:
            if prepare is not None:
                payload = prepare(payload)
            size = len(payload)
            more = size - admitted if size > admitted else 0
            self._admission.enter(more, admitted)
            try:
                accepted, rejected, message = self._take(payload)
            finally:
                self._admission.leave(more)
        except DecodeError as error:
            self._malformed.add()
            return error
        except Overloaded as error:
            self._overloaded.add()
            return error
        except CoreFault as error:
            self._fault.add()
            log.error("a request with %s was not taken: %s", self._signal, error)
            return error
        self._bytes.add(size)
        self._items.add(accepted)
        if not rejected:
            self._ok.add()
            return ALL
        self._partial.add()
        self._rejected.add(rejected)
        return Accepted(rejected, message)

    def refuse(self, error: Overloaded) -> Outcome:
        """Count a request that was refused before its body was read."""
        self._overloaded.add()
        return error
