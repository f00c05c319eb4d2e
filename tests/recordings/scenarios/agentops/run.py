"""AgentOps' SDK, without AgentOps."""

import os

import agentops

agentops.init(
    api_key="00000000-0000-0000-0000-000000000000",
    endpoint=os.environ["MODEL_URL"],
    exporter_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces",
    max_wait_time=300,
    log_session_replay_url=False,
)

import openai_program as program

program.chat()
program.stream()
program.embeddings()
program.responses()
program.errors()
agentops.end_session()
