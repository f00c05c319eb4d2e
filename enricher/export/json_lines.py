"""Encoded export requests as OTLP JSON on one line.

Source: opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding".

Traces take the core's fast way. Metrics and logs, which nothing here looks into otherwise, go through protobuf.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

from enricher.errors import DecodeError
from enricher.export.settings import Signal

_REQUESTS: dict[str, Any] = {
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}
_HEX_KEYS = frozenset({"traceId", "spanId", "parentSpanId"})


class JsonLines:
    """The encoder; `traces_to_json` is `enricher.runtime.engine.traces_to_json`."""

    def __init__(self, traces_to_json: Callable[[bytes], bytes]) -> None:
        self._traces_to_json = traces_to_json

    def encode(self, signal: Signal, payload: bytes) -> bytes:
        """One line without its end. Raises DecodeError."""
        if signal == "traces":
            return self._traces_to_json(payload)
        try:
            request = _REQUESTS[signal].FromString(payload)
            tree = json_format.MessageToDict(request, use_integers_for_enums=True)
        except ValueError as error:
            raise DecodeError(f"{signal} cannot be read: {error}") from error
        return json.dumps(_ids_in_hex(tree), ensure_ascii=False, separators=(",", ":")).encode()


def _ids_in_hex(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: base64.b64decode(child).hex() if key in _HEX_KEYS and isinstance(child, str) else _ids_in_hex(child)
            for key, child in node.items()
        }
    if isinstance(node, list):
        return [_ids_in_hex(child) for child in node]
    return node
