"""The bound on bytes in work."""

from __future__ import annotations

import pytest

from enricher.errors import DecodeError, Overloaded
from enricher.receive.admission import Admission
from enricher.receive.intake import ALL, Accepted
from tests.unit.receive.fakes import Bench, Report


def test_what_does_not_fit_is_refused_with_a_wait_until_room_is_given_back() -> None:
    admission = Admission(100)
    admission.enter(60)
    with pytest.raises(Overloaded) as refused:
        admission.enter(41)
    assert refused.value.retry_after_s > 0
    admission.leave(60)
    admission.enter(41)
    assert admission.held == 41


def test_a_request_larger_than_the_bound_passes_when_it_is_alone() -> None:
    admission = Admission(100)
    admission.enter(1000)
    with pytest.raises(Overloaded):
        admission.enter(1)
    admission.leave(1000)
    admission.enter(60)
    admission.enter(500, held_by_caller=60)
    assert admission.held == 560


def test_a_door_gives_back_what_it_took_whatever_happens() -> None:
    bench = Bench()
    intake = bench.intake()
    door = intake.door("grpc", "traces")
    held: list[int] = []
    bench.engine.during = lambda: held.append(intake.admission.held)
    assert door(b"12345") is ALL
    bench.engine.error = DecodeError("no")
    assert isinstance(door(b"12345"), DecodeError)
    assert (held, intake.admission.held) == ([5, 5], 0)


def test_a_door_counts_only_what_its_caller_does_not_hold_already() -> None:
    bench = Bench(limit=100)
    intake = bench.intake()
    held: list[int] = []
    bench.engine.during = lambda: held.append(intake.admission.held)
    intake.admission.enter(80)
    assert intake.door("http", "traces")(bytes(80), 80) is ALL
    assert isinstance(intake.door("http", "traces")(bytes(90), 10), Overloaded)
    assert held == [80]


def test_a_door_tells_how_many_items_were_rejected() -> None:
    bench = Bench()
    bench.engine.report = Report(accepted=4, rejected=3, message="zero ids")
    assert bench.intake().door("grpc", "traces")(b"") == Accepted(3, "zero ids")
