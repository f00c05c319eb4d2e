"""OpenInference for OpenAI."""

from telemetry import provider

traces = provider()

from openinference.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

import openai_program as program

program.chat()
program.stream()
program.parallel()
program.embeddings()
program.responses()
program.errors()
program.retry()
