"""The threads of the gRPC server: as few as keep the processors busy, more only while some of them are stuck.

In grpcio's synchronous server a call takes a thread before its message has arrived, so that a client which stops in the
middle of sending holds one. With a fixed small number a handful of such clients would stop the service; with a fixed
large one, every burst of calls would be a fight of all threads for the interpreter's lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from enricher.measure import events

P = ParamSpec("P")
T = TypeVar("T")
_Task = tuple["Future[Any]", Callable[[], Any]]

_THREADS = events.gauge(
    "enricher_receiver_threads", "Threads that serve gRPC calls; more than usual: clients are stuck."
)

_STUCK_AFTER_S = 0.1
_IDLE_S = 10.0


def usual_threads() -> int:
    """One for each processor and two that wait for their message meanwhile."""
    return (os.cpu_count() or 1) + 2


class Workers(Executor):
    """Runs tasks in the order they come, on `usual` threads; adds one for each 0.1 s in which none of them was free."""

    def __init__(self, usual: int, most: int = 256) -> None:
        self._usual = usual
        self._most = most
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._taken = 0
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        _THREADS.of().read_from(lambda: len(self._threads))
        for _ in range(usual):
            self._add_thread()
        threading.Thread(target=self._watch, name="otlp-grpc-watch", daemon=True).start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError after `shutdown`, as executors do."""
        if self._closed.is_set():
            raise RuntimeError("the executor has been shut down")
        future: Future[T] = Future()
        self._tasks.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more and end the threads once the tasks are done, or cancelled with `cancel_futures`."""
        with self._lock:
            self._closed.set()
            threads = list(self._threads)
        if cancel_futures:
            with suppress(Empty):
                while (task := self._tasks.get_nowait()) is not None:
                    task[0].cancel()
        for _ in threads:
            self._tasks.put(None)
        if wait:
            for thread in threads:
                thread.join()

    @property
    def threads(self) -> int:
        """Threads now."""
        return len(self._threads)

    def _add_thread(self) -> None:
        with self._lock:
            if self._closed.is_set() or len(self._threads) >= self._most:
                return
            thread = threading.Thread(target=self._work, name="otlp-grpc", daemon=True)
            self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            # Only ever compared with itself: that an increment may get lost between threads does not matter.
            self._taken += 1
            future, run = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = run()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _next(self) -> _Task | None:
        """The next task; None when this thread should end."""
        while True:
            try:
                return self._tasks.get(timeout=_IDLE_S if len(self._threads) > self._usual else None)
            except Empty:
                with self._lock:
                    if len(self._threads) > self._usual and not self._closed.is_set():
                        self._threads.discard(threading.current_thread())
                        return None

    def _watch(self) -> None:
        taken = self._taken
        while not self._closed.wait(_STUCK_AFTER_S):
            if self._tasks.qsize() and self._taken == taken:
                self._add_thread()
            taken = self._taken
