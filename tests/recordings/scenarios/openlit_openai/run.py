"""OpenLIT for OpenAI."""

import os

import openlit

openlit.init(otlp_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], application_name="shop", environment="recording")

import openai_program as program

program.chat()
program.stream()
program.parallel()
program.embeddings()
program.responses()
program.errors()
program.retry()
