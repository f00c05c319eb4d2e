"""OpenInference for LangChain."""

from telemetry import provider

traces = provider()

from openinference.instrumentation.langchain import LangChainInstrumentor

LangChainInstrumentor().instrument(tracer_provider=traces)

import langchain_program as program

program.run()
