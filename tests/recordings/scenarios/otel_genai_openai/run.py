"""OpenTelemetry's OpenAI instrumentation of the opentelemetry-python-genai repository."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

import openai_program as program

program.chat()
program.stream()
program.parallel()
program.embeddings()
program.responses()
program.errors()
program.retry()
