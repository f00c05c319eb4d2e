"""What a destination's answer says: everything taken, or a part rejected (OTLP partial success)."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from enricher.export.retry import Delivered
from enricher.export.settings import Signal

_ALL = Delivered()


def read(signal: Signal, body: bytes) -> Delivered:
    """A response that cannot be read counts as success: the specification ties success to the status alone."""
    if not body:
        return _ALL
    try:
        if signal == "traces":
            traces = trace_service_pb2.ExportTraceServiceResponse.FromString(body).partial_success
            return Delivered(traces.rejected_spans, traces.error_message)
        if signal == "metrics":
            metrics = metrics_service_pb2.ExportMetricsServiceResponse.FromString(body).partial_success
            return Delivered(metrics.rejected_data_points, metrics.error_message)
        logs = logs_service_pb2.ExportLogsServiceResponse.FromString(body).partial_success
        return Delivered(logs.rejected_log_records, logs.error_message)
    except DecodeError:
        return _ALL
