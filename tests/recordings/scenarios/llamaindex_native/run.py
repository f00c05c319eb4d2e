"""LlamaIndex with its own OpenTelemetry integration: everything stands in the events of dispatcher spans."""

import os

from llama_index.observability.otel import LlamaIndexOpenTelemetry
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from telemetry import request, tolerate

LlamaIndexOpenTelemetry(
    service_name_or_resource=os.environ["OTEL_SERVICE_NAME"], span_exporter=OTLPSpanExporter()
).start_registering()

import llamaindex_program as program

program.run(request, tolerate)
