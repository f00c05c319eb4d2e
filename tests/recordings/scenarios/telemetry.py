"""Set-up that the Python scenarios share: a tracer provider that exports over OTLP as the environment says.

A copy of this file lies beside each script in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def provider() -> TracerProvider:
    """A provider, also set as the global one. It is shut down, and so flushed, at exit."""
    if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=400))
    trace.set_tracer_provider(made)
    return made


@contextmanager
def request(route: str) -> Iterator[None]:
    """A server span, as a web framework would open it around a request of a user."""
    tracer = trace.get_tracer("shop.web", "2.1.0")
    attributes = {"http.request.method": "POST", "http.route": route, "user.id": "user-7", "session.id": "sess-42"}
    with tracer.start_as_current_span(f"POST {route}", kind=trace.SpanKind.SERVER, attributes=attributes):
        yield


@contextmanager
def tolerate() -> Iterator[None]:
    """Goes on after the error that the scenario provokes."""
    try:
        yield
    except Exception as error:
        print("as provoked:", type(error).__name__)
    else:
        raise SystemExit("the error that the scenario provokes did not come")
