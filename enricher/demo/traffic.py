"""Believable traffic out of recorded units: fresh ids, users and times, and a mix of normal and of incidents."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from enricher.demo.recording import Unit

DECK = {"normal": 172, "failing": 12, "slow": 8, "costly": 3, "retry_loop": 3, "runaway": 2}
"""How many units of each kind are in every 200 sent. Incidents are recorded ones: nothing about them is made up."""

_JITTER = (0.95, 1.4)
"""Recorded times are stretched by a factor between these, so that no two calls of one kind take equally long."""
_PODS = 400
_USERS = 60
_SESSIONS = 250

# Ids that vendors, gateways and SDKs give to responses, requests, tool calls and runs. Two spans with one response id
# report one call, so a replay needs its own.
_ID = re.compile(
    r"\b(?:chatcmpl|resp|msg|run|thread|req|call|toolu)[-_][A-Za-z0-9_-]{16,64}"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)
_PEOPLE = re.compile(r"\b(?:user|sess)-\d+\b")
_CONSTANT = "organization.id"
_TAIL = 12


class Traffic:
    """An endless stream of requests. Deterministic for a seed, apart from the times."""

    def __init__(self, units: list[Unit], seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._units: dict[str, list[Unit]] = defaultdict(list)
        for unit in units:
            self._units[unit.truth.kind].append(unit)
        self._sent = 0

    def deck(self) -> Iterator[Unit]:
        """200 units in random order, with the mix of `DECK`."""
        kinds = [kind for kind, count in DECK.items() for _ in range(count)]
        self._random.shuffle(kinds)
        for kind in kinds:
            yield self._random.choice(self._units[kind])

    def replay(self, unit: Unit, now_ns: int) -> ExportTraceServiceRequest:
        """The unit once more, as if it had just ended (`now_ns`, Unix nanoseconds) for another user."""
        request = ExportTraceServiceRequest()
        request.CopyFrom(unit.request)
        stretch = self._random.uniform(*_JITTER)
        ids: dict[bytes, bytes] = {}
        names: dict[str, str] = {}
        # Pods take turns: the same unit comes back to a pod long after its first visit there.
        self._sent += 1
        pod = f"pod-{self._sent % _PODS:03d}"

        def moved(time: int) -> int:
            return now_ns - int((unit.end - time) * stretch)

        for resource in request.resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.instance.id":
                    attribute.value.string_value = pod
            for scope in resource.scope_spans:
                for span in scope.spans:
                    span.trace_id = self._fresh(ids, span.trace_id)
                    span.span_id = self._fresh(ids, span.span_id)
                    span.parent_span_id = self._fresh(ids, span.parent_span_id)
                    span.start_time_unix_nano = moved(span.start_time_unix_nano)
                    span.end_time_unix_nano = moved(span.end_time_unix_nano)
                    self._rename((a.value for a in span.attributes if not a.key.endswith(_CONSTANT)), names)
                    for event in span.events:
                        event.time_unix_nano = moved(event.time_unix_nano)
                        self._rename((a.value for a in event.attributes), names)
        return request

    def _fresh(self, known: dict[bytes, bytes], old: bytes) -> bytes:
        if old not in known:
            known[old] = self._random.randbytes(len(old))
        return known[old]

    def _rename(self, values: Iterable[AnyValue], names: dict[str, str]) -> None:
        """Gives each id in the texts another name, the same wherever it stands in a unit."""

        def renamed(found: re.Match[str]) -> str:
            old = found[0]
            if old not in names:
                names[old] = old[:-_TAIL] + self._random.randbytes(_TAIL // 2).hex()
            return names[old]

        def other(found: re.Match[str]) -> str:
            kind, _, _ = found[0].partition("-")
            if kind not in names:
                names[kind] = f"{kind}-{self._random.randrange(_USERS if kind == 'user' else _SESSIONS)}"
            return names[kind]

        for value in values:
            match value.WhichOneof("value"):
                case "string_value":
                    value.string_value = _PEOPLE.sub(other, _ID.sub(renamed, value.string_value))
                case "array_value":
                    self._rename(value.array_value.values, names)
                case "kvlist_value":
                    self._rename((item.value for item in value.kvlist_value.values), names)
