"""Small OTLP messages."""

from __future__ import annotations

import itertools
import random
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_ids = random.Random(7)


def trace_request(
    spans: int = 1,
    *,
    name: str = "chat",
    text: str = "",
    resources: int = 1,
    scopes: int = 1,
    end_ns: int | None = None,
) -> ExportTraceServiceRequest:
    """`resources` x `scopes` x `spans` spans of one trace, the first its root; `text` is an attribute of each."""
    request = ExportTraceServiceRequest()
    trace_id = _ids.randbytes(16)
    end = time.time_ns() if end_ns is None else end_ns
    root = b""
    for number, scope_number in itertools.product(range(resources), range(scopes)):
        if scope_number == 0:
            resource_spans = request.resource_spans.add(schema_url=f"https://example.test/resource/{number}")
            attribute = resource_spans.resource.attributes.add(key="service.name")
            attribute.value.string_value = f"service-{number}"
        scope_spans = resource_spans.scope_spans.add(schema_url="https://example.test/scope")
        scope_spans.scope.name = f"scope-{scope_number}"
        for _ in range(spans):
            span = Span(trace_id=trace_id, span_id=_ids.randbytes(8), parent_span_id=root, name=name)
            span.start_time_unix_nano, span.end_time_unix_nano = max(0, end - 1_000_000), end
            if text:
                span.attributes.add(key="text").value.string_value = text
            scope_spans.spans.append(span)
            root = root or span.span_id
    return request


def traces(spans: int = 1, *, name: str = "chat", text: str = "", end_ns: int | None = None) -> bytes:
    """An encoded request with one trace."""
    return trace_request(spans, name=name, text=text, end_ns=end_ns).SerializeToString()


def metrics(points: int = 1) -> bytes:
    """An encoded request with one gauge of `points` points."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="temperature")
    for number in range(points):
        metric.gauge.data_points.add(as_double=20.0 + number, time_unix_nano=1_700_000_000_000_000_000 + number)
    return request.SerializeToString()


def logs(records: int = 1) -> bytes:
    """An encoded request with `records` log records."""
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for number in range(records):
        record = scope_logs.log_records.add(trace_id=bytes(range(16)), span_id=bytes(range(8)), severity_text="INFO")
        record.body.string_value = f"line {number}"
    return request.SerializeToString()


def span_names(payload: bytes) -> list[str]:
    request = ExportTraceServiceRequest.FromString(payload)
    return [span.name for rs in request.resource_spans for ss in rs.scope_spans for span in ss.spans]
