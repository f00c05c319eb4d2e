"""The bounds of a sending queue."""

from __future__ import annotations

import threading
import time
from typing import Any

from enricher.export.queue import Batch, SendingQueue
from enricher.export.settings import Queue


def queue(**options: Any) -> SendingQueue:
    return SendingQueue(Queue.model_validate(options))


def batch(size: int = 10, items: int = 1) -> Batch:
    return Batch("traces", bytes(size), items)


def test_batches_come_out_in_the_order_they_went_in() -> None:
    waiting = queue()
    batches = [batch(), batch(), batch()]
    assert all(waiting.put(one) for one in batches)
    assert [waiting.take() for _ in batches] == batches


def test_the_bound_counts_requests_items_or_bytes() -> None:
    for sizer, one in (("requests", batch()), ("items", batch(items=1)), ("bytes", batch(1))):
        waiting = queue(queue_size=2, sizer=sizer)
        assert [waiting.put(one) for _ in range(3)] == [True, True, False]
    assert [queue(queue_size=5, sizer="items").put(batch(items=3))] == [True]


def test_the_bound_in_bytes_holds_whatever_the_sizer_counts() -> None:
    waiting = queue(max_mib=1)
    half = batch(600_000)
    assert [waiting.put(half), waiting.put(half)] == [True, False]


def test_what_is_being_sent_still_counts_until_it_is_done() -> None:
    waiting = queue(queue_size=1)
    first = batch()
    waiting.put(first)
    assert waiting.take() is first
    assert not waiting.put(batch())
    waiting.done(first)
    assert waiting.put(batch())


def test_a_batch_larger_than_the_bound_passes_through_an_empty_queue() -> None:
    waiting = queue(queue_size=5, sizer="bytes")
    assert waiting.put(batch(100))
    assert not waiting.put(batch(1))


def test_with_block_on_overflow_a_producer_waits_for_room() -> None:
    waiting = queue(queue_size=1, block_on_overflow=True)
    first, second = batch(), batch()
    waiting.put(first)
    done: list[bool] = []
    producer = threading.Thread(target=lambda: done.append(waiting.put(second)))
    producer.start()
    time.sleep(0.05)
    assert done == []
    taken = waiting.take()
    assert taken is first
    waiting.done(first)
    producer.join(5)
    assert done == [True]


def test_closing_ends_waiting_producers_and_consumers() -> None:
    waiting = queue(queue_size=1, block_on_overflow=True)
    waiting.put(batch())
    put: list[bool] = []
    producer = threading.Thread(target=lambda: put.append(waiting.put(batch())))
    producer.start()
    time.sleep(0.02)
    waiting.close()
    producer.join(5)
    assert put == [False]
    assert waiting.take() is not None
    assert waiting.take() is None


def test_clearing_returns_what_waits_or_what_is_in_work_and_frees_its_room() -> None:
    waiting = queue()
    first, second = batch(), batch()
    waiting.put(first)
    waiting.put(second)
    waiting.take()
    assert waiting.clear() == [second]
    assert waiting.clear(in_work=True) == [first]
    waiting.done(first)
    assert (waiting.held, waiting.held_bytes) == (0, 0)
