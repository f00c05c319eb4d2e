"""Made-up traffic as requests in the order and at the times at which they arrive."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from enricher.price.store import shipped
from enricher.simulate.traffic.settings import Kind, Traffic
from enricher.trial.settings import WrittenSpan
from enricher.trial.traces import SECOND, Arrival, Writer

# Like the SDKs' batch processors, senders gather spans for a while.
_BATCH_NS = SECOND
_BATCH_BYTES = 1 << 20
# Correlation of duration with size and cost: an answer takes long because it is long, or because the provider is busy.
_TOGETHER = 0.3
_WORDS = "the model answers at some length because the question was not asked precisely and context is wide "


class Generator:
    """The same requests for the same seed. traces: how many traces, when not those of the description."""

    def __init__(self, traffic: Traffic, *, traces: int | None = None, seed: int = 0) -> None:
        self._traffic = traffic
        self._traces = traces or traffic.traces
        self._random = random.Random(seed)
        self._writer = Writer()
        self.begin_ns = round(datetime.combine(date.fromisoformat(shipped().built), time(), UTC).timestamp()) * SECOND
        self.spans = 0
        """Spans sent so far."""

    def arrivals(self) -> Iterator[Arrival]:
        """Requests by time of arrival. Memory holds what is still to come of traces that have begun."""
        waiting: list[tuple[int, int, bytes]] = []
        ordinal = 0
        batch: list[bytes] = []
        size = 0
        closes = self.begin_ns + _BATCH_NS
        for begin_ns in [*self._begins(), None]:
            while waiting and (begin_ns is None or waiting[0][0] <= begin_ns):
                time_ns, _, payload = heapq.heappop(waiting)
                if time_ns > closes or size > _BATCH_BYTES:
                    if batch:
                        yield Arrival(min(closes, time_ns), b"".join(batch))
                    batch, size, closes = [], 0, time_ns + _BATCH_NS
                batch.append(payload)
                size += len(payload)
            if begin_ns is not None:
                for arrival in self._trace(begin_ns):
                    heapq.heappush(waiting, (arrival.time_ns, ordinal, arrival.payload))
                    ordinal += 1
        if batch:
            yield Arrival(closes, b"".join(batch))

    def _begins(self) -> Iterator[int]:
        """When traces begin, in order: evenly within each part of the time, as busy as the part is."""
        rate = self._traffic.rate
        part_ns = self._traffic.lasts * SECOND / len(rate)
        whole, before = sum(rate), 0.0
        ends = []
        for weight in rate:
            before += weight / whole
            ends.append(before)
        part = 0
        for number in range(self._traces):
            place = (number + self._random.random()) / self._traces
            while part < len(rate) - 1 and place > ends[part]:
                part += 1
            share = rate[part] / whole
            within = (place - (ends[part] - share)) / share if share else 0.0
            yield self.begin_ns + round((part + min(max(within, 0.0), 1.0)) * part_ns)

    def _trace(self, begin_ns: int) -> list[Arrival]:
        kinds = self._traffic.kinds
        kind = self._random.choices(kinds, [one.share for one in kinds])[0]
        spans = self._varied(kind)
        self.spans += sum(span.repeat for span in spans)
        return self._writer.arrivals(spans, self._writer.trace_id(self._random.random()), begin_ns)

    def _varied(self, kind: Kind) -> list[WrittenSpan]:
        slower = self._random.gauss()
        dearer = _TOGETHER * slower + math.sqrt(1 - _TOGETHER**2) * self._random.gauss()
        longer, more = math.exp(kind.spread * slower), math.exp(kind.spread * dearer)
        return [_varied(span, longer, more, round(kind.content_bytes * more)) for span in kind.spans]


def _varied(span: WrittenSpan, longer: float, more: float, content: int) -> WrittenSpan:
    def scaled(count: int | None) -> int | None:
        return None if count is None else round(count * more)

    changed: dict[str, object] = {
        "start": span.start * longer,
        "duration": span.duration * longer,
        "arrives": None if span.arrives is None else span.arrives * longer,
        "input_tokens": scaled(span.input_tokens),
        "output_tokens": scaled(span.output_tokens),
        "cost_usd": None if span.cost_usd is None else span.cost_usd * more,
    }
    if content and span.model:
        text = (_WORDS * (content // len(_WORDS) + 1))[:content]
        message = f'[{{"role":"assistant","parts":[{{"type":"text","content":"{text}"}}]}}]'
        changed["attributes"] = {"gen_ai.output.messages": message, **span.attributes}
    return span.model_copy(update=changed)
