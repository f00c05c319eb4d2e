"""One destination: what is retried, what is lost and how it is told, and how it stops."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from enricher.export.destination import Destination, Policy
from enricher.export.queue import Batch
from enricher.export.retry import Delivered, Refused, TryAgain
from enricher.export.settings import Queue, Retry
from tests.support import otlp
from tests.support.waiting import wait_until
from tests.unit.export.fakes import FakeSender, lost

FAST = {"initial_interval": "10ms", "max_interval": "20ms"}
Make = Callable[..., Destination]


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[Destination] = []

    def destination(sender: FakeSender, queue: dict[str, Any] | None = None, **retry: Any) -> Destination:
        policy = Policy(
            frozenset({"traces"}), Queue.model_validate(queue or {}), Retry.model_validate({**FAST, **retry})
        )
        # The name is a label of process-wide counters, so that each test has its own.
        one = Destination(request.node.name, sender, policy)
        made.append(one)
        one.start()
        return one

    yield destination
    for one in made:
        one.stop(time.monotonic())


def batch(items: int = 1) -> Batch:
    return Batch("traces", otlp.traces(items), items)


def test_a_failure_that_may_pass_is_retried_until_it_passes(make: Make) -> None:
    sender = FakeSender([TryAgain("busy")] * 3)
    destination = make(sender)
    one = batch()
    destination.put(one)
    wait_until(lambda: len(sender.delivered) == 1)
    assert sender.attempts == [one] * 4
    assert lost(destination.name) == {}


def test_the_destinations_own_wait_is_obeyed_when_it_is_longer(make: Make) -> None:
    sender = FakeSender([TryAgain("busy", 0.3)])
    destination = make(sender)
    started = time.monotonic()
    destination.put(batch())
    wait_until(lambda: len(sender.delivered) == 1)
    assert time.monotonic() - started >= 0.3


def test_a_refusal_is_a_counted_loss_without_another_attempt(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    sender = FakeSender([Refused("UNIMPLEMENTED: no such service")])
    destination = make(sender)
    destination.put(batch(3))
    wait_until(lambda: lost(destination.name) == {"refused": 3})
    assert len(sender.attempts) == 1
    assert f"{destination.name}: lost 3 items of traces (refused): UNIMPLEMENTED" in caplog.text


def test_after_max_elapsed_time_it_gives_up(make: Make) -> None:
    sender = FakeSender([TryAgain("busy")] * 1000)
    destination = make(sender, max_elapsed_time="100ms")
    destination.put(batch(2))
    wait_until(lambda: lost(destination.name) == {"gave_up": 2})
    assert len(sender.attempts) > 1


def test_without_retry_the_first_failure_is_the_last(make: Make) -> None:
    sender = FakeSender([TryAgain("busy")])
    destination = make(sender, enabled=False)
    destination.put(batch())
    wait_until(lambda: lost(destination.name) == {"gave_up": 1})
    assert len(sender.attempts) == 1


def test_what_the_destination_rejects_of_a_request_is_lost_and_the_rest_delivered(make: Make) -> None:
    sender = FakeSender([Delivered(2, "too old")])
    destination = make(sender)
    destination.put(batch(5))
    wait_until(lambda: lost(destination.name) == {"rejected": 2})
    assert len(sender.delivered) == 1


def test_a_full_queue_loses_only_what_does_not_fit_and_names_the_destination(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    gate = threading.Event()
    sender = FakeSender(before=gate.wait)
    destination = make(sender, {"queue_size": 2, "num_consumers": 1})
    assert [destination.put(batch(4)) for _ in range(3)] == [True, True, False]
    assert lost(destination.name) == {"queue_full": 4}
    assert f"{destination.name}: lost 4 items" in caplog.text
    gate.set()
    wait_until(lambda: len(sender.delivered) == 2)


def test_a_large_batch_is_cut_to_the_destinations_limit(make: Make) -> None:
    sender = FakeSender()
    destination = make(sender, {"batch": {"max_size": 1024}})
    assert destination.put(batch(60))
    wait_until(lambda: sum(one.items for one in sender.delivered) == 60)
    assert all(len(one.payload) <= 1024 for one in sender.delivered)


def test_an_unexpected_error_costs_one_batch_and_no_thread(make: Make) -> None:
    sender = FakeSender([ZeroDivisionError("a bug")])
    destination = make(sender, {"num_consumers": 1})
    destination.put(batch())
    destination.put(batch())
    wait_until(lambda: len(sender.delivered) == 1)
    assert lost(destination.name) == {"fault": 1}


def test_stopping_delivers_what_is_queued(make: Make) -> None:
    sender = FakeSender(before=lambda: time.sleep(0.01))
    destination = make(sender, {"num_consumers": 2})
    for _ in range(20):
        destination.put(batch())
    assert destination.stop(time.monotonic() + 10) == 0
    assert len(sender.delivered) == 20
    assert sender.closed.is_set()


def test_stopping_tries_a_waiting_batch_once_more_at_once(make: Make) -> None:
    sender = FakeSender([TryAgain("busy", 60)])
    destination = make(sender)
    destination.put(batch())
    wait_until(lambda: len(sender.attempts) == 1)
    assert destination.stop(time.monotonic() + 10) == 0
    assert len(sender.delivered) == 1


def test_stopping_in_front_of_a_dead_destination_ends_in_time_and_counts_what_is_left(make: Make) -> None:
    sender = FakeSender([TryAgain("dead")] * 10_000)
    destination = make(sender, {"num_consumers": 2})
    for _ in range(5):
        destination.put(batch(2))
    assert destination.stop(time.monotonic() + 0.3) == 10
    assert lost(destination.name) == {"shutdown": 10}


def test_a_request_that_hangs_at_the_end_is_counted_as_left(make: Make) -> None:
    gate = threading.Event()
    destination = make(FakeSender(before=lambda: gate.wait(20)), {"num_consumers": 1})
    destination.put(batch(7))
    assert destination.stop(time.monotonic() + 0.2) == 7
    gate.set()


def test_a_long_failure_fills_no_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sender = FakeSender([TryAgain("busy")] * 20)
    destination = make(sender)
    destination.put(batch())
    wait_until(lambda: len(sender.delivered) == 1)
    lines = [record.getMessage() for record in caplog.records if destination.name in record.getMessage()]
    assert len(lines) == 2
    assert "attempt 1 failed" in lines[0]
    assert "works again after 20 attempts" in lines[1]
