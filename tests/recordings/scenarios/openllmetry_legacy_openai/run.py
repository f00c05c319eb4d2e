"""OpenLLMetry for OpenAI as it was in early 2025; many services still run it."""

from telemetry import provider, request

traces = provider()

from opentelemetry.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor(enrich_assistant=True).instrument(tracer_provider=traces)

import openai_program as program
from openai import OpenAI

program.chat()
program.stream()
program.embeddings()
program.errors()

client = OpenAI(max_retries=0)
assistant = client.beta.assistants.create(model="gpt-4o", name="Guide", instructions="Be brief.")
with request("/guide"):
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(thread_id=thread.id, role="user", content="Capital of France?")
    run = client.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    while run.status != "completed":
        run = client.beta.threads.runs.retrieve(thread_id=thread.id, run_id=run.id)
    client.beta.threads.messages.list(thread_id=thread.id, order="asc")
