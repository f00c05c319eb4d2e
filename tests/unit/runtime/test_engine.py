"""The door into the core."""

from __future__ import annotations

import importlib.metadata

import pytest

from enricher import _core
from enricher.errors import CoreFault, DecodeError
from enricher.measure import events
from enricher.runtime import engine
from enricher.runtime.engine import CoreEngine, guard, refuse_other_version
from enricher.wire import wrap
from tests.support import otlp

PanicException = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


def faults(where: str) -> float:
    reading = next(one for one in events.snapshot() if one.name == "enricher_core_faults_total")
    return reading.series.get((where,), 0.0)


def test_a_panic_becomes_a_core_fault_and_is_counted() -> None:
    def panics() -> None:
        raise PanicException("index out of bounds")

    before = faults("test")
    with pytest.raises(CoreFault, match="panicked in test: index out of bounds"):
        guard("test", panics)
    assert faults("test") == before + 1


def test_a_panic_while_a_request_is_taken_leaves_the_engine_usable() -> None:
    class Panics:
        def ingest(self, payload: bytes, now_ns: int) -> None:
            raise PanicException(f"{len(payload)} {now_ns}")

    broken = CoreEngine.__new__(CoreEngine)
    broken._engine = Panics()  # type: ignore[assignment]
    before = faults("ingest")
    for _ in range(2):
        with pytest.raises(CoreFault):
            broken.ingest(b"x", 1)
    assert faults("ingest") == before + 2


@pytest.mark.parametrize("error", [DecodeError("cut off"), KeyboardInterrupt(), MemoryError()])
def test_other_errors_pass_as_they_are(error: BaseException) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as passed:
        guard("test", fails)
    assert passed.value is error


def test_a_core_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "99.0.0")
    with pytest.raises(ImportError, match=f"enricher is 99.0.0 but its core is {_core.VERSION}"):
        refuse_other_version()


def test_only_the_engine_module_imports_the_core() -> None:
    from pathlib import Path

    package = Path(engine.__file__).parent.parent
    importers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "import _core" in path.read_text() or "enricher._core import" in path.read_text()
    ]
    assert importers == ["runtime/engine.py"]


def test_the_latest_end_is_found_wherever_it_stands() -> None:
    requests = otlp.traces(2, end_ns=900) + otlp.traces(1, end_ns=1500) + otlp.traces(1, end_ns=20)
    assert CoreEngine.latest_end_ns(requests) == 1500
    assert CoreEngine.latest_end_ns(b"") == 0
    with pytest.raises(DecodeError):
        CoreEngine.latest_end_ns(requests[:-1])


def test_a_broken_span_does_not_hide_the_time_of_the_others() -> None:
    good = otlp.traces(1, end_ns=1500)
    broken = wrap(1, wrap(2, wrap(2, b"\x0a\x7fcut")))
    assert CoreEngine.latest_end_ns(broken + good) == 1500
