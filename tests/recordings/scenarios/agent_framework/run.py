"""Microsoft Agent Framework with its built-in spans, over OpenAI."""

import asyncio
import os

from telemetry import provider, request, tolerate

traces = provider()

from agent_framework import Agent
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient

enable_instrumentation()


def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


def client(model: str) -> OpenAIChatCompletionClient:
    """A client of the scripted server."""
    return OpenAIChatCompletionClient(model=model, api_key="sk-test", base_url=os.environ["OPENAI_BASE_URL"])


async def main() -> None:
    """Agents with and without a tool, a stream, a failure."""
    with request("/ask"):
        await Agent(client("gpt-4o-mini"), name="guide").run("Capital of France?")
    with request("/ask"):
        await Agent(client("gpt-4o"), name="guide").run("Capital of Peru? [case=cached]")
    with request("/weather"):
        await Agent(client("gpt-4.1"), name="weather", tools=[get_weather]).run("Weather in Paris?")
    with request("/chat"):
        async for _ in Agent(client("gpt-4.1-mini"), name="guide").run("Capital of Spain?", stream=True):
            pass
    with request("/ask"), tolerate():
        await Agent(client("gpt-4o"), name="guide").run("Capital of Italy? [case=too_long]")


asyncio.run(main())
