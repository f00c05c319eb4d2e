"""An engine and exporters that do as they are told, for tests of the receivers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from enricher.errors import DecodeError, EnricherError
from enricher.receive.admission import Admission
from enricher.receive.intake import SIGNALS, Intake, Signal
from enricher.wire import count_items


@dataclass
class Report:
    accepted: int = 1
    rejected: int = 0
    message: str = ""
    pressure: bool = False


@dataclass
class LogsReport:
    records: int
    payload: bytes | None = None


@dataclass
class FakeEngine:
    """Takes everything, unless `error` or `report` say otherwise. JSON is only recognized, not converted."""

    error: EnricherError | None = None
    report: Report = field(default_factory=Report)
    payloads: list[bytes] = field(default_factory=list)
    during: Callable[[], None] | None = None

    def ingest(self, payload: bytes, now_ns: int) -> Report:
        assert now_ns > 1_600_000_000_000_000_000
        if self.during:
            self.during()
        if self.error:
            raise self.error
        self.payloads.append(payload)
        return self.report

    def take_logs(self, payload: bytes, now_ns: int) -> LogsReport:
        assert now_ns > 1_600_000_000_000_000_000
        return LogsReport(count_items(payload))

    def check_otlp(self, signal: str, payload: bytes) -> int:
        assert signal == "metrics"
        return count_items(payload)

    def otlp_from_json(self, signal: str, payload: bytes) -> bytes:
        assert signal in SIGNALS
        if not payload.startswith(b"{"):
            raise DecodeError("not a JSON object")
        return b"json:" + payload


@dataclass
class FakeExporters:
    room: bool = True
    sent: list[tuple[str, bytes, int]] = field(default_factory=list)

    def send(self, signal: Signal, payload: bytes, items: int) -> bool:
        if self.room:
            self.sent.append((signal, payload, items))
        return self.room


@dataclass
class Bench:
    """An intake with everything around it in the hands of the test."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    exporters: FakeExporters = field(default_factory=FakeExporters)
    limit: int = 1 << 20
    pressure: list[str] = field(default_factory=list)

    def intake(self) -> Intake:
        return Intake(self.engine, self.exporters, Admission(self.limit), lambda: self.pressure.append("tick"))
