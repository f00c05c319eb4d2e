"""OpenTelemetry's opentelemetry-instrumentation-genai-anthropic, with the Anthropic SDK's own spans."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

AnthropicInstrumentor().instrument(tracer_provider=traces)

import anthropic_program as program

program.messages()
program.streams()
program.errors()
