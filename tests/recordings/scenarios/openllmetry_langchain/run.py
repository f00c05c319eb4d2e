"""OpenLLMetry for LangChain and for OpenAI together."""

from telemetry import provider

traces = provider()

from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)
LangchainInstrumentor().instrument(tracer_provider=traces)

import langchain_program as program

program.run()
