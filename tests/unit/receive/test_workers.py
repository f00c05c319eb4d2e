"""The threads of the gRPC server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import grpc
import pytest

from enricher.receive import workers
from enricher.receive.grpc import SERVICES, GrpcReceiver
from enricher.receive.settings import GrpcServer
from enricher.receive.workers import Workers, usual_threads
from tests.support import otlp
from tests.support.waiting import wait_until
from tests.unit.receive.fakes import Bench


def test_tasks_give_their_results_and_errors() -> None:
    pool = Workers(2)
    assert pool.submit(divmod, 7, 2).result(5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(5)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(print)


def test_a_burst_is_served_by_the_usual_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine threads that could run do not come to it for a while.
    monkeypatch.setattr(workers, "_STUCK_AFTER_S", 20)
    pool = Workers(2)
    futures = [pool.submit(time.sleep, 0.002) for _ in range(100)]
    for future in futures:
        future.result(15)
    assert pool.threads == 2
    pool.shutdown()


def test_while_all_threads_are_stuck_others_come_and_they_go_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_IDLE_S", 0.2)
    pool = Workers(2)
    gate = threading.Event()
    stuck = [pool.submit(gate.wait, 30) for _ in range(5)]
    assert pool.submit(lambda: "served").result(5) == "served"
    assert pool.threads >= 6
    gate.set()
    assert all(future.result(5) for future in stuck)
    pool.submit(print).result(5)
    wait_until(lambda: pool.threads == 2)
    assert pool.submit(lambda: "still").result(5) == "still"
    pool.shutdown()


def test_there_is_a_bound_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_STUCK_AFTER_S", 0.005)
    pool = Workers(1, most=3)
    gate = threading.Event()
    stuck = [pool.submit(gate.wait, 30) for _ in range(6)]
    wait_until(lambda: pool.threads == 3)
    time.sleep(0.1)
    assert pool.threads == 3
    gate.set()
    assert all(future.result(5) for future in stuck)
    pool.shutdown()


def test_shutting_down_finishes_or_cancels_what_waits() -> None:
    pool = Workers(1)
    gate = threading.Event()
    running, waiting = pool.submit(gate.wait, 30), pool.submit(print)
    wait_until(running.running)
    pool.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    gate.set()
    assert running.result(5)


def test_clients_that_stop_in_the_middle_of_sending_do_not_stop_the_others() -> None:
    bench = Bench()
    receiver = GrpcReceiver(GrpcServer(endpoint="127.0.0.1:0"), bench.intake())
    release = threading.Event()

    def never() -> Iterator[bytes]:
        release.wait(60)
        yield b""

    with grpc.insecure_channel(receiver.start()) as channel:
        path = f"/{SERVICES['traces']}/Export"
        slow = [channel.stream_unary(path).future(never()) for _ in range(usual_threads() * 2)]
        time.sleep(0.3)
        assert channel.unary_unary(path)(otlp.traces(), timeout=20) == b""
        for call in slow:
            call.cancel()
        release.set()
    receiver.stop(0)
