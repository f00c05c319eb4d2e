"""Two vendors' instrumentations of the same SDK, as after a migration that was never finished."""

from telemetry import provider

traces = provider()

from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry

OpenLLMetry().instrument(tracer_provider=traces)
OpenInference().instrument(tracer_provider=traces)

import openai_program as program

program.chat()
program.stream()
program.parallel()
program.embeddings()
program.responses()
program.errors()
program.retry()
