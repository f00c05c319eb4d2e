"""OpenLLMetry for OpenAI without streams."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

import openai_program as program

program.chat()
program.parallel()
program.embeddings()
program.responses()
program.errors()
program.retry()
