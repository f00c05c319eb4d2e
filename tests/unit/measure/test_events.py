"""The program's own counters."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from enricher.measure import events
from enricher.measure.own import OwnEvents


def test_counts_from_many_threads_add_up() -> None:
    cell = events.Registry().declare("counter", "enricher_x_total", "X.", ("a",)).of("1")

    def count() -> None:
        for _ in range(2000):
            cell.add()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cell.value == 16_000


def test_declaring_a_name_again_gives_the_same_instrument_and_another_shape_is_refused() -> None:
    registry = events.Registry()
    first = registry.declare("gauge", "enricher_x", "X.", ("a",))
    assert registry.declare("gauge", "enricher_x", "X.", ("a",)) is first
    with pytest.raises(ValueError, match="already declared"):
        registry.declare("gauge", "enricher_x", "X.", ("b",))
    with pytest.raises(ValueError, match="takes the labels"):
        first.of("1", "2")


def test_a_gauge_can_ask_for_its_value_when_it_is_read() -> None:
    registry = events.Registry()
    held = [3.0]
    registry.declare("gauge", "enricher_x", "X.", ()).of().read_from(lambda: held[0])
    held[0] = 5.0
    assert registry.snapshot()[0].series == {(): 5.0}


def test_prometheus_sees_them_with_help_and_labels() -> None:
    events.counter("enricher_test_own_total", "Counted by a test.", "kind").of('a"b').add(2)
    registry = CollectorRegistry()
    registry.register(OwnEvents())
    text = generate_latest(registry).decode()
    assert "# HELP enricher_test_own_total Counted by a test." in text
    assert 'enricher_test_own_total{kind="a\\"b"} 2.0' in text
