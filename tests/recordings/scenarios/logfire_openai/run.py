"""Logfire's own instrumentation of OpenAI, sending to another backend than Logfire."""

from telemetry import provider

traces = provider()

import logfire

logfire.configure(send_to_logfire=False, console=False)
logfire.instrument_openai()

import openai_program as program

program.chat()
program.stream()
program.parallel()
program.embeddings()
program.responses()
program.errors()
