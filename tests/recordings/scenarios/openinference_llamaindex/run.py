"""LlamaIndex with OpenInference."""

from telemetry import provider, request, tolerate

traces = provider()

from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

LlamaIndexInstrumentor().instrument(tracer_provider=traces)

import llamaindex_program as program

program.run(request, tolerate)
