"""Pydantic AI with its built-in instrumentation."""

import asyncio

from telemetry import provider, request, tolerate

traces = provider()

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

Agent.instrument_all(InstrumentationSettings(tracer_provider=traces))
openai = OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0))
anthropic = AnthropicProvider(anthropic_client=AsyncAnthropic(max_retries=0))


def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


async def main() -> None:
    """Eight model calls that are answered, two that fail."""
    plain = Agent(OpenAIChatModel("gpt-4o-mini", provider=openai), name="guide")
    await plain.run("Capital of France?")
    with request("/ask"):
        await Agent(OpenAIChatModel("gpt-4o", provider=openai), name="guide").run("Capital of Peru? [case=cached]")
    with request("/weather"):
        weather = Agent(OpenAIChatModel("gpt-4.1", provider=openai), name="weather", tools=[get_weather])
        await weather.run("Weather in Paris?")
    with request("/plan"):
        await Agent(OpenAIResponsesModel("gpt-5-mini", provider=openai), name="planner").run("Plan a day in Paris.")
    with request("/chat"):
        async with plain.run_stream("Capital of Spain?") as stream:
            await stream.get_output()
    claude = Agent(AnthropicModel("claude-sonnet-4-5", provider=anthropic), name="scholar")
    with request("/ask"):
        await claude.run("Why? [case=cached]")
    with request("/ask"):
        await claude.run("How? [case=cache_write_1h]")
    with request("/ask"), tolerate():
        await plain.run("Capital of Italy? [case=rate_limit]")
    with request("/ask"), tolerate():
        await claude.run("Capital of Italy? [case=server_error]")


asyncio.run(main())
