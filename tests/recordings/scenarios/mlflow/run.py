"""MLflow's tracing with autolog of OpenAI and Anthropic, exporting over OTLP."""

import os

os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]

import mlflow

mlflow.openai.autolog()
mlflow.anthropic.autolog()

import anthropic_program
import openai_program as program

program.chat()
program.stream()
program.embeddings()
program.responses()
program.errors()
anthropic_program.messages()
anthropic_program.streams()
mlflow.flush_trace_async_logging()
