"""LangSmith's OpenTelemetry exporter below LangChain."""

from telemetry import provider

traces = provider()

import langchain_program as program
from langchain_core.tracers.langchain import wait_for_all_tracers

program.run()
wait_for_all_tracers()
