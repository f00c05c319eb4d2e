"""OpenTelemetry's first OpenAI instrumentation."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

import openai_program as program

program.chat()
program.stream()
program.parallel()
program.embeddings()
program.errors()
program.retry()
