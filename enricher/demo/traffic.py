"""Believable traffic out of recorded bundles: fresh ids and times, and a mix of normal, slow, failing, costly and looping."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from typing import Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from enricher.demo.recording import Bundle

Kind = Literal["normal", "slow", "failing", "costly", "loop"]

MIX: dict[Kind, float] = {"normal": 0.86, "slow": 0.05, "failing": 0.05, "costly": 0.03, "loop": 0.01}
"""Shares of the kinds of bundles."""

_SLOWER = 25
_COSTLIER = 40
_LOOPS = 12
_RESPONSE_ID = re.compile(r"\b(chatcmpl|resp|msg|run|thread|gen|req)[-_][A-Za-z0-9_-]{6,64}")
_TOKENS = re.compile(r"token|_count$|\.usage\.", re.IGNORECASE)
_ALPHABET = string.ascii_letters + string.digits


class Traffic:
    """An endless stream of requests. Deterministic for a seed, apart from the times."""

    def __init__(self, bundles: list[Bundle], seed: int | None = None) -> None:
        self._bundles = bundles
        self._random = random.Random(seed)

    def requests(self, now_ns: int) -> Iterator[tuple[Kind, ExportTraceServiceRequest, int]]:
        """One bundle of a random kind, ending at `now_ns`: (kind, request, spans). A loop gives many."""
        (kind,) = self._random.choices(list(MIX), list(MIX.values()))
        bundle = self._random.choice(self._bundles)
        if kind != "loop":
            yield kind, self._fresh(bundle, kind, now_ns, {}), bundle.spans
            return
        # A retry loop: the same calls again and again inside the same traces.
        traces: dict[bytes, bytes] = {}
        root = self._random.randbytes(8)
        for turn in range(_LOOPS):
            # The root ends once, after the last turn; until then the spans of each turn hang below it.
            last = turn == _LOOPS - 1
            yield kind, self._fresh(bundle, kind, now_ns, traces, below=None if last else root, root=root), bundle.spans

    def _fresh(
        self,
        bundle: Bundle,
        kind: Kind,
        now_ns: int,
        traces: dict[bytes, bytes],
        *,
        below: bytes | None = None,
        root: bytes | None = None,
    ) -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        request.CopyFrom(bundle.request)
        stretch = _SLOWER if kind == "slow" else self._random.uniform(0.7, 1.6)
        spans: dict[bytes, bytes] = {}
        names: dict[str, str] = {}
        end = max(bundle.start, bundle.end)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    span.trace_id = self._renamed(traces, span.trace_id)
                    if root and not below and not span.parent_span_id:
                        spans.setdefault(span.span_id, root)
                    span.span_id = self._renamed(spans, span.span_id)
                    if span.parent_span_id:
                        span.parent_span_id = self._renamed(spans, span.parent_span_id)
                    elif below:
                        span.parent_span_id = below
                    span.start_time_unix_nano = now_ns - int((end - span.start_time_unix_nano) * stretch)
                    span.end_time_unix_nano = now_ns - int((end - span.end_time_unix_nano) * stretch)
                    for event in span.events:
                        event.time_unix_nano = now_ns - int((end - event.time_unix_nano) * stretch)
                        self._rewrite(event.attributes, kind, names)
                    self._rewrite(span.attributes, kind, names)
                    if kind == "failing":
                        _fail(span)
        return request

    def _renamed(self, known: dict[bytes, bytes], old: bytes) -> bytes:
        if old not in known:
            known[old] = self._random.randbytes(len(old))
        return known[old]

    def _rewrite(self, attributes: list[KeyValue], kind: Kind, names: dict[str, str]) -> None:
        for attribute in attributes:
            value = attribute.value
            if value.WhichOneof("value") == "string_value":
                value.string_value = _RESPONSE_ID.sub(lambda found: self._name(found[0], names), value.string_value)
            if kind == "costly" and _TOKENS.search(attribute.key):
                _multiply(value)

    def _name(self, old: str, names: dict[str, str]) -> str:
        """The same id everywhere in a bundle, another in every bundle: equal response ids mean the same call."""
        if old not in names:
            names[old] = old[:-8] + "".join(self._random.choices(_ALPHABET, k=8))
        return names[old]


def _multiply(value: AnyValue) -> None:
    if value.WhichOneof("value") == "int_value" and value.int_value > 0:
        value.int_value *= _COSTLIER


def _fail(span: Span) -> None:
    if span.kind == Span.SPAN_KIND_CLIENT or not span.parent_span_id:
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = "upstream answered 529 overloaded"
        if all(attribute.key != "error.type" for attribute in span.attributes):
            span.attributes.add(key="error.type", value=AnyValue(string_value="overloaded_error"))
