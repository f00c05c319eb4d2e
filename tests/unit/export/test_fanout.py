"""Several destinations, each on its own."""

from __future__ import annotations

import threading

from enricher.export.destination import Destination, Policy
from enricher.export.fanout import Fanout
from enricher.export.queue import Batch
from enricher.export.settings import Queue, Signal
from tests.support import otlp
from tests.support.waiting import wait_until
from tests.unit.export.fakes import FakeSender


def destination(name: str, sender: FakeSender, *signals: Signal, **queue: object) -> Destination:
    return Destination(name, sender, Policy(frozenset(signals or ("traces",)), Queue.model_validate(queue)))


def test_a_destination_that_hangs_holds_up_nobody() -> None:
    gate = threading.Event()
    healthy, dead = FakeSender(), FakeSender(before=lambda: gate.wait(30))
    fanout = Fanout([destination("dead", dead, queue_size=1), destination("healthy", healthy)])
    fanout.start()
    for _ in range(50):
        assert fanout.send("traces", otlp.traces(), 1)
    wait_until(lambda: len(healthy.delivered) == 50)
    gate.set()
    assert fanout.stop(5) == 0


def test_all_destinations_share_one_encoded_payload() -> None:
    senders = [FakeSender(), FakeSender()]
    fanout = Fanout([destination(str(number), sender) for number, sender in enumerate(senders)])
    fanout.start()
    payload = otlp.traces(3)
    fanout.send("traces", payload, 3)
    fanout.stop(5)
    assert all(sender.delivered[0].payload is payload for sender in senders)


def test_each_destination_gets_the_signals_it_takes() -> None:
    traces, metrics = FakeSender(), FakeSender()
    fanout = Fanout([destination("t", traces, "traces"), destination("m", metrics, "metrics", "traces")])
    fanout.start()
    assert fanout.send("traces", b"", 1)
    assert fanout.send("metrics", b"", 1)
    assert fanout.send("logs", b"", 1)
    fanout.stop(5)
    assert [batch.signal for batch in traces.delivered] == ["traces"]
    assert sorted(batch.signal for batch in metrics.delivered) == ["metrics", "traces"]


def test_send_says_when_no_destination_had_room() -> None:
    gate = threading.Event()
    full = destination("full", FakeSender(before=lambda: gate.wait(30)), queue_size=1, num_consumers=1)
    fanout = Fanout([full])
    fanout.start()
    assert fanout.send("traces", b"", 1)
    assert not fanout.send("traces", b"", 1)
    gate.set()
    fanout.stop(5)


def test_destinations_that_may_block_are_served_last() -> None:
    order: list[str] = []

    class Noting(Destination):
        def put(self, batch: Batch) -> bool:
            order.append(self.name)
            return batch.items == 1

    policy = Policy(frozenset({"traces"}), Queue(block_on_overflow=True))
    blocking, free = Noting("blocking", FakeSender(), policy), Noting("free", FakeSender(), Policy(policy.signals))
    Fanout([blocking, free]).send("traces", b"", 1)
    assert order == ["free", "blocking"]
