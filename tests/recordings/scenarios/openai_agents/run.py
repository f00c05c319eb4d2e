"""OpenAI Agents SDK with OpenInference."""

import asyncio

from telemetry import provider, request, tolerate

traces = provider()

from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

OpenAIAgentsInstrumentor().instrument(tracer_provider=traces)

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from openai import AsyncOpenAI

client = AsyncOpenAI(max_retries=0)


@function_tool
def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


async def main() -> None:
    """Agents over both APIs, a tool, a failure."""
    with request("/ask"):
        await Runner.run(Agent(name="guide", model=OpenAIResponsesModel("gpt-4.1-mini", client)), "Capital of France?")
    with request("/ask"):
        chat = OpenAIChatCompletionsModel("gpt-4o", client)
        await Runner.run(Agent(name="guide", model=chat), "Capital of Peru? [case=cached]")
    with request("/weather"):
        model = OpenAIChatCompletionsModel("gpt-4.1", client)
        await Runner.run(Agent(name="weather", model=model, tools=[get_weather]), "Weather in Paris?")
    with request("/ask"), tolerate():
        chat = OpenAIChatCompletionsModel("gpt-4o", client)
        await Runner.run(Agent(name="guide", model=chat), "Capital of Italy? [case=too_long]")


asyncio.run(main())
