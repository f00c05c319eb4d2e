"""OpenLLMetry for Anthropic, with the spans that the Anthropic SDK opens by itself."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

AnthropicInstrumentor().instrument(tracer_provider=traces)

import anthropic_program as program

program.messages()
program.streams()
program.errors()
