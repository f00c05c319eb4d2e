"""OpenInference for LangChain and OpenAI at once, as Phoenix' auto-instrumentation sets it up."""

from telemetry import provider

traces = provider()

from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

LangChainInstrumentor().instrument(tracer_provider=traces)
OpenAIInstrumentor().instrument(tracer_provider=traces)

import langchain_program as program

program.run()
