"""OpenLLMetry for OpenAI with streams."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

import openai_program as program

program.stream()
