"""Langfuse for OpenAI: its drop-in wrapper, and a generation reported by hand."""

import os

os.environ["LANGFUSE_BASE_URL"] = os.environ["LANGFUSE_HOST"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]

import httpx
from langfuse import get_client, observe
from langfuse.openai import OpenAI
from openai_program import TOOL, user
from telemetry import tolerate

client = OpenAI(max_retries=0)


@observe(name="ask")
def ask(text: str, model: str = "gpt-4o", **more: object) -> None:
    """One question; a stream is read to its end."""
    answer = client.chat.completions.create(model=model, messages=user(text), **more)
    if more.get("stream"):
        for _ in answer:
            pass


@observe(name="embed")
def embed() -> None:
    """One embedding."""
    client.embeddings.create(model="text-embedding-3-small", input="red shoes")


@observe(name="answer")
def answer() -> None:
    """The Responses API."""
    client.responses.create(model="gpt-4.1-mini", input="Capital of Norway? [case=cached]")


@observe(name="by-hand")
def by_hand() -> None:
    """A call to Claude over plain HTTP, reported with the keys that Langfuse's documentation gives."""
    langfuse = get_client()
    with langfuse.start_as_current_observation(as_type="generation", name="claude", model="claude-sonnet-4-5") as made:
        body = {"model": "claude-sonnet-4-5", "max_tokens": 200, "messages": user("Why? [case=cached]")}
        used = httpx.post(f"{os.environ['MODEL_URL']}/v1/messages", json=body).json()
        usage = {
            "input": used["usage"]["input_tokens"],
            "output": used["usage"]["output_tokens"],
            "cache_read_input_tokens": used["usage"]["cache_read_input_tokens"],
        }
        made.update(output=used["content"][0]["text"], usage_details=usage)


client.chat.completions.create(model="gpt-4o-mini", messages=user("Capital of France?"))
ask("Capital of Peru? [case=cached]")
ask("Plan a day in Paris.", model="gpt-5-mini")
ask("Weather in Paris?", model="gpt-4.1", tools=[TOOL])
ask("Capital of Spain?", stream=True, stream_options={"include_usage": True})
ask("Capital of Chile?", model="gpt-4.1-mini", stream=True)
embed()
answer()
by_hand()
with tolerate():
    ask("Capital of Cuba? [case=rate_limit]")
get_client().shutdown()
