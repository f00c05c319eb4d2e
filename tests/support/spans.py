"""Between OTLP bytes and the reduced spans that the normalize reference reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tests.oracle.normalize import Span
from tests.oracle.values import plain

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def any_value(value: Any) -> AnyValue:
    """Plain Python as an OTLP value."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        encoded = AnyValue()
        encoded.array_value.SetInParent()
        encoded.array_value.values.extend(any_value(item) for item in value)
        return encoded
    if isinstance(value, dict):
        encoded = AnyValue()
        encoded.kvlist_value.values.extend(key_values(value))
        return encoded
    return AnyValue(string_value=value)


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP has them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def request(*spans: Span) -> ExportTraceServiceRequest:
    """A request with each span under a resource and scope of its own."""
    message = ExportTraceServiceRequest()
    for number, span in enumerate(spans, 1):
        resource_spans = message.resource_spans.add()
        resource_spans.resource.attributes.extend(key_values(span.resource))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = span.scope
        encoded = OtlpSpan(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name=span.name)
        encoded.kind = OtlpSpan.SpanKind.Value(f"SPAN_KIND_{span.kind.upper()}")
        encoded.start_time_unix_nano, encoded.end_time_unix_nano = span.start_ns, span.end_ns
        if span.failed:
            encoded.status.code = encoded.status.STATUS_CODE_ERROR
        encoded.attributes.extend(key_values(span.attributes))
        for name, attributes in span.events:
            encoded.events.add(name=name, time_unix_nano=span.start_ns).attributes.extend(key_values(attributes))
        scope_spans.spans.append(encoded)
    return message


def reduced(message: ExportTraceServiceRequest) -> Iterator[Span]:
    """The spans of a request, in its order."""
    for resource_spans in message.resource_spans:
        resource = _plain(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Span(
                    _plain(span.attributes),
                    span.name,
                    scope_spans.scope.name,
                    resource,
                    tuple((event.name, _plain(event.attributes)) for event in span.events),
                    KINDS[span.kind],
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                )


def _plain(attributes: Any) -> dict[str, Any]:
    return {attribute.key: plain(attribute.value) for attribute in attributes}
