"""OpenLLMetry for OpenAI's Assistants API."""

import warnings

from telemetry import provider, request, tolerate

traces = provider()

from opentelemetry.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

warnings.simplefilter("ignore", DeprecationWarning)

from openai import AssistantEventHandler, OpenAI

client = OpenAI(max_retries=0)
threads = client.beta.threads
assistant = client.beta.assistants.create(model="gpt-4o", name="Guide", instructions="Be brief.")


def new_thread(text: str) -> str:
    """The id of a thread with one question."""
    thread = threads.create()
    threads.messages.create(thread_id=thread.id, role="user", content=text)
    return thread.id


def ask(text: str, **run: str) -> None:
    """A question answered by a run that is polled; the instrumentation reports a run when the messages are listed."""
    thread = new_thread(text)
    try:
        begun = threads.runs.create(thread_id=thread, assistant_id=assistant.id, **run)
        while begun.status != "completed":
            begun = threads.runs.retrieve(thread_id=thread, run_id=begun.id)
    finally:
        threads.messages.list(thread_id=thread, order="asc")


with request("/guide"):
    ask("Capital of France?")
with request("/guide"):
    ask("Capital of Peru?", model="gpt-4.1")
ask("Capital of Kenya?", instructions="Answer in French.")

with request("/guide"):
    thread = new_thread("Capital of Chile?")
    # Without instructions 0.62.4 fails on the SDK's own `Omit` placeholder, and takes the application down with it.
    threads.runs.create_and_poll(
        thread_id=thread, assistant_id=assistant.id, instructions="Answer in Spanish.", poll_interval_ms=50
    )
    threads.messages.list(thread_id=thread)

with request("/guide/stream"):
    with threads.runs.create_and_stream(
        thread_id=new_thread("Capital of Spain?"), assistant_id=assistant.id, event_handler=AssistantEventHandler()
    ) as stream:
        stream.until_done()

with request("/guide/stream"):
    with threads.runs.stream(thread_id=new_thread("Capital of Italy?"), assistant_id=assistant.id) as stream:
        stream.until_done()

with request("/guide"), tolerate():
    ask("Capital of Cuba? [case=rate_limit]")
