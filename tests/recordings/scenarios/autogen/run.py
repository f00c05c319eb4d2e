"""AutoGen's agents and runtime with their own spans, the calls by OpenInference's of OpenAI."""

import asyncio

from telemetry import provider, request, tolerate

traces = provider()

from openinference.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient


def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


def client(model: str) -> OpenAIChatCompletionClient:
    """A client of the scripted server."""
    return OpenAIChatCompletionClient(model=model, max_retries=0)


async def main() -> None:
    """Agents with and without a tool, a failure."""
    with request("/ask"):
        await AssistantAgent("guide", client("gpt-4o-mini")).run(task="Capital of France?")
    with request("/ask"):
        await AssistantAgent("guide", client("gpt-4o")).run(task="Capital of Peru? [case=cached]")
    with request("/weather"):
        agent = AssistantAgent("weather", client("gpt-4.1"), tools=[get_weather], reflect_on_tool_use=True)
        await agent.run(task="Weather in Paris?")
    with request("/ask"), tolerate():
        await AssistantAgent("guide", client("gpt-4o")).run(task="Capital of Italy? [case=too_long]")


asyncio.run(main())
